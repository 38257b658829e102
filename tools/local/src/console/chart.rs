//! The last seconds as bars: served, by a fallback, failed.

use super::watcher::{CHART_SECONDS, Second};
use anyhow::anyhow;
use plotters::prelude::*;

const SIZE: (u32, u32) = (640, 120);
/// Tones that stand out on light and on dark; the page draws the text in its own colour.
pub const SERVED: RGBColor = RGBColor(58, 134, 200);
const FELL_BACK: RGBColor = RGBColor(200, 134, 20);
const FAILED: RGBColor = RGBColor(214, 69, 60);

/// Draws the seconds up to now, the newest at the right.
pub fn draw(seconds: &[Second]) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let top = seconds.iter().map(|s| s.served + s.fell_back + s.failed).max().unwrap_or(0);
        let top = f64::from(top.max(4)) * 1.05;
        let mut chart = ChartBuilder::on(&sheet)
            .margin_right(6)
            .margin_top(6)
            .x_label_area_size(20)
            .y_label_area_size(28)
            .build_cartesian_2d(-(CHART_SECONDS as f64)..0.0, 0.0..top)
            .map_err(|problem| anyhow!("{problem}"))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(128, 128, 128).mix(0.3))
            .axis_style(RGBColor(128, 128, 128).mix(0.6))
            .x_labels(6)
            .y_labels(4)
            .x_label_formatter(&|second| format!("{second:.0} s"))
            .y_label_formatter(&|count| format!("{count:.0}"))
            .draw()
            .map_err(|problem| anyhow!("{problem}"))?;
        for second in seconds {
            chart.draw_series(stack_bars(second)).map_err(|problem| anyhow!("{problem}"))?;
        }
        sheet.present().map_err(|problem| anyhow!("{problem}"))?;
    }
    Ok(svg)
}

fn stack_bars(second: &Second) -> Vec<Rectangle<(f64, f64)>> {
    let right = -second.at.elapsed().as_secs_f64().floor();
    let mut bottom = 0.0;
    let mut bars = Vec::new();
    let parts = [(second.served, SERVED), (second.fell_back, FELL_BACK), (second.failed, FAILED)];
    for (count, colour) in parts {
        if count > 0 {
            let top = bottom + f64::from(count);
            bars.push(Rectangle::new([(right - 0.9, bottom), (right, top)], colour.filled()));
            bottom = top;
        }
    }
    bars
}
