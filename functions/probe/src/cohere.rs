//! What the health check has found, by whose affair it is. Only `unreachable` speaks of Cohere.

use shared::health::Status;
use shared::telemetry::metrics::Metric;

/// How Cohere is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CohereOutcome {
    Ok,
    /// It answers, but is throttled, or not on the model that was asked first.
    Degraded,
    Unreachable,
    KeyMissing,
    KeyRefused,
    /// The account owes, or its month is used up.
    Billing,
}

impl CohereOutcome {
    /// The metric of each outcome.
    pub(crate) const METRICS: [(Metric, CohereOutcome); 6] = [
        (Metric::ProbeOk, CohereOutcome::Ok),
        (Metric::ProbeDegraded, CohereOutcome::Degraded),
        (Metric::ProbeUnreachable, CohereOutcome::Unreachable),
        (Metric::ProbeKeyMissing, CohereOutcome::KeyMissing),
        (Metric::ProbeKeyRefused, CohereOutcome::KeyRefused),
        (Metric::ProbeBilling, CohereOutcome::Billing),
    ];

    pub(crate) fn from_status(status: Status) -> Self {
        match status {
            Status::Healthy => CohereOutcome::Ok,
            // Whoever refuses two models answers: what the settings name is out of date.
            Status::Degraded | Status::ModelsRefused => CohereOutcome::Degraded,
            Status::Unreachable => CohereOutcome::Unreachable,
            Status::KeyMissing => CohereOutcome::KeyMissing,
            Status::KeyRefused => CohereOutcome::KeyRefused,
            Status::Billing | Status::QuotaUsedUp => CohereOutcome::Billing,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CohereOutcome::Ok => "ok",
            CohereOutcome::Degraded => "degraded",
            CohereOutcome::Unreachable => "unreachable",
            CohereOutcome::KeyMissing => "key_missing",
            CohereOutcome::KeyRefused => "key_refused",
            CohereOutcome::Billing => "billing",
        }
    }
}
