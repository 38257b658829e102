//! Every header of the gateway's own, on every answer, errors and streams included.

use crate::edge::response::{self, Body, OwnHeader};
use crate::record::RequestRecord;
use crate::telemetry::model_names::name_model;
use http::{HeaderMap, HeaderValue, Response};
use std::fmt::Write;
use std::time::Duration;

/// Adds the headers, and records the status.
pub(super) fn add_headers(response: &mut Response<Body>, record: &mut RequestRecord) {
    record.status = response.status().as_u16();
    let headers = response.headers_mut();
    response::add_from_cohere(headers, &record.calls.response_headers);
    // An answer from the cache has no headers of Cohere's.
    if !OwnHeader::ContentType.is_in(headers) {
        OwnHeader::ContentType.set(headers, HeaderValue::from_static("application/json"));
    }
    // Cohere's own warning says more than the catalogue.
    if let Some(warning) = &record.model_warning
        && !OwnHeader::ApiWarning.is_in(headers)
    {
        OwnHeader::ApiWarning.set_text(headers, warning);
    }
    if let Some(warning) = record.request_warning {
        add_warning(headers, warning);
    }
    OwnHeader::RequestId.set_text(headers, &record.request_id);
    if let Some(model) = &record.model {
        OwnHeader::Model.set_text(headers, &name_model(model));
    }
    if let Some(requested) = &record.fallback_from {
        OwnHeader::FallbackFrom.set_text(headers, &name_model(requested));
    }
    if let Some(tokens) = record.chosen_max_tokens {
        OwnHeader::MaxTokens.set(headers, HeaderValue::from(tokens));
    }
    OwnHeader::Attempts.set(headers, HeaderValue::from(record.calls.attempts));
    OwnHeader::Cache.set(headers, HeaderValue::from_static(record.batch.cache.as_str()));
    OwnHeader::ServerTiming.set_text(headers, &server_timing(record));
}

/// Adds a warning to those that are there.
fn add_warning(headers: &mut HeaderMap, warning: &str) {
    let name = OwnHeader::ApiWarning.name();
    let known = headers.get(name).and_then(|known| known.to_str().ok());
    let warnings = match known {
        Some(known) => format!("{known}, {warning}"),
        None => warning.to_string(),
    };
    OwnHeader::ApiWarning.set_text(headers, &warnings);
}

fn server_timing(record: &RequestRecord) -> String {
    let mut timing = String::with_capacity(48);
    push_millis(&mut timing, "upstream;dur=", record.calls.upstream_time);
    push_millis(&mut timing, ", gateway;dur=", record.gateway_time());
    let waiting = record.calls.waiting_time;
    if !waiting.is_zero() {
        push_millis(&mut timing, ", wait;dur=", waiting);
    }
    timing
}

/// Adds a name and a time in milliseconds, with microseconds as the fraction.
fn push_millis(timing: &mut String, name: &str, time: Duration) {
    let micros = time.as_micros();
    // Writing to memory cannot fail. Whole numbers: a float costs ten times as much to write.
    let _ = write!(timing, "{name}{}.{:03}", micros / 1_000, micros % 1_000);
}

#[cfg(test)]
mod tests;
