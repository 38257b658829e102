//! What a scenario looked like: failures, latency and the new version's share over its minutes, as one SVG.

use super::minutes::VersionMinute;
use super::outcome::{MinuteOf, Outcome};
use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 420);
const LIVE: RGBColor = RGBColor(46, 110, 180);
const NEW: RGBColor = RGBColor(214, 90, 30);
const CALLERS: RGBColor = RGBColor(120, 120, 120);
const RULE: RGBColor = RGBColor(225, 229, 234);

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line: label, colour and its points.
struct Line {
    label: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws the three panels of a scenario.
pub(super) fn draw_outcome(outcome: &Outcome) -> anyhow::Result<String> {
    let minutes = &outcome.minutes;
    let failures = [
        read_line("live version", LIVE, minutes, |minute| failed_share(minute.versions.live)),
        read_line("new version", NEW, minutes, |minute| failed_share(minute.versions.new)),
        read_line("callers not served", CALLERS, minutes, |minute| {
            percent(minute.unserved as f64, minute.called as f64)
        }),
    ];
    let latency = [
        read_line("live version", LIVE, minutes, |minute| minute.versions.live.p95),
        read_line("new version", NEW, minutes, |minute| minute.versions.new.p95),
    ];
    let share = [read_line("new version", NEW, minutes, |minute| Some(minute.weight * 100.0))];
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        sheet.fill(&WHITE).map_err(|problem| anyhow!("{problem}"))?;
        let panels = sheet.split_evenly((3, 1));
        draw_panel(&panels[0], "failed, in %", &failures, minutes, Some(100.0))?;
        draw_panel(&panels[1], "95th percentile, in ms", &latency, minutes, None)?;
        draw_panel(&panels[2], "callers at the new version, in %", &share, minutes, Some(100.0))?;
        sheet.present().map_err(|problem| anyhow!("{problem}"))?;
    }
    Ok(svg)
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 100.0 * part / whole)
}

fn failed_share(version: VersionMinute) -> Option<f64> {
    percent(version.failed, version.calls)
}

/// Reads a line; a minute without a value has no point.
fn read_line(
    label: &'static str,
    colour: RGBColor,
    minutes: &[MinuteOf],
    read: impl Fn(&MinuteOf) -> Option<f64>,
) -> Line {
    let point = |minute: &MinuteOf| Some((minute.number, read(minute)?));
    Line { label, colour, points: minutes.iter().filter_map(point).collect() }
}

fn draw_panel(
    panel: &Panel,
    title: &str,
    lines: &[Line],
    minutes: &[MinuteOf],
    top: Option<f64>,
) -> anyhow::Result<()> {
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let highest = values.fold(0.0, f64::max);
    let top = top.unwrap_or(if highest > 0.0 { highest * 1.15 } else { 1.0 });
    let end = minutes.last().map_or(1.0, |minute| minute.number.max(1.0));
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 13))
        .margin_right(12)
        .x_label_area_size(20)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..end, 0.0..top * 1.02)
        .map_err(|problem| anyhow!("{problem}"))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .y_labels(4)
        .x_label_formatter(&|minute| format!("{minute:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()
        .map_err(|problem| anyhow!("{problem}"))?;
    for Line { label, colour, points } in lines {
        let style = colour.stroke_width(2);
        let path = [PathElement::new(points.clone(), style)];
        let drawn = chart.draw_series(path).map_err(|problem| anyhow!("{problem}"))?;
        drawn.label(*label).legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
        let dots = points.iter().map(|point| Circle::new(*point, 2, colour.filled()));
        chart.draw_series(dots).map_err(|problem| anyhow!("{problem}"))?;
    }
    // The colours are the same in every panel.
    if lines.len() > 2 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.7))
            .label_font(("sans-serif", 11))
            .draw()
            .map_err(|problem| anyhow!("{problem}"))?;
    }
    Ok(())
}
