//! The parts of the page that change, by the id of their place.

use super::chart;
use super::requests::EndedRequest;
use super::watcher::{Snapshot, Watcher};
use crate::cloudwatch::State;
use crate::lambda::Function;
use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Renders every part.
pub fn render(
    watcher: &Watcher,
    functions: &BTreeMap<String, Arc<Function>>,
) -> BTreeMap<&'static str, String> {
    let snapshot = watcher.take_snapshot();
    let parts = [
        ("sums", render_sums(&snapshot)),
        ("chart", render_chart(&snapshot)),
        ("functions", render_functions(functions)),
        ("breakers", render_breakers(&snapshot)),
        ("rates", render_rates(&snapshot)),
        ("alarms", render_alarms(&snapshot)),
        ("requests", render_requests(&snapshot.requests)),
    ];
    parts.into_iter().map(|(id, part)| (id, part.into_string())).collect()
}

fn render_sums(snapshot: &Snapshot) -> Markup {
    let sums = &snapshot.sums;
    let asked = sums.cache_hits + sums.cache_misses;
    let hits =
        if asked == 0 { "–".to_owned() } else { format!("{} of {asked}", sums.cache_hits) };
    let cost = format!("${:.6}", sums.cost_micro_usd / 1e6);
    let tiles = [
        ("requests", sums.requests.to_string()),
        ("not served", sums.failed.to_string()),
        ("by a fallback", sums.fell_back.to_string()),
        ("calls of Cohere", sums.attempts.to_string()),
        ("inputs from the cache", hits),
        ("cost", cost),
    ];
    html! { dl.tiles { @for (label, value) in tiles { div { dt { (label) } dd { (value) } } } } }
}

fn render_chart(snapshot: &Snapshot) -> Markup {
    match chart::draw(&snapshot.seconds) {
        Ok(svg) => PreEscaped(svg),
        Err(problem) => html! { p { (problem) } },
    }
}

fn render_functions(functions: &BTreeMap<String, Arc<Function>>) -> Markup {
    html! {
        table {
            thead { tr { th { "function" } th.number { "busy" } th.number { "warm, frozen" } th.number { "started" } th.number { "invoked" } } }
            tbody {
                @for (name, function) in functions {
                    @let (alive, idle) = function.count_environments();
                    tr {
                        th scope="row" { (name) }
                        td.number { (alive.saturating_sub(idle)) }
                        td.number { (idle) }
                        td.number { (function.started_count()) }
                        td.number { (function.invoked_count()) }
                    }
                }
            }
        }
    }
}

fn render_breakers(snapshot: &Snapshot) -> Markup {
    if snapshot.breakers.is_empty() {
        return html! { p.quiet { "All closed: every call passes." } };
    }
    html! {
        table {
            thead { tr { th { "endpoint" } th { "model" } th { "state" } th.number { "since" } } }
            tbody {
                @for ((endpoint, model), change) in &snapshot.breakers {
                    tr {
                        td { (endpoint) }
                        td { (model) }
                        td { span.state data-state=(change.to) title={ "was " (change.from) } { (change.to) } }
                        td.number { (change.at.elapsed().as_secs()) " s" }
                    }
                }
            }
        }
    }
}

fn render_rates(snapshot: &Snapshot) -> Markup {
    if snapshot.uses.is_empty() {
        return html! { p.quiet { "Nothing was asked for in the last minute." } };
    }
    html! {
        table {
            thead { tr { th { "endpoint" } th { "model" } th.number { "units" } th.number { "lowered to" } th.number { "429s" } th.number { "longest wait" } } }
            tbody {
                @for (place, model_use) in &snapshot.uses {
                    tr {
                        td { (place.0) }
                        td { (place.1) }
                        td.number { (model_use.units) }
                        td.number { @match snapshot.rates.get(place) { Some(rate) => (rate), None => "–" } }
                        td.number { (model_use.throttled) }
                        td.number { (model_use.longest_wait_ms) " ms" }
                    }
                }
            }
        }
    }
}

fn render_alarms(snapshot: &Snapshot) -> Markup {
    let (ringing, quiet): (Vec<_>, Vec<_>) =
        snapshot.alarms.iter().partition(|alarm| alarm.state == State::Alarm);
    html! {
        @if ringing.is_empty() { p.quiet { "No alarm of " (quiet.len()) "." } }
        ul.alarms {
            @for alarm in ringing {
                li { span.state data-state="ALARM" { "ALARM" } " " strong { (alarm.name) } " " (alarm.description) }
            }
        }
        ul.chips {
            @for alarm in quiet {
                li.chip data-state=(alarm.state) title=(alarm.description) { (alarm.name) }
            }
        }
    }
}

fn render_requests(requests: &[EndedRequest]) -> Markup {
    if requests.is_empty() {
        return html! { p.quiet { "None yet: send one below, or start the traffic." } };
    }
    html! {
        table {
            thead { tr { th { "time" } th { "client" } th { "endpoint" } th { "model" } th.number { "status" } th { "code" } th.number { "ms" } th.number { "calls" } th { "cache" } } }
            tbody { @for request in requests { (render_request(request)) } }
        }
    }
}

fn render_request(request: &EndedRequest) -> Markup {
    let state = match (request.has_failed(), request.fell_back_from.is_empty()) {
        (true, _) => "failed",
        (false, false) => "fallback",
        (false, true) => "served",
    };
    html! {
        tr {
            td { (request.time) }
            td { (request.client) }
            td { (request.endpoint) }
            td { (request.model) @if !request.fell_back_from.is_empty() { " for " (request.fell_back_from) } }
            td.number { span.state data-state=(state) { (request.status) } }
            td { (request.code) }
            td.number { @if let Some(duration) = request.duration_ms { (duration) } }
            td.number { @if let Some(attempts) = request.attempts { (attempts) } }
            td { (request.cache) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_model_stays_text() {
        let model = "<script>alert(1)</script>\"'&".to_owned();
        let request = EndedRequest { model, status: 200, ..EndedRequest::default() };
        let shown = render_requests(&[request]).into_string();
        assert!(shown.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{shown}");
        assert!(!shown.contains("<script"), "{shown}");
    }
}
