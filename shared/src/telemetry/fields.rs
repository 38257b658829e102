//! The one log line of a request.
//!
//! It holds ids, names, numbers and codes. Bodies, prompts, keys and tokens have no field here, so
//! they cannot be logged by mistake.

use crate::clock::{Instant, now};
use crate::cohere::client::Spent;
use crate::endpoint::Endpoint;
use crate::error::GatewayError;
use crate::telemetry::redact;
use std::ops::AddAssign;
use std::time::Duration;

/// What Cohere bills for an answer; a typed number on the wire, whole in practice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Billed {
    pub input_tokens: Option<f64>,
    pub output_tokens: Option<f64>,
    pub search_units: Option<f64>,
}

impl AddAssign for Billed {
    fn add_assign(&mut self, other: Self) {
        let add = |one: &mut Option<f64>, other: Option<f64>| {
            if let Some(other) = other {
                *one = Some(one.unwrap_or_default() + other);
            }
        };
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.search_units, other.search_units);
    }
}

/// What memory could answer of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheOutcome {
    Hit,
    Miss,
    Partial,
    /// Nothing is kept: by a setting, or because the endpoint's answers never are.
    #[default]
    Off,
    /// The request asked for it, or holds something that memory does not understand.
    Bypass,
}

impl CacheOutcome {
    /// Returns the word of the `x-gateway-cache` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Partial => "partial",
            Self::Off => "off",
            Self::Bypass => "bypass",
        }
    }
}

/// How an embed or rerank request was taken apart, in texts, images, inputs or documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batched {
    pub cache: CacheOutcome,
    /// Inputs of the request.
    pub inputs: usize,
    /// Inputs answered from memory.
    pub hits: usize,
    /// Different inputs that had to be asked for.
    pub misses: usize,
    /// Calls the request was split into, less attempts that failed.
    pub parts: usize,
}

/// What is known of a request by now; written once, at its end. Scope: invocation.
#[derive(Debug)]
pub struct RequestEvent {
    endpoint: Endpoint,
    pub started: Instant,
    pub request_id: String,
    pub client: Option<String>,
    pub model: Option<String>,
    pub stream: bool,
    pub status: u16,
    pub spent: Spent,
    pub billed: Billed,
    pub batched: Batched,
    /// The asked model, where another answered.
    pub fell_back_from: Option<String>,
    /// What the catalogue says against the model.
    pub warning: Option<String>,
    /// `max_tokens` where the gateway chose it.
    pub chosen_max_tokens: Option<u64>,
    /// Time until a stream's first event went to the caller.
    pub first_event: Option<Duration>,
    code: Option<&'static str>,
    detail: Option<String>,
    upstream_status: Option<u16>,
    written: bool,
}

impl RequestEvent {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            started: now(),
            request_id: String::new(),
            client: None,
            model: None,
            stream: false,
            status: 0,
            spent: Spent::default(),
            billed: Billed::default(),
            batched: Batched::default(),
            fell_back_from: None,
            warning: None,
            chosen_max_tokens: None,
            first_event: None,
            code: None,
            detail: None,
            upstream_status: None,
            written: false,
        }
    }

    /// Notes why the request failed.
    pub fn failed(&mut self, error: &GatewayError) {
        self.code = Some(error.code.as_str());
        self.detail = error.detail.clone();
        self.upstream_status = error.upstream.as_ref().map(|upstream| upstream.status);
    }

    /// Notes that a stream ended before its end was written.
    pub fn abandoned(&mut self) {
        self.code = Some("abandoned");
    }

    /// Returns the time the gateway itself has taken so far.
    pub fn gateway_time(&self) -> Duration {
        (now() - self.started).saturating_sub(self.spent.upstream)
    }

    /// Writes the line; a second call writes nothing.
    pub fn write(&mut self) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        let duration = now() - self.started;
        let Batched { cache, inputs, hits, misses, parts } = self.batched;
        let batched = inputs > 0;
        tracing::info!(
            event = "request_ended",
            endpoint = self.endpoint.name(),
            request_id = redact::id(&self.request_id),
            client = self.client.as_deref().map(redact::id),
            model = self.model.as_deref().map(redact::id),
            stream = self.stream,
            status = self.status,
            code = self.code,
            detail = self.detail,
            upstream_status = self.upstream_status,
            duration_ms = millis(duration),
            upstream_ms = millis(self.spent.upstream),
            first_event_ms = self.first_event.map(millis),
            attempts = self.spent.attempts,
            fell_back_from = self.fell_back_from.as_deref().map(redact::id),
            deprecated = self.warning.is_some().then_some(true),
            input_tokens = self.billed.input_tokens,
            output_tokens = self.billed.output_tokens,
            search_units = self.billed.search_units,
            inputs = batched.then_some(inputs),
            parts = batched.then_some(parts),
            cache = batched.then_some(cache.as_str()),
            cache_hits = batched.then_some(hits),
            cache_misses = batched.then_some(misses),
            inputs_saved = batched.then_some(inputs.saturating_sub(misses)),
            key_version = self.spent.key_version,
            trial_key = self.spent.headers.contains_key("x-trial-endpoint-call-limit").then_some(true),
            "request"
        );
    }
}

/// Returns milliseconds with microseconds as the fraction.
pub fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
