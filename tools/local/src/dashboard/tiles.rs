//! States of alarms as tiles, and single values as large numbers.

use super::Recording;
use super::body::Graph;
use super::picture::{INK, MUTED, Sheet, draw, show_number, text_width, write};
use crate::cloudwatch::{CloudWatch, State};
use plotters::prelude::*;

const PER_ROW: i32 = 8;
const TILE_HEIGHT: i32 = 19;
const GAP: i32 = 3;

pub(super) fn draw_alarms(
    area: &Sheet,
    alarms: &[String],
    cloudwatch: &CloudWatch,
) -> anyhow::Result<()> {
    let tile_width = (area.dim_in_pixel().0 as i32 + GAP) / PER_ROW - GAP;
    for (place, alarm) in alarms.iter().enumerate() {
        let name = alarm.trim_end_matches(".Arn");
        let (column, row) = (place as i32 % PER_ROW, place as i32 / PER_ROW);
        let (x, y) = (column * (tile_width + GAP), row * (TILE_HEIGHT + GAP) + 4);
        let (colour, ink) = match cloudwatch.state(name) {
            State::Ok => (RGBColor(232, 244, 234), INK),
            State::Alarm => (RGBColor(209, 50, 18), WHITE),
            State::InsufficientData => (RGBColor(235, 237, 240), MUTED),
        };
        let corners = [(x, y), (x + tile_width, y + TILE_HEIGHT)];
        draw(area, &Rectangle::new(corners, colour.filled()))?;
        let fitting = (f64::from(tile_width - 16) / text_width("x", 13)) as usize;
        let shown: String = name.chars().take(fitting).collect();
        write(area, &shown, (x + 8, y + 4), 13, ink)?;
    }
    Ok(())
}

/// The newest value of each line.
pub(super) fn draw_values(
    area: &Sheet,
    graph: &Graph,
    recording: &Recording,
) -> anyhow::Result<()> {
    let Recording { cloudwatch, from, to, .. } = recording;
    let series = cloudwatch.read_graph(&graph.queries, graph.period, *from, *to)?;
    let visible = graph.lines.iter().zip(series).filter(|(line, _)| line.is_visible);
    let mut x = 0;
    for (line, found) in visible {
        let points = found.first().map(|series| series.points.as_slice()).unwrap_or_default();
        let value = points.iter().rev().copied().flatten().next();
        let text = value.map_or("-".to_owned(), show_number);
        write(area, &text, (x, 6), 34, INK)?;
        write(area, &line.label, (x, 46), 13, MUTED)?;
        x += f64::max(text_width(&text, 34), text_width(&line.label, 13)) as i32 + 40;
    }
    Ok(())
}
