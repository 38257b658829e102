//! Draws lines over time as SVG.

use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;

pub use plotters::style::RGBColor;

const WIDTH: u32 = 960;
const PANEL_HEIGHT: u32 = 210;
const RULE: RGBColor = RGBColor(225, 229, 234);

/// A line: its name, its colour and its points.
pub struct Line {
    pub label: String,
    pub colour: RGBColor,
    pub points: Vec<(f64, f64)>,
}

/// A panel of a chart.
pub struct Panel {
    pub title: &'static str,
    pub x: Range<f64>,
    /// What the numbers of the x axis are, such as ` s`.
    pub x_unit: &'static str,
    /// The highest value that is shown, from 0 on.
    pub top: f64,
    pub lines: Vec<Line>,
}

/// Draws panels below each other; the first one names the lines of all.
///
/// # Errors
/// What plotters says.
pub fn draw_panels(panels: &[Panel]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let size = (WIDTH, PANEL_HEIGHT * panels.len() as u32);
        let sheet = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        sheet.fill(&WHITE)?;
        let areas = sheet.split_evenly((panels.len(), 1));
        for (number, (area, panel)) in areas.iter().zip(panels).enumerate() {
            draw_panel(area, panel, number == 0)?;
        }
        sheet.present()?;
    }
    Ok(svg)
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    panel: &Panel,
    has_legend: bool,
) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 13))
        .margin_right(12)
        .x_label_area_size(20)
        .y_label_area_size(44)
        .build_cartesian_2d(panel.x.clone(), 0.0..panel.top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RULE)
        .y_labels(4)
        .x_label_formatter(&|at| format!("{at:.0}{}", panel.x_unit))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for Line { label, colour, points } in &panel.lines {
        let style = colour.stroke_width(2);
        chart
            .draw_series([PathElement::new(points.clone(), style)])?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
    }
    if has_legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.7))
            .label_font(("sans-serif", 11))
            .draw()?;
    }
    Ok(())
}
