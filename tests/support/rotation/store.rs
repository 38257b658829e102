//! The store's own API, asked as an operator's tool would.

use crate::gateway::Running;
use local::secrets_manager::SecretsManager;
use serde_json::{Value, json};

/// A Secrets Manager.
pub struct Store {
    url: String,
    access_key: String,
    client: reqwest::Client,
    /// The stand-in itself, where that is the store.
    stand_in: Option<SecretsManager>,
}

impl Store {
    /// The store of a gateway's own.
    pub fn stand_in(running: &Running) -> Self {
        let variable = |wanted: &str| {
            let found = running.gateway.aws.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_else(|| panic!("{wanted} is not set"))
        };
        let secrets = Some(running.gateway.secrets.clone());
        Self::new(&variable("AWS_ENDPOINT_URL"), &variable("AWS_ACCESS_KEY_ID"), secrets)
    }

    pub(super) fn moto(url: &str) -> Self {
        Self::new(url, "FAKE", None)
    }

    fn new(url: &str, access_key: &str, stand_in: Option<SecretsManager>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url: url.into(), access_key: access_key.into(), client, stand_in }
    }

    /// Makes an empty secret; returns its ARN.
    pub(super) async fn create(&self, name: &str) -> String {
        match &self.stand_in {
            Some(secrets) => {
                secrets.create(name);
                local::secrets_manager::secret_arn(name)
            }
            None => {
                let created = self.must("CreateSecret", json!({ "Name": name })).await;
                created["ARN"].as_str().unwrap_or_default().to_string()
            }
        }
    }

    /// Begins a rotation whose steps the test calls.
    pub(super) async fn begin(&self, name: &str, id: &str, token: &str) {
        match &self.stand_in {
            Some(secrets) => secrets.begin_rotation(name, token),
            None => {
                // moto makes the pending version first and then misses the function.
                let function = "arn:aws:lambda:us-east-1:123456789012:function:of-the-test";
                let body = json!({ "SecretId": id, "ClientRequestToken": token, "RotationLambdaARN": function });
                let (status, answer) = self.ask("RotateSecret", body).await;
                assert_eq!(
                    (status, answer["__type"].as_str()),
                    (404, Some("ResourceNotFoundException"))
                );
            }
        }
    }

    /// Calls an operation that must succeed.
    pub async fn must(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.ask(operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// Calls an operation; returns status and body.
    pub async fn ask(&self, operation: &str, body: Value) -> (u16, Value) {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/secretsmanager/aws4_request, \
             SignedHeaders=host, Signature=0",
            self.access_key
        );
        let request = self.client.post(&self.url).header("authorization", authorization);
        let request = request.header("x-amz-target", format!("secretsmanager.{operation}"));
        let request =
            request.header("content-type", "application/x-amz-json-1.1").body(body.to_string());
        let answer = request.send().await.expect("an answer of the store");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a whole body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}
