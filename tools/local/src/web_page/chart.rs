//! Charts in the pages' tones, which stand out on light and on dark; the page draws texts in its own colour.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

pub const BLUE: RGBColor = RGBColor(58, 134, 200);
pub const AMBER: RGBColor = RGBColor(200, 134, 20);
pub const RED: RGBColor = RGBColor(214, 69, 60);
pub const GREY: RGBColor = RGBColor(128, 128, 128);

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws on a sheet without a background; the result is an SVG.
pub fn draw_svg(
    size: (u32, u32),
    draw: impl FnOnce(&Area) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&sheet)?;
        sheet.present()?;
    }
    Ok(svg)
}

/// Draws axes with horizontal lines alone; `unit` stands behind the numbers below.
pub fn draw_axes(chart: &mut Chart, unit: &str) -> anyhow::Result<()> {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.3))
        .axis_style(GREY.mix(0.6))
        .y_labels(4)
        .x_label_formatter(&|place| format!("{place:.0}{unit}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    Ok(())
}
