//! Every header of the gateway's own, on every answer, errors and streams included.

use crate::edge::response::{self, Body};
use crate::record::RequestRecord;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use std::fmt::Write;
use std::time::Duration;

/// Adds the headers, and records the status.
pub(super) fn add_headers(response: &mut Response<Body>, record: &mut RequestRecord) {
    record.status = response.status().as_u16();
    let headers = response.headers_mut();
    response::add_from_cohere(headers, &record.calls.response_headers);
    // An answer from the cache has no headers of Cohere's.
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    // Cohere's own warning says more than the catalogue.
    if let Some(warning) = &record.model_warning
        && !headers.contains_key("x-api-warning")
    {
        set_header(headers, "x-api-warning", warning);
    }
    set_header(headers, "x-request-id", &record.request_id);
    if let Some(model) = &record.model {
        set_header(headers, "x-gateway-model", model);
    }
    if let Some(requested) = &record.fallback_from {
        set_header(headers, "x-gateway-fallback-from", requested);
    }
    if let Some(tokens) = record.chosen_max_tokens {
        headers.insert("x-gateway-max-tokens", HeaderValue::from(tokens));
    }
    headers.insert("x-gateway-attempts", HeaderValue::from(record.calls.attempts));
    headers.insert("x-gateway-cache", HeaderValue::from_static(record.batch.cache.as_str()));
    set_header(headers, "server-timing", &server_timing(record));
}

fn server_timing(record: &RequestRecord) -> String {
    let mut timing = String::with_capacity(48);
    push_millis(&mut timing, "upstream;dur=", record.calls.upstream_time);
    push_millis(&mut timing, ", gateway;dur=", record.gateway_time());
    timing
}

/// Adds a name and a time in milliseconds, with microseconds as the fraction.
fn push_millis(timing: &mut String, name: &str, time: Duration) {
    let micros = time.as_micros();
    // Writing to memory cannot fail. Whole numbers: a float costs ten times as much to write.
    let _ = write!(timing, "{name}{}.{:03}", micros / 1_000, micros % 1_000);
}

/// Sets a header. A model id may be any text: one that is no header value is left out.
fn set_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
