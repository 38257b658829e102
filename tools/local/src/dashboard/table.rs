//! The answer of a log query as a table.

use super::picture::{INK, MUTED, RULE, Sheet, draw, show_number, text_width, write, write_right};
use crate::logs_insights::{QueryCell, QueryTable};
use plotters::prelude::*;

const ROW_HEIGHT: i32 = 19;
const TEXT_SIZE: u32 = 14;

pub(super) fn draw_table(area: &Sheet, table: &QueryTable) -> anyhow::Result<()> {
    let (width, height) = area.dim_in_pixel();
    if table.rows.is_empty() {
        return write(area, "nothing in this time", (0, 6), TEXT_SIZE, MUTED);
    }
    let shown: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(show_cell).collect()).collect();
    let edges = place_columns(&table.columns, &shown, f64::from(width));
    let is_number =
        |column: usize| table.rows.iter().all(|row| !matches!(row[column], QueryCell::Text(_)));
    let rows = (height as i32 / ROW_HEIGHT - 1).max(1) as usize;
    for (column, title) in table.columns.iter().enumerate() {
        let write_cell = |text: &str, y: i32, colour: RGBColor| {
            if is_number(column) {
                write_right(area, text, (edges[column + 1] as i32 - 14, y), TEXT_SIZE, colour)
            } else {
                write(area, text, (edges[column] as i32, y), TEXT_SIZE, colour)
            }
        };
        write_cell(title, 2, MUTED)?;
        for (place, row) in shown.iter().take(rows).enumerate() {
            write_cell(&row[column], ROW_HEIGHT * (place as i32 + 1) + 4, INK)?;
        }
    }
    let rule =
        PathElement::new([(0, ROW_HEIGHT), (width as i32, ROW_HEIGHT)], RULE.stroke_width(1));
    draw(area, &rule)
}

/// Returns the edges of the columns, by what stands in them; what is left is shared out.
fn place_columns(titles: &[String], rows: &[Vec<String>], width: f64) -> Vec<f64> {
    let mut widths = Vec::new();
    for (column, title) in titles.iter().enumerate() {
        let cells = rows.iter().map(|row| text_width(&row[column], TEXT_SIZE));
        widths.push(cells.fold(text_width(title, TEXT_SIZE), f64::max) + 18.0);
    }
    let spare = (width - widths.iter().sum::<f64>()) / widths.len() as f64;
    let mut edges = vec![0.0];
    for width in widths {
        let last = edges[edges.len() - 1];
        edges.push(last + width + spare);
    }
    edges
}

fn show_cell(cell: &QueryCell) -> String {
    match cell {
        QueryCell::Missing => "-".to_owned(),
        QueryCell::Number(number) => show_number(*number),
        QueryCell::Text(text) if text.chars().count() > 40 => {
            format!("{}…", text.chars().take(39).collect::<String>())
        }
        QueryCell::Text(text) => text.clone(),
    }
}
