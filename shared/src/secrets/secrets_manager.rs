//! AWS Secrets Manager, the only store of secrets.
//!
//! The SDK runs over the gateway's own HTTP client and takes region and credentials from the
//! environment, where Lambda puts them: a second client and the SDK's search for credentials would
//! be most of a cold start. Its configuration is put together here and not by its loader, so that no
//! function contains that search, whatever else is built beside it.

use crate::secrets::sdk_transport::http_client;
use crate::secrets::source::{Fetching, Secret, SecretSource, StoredSecret};
use crate::telemetry::redact;
use crate::transport::Transport;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use memchr::memmem;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The label of the version in use.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of a version that a rotation is filling.
pub const PENDING: &str = "AWSPENDING";
/// Our own label for a key that waits for its rotation.
///
/// Staging it as `AWSPENDING` would look to AWS like a rotation that was never finished.
pub const NEXT: &str = "NEXT";

/// One secret in Secrets Manager. Its calls are boxed: the SDK's are large and nest deeply.
pub struct SecretsManager {
    client: Client,
    id: String,
}

/// One version of a secret, with its value.
#[derive(Debug)]
pub struct Version {
    pub id: String,
    pub text: Secret,
    /// Since 1970.
    pub created: Option<Duration>,
}

/// What a secret's description tells: labels and dates, no value.
#[derive(Debug)]
pub struct Description {
    /// The labels of every version that has any.
    pub labels: HashMap<String, Vec<String>>,
    /// Since 1970.
    pub last_rotated: Option<Duration>,
}

/// A version of a secret without its value.
#[derive(Debug)]
pub struct ListedVersion {
    pub id: String,
    pub labels: Vec<String>,
    /// Since 1970.
    pub created: Option<Duration>,
}

impl SecretsManager {
    /// Prepares to use the secret called `id`, at `url` or where the region says; asks nothing yet.
    pub async fn new(transport: &Transport, id: &str, url: Option<&str>) -> Self {
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client(transport))
            .region(EnvironmentVariableRegionProvider::new().region().await)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // One try: the reader has 2 seconds, keeps the old value, and reads again at the next
            // request.
            .retry_config(RetryConfig::disabled());
        config.set_endpoint_url(url.map(str::to_string));
        Self::from_config(&config.build(), id)
    }

    /// Prepares to use a secret with other credentials, retries and times than a function's.
    pub fn from_config(config: &SdkConfig, id: &str) -> Self {
        Self { client: Client::new(config), id: id.to_string() }
    }

    /// Prepares to use another secret with the same client.
    pub fn for_secret(&self, id: &str) -> Self {
        Self { client: self.client.clone(), id: id.to_string() }
    }

    /// Returns the name the secret was asked for by.
    pub fn secret_id(&self) -> &str {
        &self.id
    }

    /// Reads the version with this label, and with this id where one is named.
    ///
    /// # Errors
    /// The store does not answer, refuses, or the value is not text.
    pub async fn read_version(
        &self,
        label: &str,
        version: Option<&str>,
    ) -> Result<Version, StoreError> {
        match self.find_version(label, version).await? {
            Some(version) => Ok(version),
            None => Err(StoreError::Unusable(format!("it has no value under {label}"))),
        }
    }

    /// Reads like `read_version`; `None` where there is no such secret, version or value.
    ///
    /// # Errors
    /// As `read_version`.
    pub async fn find_version(
        &self,
        label: &str,
        version: Option<&str>,
    ) -> Result<Option<Version>, StoreError> {
        // The label is named because a store may otherwise answer an older version after a move.
        let request = self.client.get_secret_value().secret_id(&self.id).version_stage(label);
        let output =
            match Box::pin(request.set_version_id(version.map(str::to_string)).send()).await {
                Ok(output) => output,
                Err(error) => match StoreError::from(error) {
                    error if error.code() == Some(NOT_FOUND) => return Ok(None),
                    error => return Err(error),
                },
            };
        let id = output.version_id().unwrap_or_default().to_string();
        let created = since_epoch(output.created_date());
        match (output.secret_string, output.secret_binary) {
            (Some(text), _) => Ok(Some(Version { id, text: Secret::new(text), created })),
            (None, Some(_)) => {
                Err(StoreError::Unusable("it holds no text, only binary data".into()))
            }
            // A version that a rotation has not filled yet, as some stores show it.
            (None, None) => Ok(None),
        }
    }

    /// Describes the secret.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn describe_secret(&self) -> Result<Description, StoreError> {
        let output = Box::pin(self.client.describe_secret().secret_id(&self.id).send()).await?;
        let last_rotated = since_epoch(output.last_rotated_date());
        let labels = output.version_ids_to_stages.unwrap_or_default();
        Ok(Description { labels, last_rotated })
    }

    /// Returns the labels of every version that has any.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn read_labels(&self) -> Result<HashMap<String, Vec<String>>, StoreError> {
        Ok(self.describe_secret().await?.labels)
    }

    /// Lists the versions that have a label.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn list_versions(&self) -> Result<Vec<ListedVersion>, StoreError> {
        let output =
            Box::pin(self.client.list_secret_version_ids().secret_id(&self.id).send()).await?;
        let versions = output.versions.unwrap_or_default();
        let versions = versions.into_iter().filter(|version| !version.version_stages().is_empty());
        let versions = versions.map(|version| ListedVersion {
            id: version.version_id().unwrap_or("-").to_string(),
            created: since_epoch(version.created_date()),
            labels: version.version_stages.unwrap_or_default(),
        });
        Ok(versions.collect())
    }

    /// Puts a value under a label as the version `id` and returns all labels of the version.
    ///
    /// The same request again changes nothing. The first version a secret gets is current, whatever
    /// its label.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn put_version(
        &self,
        id: &str,
        text: &Secret,
        label: &str,
    ) -> Result<Vec<String>, StoreError> {
        let request = self.client.put_secret_value().secret_id(&self.id).client_request_token(id);
        let request = request.secret_string(text.expose()).version_stages(label);
        match Box::pin(request.send()).await {
            Ok(output) => Ok(output.version_stages.unwrap_or_default()),
            Err(error) => Err(StoreError::from(error).without(text)),
        }
    }

    /// Moves a label between versions; without `to` it is taken off.
    ///
    /// # Errors
    /// The store does not answer, or refuses, as it does where the label is not on the version `from`.
    pub async fn move_label(
        &self,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), StoreError> {
        let request =
            self.client.update_secret_version_stage().secret_id(&self.id).version_stage(label);
        let request = request.set_remove_from_version_id(from.map(str::to_string));
        let request = request.set_move_to_version_id(to.map(str::to_string));
        Box::pin(request.send()).await?;
        Ok(())
    }

    /// Asks for a rotation into a new version `id` and returns the version it makes.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn start_rotation(&self, id: &str) -> Result<String, StoreError> {
        let request = self.client.rotate_secret().secret_id(&self.id).client_request_token(id);
        let output = Box::pin(request.send()).await?;
        Ok(output.version_id.unwrap_or_else(|| id.to_string()))
    }
}

