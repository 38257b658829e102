//! The inside of a graph: axes, lines or areas, limits.

use super::DrawnLine;
use super::axis::{TimeAxis, show_level};
use crate::dashboard::Recording;
use crate::dashboard::body::{Graph, GraphKind};
use crate::dashboard::picture::{MUTED, RULE, Sheet};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

type Chart<'a, 's> = ChartContext<'a, SVGBackend<'s>, Cartesian2d<TimeAxis, RangedCoordf64>>;

/// Times of datapoints: the first, and from one to the next, in seconds.
#[derive(Clone, Copy)]
struct Times {
    start: u64,
    period: u64,
}

impl Times {
    fn at(self, place: usize) -> f64 {
        (self.start + place as u64 * self.period) as f64
    }
}

pub(super) fn draw_plot(
    area: &Sheet,
    graph: &Graph,
    lines: &[DrawnLine],
    recording: &Recording,
) -> anyhow::Result<()> {
    let levels = match graph.kind {
        GraphKind::Stacked => stack_lines(lines),
        GraphKind::Lines | GraphKind::SingleValues => Vec::new(),
    };
    let highest = match levels.last() {
        Some(top) => top.iter().copied().fold(0.0, f64::max),
        None => find_highest(lines),
    };
    let maximum = choose_maximum(graph, highest);
    let (from, to) = (recording.from.as_secs() as f64, recording.to.as_secs() as f64);
    let mut chart = ChartBuilder::on(area)
        .margin_right(10)
        .margin_top(8)
        .x_label_area_size(20)
        .y_label_area_size(46)
        .build_cartesian_2d(TimeAxis { inner: (from..to).into() }, 0.0..maximum)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(RULE)
        .light_line_style(TRANSPARENT)
        .axis_style(RULE)
        .x_labels(7)
        .y_labels(5)
        .label_style(("sans-serif", 12).into_font().color(&MUTED))
        .y_label_formatter(&|value| show_level(*value, &graph.unit))
        .draw()?;
    let start = recording.from.as_secs() / graph.period * graph.period;
    let times = Times { start, period: graph.period };
    if graph.kind == GraphKind::Stacked {
        draw_areas(&mut chart, lines, &levels, times)?;
    } else {
        draw_lines(&mut chart, lines, times)?;
    }
    let fitting = graph.limits.iter().filter(|(_, value)| *value <= maximum);
    for (label, value) in fitting {
        draw_limit(&mut chart, label, *value, from..to)?;
    }
    Ok(())
}

/// Returns the top of the level axis: of all values and, where that does not press them flat, of the limits.
fn choose_maximum(graph: &Graph, highest: f64) -> f64 {
    if let Some(maximum) = graph.maximum {
        return maximum;
    }
    let limit = graph.limits.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let is_near = limit < highest * 5.0 || highest == 0.0;
    let top = if is_near { highest.max(limit) } else { highest };
    if top == 0.0 { 1.0 } else { top * 1.12 }
}

fn draw_areas(
    chart: &mut Chart,
    lines: &[DrawnLine],
    levels: &[Vec<f64>],
    times: Times,
) -> anyhow::Result<()> {
    for (place, line) in lines.iter().enumerate() {
        let top = &levels[place];
        let below = place.checked_sub(1).map(|below| &levels[below]);
        let mut outline: Vec<(f64, f64)> = Vec::with_capacity(2 * top.len());
        for (at, level) in top.iter().enumerate() {
            outline.push((times.at(at), *level));
        }
        for at in (0..top.len()).rev() {
            outline.push((times.at(at), below.map_or(0.0, |below| below[at])));
        }
        chart.draw_series([Polygon::new(outline, line.colour.mix(0.75).filled())])?;
    }
    Ok(())
}

fn draw_lines(chart: &mut Chart, lines: &[DrawnLine], times: Times) -> anyhow::Result<()> {
    for line in lines {
        for run in find_runs(&line.points) {
            let points = run.map(|at| (times.at(at), line.points[at].unwrap_or_default()));
            let points: Vec<(f64, f64)> = points.collect();
            chart.draw_series([PathElement::new(points, line.colour.stroke_width(2))])?;
        }
    }
    Ok(())
}

/// Draws a level line with its words on it.
fn draw_limit(
    chart: &mut Chart,
    label: &str,
    value: f64,
    Range { start, end }: Range<f64>,
) -> anyhow::Result<()> {
    chart.draw_series([PathElement::new([(start, value), (end, value)], RED.stroke_width(1))])?;
    let above = Pos::new(HPos::Left, VPos::Bottom);
    let style = TextStyle::from(("sans-serif", 12).into_font()).color(&RED).pos(above);
    let place = (start + (end - start) * 0.01, value);
    chart.draw_series([Text::new(label.to_owned(), place, style)])?;
    Ok(())
}

fn find_highest(lines: &[DrawnLine]) -> f64 {
    lines.iter().flat_map(|line| &line.points).flatten().copied().fold(0.0, f64::max)
}

/// Levels of lines on each other; what is missing adds nothing.
fn stack_lines(lines: &[DrawnLine]) -> Vec<Vec<f64>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gap_ends_a_run() {
        let points = [None, Some(1.0), Some(2.0), None, Some(3.0)];
        assert_eq!(find_runs(&points), [1..3, 4..5]);
        assert_eq!(find_runs(&[]), []);
    }

    #[test]
    fn areas_stand_on_each_other() {
        let line = |points: &[Option<f64>]| DrawnLine {
            label: String::new(),
            colour: RED,
            points: points.to_vec(),
        };
        let levels = stack_lines(&[line(&[Some(1.0), None]), line(&[None, Some(4.0)])]);
        assert_eq!(levels, [[1.0, 0.0], [1.0, 4.0]]);
    }
}
