//! What API Gateway is answered: a policy, and the identity of the client in scalars.
//!
//! API Gateway keeps the answer for the token and holds every method of the stage against it, so a
//! policy speaks of all of them, never of the one that was asked about.

use serde::Serialize;
use serde_json::{Value, json};
use shared::secrets::clients::Client;

/// Longest resource a policy of an authorizer may name.
const MAX_RESOURCE_CHARS: usize = 512;

/// An answer, in the words of API Gateway.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerResponse {
    principal_id: String,
    policy_document: Value,
    context: Value,
    /// Value of the API key that counts the client's requests; an allowed client always has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_identifier_key: Option<String>,
}

impl AuthorizerResponse {
    /// Allows every method of the stage that was asked about; `None` where the ARN names no stage.
    pub(crate) fn allow(
        client: &Client,
        method_arn: &str,
        shared_usage_plan_key: &str,
    ) -> Option<Self> {
        let mut context = json!({ "client": client.name });
        if let Some(models) = &client.models {
            context["models"] = models.join(",").into();
        }
        let key = client.usage_plan_key.as_deref().unwrap_or(shared_usage_plan_key);
        Some(Self {
            principal_id: client.name.clone(),
            policy_document: build_policy("Allow", &every_method(method_arn)?),
            context,
            usage_identifier_key: Some(key.to_string()),
        })
    }

    /// Returns the name of the client, or `unknown`.
    pub(crate) fn client(&self) -> &str {
        &self.principal_id
    }

    /// Denies everything, whatever was asked.
    pub(crate) fn deny() -> Self {
        Self {
            principal_id: "unknown".into(),
            policy_document: build_policy("Deny", "*"),
            context: json!({}),
            usage_identifier_key: None,
        }
    }
}

fn build_policy(effect: &str, resource: &str) -> Value {
    let statement =
        json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// `arn:aws:execute-api:region:account:api/stage/METHOD/path` becomes `…/stage/*/*`.
fn every_method(method_arn: &str) -> Option<String> {
    let mut parts = method_arn.splitn(4, '/');
    let (api, stage, _method) = (parts.next()?, parts.next()?, parts.next()?);
    let resource = format!("{api}/{stage}/*/*");
    // A wildcard that came in would widen the policy.
    let has_wildcard = api.contains(['*', '?']) || stage.contains(['*', '?']);
    let is_stage = api.starts_with("arn:") && api.contains(":execute-api:") && !stage.is_empty();
    if has_wildcard || !is_stage || resource.len() > MAX_RESOURCE_CHARS {
        return None;
    }
    Some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/live/POST/v2/chat";

    fn client() -> Client {
        Client { name: "search".into(), ..Client::default() }
    }

    #[test]
    fn allowed_client_may_call_every_method() {
        let mut client = client();
        client.models = Some(vec!["a".into(), "b".into()]);
        let response =
            serde_json::to_value(AuthorizerResponse::allow(&client, ARN, "default-key")).unwrap();
        assert_eq!(response["policyDocument"]["Statement"][0]["Effect"], "Allow");
        assert_eq!(
            response["policyDocument"]["Statement"][0]["Resource"],
            "arn:aws:execute-api:eu-west-1:123456789012:abc/live/*/*"
        );
        assert_eq!(response["context"], json!({ "client": "search", "models": "a,b" }));
        assert_eq!(response["usageIdentifierKey"], "default-key");
        client.usage_plan_key = Some("its-own-key".into());
        let response =
            serde_json::to_value(AuthorizerResponse::allow(&client, ARN, "default-key")).unwrap();
        assert_eq!(response["usageIdentifierKey"], "its-own-key");
    }

    #[test]
    fn arn_without_stage_allows_nobody() {
        let long = format!("arn:aws:execute-api:r:1:abc/{}/POST/x", "s".repeat(500));
        for arn in [
            "",
            "*",
            "x/y/z",
            "arn:aws:execute-api:r:1:abc",
            "arn:aws:execute-api:r:1:abc/live",
            "arn:aws:execute-api:r:1:abc//GET/x",
            "arn:aws:execute-api:r:1:*/live/GET/x",
            "arn:aws:execute-api:r:1:abc/*/GET/x",
            "arn:aws:s3:::bucket/key/GET",
            &long,
        ] {
            assert_eq!(AuthorizerResponse::allow(&client(), arn, "key"), None, "{arn}");
        }
        let far = format!("{ARN}{}", "/x".repeat(2_000));
        let response =
            serde_json::to_value(AuthorizerResponse::allow(&client(), &far, "key").unwrap())
                .unwrap();
        assert!(
            response["policyDocument"]["Statement"][0]["Resource"].as_str().unwrap().len() < 100
        );
    }

    #[test]
    fn denial_names_every_method_and_no_client() {
        let response = serde_json::to_value(AuthorizerResponse::deny()).unwrap();
        assert_eq!(response["policyDocument"]["Statement"][0]["Effect"], "Deny");
        assert_eq!(response["policyDocument"]["Statement"][0]["Resource"], "*");
        assert_eq!((&response["context"], response.get("usageIdentifierKey")), (&json!({}), None));
    }
}
