//! A graph over time: lines, or areas on each other, with axis, limits and legend.

mod axis;
mod plot;

use super::Recording;
use super::body::Graph;
use super::picture::{INK, MUTED, Sheet, draw, text_width, write};
use crate::cloudwatch::MetricId;
use anyhow::anyhow;
use plot::draw_plot;
use plotters::prelude::*;

const LEGEND_ROW: u32 = 18;
const COLOURS: [RGBColor; 10] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
];

/// One line as it is drawn.
struct DrawnLine {
    label: String,
    colour: RGBColor,
    points: Vec<Option<f64>>,
}

pub(super) fn draw_chart(area: &Sheet, graph: &Graph, recording: &Recording) -> anyhow::Result<()> {
    let lines = read_lines(graph, recording)?;
    let (width, height) = area.dim_in_pixel();
    let rows = place_legend(&lines, width);
    let legend_height = LEGEND_ROW * rows.last().map_or(1, |(row, _)| row + 1);
    let (plot, legend) = area.split_vertically(height - legend_height);
    if lines.iter().all(|line| line.points.iter().all(Option::is_none)) {
        write(
            &plot,
            "nothing in this time",
            (width as i32 / 2 - 60, height as i32 / 2 - 30),
            14,
            MUTED,
        )?;
    } else {
        draw_plot(&plot, graph, &lines, recording)?;
    }
    for (line, (row, x)) in lines.iter().zip(rows) {
        let y = (row * LEGEND_ROW) as i32 + 5;
        let square = Rectangle::new([(x, y), (x + 10, y + 10)], line.colour.filled());
        draw(&legend, &square)?;
        write(&legend, &line.label, (x + 15, y - 1), 13, INK)?;
    }
    Ok(())
}

/// Returns row and place of each entry of the legend.
fn place_legend(lines: &[DrawnLine], width: u32) -> Vec<(u32, i32)> {
    let (mut row, mut x) = (0, 0.0);
    let mut places = Vec::new();
    for line in lines {
        let needed = 15.0 + text_width(&line.label, 13) + 18.0;
        if x > 0.0 && x + needed > f64::from(width) {
            (row, x) = (row + 1, 0.0);
        }
        places.push((row, x as i32));
        x += needed;
    }
    places
}

fn read_lines(graph: &Graph, recording: &Recording) -> anyhow::Result<Vec<DrawnLine>> {
    let Recording { cloudwatch, from, to, .. } = recording;
    let series = cloudwatch.read_graph(&graph.queries, graph.period, *from, *to)?;
    let mut lines: Vec<DrawnLine> = Vec::new();
    for (shown, found) in graph.lines.iter().zip(series) {
        if !shown.is_visible {
            continue;
        }
        for one in found {
            let colour = match &shown.colour {
                Some(text) => read_colour(text)?,
                None => COLOURS[lines.len() % COLOURS.len()],
            };
            let label = match &one.metric {
                Some(metric) => write_label(&shown.label, metric),
                None => shown.label.clone(),
            };
            lines.push(DrawnLine { label, colour, points: one.points });
        }
    }
    Ok(lines)
}

/// Puts values of dimensions where a label has `${PROP('Dim.Name')}`.
fn write_label(template: &str, metric: &MetricId) -> String {
    let mut label = template.to_owned();
    for (name, value) in &metric.dimensions {
        label = label.replace(&format!("${{PROP('Dim.{name}')}}"), value);
    }
    label
}

fn read_colour(text: &str) -> anyhow::Result<RGBColor> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let number = number.ok_or_else(|| anyhow!("{text} is no colour"))?;
    let [_, red, green, blue] = number.to_be_bytes();
    Ok(RGBColor(red, green, blue))
}
