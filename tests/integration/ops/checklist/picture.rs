//! `docs/checklist.svg` shows what the command prints, colours as on a terminal.

use super::{STACK, deploy_well};
use gateway_tests::source_files::ROOT;

const LINE: usize = 17;
const COLUMNS: usize = 80;
const WIDTH: usize = COLUMNS * 8 + 24;

/// Returns the colour of a mark, and what it stands for.
fn colour_of(mark: char) -> Option<&'static str> {
    match mark {
        '✓' => Some("#3fb950"),
        '✗' => Some("#ff7b72"),
        '!' | '?' => Some("#d29922"),
        '·' => Some("#8b949e"),
        _ => None,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Writes a line as a terminal shows it: its mark has a colour, a section's name is bold.
fn write_line(line: &str) -> String {
    let mark = line.strip_prefix("  ").and_then(|rest| rest.chars().next());
    let Some((mark, colour)) = mark.and_then(|mark| Some((mark, colour_of(mark)?))) else {
        return escape(line);
    };
    let rest = line.trim_start().trim_start_matches(mark);
    format!("  <tspan fill=\"{colour}\">{mark}</tspan>{}", escape(rest))
}

/// Returns how a whole line looks: heads are bold, and what all of it comes to is red here.
fn style_of(number: usize, line: &str) -> &'static str {
    if line.starts_with("Not ready") || line.contains(" pass, ") {
        return "fill=\"#ff7b72\"";
    }
    match number == 0 || line.starts_with(char::is_alphabetic) {
        true => "fill=\"#e6edf3\" font-weight=\"bold\"",
        false => "fill=\"#e6edf3\"",
    }
}

/// Cuts a line where a terminal of this width goes on in the next one.
fn fold(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    letters.chunks(COLUMNS).map(|part| part.iter().collect()).collect()
}

/// Draws the lines in the letters of a terminal.
fn draw(text: &str) -> String {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let parts = if line.is_empty() { vec![String::new()] } else { fold(line) };
        let style = style_of(number, line);
        rows.extend(parts.into_iter().map(|part| (part, style)));
    }
    let height = rows.len() * LINE + 24;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#0d1117\"/>\n"
    );
    for (number, (line, style)) in rows.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        let y = number * LINE + 24;
        svg += &format!(
            "<text x=\"12\" y=\"{y}\" {style} xml:space=\"preserve\">{}</text>\n",
            write_line(line)
        );
    }
    svg + "</svg>\n"
}

/// Leaves out what is another one in each run.
fn settle(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let word = line.trim();
        let is_id = word.len() == 36 && word.matches('-').count() == 4;
        match line.split_once(" ok of ") {
            Some((before, _)) => lines.push(format!("{before} ok of 2026-11-27T09:00:00.000Z")),
            None if is_id => lines.push("        6f1c0c3e-2f0b-4f0e-9a55-0d6c5f0b7a11".to_string()),
            None => lines.push(line.to_string()),
        }
    }
    lines.join("\n")
}

#[tokio::test]
async fn picture_in_docs_shows_what_is_printed() {
    let deployment = deploy_well("checklist-picture").await;
    let pending = vec![("pager@example.com", false)];
    deployment.account.state().operations.subscribers.insert("P1", pending);
    deployment.account.state().operations.endless.insert("ChatLogs".into());
    let done = deployment.run_ops_with(&["checklist", "--stack", STACK], &[]).await;
    assert_eq!(done.code, 1, "{done:?}");
    let drawn = draw(&settle(&done.stdout));
    let path = format!("{ROOT}/docs/checklist.svg");
    page_check::check_page(path, &drawn);
}
