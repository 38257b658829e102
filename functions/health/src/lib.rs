//! `GET /api/health`: whether Cohere answers, in a form that says nothing more to strangers.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::edge::request::Incoming;
use shared::edge::response::{self, Body, OwnHeader};
use shared::health::Status;

/// The body, the same shape whatever the state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthBody<'a> {
    status: &'static str,
    cohere: CohereBody,
    timestamp: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CohereBody {
    status: &'static str,
    latency_ms: u64,
}

/// Answers with the latest check: 200 while Cohere answers, 503 when it is down or no key is there.
pub async fn answer_request(app: &App, incoming: Incoming) -> http::Response<Body> {
    let report = app.health.report(&app.cohere).await;
    let (status, overall) = summarize_status(report.status);
    let body = HealthBody {
        status: overall,
        cohere: CohereBody {
            status: describe_cohere(report.status),
            latency_ms: report.latency.as_millis() as u64,
        },
        timestamp: &report.timestamp,
        version: &app.config.version,
    };
    let mut answer = response::write_json(status, &body);
    OwnHeader::RequestId.set_text(answer.headers_mut(), &incoming.request_id);
    answer
}

fn summarize_status(cohere: Status) -> (StatusCode, &'static str) {
    match cohere {
        Status::Healthy => (StatusCode::OK, "ok"),
        Status::Degraded | Status::QuotaUsedUp => (StatusCode::OK, "degraded"),
        Status::Unreachable | Status::ModelsRefused | Status::KeyRefused | Status::Billing => {
            (StatusCode::SERVICE_UNAVAILABLE, "degraded")
        }
        Status::KeyMissing => (StatusCode::SERVICE_UNAVAILABLE, "key_missing"),
    }
}

/// Says how Cohere is. The route is open, so it tells nobody what is wrong with the key or the account.
fn describe_cohere(status: Status) -> &'static str {
    match status {
        Status::Healthy => "healthy",
        Status::Degraded | Status::QuotaUsedUp => "degraded",
        Status::Unreachable | Status::ModelsRefused | Status::KeyRefused | Status::Billing => {
            "down"
        }
        Status::KeyMissing => "unknown",
    }
}
