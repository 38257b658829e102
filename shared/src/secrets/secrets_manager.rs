//! AWS Secrets Manager, the only store of secrets.
//!
//! The SDK runs over the gateway's own HTTP client and takes region and credentials from the
//! environment, where Lambda puts them: a second client and the SDK's search for credentials would
//! be most of a cold start. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_SECRETS_MANAGER` are honoured.

use crate::secrets::source::{Fetching, Secret, SecretSource, StoredSecret};
use crate::transport::Transport;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::retry::RetryConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

/// One secret in Secrets Manager.
pub struct SecretsManager {
    client: Client,
    id: String,
}

impl SecretsManager {
    /// Prepares to read the secret called `id`; reads nothing yet.
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
}

impl SecretSource for SecretsManager {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async move {
            // The stage is named because a store may otherwise answer an older version after a move.
            let request = self.client.get_secret_value().secret_id(&self.id).version_stage("AWSCURRENT");
            let output = request.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
            let version = output.version_id().unwrap_or_default().to_string();
            let text = output.secret_string.ok_or("it holds no text, only binary data")?;
            Ok(StoredSecret { text: Secret::new(text), version })
        })
    }
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
