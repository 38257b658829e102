//! Whether Cohere answers: a chat of one token on a light model, kept for a while.
//!
//! Scope: environment. The result is shared by all callers of its time, and one check runs at a
//! time, so that the open route cannot be used to spend money.

use crate::clock::{Instant, format_iso8601, now, since_epoch};
use crate::cohere::client::{Call, Cohere};
use crate::cohere::ping::ping_body;
use crate::config::{HealthConfig, PricesConfig};
use crate::cost::Prices;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError};
use crate::record::{BilledUnits, CallStats};
use crate::resilience::rate::RateCost;
use crate::telemetry::event_line::{EventLine, Level};
use crate::telemetry::invocation::InvocationIds;
use crate::telemetry::metrics::Metric;
use crate::telemetry::model_names::name_model;
use crate::telemetry::redact::redact_id;
use crate::wire::chat::find_parts;
use http::HeaderMap;
use std::time::Duration;
use tokio::sync::Mutex;

/// How well Cohere answers, and whose affair it is where it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Healthy,
    /// It answers, but is throttled or only on the fallback model.
    Degraded,
    /// No connection, no answer in time, a server error, or an answer that cannot be read.
    Unreachable,
    /// It answers and refuses both models, which the settings name.
    ModelsRefused,
    /// The gateway has no key, so nobody could ask.
    KeyMissing,
    /// The key is refused, and there is no newer one.
    KeyRefused,
    /// The account is refused for payment.
    Billing,
    /// The account's month is used up.
    QuotaUsedUp,
}

/// The result of one check.
#[derive(Clone, Debug)]
pub struct Report {
    pub status: Status,
    pub latency: Duration,
    /// When the check ended, ISO-8601 in UTC.
    pub timestamp: String,
}

/// Checks Cohere and keeps the result.
pub struct HealthCheck {
    config: HealthConfig,
    prices: Prices,
    // Held over the check on purpose: one caller checks, the others wait for its result.
    last: Mutex<Option<(Report, Instant)>>,
}

impl HealthCheck {
    pub fn new(config: HealthConfig, prices: PricesConfig) -> Self {
        Self { config, prices: Prices::new(prices), last: Mutex::new(None) }
    }

    /// Returns the latest result, checking anew where its time is over.
    pub async fn report(&self, cohere: &Cohere) -> Report {
        let mut last = self.last.lock().await;
        if let Some((report, fresh_until)) = last.as_ref()
            && now() < *fresh_until
        {
            return report.clone();
        }
        let report = self.check(cohere).await;
        *last = Some((report.clone(), now() + self.config.cache));
        report
    }

    async fn check(&self, cohere: &Cohere) -> Report {
        let started = now();
        let mut tried = self.try_model(cohere, &self.config.model).await;
        // A refusal of the model itself says nothing about Cohere, so a second model is tried.
        if tried.may_be_of_the_model {
            tried = self.try_model(cohere, &self.config.fallback_model).await;
            if tried.status == Status::Healthy {
                tried.status = Status::Degraded;
            }
        }
        let status = tried.status;
        Report { status, latency: now() - started, timestamp: format_iso8601(since_epoch()) }
    }

    /// Chats one token.
    async fn try_model(&self, cohere: &Cohere, model: &str) -> TriedModel {
        let timeout = self.config.timeout;
        let call = Call {
            path_rest: String::new(),
            is_repeatable: true,
            endpoint: Endpoint::Chat,
            model: model.to_string(),
            body: ping_body(model),
            expected_results: None,
            headers: HeaderMap::new(),
            attempt_timeout: timeout,
            deadline: Deadline::new(now(), timeout, None, timeout),
            cost: RateCost::ONE,
        };
        let mut stats = CallStats::default();
        let mut answer = cohere.call(&call, &mut stats).await;
        // A key that has just been replaced is no fault of Cohere's, as with any request.
        if let Err(error) = &answer
            && is_key_refused(error)
            && cohere.read_newer_key(stats.key_version.as_deref().unwrap_or_default()).await
        {
            answer = cohere.call(&call, &mut stats).await;
        }
        match answer {
            Ok(body) => {
                let usage = find_parts(&body).map(|parts| parts.usage).unwrap_or_default();
                stats.record_billed(model, &BilledUnits::parse_usage(usage));
                self.write_line(model, &stats);
                TriedModel { status: Status::Healthy, may_be_of_the_model: false }
            }
            Err(error) => {
                log_failed_check(model, &error);
                let may_be_of_the_model = error.code == Code::InvalidRequest;
                TriedModel { status: find_status(&error), may_be_of_the_model }
            }
        }
    }
}

