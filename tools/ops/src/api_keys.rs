//! API keys of API Gateway, which counts the requests of each key by itself.
//!
//! Four calls, signed here and sent over the gateway's own client. The SDK's crate for API Gateway has 175 000
//! lines, four times those of Secrets Manager, and would be most of the time that `ops` takes to compile.

use crate::aws::{Session, variable};
use crate::output::mask;
use crate::problem::explain_refusal;
use anyhow::{Context, anyhow, ensure};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Time of one call.
const LIMIT: Duration = Duration::from_secs(20);
/// Most keys that one answer lists.
const PAGE: usize = 500;

/// The API keys of one account and region.
pub struct ApiKeys<'a> {
    session: &'a Session,
    url: String,
}

/// A key that has just been made.
pub struct NewKey {
    id: String,
    pub value: String,
}

impl<'a> ApiKeys<'a> {
    /// Prepares to make and delete keys; asks nothing yet.
    pub fn new(session: &'a Session) -> Self {
        let of_region = || {
            let domain = if session.region.starts_with("cn-") {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            };
            format!("https://apigateway.{}.{domain}", session.region)
        };
        let url = variable("AWS_ENDPOINT_URL_API_GATEWAY")
            .or_else(|| session.config.endpoint_url().map(str::to_string))
            .unwrap_or_else(of_region);
        Self { session, url: url.trim_end_matches('/').to_string() }
    }

    /// Makes a key in a usage plan; where it cannot be put there, none stays behind.
    pub async fn create(&self, client: &str, plan: &str) -> anyhow::Result<NewKey> {
        let description = "Counts one client of the gateway; made by ops";
        let key = json!({ "name": key_name(client), "description": description, "enabled": true });
        let made = self.call(Method::POST, "/apikeys", Some(key)).await;
        let made = made.context("cannot make an API key for the client")?;
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_string();
        let key = NewKey { id: text("id"), value: text("value") };
        mask(&key.value);
        ensure!(
            !key.id.is_empty() && !key.value.is_empty(),
            "API Gateway made a key without a value"
        );
        let member = json!({ "keyId": key.id, "keyType": "API_KEY" });
        let path = format!("/usageplans/{plan}/keys");
        if let Err(problem) = self.call(Method::POST, &path, Some(member)).await {
            self.take_back(&key).await?;
            return Err(problem.context("cannot put the client's API key into the usage plan"));
        }
        Ok(key)
    }

    /// Deletes a key that nothing refers to after all.
    pub async fn take_back(&self, key: &NewKey) -> anyhow::Result<()> {
        let path = format!("/apikeys/{}", key.id);
        let deleted = self.call(Method::DELETE, &path, None).await;
        deleted.with_context(|| format!("the API key {} stays behind: delete it", key.id))?;
        Ok(())
    }

    /// Deletes the key that was made for a client; false where it has another one, or none.
    pub async fn delete(&self, client: &str, value: &str) -> anyhow::Result<bool> {
        mask(value);
        let name = key_name(client);
        let mut position = String::new();
        loop {
            let path =
                format!("/apikeys?includeValues=true&limit={PAGE}&nameQuery={name}{position}");
            let page = self.call(Method::GET, &path, None).await?;
            let items = page["item"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(key) =
                items.iter().find(|key| key["name"] == *name && key["value"] == value)
            {
                let id = key["id"].as_str().unwrap_or_default();
                self.call(Method::DELETE, &format!("/apikeys/{id}"), None).await?;
                return Ok(true);
            }
            let Some(next) = page["position"].as_str() else { return Ok(false) };
            position = format!("&position={}", percent_encode(next));
        }
    }

    /// Makes one call; an answer without a body is null.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = self.sign_request(method, path, body)?;
        let exchange = async {
            let response = self.session.transport.send(request).await?;
            let (status, kind) =
                (response.status, response.headers.get("x-amzn-errortype").cloned());
            Ok::<_, shared::transport::TransportError>((status, kind, response.collect().await?))
        };
        let exchanged = tokio::time::timeout(LIMIT, exchange).await;
        let exchanged =
            exchanged.context("API Gateway: no answer in time; look, then try again")?;
        let (status, kind, text) =
            exchanged.map_err(|error| anyhow!("API Gateway: {error}; check the network"))?;
        let answer: Value = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&text)
                .context("API Gateway: what came is no answer of it")?,
        };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let kind = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // A namespace may stand behind a colon.
        let kind = kind.split(':').next().unwrap_or_default();
        Err(anyhow!("{}", explain_refusal(kind, answer["message"].as_str())))
    }

    fn sign_request(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<Request<Bytes>> {
        let url = format!("{}{path}", self.url);
        let headers = [("accept", "application/json"), ("content-type", "application/json")];
        let signable = SignableRequest::new(
            method.as_str(),
            &url,
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        );
        let identity = self.session.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.session.region)
            .name("apigateway")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build();
        // The words of these errors might quote what is signed.
        let unsigned =
            || anyhow!("the request to API Gateway cannot be signed: check AWS_ENDPOINT_URL");
        let (signable, parameters) =
            (signable.map_err(|_| unsigned())?, parameters.map_err(|_| unsigned())?);
        let signed = sign(signable, &parameters.into()).map_err(|_| unsigned())?;
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Bytes::from(body)).map_err(|_| unsigned())?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// What a client's key is called; needs no escape in a URL.
fn key_name(client: &str) -> String {
    format!("cohere-gateway-client-{client}")
}

fn percent_encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_of_a_page_is_escaped() {
        assert_eq!(percent_encode("a-B_9=/+é"), "a-B_9%3D%2F%2B%C3%A9");
    }
}
