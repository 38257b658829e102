//! What is known of a request: filled in on its way, read by its headers and its log line.
//!
//! Scope: invocation. It holds ids, names, numbers and codes, and no body, prompt, key or token.

mod billed_units;
mod call_stats;

pub use billed_units::{BilledUnits, KNOWN_NAMES};
pub use call_stats::CallStats;

use crate::clock::{Instant, now};
use crate::endpoint::Endpoint;
use crate::error::GatewayError;
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
    /// The model that answers.
    pub model: Option<String>,
    pub stream: bool,
    /// Status of the answer's head.
    pub status: u16,
    pub calls: CallStats,
    pub billed: BilledUnits,
    pub batch: BatchStats,
    /// The requested model, where the fallback answered.
    pub fallback_from: Option<String>,
    /// What the catalogue says against the model.
    pub model_warning: Option<String>,
    /// `max_tokens` where the gateway chose it.
    pub chosen_max_tokens: Option<u64>,
    /// Time until a stream's first event went to the caller.
    pub first_event: Option<Duration>,
    pub failure: Option<FailureRecord>,
}

/// Why a request failed, in words for the log.
#[derive(Clone, Debug, Default)]
pub struct FailureRecord {
    pub code: &'static str,
    pub detail: Option<String>,
    pub upstream_status: Option<u16>,
}

/// The code of a stream whose caller went away before its end.
const ABANDONED: &str = "abandoned";

impl RequestRecord {
    /// Starts the record of a request that has just come in.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            started: now(),
            request_id: String::new(),
            client: None,
            model: None,
            stream: false,
            status: 0,
            calls: CallStats::default(),
            billed: BilledUnits::default(),
            batch: BatchStats::default(),
            fallback_from: None,
            model_warning: None,
            chosen_max_tokens: None,
            first_event: None,
            failure: None,
        }
    }

    /// Records why the request failed.
    pub fn record_failure(&mut self, error: &GatewayError) {
        self.failure = Some(FailureRecord {
            code: error.code.as_str(),
            detail: error.detail.clone(),
            upstream_status: error.upstream.as_ref().map(|upstream| upstream.status),
        });
    }

    /// Records that the caller went away before a stream's end was written.
    pub fn record_abandoned(&mut self) {
        self.failure = Some(FailureRecord { code: ABANDONED, ..FailureRecord::default() });
    }

    /// Records that the fallback has answered, and with which bound of tokens.
    pub fn record_fallback(&mut self, model: &str, chosen_max_tokens: Option<u64>) {
        self.fallback_from = self.model.replace(model.to_string());
        self.chosen_max_tokens = chosen_max_tokens;
    }

    /// Returns the time the gateway itself has taken so far.
    pub fn gateway_time(&self) -> Duration {
        (now() - self.started).saturating_sub(self.calls.upstream_time)
    }
}

/// Returns milliseconds with microseconds as the fraction.
pub fn to_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
