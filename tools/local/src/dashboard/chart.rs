//! A graph over time: lines, or areas on each other, with axis, limits and legend.

use super::Recording;
use super::body::{Graph, GraphKind};
use super::picture::{INK, MUTED, RULE, Sheet, draw, show_number, text_width, write};
use crate::cloudwatch::MetricId;
use anyhow::anyhow;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use shared::clock::format_iso8601;
use std::ops::Range;
use std::time::Duration;

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
struct Line {
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
fn place_legend(lines: &[Line], width: u32) -> Vec<(u32, i32)> {
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

fn read_lines(graph: &Graph, recording: &Recording) -> anyhow::Result<Vec<Line>> {
    let Recording { cloudwatch, from, to, .. } = recording;
    let series = cloudwatch.read_graph(&graph.queries, graph.period, *from, *to)?;
    let mut lines: Vec<Line> = Vec::new();
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
            lines.push(Line { label, colour, points: one.points });
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

fn draw_plot(
    area: &Sheet,
    graph: &Graph,
    lines: &[Line],
    recording: &Recording,
) -> anyhow::Result<()> {
    let is_stacked = graph.kind == GraphKind::Stacked;
    let levels = if is_stacked { stack_lines(lines) } else { Vec::new() };
    let tops = if is_stacked { levels.last().cloned() } else { None };
    let highest = match tops {
        Some(top) => top.into_iter().fold(0.0, f64::max),
        None => find_highest(lines),
    };
    let limit = graph.limits.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    // A limit far above all values would press them flat.
    let limit = if limit < highest * 5.0 || highest == 0.0 { limit } else { 0.0 };
    let fitting = if highest == 0.0 && limit == 0.0 { 1.0 } else { highest.max(limit) * 1.12 };
    let maximum = graph.maximum.unwrap_or(fitting);
    let start = recording.from.as_secs() / graph.period * graph.period;
    let (from, to) = (recording.from.as_secs() as f64, recording.to.as_secs() as f64);
    let mut chart = ChartBuilder::on(area)
        .margin_right(10)
        .margin_top(8)
        .x_label_area_size(20)
        .y_label_area_size(46)
        .build_cartesian_2d(TimeAxis { inner: (from..to).into() }, 0.0..maximum)
        .map_err(|problem| anyhow!("{problem}"))?;
    let unit = &graph.unit;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(RULE)
        .light_line_style(TRANSPARENT)
        .axis_style(RULE)
        .x_labels(7)
        .y_labels(5)
        .label_style(("sans-serif", 12).into_font().color(&MUTED))
        .y_label_formatter(&|value| show_level(*value, unit))
        .draw()
        .map_err(|problem| anyhow!("{problem}"))?;
    let time_at = |place: usize| (start + place as u64 * graph.period) as f64;
    for (place, line) in lines.iter().enumerate() {
        let result = if is_stacked {
            let below = place.checked_sub(1).map(|below| &levels[below]);
            let top = &levels[place];
            let mut outline: Vec<(f64, f64)> = Vec::with_capacity(2 * top.len());
            outline.extend(top.iter().enumerate().map(|(at, level)| (time_at(at), *level)));
            for at in (0..top.len()).rev() {
                outline.push((time_at(at), below.map_or(0.0, |below| below[at])));
            }
            chart.draw_series([Polygon::new(outline, line.colour.mix(0.75).filled())])
        } else {
            let mut paths = Vec::new();
            for run in find_runs(&line.points) {
                let points = run.map(|at| (time_at(at), line.points[at].unwrap_or_default()));
                paths.push(PathElement::new(
                    points.collect::<Vec<_>>(),
                    line.colour.stroke_width(2),
                ));
            }
            chart.draw_series(paths)
        };
        result.map_err(|problem| anyhow!("{problem}"))?;
    }
    for (label, value) in graph.limits.iter().filter(|(_, value)| *value <= maximum) {
        let level = PathElement::new([(from, *value), (to, *value)], RED.stroke_width(1));
        chart.draw_series([level]).map_err(|problem| anyhow!("{problem}"))?;
        let style = TextStyle::from(("sans-serif", 12).into_font())
            .color(&RED)
            .pos(Pos::new(HPos::Left, VPos::Bottom));
        let words = Text::new(label.clone(), (from + (to - from) * 0.01, *value), style);
        chart.draw_series([words]).map_err(|problem| anyhow!("{problem}"))?;
    }
    Ok(())
}

fn find_highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).flatten().copied().fold(0.0, f64::max)
}

/// Levels of lines on each other; what is missing adds nothing.
fn stack_lines(lines: &[Line]) -> Vec<Vec<f64>> {
    let mut levels: Vec<Vec<f64>> = Vec::new();
    for line in lines {
        let mut level = levels.last().cloned().unwrap_or_else(|| vec![0.0; line.points.len()]);
        for (sum, point) in level.iter_mut().zip(&line.points) {
            *sum += point.unwrap_or_default();
        }
        levels.push(level);
    }
    levels
}

/// Ranges of datapoints without a gap.
fn find_runs(points: &[Option<f64>]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for place in 0..=points.len() {
        let is_there = points.get(place).is_some_and(Option::is_some);
        match (start, is_there) {
            (None, true) => start = Some(place),
            (Some(first), false) => {
                runs.push(first..place);
                start = None;
            }
            _ => {}
        }
    }
    runs
}

/// Seconds since the epoch, named at full hours, or every ten minutes where there are few of those.
struct TimeAxis {
    inner: RangedCoordf64,
}

impl Ranged for TimeAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.inner.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let Range { start, end } = self.inner.range();
        let step = if end - start > 7_200.0 { 3_600.0 } else { 600.0 };
        let (first, last) = ((start / step).ceil() as u64, (end / step).floor() as u64);
        (first..=last).map(|place| place as f64 * step).collect()
    }

    fn range(&self) -> Range<f64> {
        self.inner.range()
    }
}

impl ValueFormatter<f64> for TimeAxis {
    fn format(seconds: &f64) -> String {
        let text = format_iso8601(Duration::from_secs(*seconds as u64)).to_string();
        text.get(11..16).unwrap_or_default().to_owned()
    }
}

fn show_level(value: f64, unit: &str) -> String {
    match unit {
        "$" => format!("${}", show_number(value)),
        "ms" if value >= 1_000.0 => format!("{} s", show_number(value / 1_000.0)),
        "" => show_number(value),
        unit => format!("{} {unit}", show_number(value)),
    }
}
