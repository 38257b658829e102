//! The page of a rehearsal: what each scenario came to, and how it looked.

use super::outcome::Outcome;
use super::plot::draw_outcome;
use std::fmt::Write;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Deliveries rehearsed</title>
<style>
  body { font: 15px/1.5 sans-serif; color: #16191f; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #e1e5ea; padding: .3rem .6rem; text-align: left; vertical-align: top; }
  .bad { color: #b3261e; font-weight: bold; }
  section { margin-top: 2.5rem; }
  svg { max-width: 100%; height: auto; }
</style>
<h1>Deliveries rehearsed</h1>
<table>
<tr><th>scenario<th>ended<th>callers that met the new version<th>minutes until back<th>as expected
";

/// Writes the page.
pub fn write_page(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    for outcome in outcomes {
        let verdict = match outcome.problems.as_slice() {
            [] => "yes".to_owned(),
            problems => format!("<span class=\"bad\">no: {}</span>", problems.join("; ")),
        };
        writeln!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{verdict}",
            outcome.name,
            outcome.describe_end(),
            outcome.describe_share(),
            outcome.describe_back(),
        )?;
    }
    page.push_str("</table>\n");
    for outcome in outcomes {
        let svg = draw_outcome(outcome)?;
        writeln!(
            page,
            "<section><h2>{}</h2>\n<p>{}: {}.</p>\n{svg}</section>",
            outcome.name,
            outcome.story,
            outcome.describe_end(),
        )?;
    }
    Ok(page)
}
