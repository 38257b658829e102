//! Every header of the gateway's own, on every answer, errors and streams included.

use crate::edge::response::{self, Body};
use crate::record::{RequestRecord, to_millis};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

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
    format!(
        "upstream;dur={:.3}, gateway;dur={:.3}",
        to_millis(record.calls.upstream_time),
        to_millis(record.gateway_time())
    )
}

/// Sets a header. A model id may be any text: one that is no header value is left out.
fn set_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
