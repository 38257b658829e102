//! The key's rotation as Secrets Manager drives it, event by event, with the real function and the
//! real SDK, on whichever store there is: the local stand-in, or moto.
//!
//! The scenarios are one list, so that both stores are put through the same. Each uses a secret of its
//! own. Keys are accepted or refused by the sandbox.

mod scenarios;
mod store;

pub use scenarios::ALL;
pub use store::Store;

use crate::gateway::{self, Running};
use local::cohere_sandbox::{CohereSandbox, Key};
use serde_json::json;
pub use shared::secrets::secrets_manager::{CURRENT, NEXT, PENDING};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// The steps, in their order.
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// A gateway whose functions use a store, and that store.
pub struct Bench {
    pub running: Running,
    pub store: Store,
}

impl Bench {
    /// Starts a gateway over its own stand-in.
    pub async fn on_stand_in(settings: &[(&str, &str)]) -> Self {
        let running = gateway::start(local::Upstream::Sandbox, settings).await;
        let store = Store::stand_in(&running);
        Self { running, store }
    }

    /// Starts a gateway over the moto server at `url`; its functions know no other store.
    pub async fn on_moto(url: &str, settings: &[(&str, &str)]) -> Self {
        let endpoint = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)];
        let running =
            gateway::start(local::Upstream::Sandbox, &[&endpoint, settings].concat()).await;
        Self { running, store: Store::moto(url) }
    }

    pub fn sandbox(&self) -> &CohereSandbox {
        self.running.gateway.sandbox.as_ref().expect("the sandbox is the upstream")
    }

    /// Makes a secret without a value.
    pub async fn empty(&self) -> Rotated<'_> {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let name = format!("key-{}", LAST.fetch_add(1, Ordering::Relaxed));
        let id = self.store.create(&name).await;
        Rotated { bench: self, name, id }
    }

    /// Makes a secret with a current key that Cohere accepts.
    pub async fn with_current(&self) -> Rotated<'_> {
        let secret = self.empty().await;
        let key = secret.key("current", Some(false));
        secret.put(&key, CURRENT).await;
        secret
    }
}

/// One secret in rotation.
pub struct Rotated<'a> {
    pub bench: &'a Bench,
    name: String,
    id: String,
}

impl Rotated<'_> {
    /// Returns the secret's ARN.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes a key of this secret's own; the sandbox accepts it as a trial key or not, or not at all.
    pub fn key(&self, what: &str, trial: Option<bool>) -> String {
        let value = format!("fake-{what}-{}", self.name);
        match trial {
            Some(trial) => self.bench.sandbox().accept_key(Key { value: value.clone(), trial }),
            None => self.bench.sandbox().revoke_key(&value),
        }
        value
    }

    /// Puts a value under a label; returns the version's id.
    pub async fn put(&self, value: &str, label: &str) -> String {
        let version = token();
        let body = json!({
            "SecretId": self.id, "ClientRequestToken": version, "SecretString": value, "VersionStages": [label],
        });
        self.bench.store.must("PutSecretValue", body).await;
        version
    }

    /// Begins a rotation as Secrets Manager does, without calling its steps; returns its token.
    pub async fn begin(&self) -> String {
        let token = token();
        self.bench.store.begin(&self.name, &self.id, &token).await;
        token
    }

    /// Calls a step; an error is what Secrets Manager would see.
    pub async fn step(&self, step: &str, token: &str) -> Result<(), String> {
        let event = json!({
            "Step": step, "SecretId": self.id, "ClientRequestToken": token, "RotationToken": "unused",
        });
        let answer = self.bench.running.gateway.invoke("rotate-key", event.to_string()).await;
        answer.map(drop).map_err(|error| error.to_string())
    }

    /// Calls steps that must all succeed.
    pub async fn steps(&self, steps: &[&str], token: &str) {
        for step in steps {
            self.step(step, token).await.unwrap_or_else(|problem| panic!("{step}: {problem}"));
        }
    }

    /// Returns the version under a label.
    pub async fn holder(&self, label: &str) -> Option<String> {
        let body = self.bench.store.must("DescribeSecret", json!({ "SecretId": self.id })).await;
        let versions = body["VersionIdsToStages"].as_object()?.clone();
        let has = |labels: &serde_json::Value| {
            labels.as_array().is_some_and(|all| all.contains(&json!(label)))
        };
        versions.into_iter().find(|(_, labels)| has(labels)).map(|(version, _)| version)
    }

    /// Returns the value under a label.
    pub async fn value(&self, label: &str) -> Option<String> {
        let body = json!({ "SecretId": self.id, "VersionStage": label });
        let (status, body) = self.bench.store.ask("GetSecretValue", body).await;
        (status == 200).then(|| body["SecretString"].as_str().unwrap_or_default().to_string())
    }

    /// Moves a label as nobody but a test would.
    pub async fn move_label(&self, label: &str, from: &str, to: &str) {
        let body = json!({
            "SecretId": self.id, "VersionStage": label, "RemoveFromVersionId": from, "MoveToVersionId": to,
        });
        self.bench.store.must("UpdateSecretVersionStage", body).await;
    }

    /// Checks what a finished rotation leaves.
    pub async fn assert_rotated(&self, token: &str, key: &str, before: &str) {
        assert_eq!(self.holder(CURRENT).await.as_deref(), Some(token));
        assert_eq!(self.value(CURRENT).await.as_deref(), Some(key));
        assert_eq!(self.holder(PREVIOUS).await.as_deref(), Some(before));
        assert_eq!((self.holder(NEXT).await, self.holder(PENDING).await), (None, None));
    }

    /// Checks that a rotation has left nothing behind, so that another can begin.
    pub async fn assert_given_up(&self, before: &str) {
        assert_eq!(self.holder(CURRENT).await.as_deref(), Some(before));
        assert_eq!(self.holder(PENDING).await, None);
    }
}

/// A request token that no other rotation has.
fn token() -> String {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    format!("00000000-0000-4000-8000-{:06x}{number:06x}", std::process::id() & 0xff_ffff)
}
