//! The headers that stand on every answer, errors and streams included.

use crate::edge::response::{self, Body};
use crate::telemetry::request_log::{RequestLog, millis};
use http::{HeaderName, HeaderValue, Response, header};

/// Adds the headers, and notes the status.
pub(super) fn finish(response: &mut Response<Body>, event: &mut RequestLog) {
    event.status = response.status().as_u16();
    let timing = format!(
        "upstream;dur={:.3}, gateway;dur={:.3}",
        millis(event.spent.upstream),
        millis(event.gateway_time())
    );
    let headers = response.headers_mut();
    response::add_from_cohere(headers, &event.spent.headers);
    // An answer from memory has no headers of Cohere's.
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    // Cohere's own warning says more than the catalogue.
    let warning = event.warning.as_deref().filter(|_| !headers.contains_key("x-api-warning"));
    let mut put = |name, value: &str| {
        // A model id may be any text; one that is no header value is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-request-id", &event.request_id);
    if let Some(model) = &event.model {
        put("x-gateway-model", model);
    }
    if let Some(asked) = &event.fell_back_from {
        put("x-gateway-fallback-from", asked);
    }
    if let Some(warning) = warning {
        put("x-api-warning", warning);
    }
    if let Some(tokens) = event.chosen_max_tokens {
        put("x-gateway-max-tokens", &tokens.to_string());
    }
    put("x-gateway-attempts", &event.spent.attempts.to_string());
    put("x-gateway-cache", event.batched.cache.as_str());
    put("server-timing", &timing);
}