fn since_epoch(date: Option<&DateTime>) -> Option<Duration> {
    u64::try_from(date?.secs()).ok().map(Duration::from_secs)
}

impl SecretSource for SecretsManager {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async move {
            let read = self.read_version(CURRENT, None).await.map_err(|error| error.to_string())?;
            let Version { id, text, .. } = read;
            Ok(StoredSecret { text, version: id })
        })
    }
}

/// The code of a refusal that names no secret, version or value.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// Why a call of Secrets Manager failed; neither printing nor debugging it shows a value.
pub enum StoreError {
    /// It has refused; its words are without what they quote.
    Refused {
        code: Option<String>,
        status: u16,
        message: Option<String>,
    },
    /// The request did not go out, or nobody took it.
    NotSent {
        problem: String,
        /// May quote the whole request, so it must not be shown as it is.
        cause: Box<dyn Error + Send + Sync>,
    },
    TimedOut,
    /// What came is no answer of Secrets Manager.
    Unreadable,
    /// The secret has no usable value.
    Unusable(String),
}

impl StoreError {
    /// Drops the words of a refusal that repeat a piece of what was sent.
    fn without(mut self, sent: &Secret) -> Self {
        if let StoreError::Refused { message, .. } = &mut self
            && message.as_ref().is_some_and(|message| has_piece_of(message, sent.expose()))
        {
            *message = None;
        }
        self
    }

    /// Returns the code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            StoreError::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

/// The SDK's own display of an error ends in the raw answer, and a broken answer to a reading holds
/// the secret.
impl<E> From<SdkError<E, HttpResponse>> for StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let problem = match &error {
            SdkError::ServiceError(refusal) if !refusal.raw().status().is_success() => {
                let (meta, status) = (refusal.err().meta(), refusal.raw().status().as_u16());
                let code = meta.code().map(|code| redact::redact_id(code).to_string());
                let message = meta.message().map(redact::redact_words);
                return StoreError::Refused { code, status, message };
            }
            SdkError::TimeoutError(_) => return StoreError::TimedOut,
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(error) => format!("not reached: {}", error.source().unwrap_or(error)),
                None => "not reached".to_string(),
            },
            SdkError::ConstructionFailure(_) => {
                "the request cannot be made: region or credentials".to_string()
            }
            _ => return StoreError::Unreadable,
        };
        StoreError::NotSent { problem, cause: Box::new(error) }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Refused { code, status, message } => {
                let message = message.as_deref().unwrap_or("no reason is given");
                match code {
                    Some(code) => write!(f, "refused, {code}: {message}"),
                    None => write!(f, "refused, status {status}: {message}"),
                }
            }
            StoreError::NotSent { problem, .. } | StoreError::Unusable(problem) => {
                f.write_str(problem)
            }
            StoreError::TimedOut => f.write_str("not reached in time"),
            StoreError::Unreadable => f.write_str("its answer cannot be read"),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({self})")
    }
}

impl Error for StoreError {}

/// Tells whether a text has so many bytes of another in a row that it must have been copied.
fn has_piece_of(text: &str, other: &str) -> bool {
    let length = other.len().min(8);
    length > 0
        && other
            .as_bytes()
            .windows(length)
            .any(|piece| memmem::find(text.as_bytes(), piece).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_loses_the_value_that_was_sent() {
        let told = |said: &str, sent: &str| {
            let message = Some(said.to_string());
            let refused = StoreError::Refused { code: None, status: 400, message };
            refused.without(&Secret::new(sent)).to_string()
        };
        let silent = "refused, status 400: no reason is given";
        assert_eq!(told("fake-value is no key", "fake-value"), silent);
        assert_eq!(told("fake-val", r#"{"CO_API_KEY":"fake-value"}"#), silent, "a piece of it");
        assert_eq!(told("abc", "abc"), silent);
        assert_eq!(told("too many", "fake-value"), "refused, status 400: too many");
        assert_eq!(told("too many", ""), "refused, status 400: too many");
    }
}
