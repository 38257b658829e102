//! The Runtime API of one environment: next, response, error, init/error.
//!
//! A response is passed on chunk by chunk while it is posted, whatever its mode. Once the caller is
//! gone, the function's post is broken off, so that it stops what it streams. Lambda cannot do that: there a
//! function runs on when its caller leaves (`docs/differences.md`), which on a laptop would only cost money.

use super::environment::Environment;
use super::environments::Environments;
use super::invocation::{InvocationError, Payload, PayloadChunk};
use super::launch::Launch;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Longest error report that is read; reports are short texts.
const ERROR_LIMIT_BYTES: usize = 256 * 1024;

/// One environment and what it belongs to.
#[derive(Clone)]
pub struct Session {
    pub launch: Arc<Launch>,
    pub environments: Arc<Environments>,
    pub environment: Arc<Environment>,
}

pub fn build_router(session: Session) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(handle_next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(handle_response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(handle_error))
        .route("/2018-06-01/runtime/init/error", post(handle_init_error))
        .with_state(session)
}

async fn handle_next(State(session): State<Session>) -> Response {
    let Session { launch, environments, environment } = session;
    environments.mark_idle(&environment);
    let timeout = launch.timeout();
    let work = environment.wait_for_invocation(timeout).await;
    let headers = [
        ("lambda-runtime-aws-request-id", work.id),
        ("lambda-runtime-deadline-ms", (time_since_epoch() + timeout).as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", work.arn),
        ("lambda-runtime-trace-id", new_trace_id()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, work.event).into_response()
}

async fn handle_response(
    State(Session { environment, .. }): State<Session>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(answer) = environment.take_answer_sender(&id) else {
        return unknown_invocation_response();
    };
    let mode = headers.get("lambda-runtime-function-response-mode");
    let streamed = mode == Some(&HeaderValue::from_static("streaming"));
    let (pieces, payload) = Payload::new_channel(streamed);
    let _ = answer.send(Ok(payload));
    match forward_body(body, &pieces).await {
        Forwarded::ToTheEnd => {
            environment.mark_answered();
            let _ = pieces.send(PayloadChunk::End).await;
        }
        // That its caller has left is no failure of the function's.
        Forwarded::ToNobody => environment.mark_answered(),
        Forwarded::InPart => {}
    }
    accepted_response()
}

/// How far a body was passed on.
enum Forwarded {
    ToTheEnd,
    /// Nobody reads it any more.
    ToNobody,
    /// The function has broken it off.
    InPart,
}

/// Passes a body on until it ends or nobody reads it.
async fn forward_body(mut body: Body, pieces: &mpsc::Sender<PayloadChunk>) -> Forwarded {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = pieces.closed() => return Forwarded::ToNobody,
        };
        let data = match frame {
            None => return Forwarded::ToTheEnd,
            Some(Err(_)) => return Forwarded::InPart,
            Some(Ok(frame)) => frame.into_data(),
        };
        if let Ok(data) = data
            && pieces.send(PayloadChunk::Data(data)).await.is_err()
        {
            return Forwarded::ToNobody;
        }
    }
}

async fn handle_error(
    State(Session { environment, .. }): State<Session>,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let Some(answer) = environment.take_answer_sender(&id) else {
        return unknown_invocation_response();
    };
    let report = to_bytes(body, ERROR_LIMIT_BYTES).await.unwrap_or_default();
    environment.mark_failed();
    let _ = answer.send(Err(InvocationError::Reported(report)));
    accepted_response()
}

async fn handle_init_error(State(Session { launch, .. }): State<Session>, body: Body) -> Response {
    let report = to_bytes(body, ERROR_LIMIT_BYTES).await.unwrap_or_default();
    launch.write_note(&format!("reports at its start: {}", String::from_utf8_lossy(&report)));
    accepted_response()
}

fn accepted_response() -> Response {
    (StatusCode::ACCEPTED, [("content-type", "application/json")], r#"{"status":"OK"}"#)
        .into_response()
}

fn unknown_invocation_response() -> Response {
    let body = r#"{"errorMessage":"no such invocation","errorType":"InvalidRequestID"}"#;
    (StatusCode::BAD_REQUEST, [("content-type", "application/json")], body).into_response()
}

fn time_since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A trace id in X-Ray's format, marked as not sampled.
pub fn new_trace_id() -> String {
    let random = Uuid::new_v4().simple().to_string();
    let parent = Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{:08x}-{};Parent={};Sampled=0",
        time_since_epoch().as_secs(),
        &random[..24],
        &parent[..16]
    )
}
