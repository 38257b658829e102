//! The console: one page for a browser at `/`, which shows what happens and lets the sandbox fail.
//!
//! API callers never meet it: without `Accept: text/html` a `GET /` is answered as API Gateway does.
//! Whatever it knows stands in the lines that functions write ([`Watcher`]), so no function grows for it.
//! It shows no body. What changes state needs the page's own origin and a header of its own, because any
//! web page can post to 127.0.0.1; the policy admits one script and one style, both by their paths.

mod alarm_clock;
mod chart;
mod examples;
mod faults;
mod page;
mod panels;
mod requests;
mod watcher;

use crate::cohere_sandbox::CohereSandbox;
use crate::lambda::Function;
use crate::web_page;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use faults::Switch;
use futures_util::stream;
use http::header::{ACCEPT, HOST, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
pub use requests::EndedRequest;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
pub use watcher::Watcher;

/// A header that only a script of the page sends: a form of another page cannot.
const OWN_HEADER: &str = "x-gateway-console";
const BODY_LIMIT_BYTES: usize = 1024;
const REFRESH_PAUSE: Duration = Duration::from_millis(400);
/// How often the probe looks while somebody watches: its five minutes on the page's clock.
const PROBE_PAUSE: Duration = alarm_clock::MINUTE.saturating_mul(5);

/// What the page is made of.
pub struct Console {
    watcher: Watcher,
    functions: BTreeMap<String, Arc<Function>>,
    sandbox: Option<CohereSandbox>,
    /// Shown in the examples; none before a real Cohere, where it would spend somebody's key.
    token: Option<String>,
    next_probe: Mutex<Option<Instant>>,
    /// What all who watch get, and when it was rendered.
    latest: Mutex<Option<(Instant, String)>>,
}

impl Console {
    pub fn new(
        watcher: Watcher,
        functions: BTreeMap<String, Arc<Function>>,
        sandbox: Option<CohereSandbox>,
        token: &str,
    ) -> Self {
        let token = sandbox.is_some().then(|| token.to_owned());
        let (next_probe, latest) = (Mutex::default(), Mutex::default());
        Console { watcher, functions, sandbox, token, next_probe, latest }
    }

    /// Sets what the sandbox does wrong from now on.
    fn set_switch(&self, name: &str) -> StatusCode {
        let Some(sandbox) = &self.sandbox else { return StatusCode::CONFLICT };
        let Some(switch) = faults::SWITCHES.iter().find(|switch| switch.name == name) else {
            return StatusCode::NOT_FOUND;
        };
        match switch.fault() {
            Some(fault) => sandbox.set_weather(fault, 1.0),
            None => sandbox.clear_weather(),
        }
        StatusCode::NO_CONTENT
    }

    /// Returns the parts of the page that change, as an event of a stream; rendered once for all who watch.
    fn write_event(&self) -> String {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((rendered, event)) = &*latest
            && rendered.elapsed() < REFRESH_PAUSE
        {
            return event.clone();
        }
        let event = self.render_event();
        *latest = Some((Instant::now(), event.clone()));
        event
    }

    fn render_event(&self) -> String {
        let switch = self.find_switch().map(|switch| switch.name);
        let parts = panels::render(&self.watcher, &self.functions);
        format!("data: {}\n\n", json!({ "switch": switch, "parts": parts }))
    }

    /// Returns the switch that is on; none where the sandbox was told of another fault elsewhere.
    fn find_switch(&self) -> Option<&'static Switch> {
        let fault = self.sandbox.as_ref().and_then(CohereSandbox::standing_fault);
        faults::SWITCHES.iter().find(|switch| switch.fault() == fault)
    }

    /// Lets the probe look, as its schedule does on AWS; not before a real Cohere, which bills it.
    fn run_probe_when_due(&self) {
        let (Some(_), Some(probe)) = (&self.sandbox, self.functions.get("probe")) else { return };
        let now = Instant::now();
        let mut next = self.next_probe.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_some_and(|next| now < next) {
            return;
        }
        *next = Some(now + PROBE_PAUSE);
        let probe = probe.clone();
        // It belongs to no request of the page, and its line says how it ended.
        tokio::spawn(async move { probe.invoke(Bytes::from_static(b"{}")).await.map(drop) });
    }
}

