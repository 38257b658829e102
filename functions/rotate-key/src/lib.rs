//! Rotation of the Cohere key, as Secrets Manager calls it: four events, one after another.
//!
//! Cohere has no call that makes a key. So an operator puts the new one under the label `NEXT` and asks
//! for rotation; it becomes current only after Cohere has accepted it. Every step may be interrupted and
//! repeated. What no repetition can cure (no `NEXT`, a refused key) takes `AWSPENDING` off again: while
//! that label stays on a version, Secrets Manager would only ever take up the old rotation.

mod check;
mod failure;
mod steps;

use check::KeyCheck;
use failure::RotationFailure;
use serde::Deserialize;
use serde_json::json;
use shared::config::rotation::RotationConfig;
use shared::config::vars::Vars;
use shared::secrets::key::{days_since, write_age};
use shared::secrets::secrets_manager::{CURRENT, PENDING, SecretsManager, StoreError};
use shared::telemetry::event_line::set_origin;
use shared::telemetry::metrics::{self, Metric};
use shared::telemetry::redact;
use shared::transport::Transport;
use std::error::Error;
use std::time::Duration;
use steps::{AcceptedVersion, Rotation, StepOutcome};

/// Time of a whole step, below the function's own, so that its failure is told.
const STEP_LIMIT: Duration = Duration::from_secs(45);

/// Time of each call that follows a step: cleaning up, and reading the age of the key in use.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// What Secrets Manager sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    step: Step,
    secret_id: String,
    /// Id of the version that becomes current in the end.
    client_request_token: String,
}

/// The steps, in their order.
#[derive(Clone, Copy, Debug, Deserialize)]
enum Step {
    #[serde(rename = "createSecret")]
    Create,
    #[serde(rename = "setSecret")]
    Set,
    #[serde(rename = "testSecret")]
    Test,
    #[serde(rename = "finishSecret")]
    Finish,
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Step::Create => "createSecret",
            Step::Set => "setSecret",
            Step::Test => "testSecret",
            Step::Finish => "finishSecret",
        }
    }
}

/// Rotates keys. Scope: environment.
pub struct Rotator {
    secrets: SecretsManager,
    check: KeyCheck,
    accepted: AcceptedVersion,
    allows_trial_key: bool,
}

impl Rotator {
    /// Builds the rotator; asks nothing yet.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let config = RotationConfig::from_vars(&vars)?;
        set_origin(&config.service, &config.version);
        let transport = Transport::new(&config.http)?;
        let (id, url) = (&config.secret_id, config.store_url.as_deref());
        let secrets = SecretsManager::new(&transport, id, url).await;
        let check = KeyCheck::new(transport, &config.http.upstream_url, config.check);
        let (accepted, allows_trial_key) = (AcceptedVersion::default(), config.allows_trial_key);
        Ok(Box::leak(Box::new(Self { secrets, check, accepted, allows_trial_key })))
    }

    /// Does one step.
    ///
    /// # Errors
    /// Whatever keeps the new key from becoming current; the invocation must then fail.
    pub async fn rotate(&'static self, event: RotationEvent) -> Result<(), RotationFailure> {
        let rotation = Rotation {
            secret: self.secrets.for_secret(&event.secret_id),
            token: &event.client_request_token,
            check: &self.check,
            accepted: &self.accepted,
            allows_trial_key: self.allows_trial_key,
        };
        let step = async {
            match event.step {
                Step::Create => rotation.create_secret().await,
                Step::Set => rotation.set_secret().await,
                Step::Test => rotation.test_secret().await,
                Step::Finish => rotation.finish_secret().await,
            }
        };
        let done =
            tokio::time::timeout(STEP_LIMIT, step).await.unwrap_or(Err(RotationFailure::TooLate));
        if let Err(failure) = &done
            && failure.is_final()
            && let Err(error) = limit_time(AFTERWARDS, rotation.give_up()).await
        {
            tracing::warn!(
                event = "pending_label_left_by_failure",
                problem = %error,
                "{PENDING} stays on the version of a rotation that was given up"
            );
        }
        log_step(&event, &rotation.secret, &done).await;
        done.map(drop)
    }
}

/// Ends a call of the store that nothing depends on.
async fn limit_time<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(StoreError::TimedOut))
}

/// Writes the one line of a step, and the metrics.
async fn log_step(
    event: &RotationEvent,
    secret: &SecretsManager,
    done: &Result<StepOutcome, RotationFailure>,
) {
    let current = limit_time(AFTERWARDS, secret.find_version(CURRENT, None)).await.ok().flatten();
    let (step, pending_version) =
        (event.step.as_str(), redact::redact_id(&event.client_request_token));
    let key_version = current.as_ref().map(|current| current.id.as_str());
    let key_age_days = current.as_ref().and_then(|current| current.created).map(days_since);
    match done {
        Ok(outcome) => {
            let outcome = outcome.as_str();
            tracing::info!(
                event = "rotation_step_done",
                step,
                outcome,
                pending_version,
                key_version,
                key_age_days,
                "rotation"
            );
        }
        Err(failure) => {
            let (code, problem) = (failure.code(), failure.to_string());
            tracing::error!(
                event = "rotation_step_failed",
                step,
                code,
                problem,
                pending_version,
                key_version,
                key_age_days,
                "rotation"
            );
            let fields = json!({ "Step": step, "Code": code });
            metrics::count_for_service(Metric::RotationFailed, fields);
        }
    }
    if let Some(current) = &current {
        write_age(&current.id, current.created);
    }
}
