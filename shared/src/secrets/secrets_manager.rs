//! AWS Secrets Manager, the only store of secrets.
//!
//! The SDK runs over the gateway's own HTTP client and takes region and credentials from the
//! environment, where Lambda puts them: a second client and the SDK's search for credentials would
//! be most of a cold start. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_SECRETS_MANAGER` are honoured.

use crate::secrets::source::{Fetching, Secret, SecretSource, SourceError, StoredSecret};
use crate::telemetry::redact;
use crate::transport::Transport;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::retry::RetryConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use std::collections::HashMap;
use std::error::Error;
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

impl SecretsManager {
    /// Prepares to use the secret called `id`; asks nothing yet.
    pub async fn new(transport: &Transport, id: &str) -> Self {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(SdkTransport(transport.clone()))
            .region(EnvironmentVariableRegionProvider::new())
            .credentials_provider(EnvironmentVariableCredentialsProvider::new())
            // One try: the reader has 2 seconds, keeps the old value, and reads again at the next request.
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        Self { client: Client::new(&config), id: id.to_string() }
    }

    /// Prepares to use another secret with the same client.
    pub fn of(&self, id: &str) -> Self {
        Self { client: self.client.clone(), id: id.to_string() }
    }

    /// Reads the version with this label, and with this id where one is named.
    ///
    /// # Errors
    /// The store does not answer, refuses, or the value is not text.
    pub async fn read(&self, label: &str, version: Option<&str>) -> Result<Version, SourceError> {
        self.find(label, version).await?.ok_or_else(|| format!("it has no value under {label}"))
    }

    /// Reads like `read`; `None` where there is no such secret, version or value.
    ///
    /// # Errors
    /// As `read`.
    pub async fn find(&self, label: &str, version: Option<&str>) -> Result<Option<Version>, SourceError> {
        // The label is named because a store may otherwise answer an older version after a move.
        let request = self.client.get_secret_value().secret_id(&self.id).version_stage(label);
        let output = match Box::pin(request.set_version_id(version.map(str::to_string)).send()).await {
            Ok(output) => output,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                return Ok(None);
            }
            Err(error) => return Err(problem(&error)),
        };
        let id = output.version_id().unwrap_or_default().to_string();
        let created = output.created_date().and_then(|date| u64::try_from(date.secs()).ok());
        let created = created.map(Duration::from_secs);
        match (output.secret_string, output.secret_binary) {
            (Some(text), _) => Ok(Some(Version { id, text: Secret::new(text), created })),
            (None, Some(_)) => Err("it holds no text, only binary data".into()),
            // A version that a rotation has not filled yet, as some stores show it.
            (None, None) => Ok(None),
        }
    }

    /// Returns the labels of every version that has any.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn labels(&self) -> Result<HashMap<String, Vec<String>>, SourceError> {
        let output = Box::pin(self.client.describe_secret().secret_id(&self.id).send()).await;
        Ok(output.map_err(|error| problem(&error))?.version_ids_to_stages.unwrap_or_default())
    }

    /// Puts a value under a label as the version `id`; the same request again changes nothing.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn put(&self, id: &str, text: &Secret, label: &str) -> Result<(), SourceError> {
        let request = self.client.put_secret_value().secret_id(&self.id).client_request_token(id);
        let request = request.secret_string(text.expose()).version_stages(label);
        Box::pin(request.send()).await.map_err(|error| problem(&error)).map(drop)
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
    ) -> Result<(), SourceError> {
        let request = self.client.update_secret_version_stage().secret_id(&self.id).version_stage(label);
        let request = request.set_remove_from_version_id(from.map(str::to_string));
        let request = request.set_move_to_version_id(to.map(str::to_string));
        Box::pin(request.send()).await.map_err(|error| problem(&error)).map(drop)
    }
}

impl SecretSource for SecretsManager {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async move {
            let Version { id, text, .. } = self.read(CURRENT, None).await?;
            Ok(StoredSecret { text, version: id })
        })
    }
}

/// Says what went wrong in words that hold no value.
///
/// The SDK's own display of an error ends in the raw answer, and a broken answer to a reading holds the
/// secret.
fn problem<E>(error: &SdkError<E>) -> SourceError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(refusal) if !refusal.raw().status().is_success() => {
            let (meta, status) = (refusal.err().meta(), refusal.raw().status().as_u16());
            let code = meta.code().map_or_else(|| format!("status {status}"), str::to_string);
            redact::words(&format!("refused, {code}: {}", meta.message().unwrap_or("no reason is given")))
        }
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => format!("not reached: {}", error.source().unwrap_or(error)),
            None => "not reached".into(),
        },
        SdkError::TimeoutError(_) => "not reached in time".into(),
        SdkError::ConstructionFailure(_) => "the request cannot be made: region or credentials".into(),
        _ => "its answer cannot be read".into(),
    }
}

/// Lends the gateway's HTTP client to a client of AWS that is made elsewhere.
pub fn http_client(transport: &Transport) -> impl HttpClient + 'static {
    SdkTransport(transport.clone())
}

/// The gateway's HTTP client in the clothes of the SDK's.
#[derive(Clone, Debug)]
struct SdkTransport(Transport);

impl HttpClient for SdkTransport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SdkTransport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
            let response = transport.send(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            let mut answer = http::Response::new(());
            *answer.status_mut() = http::StatusCode::from_u16(response.status).unwrap_or_default();
            *answer.headers_mut() = response.headers.clone();
            let body = response.collect().await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(|()| SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
