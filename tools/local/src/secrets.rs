//! A stand-in for AWS Secrets Manager: `GetSecretValue`, for this run's credentials only.
//!
//! Tests hold the same [`Secrets`]: they put another value, take one away, or make every read slow or
//! fail, while the functions run.

#[cfg(test)]
mod tests;

use crate::lambda::{ACCOUNT, REGION};
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The secret with the Cohere API key, by its resource in the template.
pub const API_KEY: &str = "CohereApiKeySecret";
/// The secret with the clients, by its resource in the template.
pub const CLIENTS: &str = "ClientsSecret";

const CURRENT: &str = "AWSCURRENT";

/// The secrets of one run; clones share them.
#[derive(Clone)]
pub struct Secrets {
    access_key: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    values: BTreeMap<String, Secret>,
    behaviour: Behaviour,
    reads: usize,
}

struct Secret {
    value: String,
    version: String,
    created: f64,
}

/// What happens to every request.
#[derive(Debug, Clone, Copy, Default)]
pub enum Behaviour {
    #[default]
    Normal,
    /// Answers after this long.
    Slow(Duration),
    /// Answers 500 `InternalServiceError`.
    Failing,
    /// Answers 400 `AccessDeniedException`.
    Denying,
}

impl Secrets {
    /// Without any secret, for requests signed with this access key.
    pub fn new(access_key: &str) -> Self {
        Secrets { access_key: access_key.to_owned(), shared: Arc::default() }
    }

    /// Puts a value under `AWSCURRENT` as a new version and returns the version's id.
    pub fn put(&self, name: &str, value: &str) -> String {
        let version = Uuid::new_v4().to_string();
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let secret = Secret { value: value.to_owned(), version: version.clone(), created };
        self.shared().values.insert(name.to_owned(), secret);
        version
    }

    /// Takes a secret away: from now on it does not exist.
    pub fn remove(&self, name: &str) {
        self.shared().values.remove(name);
    }

    /// Changes what happens to every request from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared().behaviour = behaviour;
    }

    /// Requests to read a secret so far, whatever became of them.
    pub fn reads(&self) -> usize {
        self.shared().reads
    }

    pub fn router(&self) -> Router {
        Router::new().route("/", post(serve)).with_state(self.clone())
    }

    fn get(&self, request: &GetSecretValue) -> Result<Value, Failure> {
        let shared = self.shared();
        let id = request.secret_id.as_str();
        let found = shared.values.iter().find(|(name, _)| *name == id || arn(name) == id);
        let Some((name, secret)) = found else {
            return Err(Failure::not_found("Secrets Manager can't find the specified secret."));
        };
        let stage = request.version_stage.as_deref().unwrap_or(CURRENT);
        let other_version = request.version_id.as_ref().is_some_and(|version| *version != secret.version);
        if stage != CURRENT || other_version {
            let message =
                "Secrets Manager can't find the specified secret value for staging label or version.";
            return Err(Failure::not_found(message));
        }
        Ok(json!({
            "ARN": arn(name),
            "Name": name,
            "VersionId": secret.version,
            "VersionStages": [CURRENT],
            "SecretString": secret.value,
            "CreatedDate": secret.created,
        }))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ARN of a secret, ending in six letters as AWS makes it.
pub fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-aLocal")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

struct Failure {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Failure {
    fn bad_request(kind: &'static str, message: &str) -> Self {
        Failure { status: StatusCode::BAD_REQUEST, kind, message: message.to_owned() }
    }

    fn not_found(message: &str) -> Self {
        Failure::bad_request("ResourceNotFoundException", message)
    }
}

async fn serve(State(secrets): State<Secrets>, request: Request) -> Response {
    let (status, body) = match answer(&secrets, request).await {
        Ok(body) => (StatusCode::OK, body),
        Err(failure) => (failure.status, json!({"__type": failure.kind, "message": failure.message})),
    };
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}

async fn answer(secrets: &Secrets, request: Request) -> Result<Value, Failure> {
    let (parts, body) = request.into_parts();
    let behaviour = {
        let mut shared = secrets.shared();
        shared.reads += 1;
        shared.behaviour
    };
    match behaviour {
        Behaviour::Normal => {}
        Behaviour::Slow(delay) => tokio::time::sleep(delay).await,
        Behaviour::Failing => {
            let message = "An error occurred on the server side.".to_owned();
            return Err(Failure {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                kind: "InternalServiceError",
                message,
            });
        }
        Behaviour::Denying => {
            return Err(Failure::bad_request("AccessDeniedException", "not authorized to read this secret"));
        }
    }
    check_credential(&parts.headers, &secrets.access_key)?;
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if target != Some("secretsmanager.GetSecretValue") {
        return Err(Failure::bad_request("UnknownOperationException", "only GetSecretValue is served here"));
    }
    let invalid = |_| Failure::bad_request("InvalidParameterException", "SecretId is expected");
    let body = to_bytes(body, 64 * 1024).await.unwrap_or_default();
    secrets.get(&serde_json::from_slice(&body).map_err(invalid)?)
}

/// The signature itself is not verified: the credential it names must be this run's.
fn check_credential(headers: &HeaderMap, access_key: &str) -> Result<(), Failure> {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if authorization.is_empty() {
        return Err(Failure::bad_request("MissingAuthenticationTokenException", "the request is not signed"));
    }
    let credential = authorization.split_once("Credential=").map_or("", |(_, credential)| credential);
    if credential.split('/').next() != Some(access_key) {
        let message = "The security token included in the request is invalid.";
        return Err(Failure::bad_request("UnrecognizedClientException", message));
    }
    Ok(())
}
