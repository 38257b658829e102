//! The page as it is loaded; what changes is put into its places by events.

use super::examples::{Example, write_examples};
use super::{Console, alarm_clock, faults, panels};
use crate::web_page::render_page;
use maud::{Markup, PreEscaped, html};

/// Renders the whole page for a browser that knows this machine by `origin`.
pub fn render(console: &Console, origin: &str) -> String {
    let token = console.token.as_deref();
    let parts = panels::render(&console.watcher, &console.functions);
    let place = |id: &str| html! { div id=(id) { (PreEscaped(&parts[id])) } };
    let chart = html! { div #chart .chart { (PreEscaped(&parts["chart"])) } };
    let examples = write_examples(origin, token);
    let speed = 60 / alarm_clock::MINUTE.as_secs();
    let head = html! {
        link rel="icon" href="/_console/icon.svg";
        link rel="stylesheet" href="/_console/style.css";
        script src="/_console/script.js" defer {}
    };
    let body = html! {
        header {
            h1 { "cohere-gateway" }
            p { "on this machine, at " code { (origin) } ", before "
                @if console.sandbox.is_some() { "a sandbox in Cohere's place" } @else { "a real Cohere" } ". "
                span #live role="status" { "connecting" } }
        }
        main {
            (render_controls(console))
            section.wide aria-labelledby="h-now" { h2 #h-now { "Now" } (place("sums"))
                div.scroll tabindex="0" role="region" aria-label="Requests a second" { (chart) }
                p.key { span.served { "served" } span.fallback { "by a fallback" } span.failed { "not served" } } }
            section aria-labelledby="h-breakers" { h2 #h-breakers { "Breakers" }
                p.quiet { "The last that an environment has told; each has its own." }
                div.scroll tabindex="0" role="region" aria-label="Breakers" { (place("breakers")) } }
            section.two aria-labelledby="h-alarms" { h2 #h-alarms { "Alarms" }
                p.quiet { "The template's own, on the lines that functions print, by a clock that is " (speed)
                    " times as fast: five minutes pass in ten seconds." }
                (place("alarms")) }
            section.wide aria-labelledby="h-requests" { h2 #h-requests { "Last requests" }
                div.scroll tabindex="0" role="region" aria-label="Last requests" { (place("requests")) } }
            (render_chat(&examples[0]))
            (render_embed(&examples[1]))
            (render_rerank(&examples[2]))
            section aria-labelledby="h-functions" { h2 #h-functions { "Functions" }
                div.scroll tabindex="0" role="region" aria-label="Functions" { (place("functions")) } }
            section.two aria-labelledby="h-rates" { h2 #h-rates { "Rates of the last minute" }
                p.quiet { "Units are inputs of embed, else calls. A wait is a cooldown, a backoff or a turn." }
                div.scroll tabindex="0" role="region" aria-label="Rates" { (place("rates")) } }
        }
    };
    render_page("cohere-gateway", head, body)
}

fn render_controls(console: &Console) -> Markup {
    html! {
        section.wide aria-labelledby="h-faults" {
            h2 #h-faults { "Let Cohere fail" }
            @if console.sandbox.is_some() {
                div.buttons role="group" aria-labelledby="h-faults" {
                    @for switch in faults::SWITCHES {
                        button type="button" data-switch=(switch.name) data-watch=(switch.watch) aria-pressed="false" { (switch.label) }
                    }
                }
                p #watch role="status" {}
            } @else {
                p { "Only the sandbox fails on request: start without " code { "--upstream" } "." }
            }
            div.buttons {
                button type="button" #traffic aria-pressed="false" { "Send four requests a second" }
                label.token { "Token " input #token type="password" autocomplete="off" value=[console.token.as_deref()]; }
            }
        }
    }
}

fn render_chat(example: &Example) -> Markup {
    let prompt = html! {
        label { "Prompt" textarea name="prompt" rows="2" { "Why does a gateway need a circuit breaker?" } }
    };
    render_panel("Chat", prompt, "Stream it", example)
}

fn render_embed(example: &Example) -> Markup {
    let texts = html! {
        label { "One text" input name="one" value="a red fox in the snow"; }
        label { "Another" input name="other" value="a fox that is red"; }
    };
    render_panel("Embed", texts, "Compare", example)
}

fn render_rerank(example: &Example) -> Markup {
    let documents = html! {
        label { "Query" input name="query" value="red fox"; }
        label { "Documents, one a line" textarea name="documents" rows="3" { "a blue whale\na fox that is red\na red car" } }
    };
    render_panel("Rerank", documents, "Rank", example)
}

/// A form of one endpoint, what it answers, and the same request in three languages.
fn render_panel(title: &str, fields: Markup, button: &str, example: &Example) -> Markup {
    let endpoint = example.endpoint;
    let heading = format!("h-{endpoint}");
    html! {
        section aria-labelledby=(heading) {
            h2 id=(heading) { (title) }
            form id=(endpoint) { (fields) button { (button) } }
            output id={ (endpoint) "-output" } {}
            (render_example(example))
        }
    }
}

fn render_example(example: &Example) -> Markup {
    let languages =
        [("curl", &example.curl), ("Python", &example.python), ("TypeScript", &example.typescript)];
    html! {
        @for (name, text) in languages {
            details {
                summary { (name) }
                pre tabindex="0" data-form=(example.endpoint) data-language=(name) data-template=(text) { (text) }
                button type="button" data-copy { "Copy" }
            }
        }
    }
}
