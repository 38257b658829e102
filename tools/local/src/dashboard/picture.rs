//! The sheet: where each widget stands, its frame and its title.

use super::body::{GraphKind, Widget, WidgetContent};
use super::{Recording, chart, table, tiles};
use plotters::coord::Shift;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Pixels of one unit of the dashboard; a row of 24 is 1 600 with its margins.
const UNIT_WIDTH: u32 = 66;
const UNIT_HEIGHT: u32 = 38;
const MARGIN: u32 = 8;
const GAP: u32 = 6;
const TITLE_HEIGHT: u32 = 26;

pub(super) const INK: RGBColor = RGBColor(22, 25, 31);
pub(super) const MUTED: RGBColor = RGBColor(95, 107, 122);
pub(super) const RULE: RGBColor = RGBColor(225, 229, 234);
const SHEET: RGBColor = RGBColor(242, 243, 243);
const FRAME: RGBColor = RGBColor(213, 219, 219);

pub(super) type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws every widget from what was recorded; the result is an SVG.
pub fn draw_dashboard(widgets: &[Widget], recording: &Recording) -> anyhow::Result<String> {
    let rows = widgets.iter().map(|widget| widget.y + widget.height).max().unwrap_or_default();
    let size = (24 * UNIT_WIDTH + 2 * MARGIN, rows * UNIT_HEIGHT + 2 * MARGIN);
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        sheet.fill(&SHEET)?;
        for widget in widgets {
            draw_widget(&sheet, widget, recording)?;
        }
        sheet.present()?;
    }
    Ok(svg)
}

fn draw_widget(sheet: &Sheet, widget: &Widget, recording: &Recording) -> anyhow::Result<()> {
    let corner = (MARGIN + widget.x * UNIT_WIDTH, MARGIN + widget.y * UNIT_HEIGHT);
    let size = (widget.width * UNIT_WIDTH - GAP, widget.height * UNIT_HEIGHT - GAP);
    let area = sheet.clone().shrink(corner, size);
    let edge = [(0, 0), (size.0 as i32, size.1 as i32)];
    draw(&area, &Rectangle::new(edge, WHITE.filled()))?;
    draw(&area, &Rectangle::new(edge, FRAME.stroke_width(1)))?;
    if !widget.title.is_empty() {
        write_bold(&area, &widget.title, (12, 8), 15)?;
    }
    let title_height = if widget.title.is_empty() { 6 } else { TITLE_HEIGHT };
    let inner = area.shrink((12, title_height), (size.0 - 24, size.1 - title_height - 8));
    match &widget.content {
        WidgetContent::Text(text) => draw_text(&inner, text),
        WidgetContent::Alarms(alarms) => tiles::draw_alarms(&inner, alarms, &recording.cloudwatch),
        WidgetContent::LogTable(query) => {
            let found = recording.logs.run_query(query, recording.from, recording.to)?;
            table::draw_table(&inner, &found)
        }
        WidgetContent::Graph(graph) if graph.kind == GraphKind::SingleValues => {
            tiles::draw_values(&inner, graph, recording)
        }
        WidgetContent::Graph(graph) => chart::draw_chart(&inner, graph, recording),
    }
}

/// Draws a paragraph; the signs of Markdown are left out.
fn draw_text(area: &Sheet, text: &str) -> anyhow::Result<()> {
    let plain = text.replace(['*', '`'], "");
    let per_line = (f64::from(area.dim_in_pixel().0) / text_width("x", 15)) as usize;
    for (place, line) in wrap_words(&plain, per_line).iter().enumerate() {
        write(area, line, (0, 6 + 20 * place as i32), 15, INK)?;
    }
    Ok(())
}

/// Puts words into lines of at most so many characters.
fn wrap_words(text: &str, per_line: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > per_line {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Width of a text in pixels, about: there is no font to measure here.
pub(super) fn text_width(text: &str, size: u32) -> f64 {
    text.chars().count() as f64 * f64::from(size) * 0.45
}

pub(super) fn write(
    area: &Sheet,
    text: &str,
    at: (i32, i32),
    size: u32,
    colour: RGBColor,
) -> anyhow::Result<()> {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&colour);
    draw(area, &Text::new(text.to_owned(), at, style))
}

pub(super) fn write_bold(
    area: &Sheet,
    text: &str,
    at: (i32, i32),
    size: u32,
) -> anyhow::Result<()> {
    let font = ("sans-serif", size).into_font().style(FontStyle::Bold);
    draw(area, &Text::new(text.to_owned(), at, TextStyle::from(font).color(&INK)))
}

/// Writes a text that ends at a place.
pub(super) fn write_right(
    area: &Sheet,
    text: &str,
    at: (i32, i32),
    size: u32,
    colour: RGBColor,
) -> anyhow::Result<()> {
    let style = TextStyle::from(("sans-serif", size).into_font())
        .color(&colour)
        .pos(Pos::new(HPos::Right, VPos::Top));
    draw(area, &Text::new(text.to_owned(), at, style))
}

pub(super) fn draw<'s, 'e, E>(area: &Sheet<'s>, element: &'e E) -> anyhow::Result<()>
where
    &'e E: PointCollection<'e, (i32, i32)>,
    E: Drawable<SVGBackend<'s>>,
{
    Ok(area.draw(element)?)
}

/// A number as a person reads it fast: `12`, `0.35`, `4.2k`, `1.3M`.
pub(super) fn show_number(number: f64) -> String {
    let size = number.abs();
    let (scaled, unit) = match size {
        _ if size >= 1e6 => (number / 1e6, "M"),
        _ if size >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let digits = match scaled.abs() {
        size if size >= 100.0 || scaled.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    format!("{scaled:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_to_their_line() {
        assert_eq!(wrap_words("one two  three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap_words("longer than that", 4), ["longer", "than", "that"]);
    }

    #[test]
    fn numbers_are_short() {
        for (number, shown) in [
            (0.0, "0"),
            (7.0, "7"),
            (0.0125, "0.0125"),
            (0.351, "0.35"),
            (12.34, "12.3"),
            (1234.0, "1234"),
            (12_345.0, "12.3k"),
            (2_500_000.0, "2.50M"),
        ] {
            assert_eq!(show_number(number), shown);
        }
    }
}
