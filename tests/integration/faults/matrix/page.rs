//! Prints the table as Markdown into `docs/errors.md`.

use super::table::{Cell, Row};
use gateway_tests::ways::Way;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
const FROM: &str = "<!-- matrix:start -->\n";
const TO: &str = "<!-- matrix:end -->";

/// Prints the table; ways that come to the same share a line.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "| fault | ways | answer | calls | `Retry-After` | fallback | next request | within |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let mut groups: Vec<(&Cell, Vec<&str>)> = Vec::new();
        for way in Way::ALL {
            let cell = row.cell(way);
            match groups.iter_mut().find(|(other, _)| *other == cell) {
                Some((_, ways)) => ways.push(way.name()),
                None => groups.push((cell, vec![way.name()])),
            }
        }
        for (cell, ways) in groups {
            out += &format!("| {} | {} | {} |\n", row.name, ways.join(", "), format_line(cell));
        }
    }
    out
}

fn format_line(cell: &Cell) -> String {
    match cell {
        Cell::Never(why) => format!("n/a: {why} | | | | |"),
        Cell::Expect(expected) => {
            let outcome = &expected.outcome;
            let retry_after =
                outcome.retry_after.map_or("–".into(), |seconds| seconds.to_string());
            let (calls, then, within) =
                (outcome.calls, outcome.then.name(), expected.within.name());
            let fallback = &outcome.fallback;
            format!(
                "{} | {calls} | {retry_after} | {fallback} | {then} | {within}",
                mark_code(&outcome.answer)
            )
        }
    }
}

/// Marks the code in "status code".
fn mark_code(answer: &str) -> String {
    match answer.rsplit_once(' ') {
        Some((before, code)) => format!("{before} `{code}`"),
        None => answer.into(),
    }
}

/// Compares the page with the table, or rewrites it where `UPDATE_DOCS` is set.
pub fn check(rows: &[Row]) {
    let page = std::fs::read_to_string(PAGE).expect("docs/errors.md");
    let (before, rest) = page.split_once(FROM).expect("the start of the matrix");
    let (_, after) = rest.split_once(TO).expect("the end of the matrix");
    let fresh = [before, FROM, &markdown(rows), TO, after].concat();
    page_check::check_page(PAGE, &fresh);
}
