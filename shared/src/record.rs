//! What is known of a request: filled in on its way, read by its headers and its log line.
//!
//! Scope: invocation. It holds ids, names, numbers and codes, and no body, prompt, key or token.

mod bill;
mod billed_units;
mod call_stats;

pub use bill::Bill;
pub use billed_units::{BilledUnits, KNOWN_NAMES};
pub use call_stats::CallStats;

use crate::clock::{Instant, now};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError};
use std::time::Duration;

/// What the cache could answer of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheOutcome {
    Hit,
    Miss,
    Partial,
    /// Nothing is cached: by a setting, or because the endpoint's answers never are.
    #[default]
    Off,
    /// The request asked for it, or holds something that the cache does not understand.
    Bypass,
}

impl CacheOutcome {
    /// All of them, for the documents' checks.
    pub const ALL: [Self; 5] = [Self::Hit, Self::Partial, Self::Miss, Self::Bypass, Self::Off];

    /// Tells whether the cache was asked for the request's inputs.
    pub fn was_asked(self) -> bool {
        matches!(self, Self::Hit | Self::Partial | Self::Miss)
    }

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

/// How an embed or rerank request was split, in texts, images, inputs or documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStats {
    pub cache: CacheOutcome,
    /// Inputs of the request.
    pub inputs: usize,
    /// Inputs answered from the cache.
    pub hits: usize,
    /// Different inputs that Cohere had to be asked for.
    pub misses: usize,
    /// Sub-requests the request was split into, not counting retries.
    pub sub_requests: usize,
}

/// Everything the gateway says of one request, in its headers and in its log line.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    pub endpoint: Endpoint,
    pub started: Instant,
    pub request_id: String,
    pub client: Option<String>,
    /// A call of a rollout's own, which alerts do not count.
    pub is_marked: bool,
    /// Its caller speaks v1.
    pub is_v1: bool,
    /// The model that answers.
    pub model: Option<String>,
    pub stream: bool,
    /// Status of the answer's head.
    pub status: u16,
    pub calls: CallStats,
    pub batch: BatchStats,
    /// The requested model, where the fallback answered.
    pub fallback_from: Option<String>,
    /// What the catalogue says against the model.
    pub model_warning: Option<String>,
    /// What the gateway says against the request.
    pub request_warning: Option<&'static str>,
    /// `max_tokens` where the gateway chose it.
    pub chosen_max_tokens: Option<u64>,
    /// The caller has set the time: by an option, or by not reading a stream.
    pub has_own_deadline: bool,
    /// Time until a stream's first event went to the caller.
    pub first_event: Option<Duration>,
    /// What of that the gateway itself has taken.
    pub first_event_gateway_time: Option<Duration>,
    pub failure: Option<FailureRecord>,
}

/// Why a request failed, in words for the log.
#[derive(Clone, Debug)]
pub struct FailureRecord {
    /// `None` where the caller of a stream went away before its end.
    pub code: Option<Code>,
    pub detail: Option<String>,
    pub upstream_status: Option<u16>,
}

impl FailureRecord {
    /// Returns the word of the log.
    pub fn code_name(&self) -> &'static str {
        self.code.map_or("abandoned", Code::as_str)
    }
}

impl RequestRecord {
    /// Starts the record of a request that has just come in.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            started: now(),
            request_id: String::new(),
            client: None,
            is_marked: false,
            is_v1: false,
            model: None,
            stream: false,
            status: 0,
            calls: CallStats::default(),
            batch: BatchStats::default(),
            fallback_from: None,
            model_warning: None,
            request_warning: None,
            chosen_max_tokens: None,
            has_own_deadline: false,
            first_event: None,
            first_event_gateway_time: None,
            failure: None,
        }
    }

    /// Records why the request failed.
    pub fn record_failure(&mut self, error: &GatewayError) {
        self.failure = Some(FailureRecord {
            code: Some(error.code),
            detail: error.detail.clone(),
            upstream_status: error.upstream.as_ref().map(|upstream| upstream.status),
        });
    }

    /// Records that the caller went away before a stream's end was written.
    pub fn record_abandoned(&mut self) {
        self.failure = Some(FailureRecord { code: None, detail: None, upstream_status: None });
    }

    /// Records that the fallback has answered, and with which bound of tokens.
    pub fn record_fallback(&mut self, model: &str, chosen_max_tokens: Option<u64>) {
        self.fallback_from = self.model.replace(model.to_string());
        self.chosen_max_tokens = chosen_max_tokens;
    }

    /// Records that a stream's first event goes to the caller now.
    pub fn record_first_event(&mut self) {
        self.first_event = Some(now() - self.started);
        self.first_event_gateway_time = Some(self.gateway_time());
    }

    /// Returns the time the gateway itself has taken so far; waiting for Cohere, or on purpose, is not its own.
    pub fn gateway_time(&self) -> Duration {
        let CallStats { upstream_time, waiting_time, .. } = self.calls;
        (now() - self.started).saturating_sub(upstream_time + waiting_time)
    }

    /// Returns the code of the failure, where there is one that the caller was told.
    pub fn failure_code(&self) -> Option<Code> {
        self.failure.as_ref()?.code
    }

    /// Tells whether the gateway or Cohere was at fault: an answer of 500 and above or a stream that
    /// ended so, but not at a time that the caller had set.
    pub fn is_server_error(&self) -> bool {
        match self.failure_code() {
            Some(Code::Deadline) => !self.has_own_deadline,
            Some(code) => code.is_server_fault(),
            None => false,
        }
    }

    /// Tells whether a 429 of Cohere, or the cooldown after it, was met.
    pub fn is_rate_limited(&self) -> bool {
        self.calls.was_throttled
            || self.failure_code() == Some(Code::RateLimited)
            || self.is_quota_exhausted()
    }

    /// Tells whether a trial key has served the request.
    pub fn has_trial_key(&self) -> bool {
        self.calls.response_headers.contains_key("x-trial-endpoint-call-limit")
    }

    /// Tells whether the end of a month's quota was met.
    pub fn is_quota_exhausted(&self) -> bool {
        self.calls.met_quota || self.failure_code() == Some(Code::QuotaExhausted)
    }
}

/// Returns milliseconds with microseconds as the fraction.
pub fn to_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
