//! An answer before it is sent: status, headers, and a JSON text or the events of a stream.
//!
//! The headers are those seen on the real API: on every answer, on trial keys, and the counts and
//! warnings an endpoint adds itself.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::stream_form::StreamForm;

/// Headers on every answer of the real API.
const COMMON_HEADERS: [(&str, &str); 10] = [
    ("access-control-expose-headers", "X-Debug-Trace-ID"),
    ("cache-control", "no-cache, no-store, no-transform, must-revalidate, private, max-age=0"),
    ("expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("pragma", "no-cache"),
    ("vary", "Origin,Accept-Encoding"),
    ("x-accel-expires", "0"),
    ("x-envoy-upstream-service-time", "1"),
    ("server", "envoy"),
    ("via", "1.1 google"),
    ("alt-svc", "h3=\":443\"; ma=2592000"),
];

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// One text, JSON unless the headers say otherwise.
    Whole(Bytes),
    /// The events of a stream, each complete in its form.
    Events(StreamForm, Vec<Bytes>),
}

impl Reply {
    pub(super) fn from_json(body: String) -> Self {
        Self::new("application/json", Content::Whole(body.into()))
    }

    pub(super) fn from_events(form: StreamForm, events: Vec<String>) -> Self {
        let content = Content::Events(form, events.into_iter().map(Bytes::from).collect());
        Self::new(form.content_type(), content).with_header("vary", "Origin")
    }

    pub(super) fn from_text(status: StatusCode, body: &str) -> Self {
        Self::new("text/plain", Content::Whole(body.to_owned().into())).with_status(status)
    }

    /// The real API's answer to a path or method it does not have.
    pub(super) fn page_not_found() -> Self {
        Self::from_text(StatusCode::NOT_FOUND, "404 page not found")
    }

    fn new(content_type: &'static str, content: Content) -> Self {
        let bytes = match &content {
            Content::Whole(body) => body,
            Content::Events(_, events) => events.first().expect("a stream has events"),
        };
        let trace = digest::to_hex(digest::digest_bytes(bytes).rotate_left(31));
        let reply = Self { status: StatusCode::OK, headers: HeaderMap::new(), content };
        COMMON_HEADERS
            .iter()
            .fold(reply, |reply, (name, value)| reply.with_header(name, value))
            .with_header(CONTENT_TYPE.as_str(), content_type)
            .with_header("x-debug-trace-id", &trace)
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets a header; names come from this crate or were checked by `fault.rs`.
    pub(super) fn with_header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a valid header name");
        self.headers.insert(name, to_header_value(value));
        self
    }

    /// Adds the size headers of chat and embed answers.
    pub(super) fn with_counts(self, chars: usize, tokens: usize) -> Self {
        self.with_header("num_chars", &chars.to_string())
            .with_header("num_tokens", &tokens.to_string())
    }

    /// Adds a header for each warning.
    pub(super) fn with_warnings(mut self, warnings: &[String]) -> Self {
        for warning in warnings {
            self.headers.append("x-api-warning", to_header_value(warning));
        }
        self
    }

    /// Adds what trial keys see: on success, 400 and 404, but not on 402, 422 or 429.
    pub(super) fn on_trial_key(self, path: &str) -> Self {
        if !(self.status.is_success() || matches!(self.status.as_u16(), 400 | 404)) {
            return self;
        }
        let (limit, remaining) = match path {
            "/v2/chat" | "/v1/chat" | "/compatibility/v1/chat/completions" => ("20", "19"),
            "/v2/rerank" | "/v1/rerank" => ("10", "9"),
            _ => ("40", "39"),
        };
        self.with_header("x-endpoint-monthly-call-limit", "1000")
            .with_header("x-trial-endpoint-call-limit", limit)
            .with_header("x-trial-endpoint-call-remaining", remaining)
    }

    /// Sends it in one piece.
    pub(super) fn into_response(self) -> Response {
        let body = match self.content {
            Content::Whole(body) => Body::from(body),
            Content::Events(_, events) => Body::from(events.concat()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Writes a header's value in UTF-8, as the real API does: a warning quotes what the caller sent.
fn to_header_value(value: &str) -> HeaderValue {
    let value: String = value.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    HeaderValue::from_bytes(value.as_bytes()).expect("no control characters")
}
