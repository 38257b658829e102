//! The page of a rehearsal: what each scenario came to, and how it looked.

use super::outcome::Outcome;
use super::plot::draw_outcome;
use super::summary::{Row, group_runs};
use crate::web_page::{STYLE, render_page};
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeSet;

/// Writes the page, one file with all that it needs; a scenario with several runs has the first one drawn, and those
/// that did not end as they must.
pub fn write_page(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let scenarios: Vec<_> = group_runs(outcomes).map(render_scenario).collect::<Result<_, _>>()?;
    let head = html! { style { (PreEscaped(STYLE)) } };
    let body = html! {
        header { h1 { "Deliveries rehearsed" } }
        main {
            section.wide { div.scroll { (render_summary(outcomes)) } }
            @for scenario in scenarios { (scenario) }
        }
    };
    Ok(render_page("Deliveries rehearsed", head, body))
}

fn render_summary(outcomes: &[Outcome]) -> Markup {
    html! {
        table {
            thead { tr { th { "scenario" } th { "as expected" } th { "ended" } th { "met the new version" } th { "not served" } th { "back in (min)" } } }
            tbody { @for runs in group_runs(outcomes) { (render_row(runs)) } }
        }
    }
}

fn render_row(runs: &[Outcome]) -> Markup {
    let row = Row::of(runs);
    let ends: BTreeSet<_> = runs.iter().map(Outcome::describe_end).collect();
    let ends: Vec<_> = ends.into_iter().collect();
    let name = runs[0].name;
    html! {
        tr {
            th scope="row" { a href={ "#" (name) } { (name) } }
            td.bad[!row.is_as_expected] { (row.expected) }
            td.words { (ends.join("; ")) }
            td { (row.met) }
            td { (row.unserved) }
            td { (row.back) }
        }
    }
}

fn render_scenario(runs: &[Outcome]) -> anyhow::Result<Markup> {
    let mut shown = Vec::new();
    for (number, outcome) in runs.iter().enumerate() {
        let run = if runs.len() > 1 { format!("Run {}", number + 1) } else { "It".to_owned() };
        if number == 0 || !outcome.problems.is_empty() {
            shown.push(render_run(&run, outcome)?);
        }
    }
    let (name, story) = (runs[0].name, runs[0].story);
    Ok(html! {
        section.wide id=(name) {
            h2 { (name) }
            p { (story) "." }
            @for run in shown { (run) }
        }
    })
}

fn render_run(run: &str, outcome: &Outcome) -> anyhow::Result<Markup> {
    let picture = draw_outcome(outcome)?;
    Ok(html! {
        p {
            (run) " ended: " (outcome.describe_end()) "."
            @if !outcome.problems.is_empty() {
                " " strong.bad { "Not as expected: " (outcome.problems.join("; ")) "." }
            }
        }
        div.scroll { div.chart { (PreEscaped(picture)) } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_hook_stay_text() {
        let mut outcome = Outcome::of_nothing("one", "it is told");
        outcome.problems.push("<script>alert(1)</script>".to_owned());
        let page = write_page(&[outcome]).unwrap();
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"), "{page}");
        assert!(page.contains("<h2>one</h2>") && page.contains("<svg"), "{page}");
    }

    #[test]
    fn page_needs_nothing_from_outside() {
        let page = write_page(&[Outcome::of_nothing("one", "it is told")]).unwrap();
        assert!(!page.contains("src=") && !page.contains("<link"), "{page}");
    }
}
