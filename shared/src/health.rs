//! Whether Cohere answers: a chat of one token on a light model, kept for a while.
//!
//! Scope: environment. The result is shared by all callers of its time, and one check runs at a
//! time, so that the open route cannot be used to spend money.

use crate::clock::{Instant, format_iso8601, now, since_epoch};
use crate::cohere::client::{Call, Cohere};
use crate::cohere::ping::ping_body;
use crate::config::HealthConfig;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError};
use crate::record::CallStats;
use http::HeaderMap;
use std::time::Duration;
use tokio::sync::Mutex;

/// How well Cohere answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Healthy,
    /// It answers, but is throttled or only on the fallback model.
    Degraded,
    Down,
    /// The gateway has no key, so nobody could ask.
    KeyMissing,
}

impl Status {
    /// Returns what is known of Cohere.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Healthy => "healthy",
            Status::Degraded => "degraded",
            Status::Down => "down",
            Status::KeyMissing => "unknown",
        }
    }
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
    // Held over the check on purpose: one caller checks, the others wait for its result.
    last: Mutex<Option<(Report, Instant)>>,
}

impl HealthCheck {
    pub fn new(config: HealthConfig) -> Self {
        Self { config, last: Mutex::new(None) }
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
        let mut status = self.try_model(cohere, &self.config.model).await;
        // A refusal of the model itself says nothing about Cohere, so a second model is tried.
        if status.is_none() {
            let second = self.try_model(cohere, &self.config.fallback_model).await;
            status = Some(if second == Some(Status::Healthy) {
                Status::Degraded
            } else {
                second.unwrap_or(Status::Down)
            });
        }
        let status = status.unwrap_or(Status::Down);
        Report { status, latency: now() - started, timestamp: format_iso8601(since_epoch()) }
    }

    /// Chats one token; `None` where Cohere refuses the request for this model.
    async fn try_model(&self, cohere: &Cohere, model: &str) -> Option<Status> {
        let timeout = self.config.timeout;
        let call = Call {
            endpoint: Endpoint::Chat,
            model: model.to_string(),
            body: ping_body(model),
            expected_results: None,
            headers: HeaderMap::new(),
            attempt_timeout: timeout,
            deadline: Deadline::new(now(), timeout, None, timeout),
        };
        let mut stats = CallStats::default();
        let mut answer = cohere.call(&call, &mut stats).await;
        // A key that has just been replaced is no fault of Cohere's, as with any request.
        if let Err(error) = &answer
            && error.code == Code::UpstreamAuth
            && cohere.read_newer_key(stats.key_version.as_deref().unwrap_or_default()).await
        {
            answer = cohere.call(&call, &mut stats).await;
        }
        match answer {
            Ok(_) => Some(Status::Healthy),
            Err(error) => {
                log_failed_check(model, &error);
                match error.code {
                    Code::RateLimited | Code::QuotaExhausted => Some(Status::Degraded),
                    Code::InvalidRequest => None,
                    Code::KeyMissing => Some(Status::KeyMissing),
                    _ => Some(Status::Down),
                }
            }
        }
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
