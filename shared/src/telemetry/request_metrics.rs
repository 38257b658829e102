//! The metrics that a request's line carries.

use super::event_line::EventLine;
use super::metrics::Metric;
use crate::clock::now;
use crate::cost::Cost;
use crate::endpoint::Endpoint;
use crate::error::Code;
use crate::record::RequestRecord;
use std::time::Duration;

/// Fewest output tokens of a chat whose time by token says anything: before the first one comes much else.
const MIN_TIMED_TOKENS: f64 = 50.0;
/// From this status on an answer is the server's failure.
const SERVER_ERROR: u16 = 500;

/// What a request's metrics are made of.
pub(super) struct RequestMetrics<'a> {
    pub(super) record: &'a RequestRecord,
    pub(super) cost: Cost,
    /// It is the first that this environment has ended, and paid for what only the first one pays.
    pub(super) is_first: bool,
}

impl RequestMetrics<'_> {
    /// Adds all metrics of the request.
    pub(super) fn add_to(&self, line: &mut EventLine) {
        line.set_endpoint(self.record.endpoint);
        if !self.record.is_marked {
            self.add_outcome(line);
            self.add_times(line);
            self.add_amounts(line);
        }
        self.add_cost(line);
        self.add_gate(line);
    }

    fn add_outcome(&self, line: &mut EventLine) {
        let record = self.record;
        let code = record.failure_code();
        line.count(Metric::Requests, 1);
        line.count_if(Metric::ServerError, record.is_server_error());
        line.count_if(Metric::Answered5xx, record.status >= SERVER_ERROR);
        line.count_if(Metric::RateLimited, record.is_rate_limited());
        line.count_if(Metric::Fallback, record.fallback_from.is_some());
        let rare = [
            (Metric::QuotaExhausted, record.is_quota_exhausted()),
            (Metric::KeyRefused, code == Some(Code::UpstreamAuth)),
            (Metric::BillingRefused, code == Some(Code::UpstreamBilling)),
            (Metric::RetryBudgetEmpty, record.calls.found_budget_empty),
            (Metric::TrialKey, record.has_trial_key()),
        ];
        for (metric, has_happened) in rare {
            if has_happened {
                line.count(metric, 1);
            }
        }
    }

    fn add_times(&self, line: &mut EventLine) {
        let record = self.record;
        let duration = now() - record.started;
        line.measure(Metric::Latency, record.first_event.unwrap_or(duration));
        line.measure(Metric::FirstEventLatency, record.first_event);
        if record.stream {
            line.measure(Metric::StreamDuration, duration);
        }
        line.measure(Metric::OutputTokenTime, self.output_token_time(duration));
        line.measure(Metric::GatewayTime, self.gateway_time());
        let waiting = record.calls.waiting_time;
        if !waiting.is_zero() {
            line.measure(Metric::WaitingTime, waiting);
        }
    }

    /// Returns the time by output token of a chat that was answered whole.
    fn output_token_time(&self, duration: Duration) -> Option<Duration> {
        let record = self.record;
        let is_chat = record.endpoint.model_kind() == Some(Endpoint::Chat);
        let is_whole = is_chat && !record.stream;
        let tokens = record.calls.bill.amount("output_tokens")?;
        if !is_whole || record.failure.is_some() || tokens < MIN_TIMED_TOKENS {
            return None;
        }
        Some(duration.div_f64(tokens))
    }

    /// Returns the gateway's own time before the answer; a caller's reading of a stream is not in it.
    fn gateway_time(&self) -> Duration {
        self.record.first_event_gateway_time.unwrap_or_else(|| self.record.gateway_time())
    }

    fn add_amounts(&self, line: &mut EventLine) {
        let RequestRecord { calls, batch, .. } = self.record;
        line.measure(Metric::InputTokens, calls.bill.amount("input_tokens"));
        line.measure(Metric::OutputTokens, calls.bill.amount("output_tokens"));
        if batch.cache.was_asked() {
            line.count(Metric::CacheInputs, batch.inputs as u64);
            line.count(Metric::CacheHits, batch.hits as u64);
        }
    }

    fn add_cost(&self, line: &mut EventLine) {
        line.count(Metric::CostMicroUsd, self.cost.micro_usd);
        if self.cost.is_unpriced {
            line.count(Metric::UnpricedModel, 1);
        }
    }

    fn add_gate(&self, line: &mut EventLine) {
        let record = self.record;
        line.count(Metric::GateRequests, 1);
        line.count_if(Metric::GateServerError, record.is_server_error());
        line.count_if(Metric::GateRateLimited, record.is_rate_limited());
        let slowest_call = record.calls.slowest_call;
        let latency = match record.endpoint.model_kind() {
            Some(Endpoint::Chat) => record.first_event,
            _ if slowest_call.is_zero() => None,
            _ => Some(slowest_call),
        };
        line.measure(Metric::GateLatency, latency);
        if !self.is_first {
            line.measure(Metric::GateGatewayTime, self.gateway_time());
        }
    }
}