impl HealthCheck {
    /// Writes that Cohere has answered, and what that costs.
    fn write_line(&self, model: &str, stats: &CallStats) {
        let cost = self.prices.price(&stats.bill);
        let mut line = EventLine::new(Level::Info, "health_checked", "health check");
        line.add_invocation(InvocationIds::current().as_ref());
        line.add("model", redact_id(&name_model(model)));
        line.add("upstream_ms", stats.upstream_time);
        line.set_endpoint(Endpoint::Chat);
        line.count(Metric::CostMicroUsd, cost.micro_usd);
        if cost.is_unpriced {
            line.count(Metric::UnpricedModel, 1);
        }
        line.write();
    }
}

/// What one model's chat says.
struct TriedModel {
    status: Status,
    /// Another model may be served all the same.
    may_be_of_the_model: bool,
}

/// Tells whether Cohere refuses the key, or what it may do: a newer one may be served.
fn is_key_refused(error: &GatewayError) -> bool {
    let status = error.upstream.as_ref().map(|upstream| upstream.status);
    match error.code {
        Code::UpstreamAuth => true,
        Code::InvalidRequest => status == Some(403),
        _ => false,
    }
}

/// Returns what a failed chat says.
fn find_status(error: &GatewayError) -> Status {
    match error.code {
        _ if is_key_refused(error) => Status::KeyRefused,
        Code::RateLimited => Status::Degraded,
        Code::QuotaExhausted => Status::QuotaUsedUp,
        Code::UpstreamBilling => Status::Billing,
        Code::KeyMissing => Status::KeyMissing,
        Code::InvalidRequest | Code::ModelRetired | Code::ModelNotAllowed => Status::ModelsRefused,
        _ => Status::Unreachable,
    }
}

fn log_failed_check(model: &str, error: &GatewayError) {
    let status = error.upstream.as_ref().map(|upstream| upstream.status);
    let (code, detail) = (error.code.as_str(), error.detail.as_deref());
    tracing::warn!(
        event = "health_check_failed",
        model,
        code,
        upstream_status = status,
        detail,
        "health check failed"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cohere::classify::from_response;

    #[test]
    fn only_a_failing_cohere_is_unreachable() {
        let refusal = br#"{"id":"i","message":"no"}"#;
        for (status, body, expected) in [
            (500, &refusal[..], Status::Unreachable),
            (503, b"<html>", Status::Unreachable),
            (408, refusal, Status::Unreachable),
            (403, b"<html>", Status::Unreachable),
            (401, refusal, Status::KeyRefused),
            (403, refusal, Status::KeyRefused),
            (402, refusal, Status::Billing),
            (404, refusal, Status::ModelsRefused),
            (429, refusal, Status::Degraded),
            (429, br#"{"message":"1000 API calls / month"}"#, Status::QuotaUsedUp),
        ] {
            assert_eq!(find_status(&from_response(status, &HeaderMap::new(), body)), expected);
        }
        assert_eq!(find_status(&GatewayError::new(Code::KeyMissing, "")), Status::KeyMissing);
        assert_eq!(find_status(&GatewayError::new(Code::UpstreamTimeout, "")), Status::Unreachable);
    }
}
