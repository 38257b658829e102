//! The one log line of a request.
//!
//! It holds ids, names, numbers and codes. Bodies, prompts, keys and tokens have no field here, so
//! they cannot be logged by mistake.

use crate::clock::now;
use crate::endpoint::Endpoint;
use crate::record::{FailureRecord, RequestRecord, to_millis};
use crate::telemetry::model_names::name_model;
use crate::telemetry::redact;

/// The record of a request and its line, written once, at the request's end. Scope: invocation.
#[derive(Debug)]
pub struct RequestLog {
    pub record: RequestRecord,
    is_written: bool,
}

impl RequestLog {
    /// Starts the log of a request that has just come in.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { record: RequestRecord::new(endpoint), is_written: false }
    }

    /// Tells whether the line is written.
    pub fn is_written(&self) -> bool {
        self.is_written
    }

    /// Writes the line; a second call writes nothing.
    pub fn write_line(&mut self) {
        if !self.is_written {
            self.is_written = true;
            log_record(&self.record);
        }
    }
}

/// Returns a value where a condition holds, for fields that a line has only then.
fn only_if<T>(condition: bool, value: T) -> Option<T> {
    if condition { Some(value) } else { None }
}

/// Names a model for a line; one that Cohere knows may still be no id.
fn name_in_log(id: &str) -> String {
    redact::redact_id(&name_model(id)).to_string()
}

fn log_record(record: &RequestRecord) {
    let RequestRecord { calls, billed, batch, .. } = record;
    let none = FailureRecord::default();
    let failure = record.failure.as_ref().unwrap_or(&none);
    let is_batch = batch.inputs > 0;
    let is_trial = calls.response_headers.contains_key("x-trial-endpoint-call-limit");
    tracing::info!(
        event = "request_ended",
        endpoint = record.endpoint.name(),
        request_id = redact::redact_id(&record.request_id),
        client = record.client.as_deref().map(redact::redact_id),
        model = record.model.as_deref().map(name_in_log),
        stream = record.stream,
        status = record.status,
        code = only_if(record.failure.is_some(), failure.code),
        detail = failure.detail,
        upstream_status = failure.upstream_status,
        upstream_id = calls.upstream_id.as_deref().map(redact::redact_id),
        duration_ms = to_millis(now() - record.started),
        upstream_ms = to_millis(calls.upstream_time),
        first_event_ms = record.first_event.map(to_millis),
        attempts = calls.attempts,
        protocol = calls.protocol,
        fell_back_from = record.fallback_from.as_deref().map(name_in_log),
        deprecated = only_if(record.model_warning.is_some(), true),
        input_tokens = billed.amount("input_tokens"),
        output_tokens = billed.amount("output_tokens"),
        search_units = billed.amount("search_units"),
        images = billed.amount("images"),
        image_tokens = billed.amount("image_tokens"),
        cached_tokens = billed.amount("cached_tokens"),
        reasoning_tokens = billed.amount("reasoning_tokens"),
        pages = billed.amount("pages"),
        classifications = billed.amount("classifications"),
        other_units = billed.describe_unknown(),
        inputs = only_if(is_batch, batch.inputs),
        parts = only_if(is_batch, batch.sub_requests),
        cache = only_if(is_batch, batch.cache.as_str()),
        cache_hits = only_if(is_batch, batch.hits),
        cache_misses = only_if(is_batch, batch.misses),
        inputs_saved = only_if(is_batch, batch.inputs.saturating_sub(batch.misses)),
        key_version = calls.key_version,
        trial_key = only_if(is_trial, true),
        "request"
    );
}
