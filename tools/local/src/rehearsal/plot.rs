//! What a scenario looked like: failures, latency and the new version's share over its minutes, as one SVG.

use super::minutes::VersionMinute;
use super::outcome::{MinuteOf, Outcome};
use crate::web_page::chart::{AMBER, Area, BLUE, GREY, draw_axes, draw_svg};
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 460);
/// Above the panels, which have their colours in common.
const LEGEND_HEIGHT: u32 = 24;
const LIVE: RGBColor = BLUE;
const NEW: RGBColor = AMBER;
const CALLERS: RGBColor = GREY;
const LEGEND: [(&str, RGBColor, i32); 3] = [
    ("live version", LIVE, 48),
    ("new version", NEW, 168),
    ("callers that were not served", CALLERS, 288),
];
/// Of the scale of failures, in %: smaller shares are not blown up.
const LEAST_TOP: f64 = 10.0;

/// A line: its colour and points.
struct Line {
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws the three panels of a scenario.
pub(super) fn draw_outcome(outcome: &Outcome) -> anyhow::Result<String> {
    let minutes = &outcome.minutes;
    let failures = [
        read_line(CALLERS, minutes, |minute| percent(minute.unserved as f64, minute.called as f64)),
        read_line(LIVE, minutes, |minute| failed_share(minute.versions.live)),
        read_line(NEW, minutes, |minute| failed_share(minute.versions.new)),
    ];
    let latency = [
        read_line(LIVE, minutes, |minute| minute.versions.live.p95),
        read_line(NEW, minutes, |minute| minute.versions.new.p95),
    ];
    let share = [read_share(&outcome.weights)];
    let function = &outcome.function;
    let failed = match function.as_str() {
        "authorizer" => "authorizer: denied, in %, one unknown token of the driver's too",
        _ => &format!("{function}: failed, in %"),
    };
    let end = minutes.last().map_or(1.0, |minute| minute.number + 1.0);
    draw_svg(SIZE, |sheet| {
        let (legend, plots) = sheet.split_vertically(LEGEND_HEIGHT);
        draw_legend(&legend)?;
        let panels = plots.split_evenly((3, 1));
        let top = find_highest(&failures).clamp(LEAST_TOP, 100.0);
        draw_panel(&panels[0], failed, &failures, (end, top))?;
        let title = format!("{function}: 95th percentile, in ms");
        draw_panel(&panels[1], &title, &latency, (end, find_highest(&latency).max(1.0)))?;
        draw_panel(&panels[2], "callers at the new version, in %", &share, (end, 100.0))
    })
}

fn draw_legend(area: &Area) -> anyhow::Result<()> {
    for (label, colour, x) in LEGEND {
        let mark = PathElement::new([(x, 12), (x + 16, 12)], colour.stroke_width(3));
        area.draw(&mark)?;
        let text = Text::new(label, (x + 22, 6), ("sans-serif", 13));
        area.draw(&text)?;
    }
    let unit = Text::new("minutes since the start", (SIZE.0 as i32 - 170, 6), ("sans-serif", 13));
    area.draw(&unit)?;
    Ok(())
}

fn find_highest(lines: &[Line]) -> f64 {
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    1.1 * values.fold(0.0, f64::max)
}

/// Returns a share of at most all: a call and its failure may be told on two sides of a minute's end.
fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (100.0 * part / whole).min(100.0))
}

fn failed_share(version: VersionMinute) -> Option<f64> {
    percent(version.failed, version.calls)
}

/// Reads a line, whose points lie in the middle of their minutes; a minute without a value has none.
fn read_line(
    colour: RGBColor,
    minutes: &[MinuteOf],
    read: impl Fn(&MinuteOf) -> Option<f64>,
) -> Line {
    let point = |minute: &MinuteOf| Some((minute.number + 0.5, read(minute)?));
    Line { colour, points: minutes.iter().filter_map(point).collect() }
}

/// Reads the new version's share as steps.
fn read_share(weights: &[(f64, f64)]) -> Line {
    let mut points = Vec::new();
    for (at, weight) in weights {
        points.extend(points.last().map(|(_, before)| (*at, *before)));
        points.push((*at, weight * 100.0));
    }
    Line { colour: NEW, points }
}

fn draw_panel(
    panel: &Area,
    title: &str,
    lines: &[Line],
    (end, top): (f64, f64),
) -> anyhow::Result<()> {
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 13))
        .margin_right(12)
        .x_label_area_size(20)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..end, 0.0..top * 1.02)?;
    draw_axes(&mut chart, "")?;
    for Line { colour, points } in lines {
        let path = [PathElement::new(points.clone(), colour.stroke_width(2))];
        chart.draw_series(path)?;
        let dots = points.iter().map(|point| Circle::new(*point, 2, colour.filled()));
        chart.draw_series(dots)?;
    }
    Ok(())
}
