//! The part of Lambda's own API that invokes a function, and reads and moves its alias, for this run's
//! credentials only.

mod address;
mod alias;

use crate::aws_account::is_signed_with;
use crate::lambda::{Function, FunctionVersion, InvocationError, Qualifier};
use address::find_function;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
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

/// Serves calls that are signed with this access key.
pub fn invoke_router(functions: BTreeMap<String, Arc<Function>>, access_key: &str) -> Router {
    let api = InvokeApi { functions: Arc::new(functions), access_key: access_key.to_owned() };
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke_function))
        .route(
            "/2015-03-31/functions/{name}/aliases/{alias}",
            get(alias::read_alias).put(alias::update_alias),
        )
        .layer(DefaultBodyLimit::max(EVENT_LIMIT_BYTES))
        .with_state(api)
}

impl InvokeApi {
    fn check_credential(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if is_signed_with(headers, &self.access_key) {
            return Ok(());
        }
        let message = "The security token included in the request is invalid.";
        Err(Refusal::new(StatusCode::FORBIDDEN, "UnrecognizedClientException", message))
    }
}

async fn invoke_function(
    State(api): State<InvokeApi>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    event: Bytes,
) -> Result<Response, Refusal> {
    api.check_credential(&headers)?;
    let (function, qualifier) = find_function(&api.functions, &name, query.as_deref())?;
    let Some(version) = function.find_version(qualifier) else {
        return Err(address::not_found(&name));
    };
    // The command line sends nothing where no payload is named.
    let event = if event.is_empty() { Bytes::from_static(b"{}") } else { event };
    let kind = headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok());
    let executed = version.number();
    let mut response = match kind {
        Some("DryRun") => StatusCode::NO_CONTENT.into_response(),
        Some("Event") => {
            let function = function.clone();
            // Lambda would try a failed one again, unless it is told not to, as the template does.
            tokio::spawn(
                async move { run_invocation(&function, &version, qualifier, event).await },
            );
            StatusCode::ACCEPTED.into_response()
        }
        _ => run_invocation(&function, &version, qualifier, event).await,
    };
    response.headers_mut().insert("x-amz-executed-version", HeaderValue::from(executed));
    Ok(response)
}

/// Runs one invocation to its end, whoever waits for it.
async fn run_invocation(
    function: &Function,
    version: &FunctionVersion,
    qualifier: Qualifier,
    event: Bytes,
) -> Response {
    let payload = match function.invoke_version(version, qualifier, event).await {
        Ok(payload) => payload.read_to_end().await,
        Err(InvocationError::Throttled) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let refusal = Refusal::new(status, "TooManyRequestsException", "Rate Exceeded.");
            return refusal.into_response();
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

/// What an invocation that has failed answers: 200, and a header that says so.
fn write_failure(report: Bytes) -> Response {
    let mut response = (StatusCode::OK, report).into_response();
    let unhandled = HeaderValue::from_static("Unhandled");
    response.headers_mut().insert("x-amz-function-error", unhandled);
    response
}

/// A refusal: status, AWS's kind of it, and a message.
struct Refusal(StatusCode, &'static str, String);

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Refusal(status, kind, message.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, kind, message) = self;
        let body: Value = json!({ "Message": message, "Type": "User" });
        let headers = [("x-amzn-errortype", kind), ("content-type", "application/json")];
        (status, headers, body.to_string()).into_response()
    }
}
