//! API keys of API Gateway, which counts the requests of each key by itself.

use crate::aws::Session;
use crate::output::mask;
use crate::signed_call::{API_GATEWAY, Call, percent_encode, send_for_json};
use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Value, json};

/// Most keys that one answer lists.
const PAGE: usize = 500;

/// The API keys of one account and region.
pub struct ApiKeys<'a> {
    session: &'a Session,
}

/// A key that has just been made.
pub struct NewKey {
    id: String,
    pub value: String,
}

impl<'a> ApiKeys<'a> {
    /// Prepares to make and delete keys; asks nothing yet.
    pub fn new(session: &'a Session) -> Self {
        Self { session }
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

    /// Tells whether a usage plan has a key of this value.
    pub async fn is_in_plan(&self, client: &str, value: &str, plan: &str) -> anyhow::Result<bool> {
        mask(value);
        Ok(self.list_in_plan(client, plan).await?.iter().any(|listed| listed == value))
    }

    /// Returns the value of a key in a usage plan that was made for a client.
    pub async fn find_in_plan(&self, client: &str, plan: &str) -> anyhow::Result<Option<String>> {
        Ok(self.list_in_plan(client, plan).await?.into_iter().next())
    }

    async fn list_in_plan(&self, client: &str, plan: &str) -> anyhow::Result<Vec<String>> {
        let name = key_name(client);
        let path = format!("/usageplans/{plan}/keys?limit={PAGE}&name={name}");
        let page = self.call(Method::GET, &path, None).await?;
        // AWS answers with every name that begins so.
        let items = page["item"].as_array().into_iter().flatten();
        let own = items.filter(|item| item["name"] == *name);
        let values: Vec<_> =
            own.filter_map(|item| item["value"].as_str().map(str::to_string)).collect();
        values.iter().for_each(|value| mask(value));
        Ok(values)
    }

    /// Makes one call; an answer without a body is null.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let json = || "application/json".to_string();
        let headers = vec![("accept", json()), ("content-type", json())];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let call = Call { method, path: path.to_string(), headers, body };
        send_for_json(self.session, &API_GATEWAY, call).await
    }
}

/// What a client's key is called; needs no escape in a URL.
fn key_name(client: &str) -> String {
    format!("cohere-gateway-client-{client}")
}
