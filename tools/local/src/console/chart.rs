//! The last seconds as bars: served, by a fallback, failed.

use super::watcher::{CHART_SECONDS, Second};
use crate::web_page::chart::{AMBER, BLUE, RED, draw_axes, draw_svg};
use plotters::prelude::*;

const SIZE: (u32, u32) = (640, 120);

/// Draws the seconds up to now, the newest at the right.
pub fn draw(seconds: &[Second]) -> anyhow::Result<String> {
    let top = seconds.iter().map(|s| s.served + s.fell_back + s.failed).max().unwrap_or(0);
    let top = f64::from(top.max(4)) * 1.05;
    draw_svg(SIZE, |sheet| {
        let mut chart = ChartBuilder::on(sheet)
            .margin_right(6)
            .margin_top(6)
            .x_label_area_size(20)
            .y_label_area_size(28)
            .build_cartesian_2d(-(CHART_SECONDS as f64)..0.0, 0.0..top)?;
        draw_axes(&mut chart, " s")?;
        for second in seconds {
            chart.draw_series(stack_bars(second))?;
        }
        Ok(())
    })
}

fn stack_bars(second: &Second) -> Vec<Rectangle<(f64, f64)>> {
    let right = -second.at.elapsed().as_secs_f64().floor();
    let mut bottom = 0.0;
    let mut bars = Vec::new();
    let parts = [(second.served, BLUE), (second.fell_back, AMBER), (second.failed, RED)];
    for (count, colour) in parts {
        if count > 0 {
            let top = bottom + f64::from(count);
            bars.push(Rectangle::new([(right - 0.9, bottom), (right, top)], colour.filled()));
            bottom = top;
        }
    }
    bars
}