/// Answers what is for a browser's eyes, and passes everything else on to the API.
pub async fn answer_or_pass(
    State(console): State<Arc<Console>>,
    request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // To a HEAD the server sends no body.
    let method = if method == Method::HEAD { Method::GET } else { method };
    match (&method, path.as_str()) {
        (&Method::GET, "/") if wants_html(request.headers()) => {
            let page = page::render(&console, &own_origin(request.headers()));
            write_page(page, &own_origin(request.headers()))
        }
        (&Method::GET, "/_console/style.css") => {
            write_file("text/css; charset=utf-8", web_page::STYLE)
        }
        (&Method::GET, "/_console/script.js") => {
            write_file("text/javascript; charset=utf-8", include_str!("console/script.js"))
        }
        (&Method::GET, "/_console/icon.svg") => {
            write_file("image/svg+xml", include_str!("console/icon.svg"))
        }
        (&Method::GET, "/_console/events") => stream_events(console),
        (&Method::POST, "/_console/fault") => answer_switch(&console, request).await,
        _ => next.run(request).await,
    }
}

async fn answer_switch(console: &Console, request: Request) -> Response {
    if !is_from_own_page(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(name) = axum::body::to_bytes(request.into_body(), BODY_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    console.set_switch(&String::from_utf8_lossy(&name)).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        parts.next() == Some("text/html") && !parts.any(|part| part == "q=0")
    })
}

/// The origin under which the browser knows this page; the host was checked before.
fn own_origin(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("http://{host}")
}

fn is_from_own_page(headers: &HeaderMap) -> bool {
    let own = own_origin(headers);
    let is_own = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == own.as_bytes());
    is_own && headers.contains_key(OWN_HEADER)
}

fn write_page(page: String, origin: &str) -> Response {
    let policy = format!(
        "default-src 'none'; script-src {origin}/_console/script.js; style-src {origin}/_console/style.css; \
         img-src {origin}/_console/icon.svg; connect-src {origin}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let mut response = write_file("text/html; charset=utf-8", page);
    if let Ok(policy) = policy.parse() {
        response.headers_mut().insert("content-security-policy", policy);
    }
    response
}

fn write_file(content_type: &'static str, body: impl Into<Body>) -> Response {
    let headers = [
        ("content-type", content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    (headers, body.into()).into_response()
}

/// Streams the changing parts: at once, and again whenever they look otherwise.
fn stream_events(console: Arc<Console>) -> Response {
    let events = stream::unfold((console, String::new()), |(console, before)| async move {
        // Ends with the next change; the request rate on the page moves with every second.
        loop {
            console.run_probe_when_due();
            console.watcher.advance_alarms();
            let event = console.write_event();
            if event != before {
                let sent = Bytes::from(event.clone());
                return Some((Ok::<_, Infallible>(sent), (console, event)));
            }
            tokio::time::sleep(REFRESH_PAUSE).await;
        }
    });
    write_file("text/event-stream", Body::from_stream(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| {
            (http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap())
        };
        pairs.iter().map(parse).collect()
    }

    #[test]
    fn page_is_for_browsers_alone() {
        assert!(wants_html(&headers(&[("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")])));
        for accept in ["*/*", "application/json", "text/htmlx", "text/html;q=0", ""] {
            assert!(!wants_html(&headers(&[("accept", accept)])), "{accept}");
        }
    }

    #[test]
    fn change_needs_own_origin_and_header() {
        let host = ("host", "127.0.0.1:8080");
        let (origin, own) = (("origin", "http://127.0.0.1:8080"), (OWN_HEADER, "1"));
        assert!(is_from_own_page(&headers(&[host, origin, own])));
        let other = ("origin", "http://127.0.0.1:9090");
        for bad in [&[host, origin][..], &[host, own], &[host, other, own], &[origin, own]] {
            assert!(!is_from_own_page(&headers(bad)), "{bad:?}");
        }
    }
}
