//! A stand-in for AWS Secrets Manager, for this run's credentials only.
//!
//! It serves what the gateway and its operator use: reading, putting and listing versions, moving
//! labels ([`store`]), and rotation by the template's own function ([`rotation`]). Tests share the
//! same [`SecretsManager`]: they put another value, remove one, or make every request slow or fail
//! while the functions run.

#[cfg(test)]
mod client_tests;
mod request;
mod rotation;
mod state;
mod store;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
pub use state::{Behaviour, SecretsManager};
use store::StoreError;
pub use store::secret_arn;

/// The secret with the Cohere API key, by its resource in the template.
pub const API_KEY: &str = "CohereApiKeySecret";
/// The secret with the clients, by its resource in the template.
pub const CLIENTS: &str = "ClientsSecret";
/// The secret with the token of the client that checks the gateway, by its resource in the template.
pub const SYNTHETIC_CLIENT: &str = "SyntheticClientSecret";
/// Every secret of the template.
pub const SECRETS: [&str; 3] = [API_KEY, CLIENTS, SYNTHETIC_CLIENT];

/// Larger than a request with the longest value (64 KiB), which may double as a JSON string.
const MAX_REQUEST_BYTES: usize = 256 * 1024;

impl SecretsManager {
    pub fn to_router(&self) -> Router {
        Router::new().route("/", post(handle_request)).with_state(self.clone())
    }

    /// Runs an operation of AWS's API by its name.
    fn run_operation(&self, operation: &str, body: &[u8]) -> Result<Value, ErrorResponse> {
        let answer = match operation {
            "GetSecretValue" => {
                let get: request::GetRequest = parse_parameters(body)?;
                self.lock_state().store.find(&get.secret_id)?.get_value(&get)?
            }
            "PutSecretValue" => {
                let put: request::PutRequest = parse_parameters(body)?;
                self.lock_state().store.find(&put.secret_id)?.put_value(put)?
            }
            "UpdateSecretVersionStage" => {
                let parameters: request::MoveRequest = parse_parameters(body)?;
                self.lock_state().store.find(&parameters.secret_id)?.move_label(&parameters)?
            }
            "DescribeSecret" => {
                let request::DescribeRequest { secret_id } = parse_parameters(body)?;
                let mut state = self.lock_state();
                let name = state.store.find(&secret_id)?.name().to_owned();
                let function = state.functions.get(&name).map(|function| function.arn());
                state.store.find(&secret_id)?.describe(function.as_deref())
            }
            "ListSecretVersionIds" => {
                let list: request::ListRequest = parse_parameters(body)?;
                self.lock_state().store.find(&list.secret_id)?.list_versions(&list)
            }
            "RotateSecret" => self.start_rotation(parse_parameters(body)?)?,
            _ => {
                let message = format!("{operation:?} is not served here");
                return Err(StoreError("UnknownOperationException", message).into());
            }
        };
        Ok(answer)
    }
}

fn parse_parameters<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, StoreError> {
    match serde_json::from_slice(body) {
        Ok(parameters) => Ok(parameters),
        // serde's own message is left out, because it may quote a value.
        Err(_) => {
            let message = "these are not the operation's parameters".to_owned();
            Err(StoreError("InvalidParameterException", message))
        }
    }
}

/// An error as AWS answers it.
struct ErrorResponse {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl From<StoreError> for ErrorResponse {
    fn from(StoreError(kind, message): StoreError) -> Self {
        ErrorResponse { status: StatusCode::BAD_REQUEST, kind, message }
    }
}

impl ErrorResponse {
    fn bad_request(kind: &'static str, message: &str) -> Self {
        StoreError(kind, message.to_owned()).into()
    }
}

async fn handle_request(State(secrets): State<SecretsManager>, request: Request) -> Response {
    let (status, body) = match answer_request(&secrets, request).await {
        Ok(body) => (StatusCode::OK, body),
        Err(failure) => {
            (failure.status, json!({"__type": failure.kind, "message": failure.message}))
        }
    };
    let mut text = body.to_string();
    if matches!(secrets.lock_state().behaviour, Behaviour::Garbled) {
        text.pop();
    }
    (status, [("content-type", "application/x-amz-json-1.1")], text).into_response()
}

async fn answer_request(
    secrets: &SecretsManager,
    request: Request,
) -> Result<Value, ErrorResponse> {
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation =
        target.and_then(|target| target.strip_prefix("secretsmanager.")).unwrap_or_default();
    let behaviour = {
        let mut state = secrets.lock_state();
        state.reads += usize::from(operation == "GetSecretValue");
        state.behaviour
    };
    match behaviour {
        Behaviour::Normal | Behaviour::Garbled => {}
        Behaviour::Slow(delay) => tokio::time::sleep(delay).await,
        Behaviour::Failing => {
            let message = "An error occurred on the server side.".to_owned();
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(ErrorResponse { status, kind: "InternalServiceError", message });
        }
        Behaviour::Denying => {
            return Err(ErrorResponse::bad_request(
                "AccessDeniedException",
                "not authorized to use this secret",
            ));
        }
        Behaviour::Throttling => {
            return Err(ErrorResponse::bad_request("ThrottlingException", "Rate exceeded"));
        }
    }
    check_credential(&parts.headers, &secrets.access_key)?;
    let body: Bytes = to_bytes(body, MAX_REQUEST_BYTES).await.unwrap_or_default();
    secrets.run_operation(operation, &body)
}

/// The signature itself is not verified: the credential it names must be this run's.
fn check_credential(headers: &HeaderMap, access_key: &str) -> Result<(), ErrorResponse> {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if authorization.is_empty() {
        return Err(ErrorResponse::bad_request(
            "MissingAuthenticationTokenException",
            "the request is not signed",
        ));
    }
    let credential = authorization.split_once("Credential=").unwrap_or_default().1;
    if credential.split('/').next() != Some(access_key) {
        let message = "The security token included in the request is invalid.";
        return Err(ErrorResponse::bad_request("UnrecognizedClientException", message));
    }
    Ok(())
}
