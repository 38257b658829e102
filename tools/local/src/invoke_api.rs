//! The part of Lambda's own API that invokes a function by its name, for this run's credentials only.

use crate::aws_account::is_signed_with;
use crate::lambda::{Function, InvocationError};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest event of a synchronous invocation.
const EVENT_LIMIT_BYTES: usize = 6 * 1024 * 1024;

/// The functions by their folders.
type Functions = Arc<BTreeMap<String, Arc<Function>>>;

#[derive(Clone)]
struct InvokeApi {
    functions: Functions,
    access_key: String,
}

/// Serves invocations that are signed with this access key.
pub fn invoke_router(functions: BTreeMap<String, Arc<Function>>, access_key: &str) -> Router {
    let api = InvokeApi { functions: Arc::new(functions), access_key: access_key.to_owned() };
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke_function))
        .layer(DefaultBodyLimit::max(EVENT_LIMIT_BYTES))
        .with_state(api)
}

async fn invoke_function(
    State(api): State<InvokeApi>,
    Path(name): Path<String>,
    headers: HeaderMap,
    event: Bytes,
) -> Response {
    if !is_signed_with(&headers, &api.access_key) {
        let message = "The security token included in the request is invalid.";
        return refuse(StatusCode::FORBIDDEN, "UnrecognizedClientException", message);
    }
    let Some(function) = find_function(&api.functions, &name) else {
        let message = format!("Function not found: {name}");
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    // The command line sends nothing where no payload is named.
    let event = if event.is_empty() { Bytes::from_static(b"{}") } else { event };
    let payload = match function.invoke(event).await {
        Ok(payload) => payload.read_to_end().await,
        Err(InvocationError::Throttled) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            return refuse(status, "TooManyRequestsException", "Rate Exceeded.");
        }
        Err(InvocationError::Reported(report)) => return write_failure(report),
        Err(failure @ InvocationError::Crashed(_)) => {
            return write_failure(
                json!({ "errorMessage": failure.to_string() }).to_string().into(),
            );
        }
    };
    match payload {
        Ok(payload) => (StatusCode::OK, payload).into_response(),
        Err(_) => {
            write_failure(json!({ "errorMessage": "the answer broke off" }).to_string().into())
        }
    }
}

/// A function by its folder, or by the name under which it is deployed, with or without the alias.
fn find_function<'a>(
    functions: &'a BTreeMap<String, Arc<Function>>,
    name: &str,
) -> Option<&'a Arc<Function>> {
    let plain = name.split(':').next().unwrap_or(name);
    match functions.get(plain) {
        Some(function) => Some(function),
        None => functions.values().find(|function| function.deployed_name() == plain),
    }
}

/// What an invocation that has failed answers: 200, and a header that says so.
fn write_failure(report: Bytes) -> Response {
    let mut response = (StatusCode::OK, report).into_response();
    let unhandled = HeaderValue::from_static("Unhandled");
    response.headers_mut().insert("x-amz-function-error", unhandled);
    response
}

fn refuse(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body: Value = json!({ "Message": message, "Type": "User" });
    let headers = [("x-amzn-errortype", kind), ("content-type", "application/json")];
    (status, headers, body.to_string()).into_response()
}
