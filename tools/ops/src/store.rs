//! One secret of AWS Secrets Manager, with what an operator needs of it.

use crate::aws::Session;
use crate::output::say;
use crate::problem::explain;
use anyhow::anyhow;
use shared::secrets::secrets_manager::{
    CURRENT, Description, ListedVersion, SecretsManager, StoreError, Version,
};
use shared::secrets::source::Secret;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// The label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// One secret.
pub struct Store {
    secret: SecretsManager,
    /// Time of one question.
    limit: Duration,
}

/// What became of an attempt to replace the current version.
#[derive(Debug, PartialEq)]
pub enum Replaced {
    Yes,
    /// Another version than the one that was read is current.
    SomebodyWasFaster,
}

impl Store {
    /// Prepares to use the secret called `id`; asks nothing of it yet.
    pub fn with_session(session: &Session, id: &str) -> Self {
        let secret = SecretsManager::from_config(&session.config, id);
        Self { secret, limit: session.limit }
    }

    /// Returns the name or ARN that it was asked for by.
    pub fn id(&self) -> &str {
        self.secret.secret_id()
    }

    /// Reads the current version; `None` where the secret has no value yet.
    pub async fn current(&self) -> anyhow::Result<Option<Version>> {
        match self.secret.find_version(CURRENT, None).await {
            // No value, or no secret: only its description tells.
            Ok(None) => self.describe().await.map(|_| None),
            Ok(version) => Ok(version),
            Err(error) => Err(self.problem("read", &error)),
        }
    }

    /// Describes the secret: labels and dates, no value.
    pub async fn describe(&self) -> anyhow::Result<Description> {
        self.secret.describe_secret().await.map_err(|error| self.problem("describe", &error))
    }

    /// Returns the version that has each label.
    pub async fn labels(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let versions = self.describe().await?.labels.into_iter();
        let labels = versions
            .flat_map(|(id, labels)| labels.into_iter().map(move |label| (label, id.clone())));
        Ok(labels.collect())
    }

    /// Lists the versions that have a label.
    pub async fn versions(&self) -> anyhow::Result<Vec<ListedVersion>> {
        let listed = self.secret.list_versions().await;
        listed.map_err(|error| self.problem("list the versions of", &error))
    }

    /// Puts a text as a new version under `label`; returns the version and all its labels.
    ///
    /// The first version a secret gets is current, whatever its label.
    pub async fn put(&self, text: &str, label: &str) -> anyhow::Result<(String, Vec<String>)> {
        let id = Uuid::new_v4().to_string();
        let labels = self.secret.put_version(&id, &Secret::new(text), label).await;
        Ok((id, labels.map_err(|error| self.problem("write", &error))?))
    }

    /// Makes a text current, but only in place of the version `read`.
    pub async fn replace_current(
        &self,
        read: Option<&str>,
        text: &str,
    ) -> anyhow::Result<Replaced> {
        // A label of this edit alone: a version without any may be swept away before it is current.
        let label = format!("EDIT-{}", Uuid::new_v4());
        let (id, labels) = self.put(text, &label).await?;
        let replaced = match read {
            None if labels.iter().any(|label| label == CURRENT) => Ok(Replaced::Yes),
            _ => self.make_current(&id, read).await,
        };
        if let Err(problem) = self.drop_label(&label, &id).await {
            say(&format!("warning: the label {label} stays behind: {problem:#}"));
        }
        replaced
    }

    /// Takes a label off a version.
    pub async fn drop_label(&self, label: &str, id: &str) -> anyhow::Result<()> {
        let dropped = self.secret.move_label(label, Some(id), None).await;
        dropped.map_err(|error| self.problem("remove a label from", &error))
    }

    /// Moves `AWSCURRENT`, which AWS refuses where it is no longer on the version `read`.
    async fn make_current(&self, id: &str, read: Option<&str>) -> anyhow::Result<Replaced> {
        let Err(error) = self.secret.move_label(CURRENT, read, Some(id)).await else {
            return Ok(Replaced::Yes);
        };
        // Refused, or done by a first try whose answer was lost: where the label is now tells.
        match self.labels().await?.get(CURRENT).map(String::as_str) {
            Some(current) if current == id => Ok(Replaced::Yes),
            current if current != read => Ok(Replaced::SomebodyWasFaster),
            _ => Err(self.problem("make a new version current of", &error)),
        }
    }

    /// Asks for a rotation and returns the id of the version it makes.
    ///
    /// An earlier rotation that did not finish is taken up again by AWS, which then tells so: `None`.
    pub async fn rotate(&self) -> anyhow::Result<Option<String>> {
        match self.secret.start_rotation(&Uuid::new_v4().to_string()).await {
            Ok(version) => Ok(Some(version)),
            Err(StoreError::Refused { message: Some(said), .. })
                if said.contains("previous rotation") =>
            {
                Ok(None)
            }
            Err(error) => Err(self.problem("rotate", &error)),
        }
    }

    fn problem(&self, doing: &str, error: &StoreError) -> anyhow::Error {
        anyhow!("cannot {doing} the secret: {}", explain(error, self.limit))
    }
}
