//! Rotation as Secrets Manager does it: four events to the secret's function, one after another.
//!
//! The answer to `RotateSecret` comes before the first event. A step that fails ends the rotation
//! and leaves the labels as they are; the next `RotateSecret` then starts that rotation again, from
//! its first step, and answers with an error. AWS repeats a failed step by itself, this does not.

use super::request::RotateRequest;
use super::state::SecretsManager;
use super::store::{CURRENT, PENDING, Result, StoreError, secret_arn, unix_time_now};
use crate::lambda::Function;
use serde_json::{Value, json};
use std::sync::Arc;

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

impl SecretsManager {
    /// Sets the function that rotates a secret; does nothing where there is no such secret.
    pub(crate) fn rotate_with(&self, secret_id: &str, function: Arc<Function>) {
        let mut state = self.lock_state();
        if let Ok(name) = state.store.find(secret_id).map(|secret| secret.name().to_owned()) {
            state.functions.insert(name, function);
        }
    }

    pub(super) fn start_rotation(&self, rotate: RotateRequest) -> Result<Value> {
        let mut state = self.lock_state();
        let name = state.store.find(&rotate.secret_id)?.name().to_owned();
        let Some(function) = state.functions.get(&name).cloned() else {
            let message =
                "No Lambda rotation function ARN is associated with this secret.".to_owned();
            return Err(StoreError("InvalidRequestException", message));
        };
        let secret = state.store.find(&rotate.secret_id)?;
        let unfinished = secret
            .version_with(PENDING)
            .filter(|pending| Some(*pending) != secret.version_with(CURRENT));
        let unfinished = unfinished.map(str::to_owned);
        let is_test = rotate.rotate_immediately == Some(false);
        let token = unfinished.clone().unwrap_or(rotate.client_request_token);
        if !secret.rotating {
            secret.rotating = true;
            if unfinished.is_none() {
                secret.begin_rotation(&token);
            }
            tokio::spawn(self.clone().run_steps(
                name.clone(),
                token.clone(),
                function,
                is_test && unfinished.is_none(),
            ));
        }
        if unfinished.is_some() {
            let message =
                "A previous rotation isn't complete. That rotation will be reattempted.".to_owned();
            return Err(StoreError("InvalidRequestException", message));
        }
        Ok(json!({ "ARN": secret_arn(&name), "Name": name, "VersionId": token }))
    }

    /// Calls the steps until one fails. A test of the configuration (`RotateImmediately: false`) is
    /// one step and leaves no label.
    async fn run_steps(self, name: String, token: String, function: Arc<Function>, is_test: bool) {
        let mut completed = true;
        for step in STEPS.into_iter().filter(|step| !is_test || *step == "testSecret") {
            let event =
                json!({ "Step": step, "SecretId": secret_arn(&name), "ClientRequestToken": token });
            let outcome = match function.invoke(event.to_string().into()).await {
                Ok(payload) => {
                    payload.read_to_end().await.map_err(|_| "the answer broke off".to_owned())
                }
                Err(failure) => Err(failure.to_string()),
            };
            if let Err(problem) = outcome {
                function.write_note(&format!("the rotation of {name} ends at {step}: {problem}"));
                completed = false;
                break;
            }
        }
        let mut state = self.lock_state();
        let Ok(secret) = state.store.find(&name) else { return };
        secret.rotating = false;
        if is_test {
            secret.drop_label(PENDING);
        } else if completed {
            secret.rotated = Some(unix_time_now());
        }
    }
}
