//! One secret of AWS Secrets Manager, with what an operator needs of it.

use crate::output::say;
use crate::problem::{Usage, explain};
use anyhow::{Context, anyhow};
use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use shared::config::HttpConfig;
use shared::secrets::secrets_manager::{
    CURRENT, Description, ListedVersion, SecretsManager, StoreError, Version, http_client,
};
use shared::secrets::source::Secret;
use shared::transport::Transport;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Where the SDK takes an endpoint from.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"];

/// One secret.
pub struct Store {
    secret: SecretsManager,
}

/// What became of an attempt to replace the current version.
#[derive(Debug, PartialEq)]
pub enum Replaced {
    Yes,
    /// Another version than the one that was read is current.
    SomebodyWasFaster,
}

impl Store {
    /// Prepares to use the secret called `id`; asks nothing yet.
    ///
    /// Credentials come from the environment or a profile, over the gateway's own HTTP client: the SDK's would
    /// bring a second library of TLS.
    pub async fn open(id: &str) -> anyhow::Result<Self> {
        for name in ENDPOINTS {
            std::env::var(name).map_or(Ok(()), |url| check_endpoint(name, &url))?;
        }
        let http = HttpConfig {
            upstream_url: String::new(),
            connect_timeout: Duration::from_secs(5),
            pool_idle: Duration::from_secs(30),
            max_answer_bytes: 1 << 20,
        };
        let transport =
            Transport::new(&http).map_err(|error| anyhow!("cannot set up TLS: {error}"))?;
        let times =
            TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(20)).build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(&transport))
            .timeout_config(times)
            .load()
            .await;
        config
            .region()
            .context("no AWS region is set: set AWS_REGION, or a profile by AWS_PROFILE")?;
        config
            .endpoint_url()
            .map_or(Ok(()), |url| check_endpoint("the profile's endpoint_url", url))?;
        Ok(Self { secret: SecretsManager::from_config(&config, id) })
    }

    /// Returns the name the secret was asked for by.
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
        anyhow!("cannot {doing} the secret {}: {}", self.id(), explain(error))
    }
}

/// Refuses what is no URL: the SDK would notice only with the request made, or ignore it and ask AWS.
fn check_endpoint(name: &str, url: &str) -> Result<(), Usage> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split([':', '/', '?', '#']).next()).unwrap_or_default();
    match host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        true => Err(Usage(format!("{name} is {url:?}: http://… or https://… is expected"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_a_url_with_a_host() {
        for fine in ["http://localhost:39003", "https://x/y", "http://[::1]:80"] {
            assert!(check_endpoint("X", fine).is_ok(), "{fine}");
        }
        for bad in
            ["", "localhost:39003", "nonsense", "http://", "http://:80", "ftp://x", "http://a b"]
        {
            assert!(check_endpoint("X", bad).is_err(), "{bad}");
        }
        assert_eq!(
            check_endpoint("AWS_ENDPOINT_URL", "localhost:39003").unwrap_err().to_string(),
            "AWS_ENDPOINT_URL is \"localhost:39003\": http://… or https://… is expected"
        );
    }
}
