//! `GET /api/health`: whether Cohere answers, in a form that says nothing more to strangers.

use http::StatusCode;
use serde_json::json;
use shared::app::App;
use shared::edge::response::{self, Body};
use shared::health::{Report, Status};

/// Answers with the latest check: 200 while Cohere answers, 503 when it is down, the body always the same shape.
pub async fn answer(app: &App) -> http::Response<Body> {
    let report = app.health.report(&app.cohere).await;
    let (status, overall) = summary(&report);
    let body = json!({
        "status": overall,
        "cohere": { "status": report.status.as_str(), "latencyMs": report.latency.as_millis() as u64 },
        "timestamp": report.timestamp,
        "version": app.config.version,
    });
    response::json(status, &body)
}

fn summary(report: &Report) -> (StatusCode, &'static str) {
    match report.status {
        Status::Healthy => (StatusCode::OK, "ok"),
        Status::Degraded => (StatusCode::OK, "degraded"),
        Status::Down => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
    }
}
