//! The page of a rehearsal: what each scenario came to, and how it looked.

use super::outcome::Outcome;
use super::plot::draw_outcome;
use super::summary::{Row, group_runs};
use std::collections::BTreeSet;
use std::fmt::Write;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Deliveries rehearsed</title>
<style>
  :root { color-scheme: light; }
  body { font: 15px/1.5 sans-serif; color: #16191f; background: #fff; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; min-width: 44rem; }
  th, td { border-bottom: 1px solid #e1e5ea; padding: .3rem .6rem; text-align: left; vertical-align: top; }
  th, td:not(:nth-child(3)) { white-space: nowrap; }
  .bad { color: #b3261e; font-weight: bold; }
  section { margin-top: 2.5rem; }
  .wide { overflow-x: auto; }
  .wide svg { width: 100%; min-width: 44rem; height: auto; }
</style>
<h1>Deliveries rehearsed</h1>
<div class=\"wide\"><table>
<tr><th>scenario<th>as expected<th>ended<th>met the new version<th>not served<th>back in (min)
";

/// Writes the page; a scenario with several runs has the first one drawn, and those that did not end as they must.
pub fn write_page(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    for runs in group_runs(outcomes) {
        let row = Row::of(runs);
        let ends: BTreeSet<_> = runs.iter().map(Outcome::describe_end).collect();
        let ends: Vec<_> = ends.into_iter().collect();
        let class = if row.is_as_expected { "" } else { " class=\"bad\"" };
        writeln!(
            page,
            "<tr><td><a href=\"#{name}\">{name}</a><td{class}>{}<td>{}<td>{}<td>{}<td>{}",
            row.expected,
            escape(&ends.join("; ")),
            row.met,
            row.unserved,
            row.back,
            name = runs[0].name,
        )?;
    }
    page.push_str("</table></div>\n");
    for runs in group_runs(outcomes) {
        writeln!(
            page,
            "<section id=\"{0}\"><h2>{0}</h2>\n<p>{1}.</p>",
            runs[0].name, runs[0].story
        )?;
        for (number, outcome) in runs.iter().enumerate() {
            let run = if runs.len() > 1 { format!("Run {}", number + 1) } else { "It".to_owned() };
            if number == 0 || !outcome.problems.is_empty() {
                write_run(&mut page, &run, outcome)?;
            }
        }
        page.push_str("</section>\n");
    }
    Ok(page)
}

fn write_run(page: &mut String, run: &str, outcome: &Outcome) -> anyhow::Result<()> {
    let end = escape(&outcome.describe_end());
    write!(page, "<p>{run} ended: {end}.")?;
    if !outcome.problems.is_empty() {
        let problems = escape(&outcome.problems.join("; "));
        write!(page, " <span class=\"bad\">Not as expected: {problems}.</span>")?;
    }
    writeln!(page, "</p>\n<div class=\"wide\">{}</div>", draw_outcome(outcome)?)?;
    Ok(())
}

/// Writes a text so that nothing in it is markup; hooks say what they have met.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
