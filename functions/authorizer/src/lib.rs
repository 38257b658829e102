//! The TOKEN authorizer of the API: knows clients by the hash of their token.
//!
//! It denies by answer, never by crash: a request without a known token gets a Deny policy, which API
//! Gateway turns into a 401. Without a readable list of clients there are no clients. A policy is
//! cached by API Gateway for all methods of the stage, so it speaks of all of them.

mod clients;

use clients::{Client, Clients};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock;
use shared::config::AuthorizerConfig;
use shared::config::vars::Vars;
use shared::secrets::cached::CachedSecret;
use shared::secrets::secrets_manager::SecretsManager;
use shared::testing::{Place, panic_if_asked};
use shared::transport::Transport;
use std::error::Error;
use std::panic::AssertUnwindSafe;

/// What API Gateway asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    #[serde(default)]
    authorization_token: String,
    #[serde(default)]
    method_arn: String,
}

/// What API Gateway is answered: a policy, and the identity of the client in scalars.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    principal_id: String,
    policy_document: Value,
    context: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_identifier_key: Option<String>,
}

/// Decides who comes in. Scope: environment.
pub struct Authorizer {
    clients: CachedSecret<Clients>,
    default_usage_plan_key: String,
}

impl Authorizer {
    /// Builds the authorizer; the list of clients is read ahead, which may fail without harm.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let config = AuthorizerConfig::from_vars(&vars)?;
        let transport = Transport::new(&config.http)?;
        let source = SecretsManager::new(&transport, &config.clients.id).await;
        let clients = CachedSecret::new(Box::new(source), config.clients, Clients::parse);
        let _ = clients.get().await;
        let default_usage_plan_key = config.default_usage_plan_key;
        Ok(Box::leak(Box::new(Self { clients, default_usage_plan_key })))
    }

    /// Answers one question; a defect denies.
    pub async fn decide(&'static self, question: Question) -> Verdict {
        let method_arn = question.method_arn.clone();
        deny_on_panic(&method_arn, self.judge(question)).await
    }

    async fn judge(&self, question: Question) -> Verdict {
        panic_if_asked(Place::Authorizer, question.authorization_token.as_bytes());
        let clients = self.clients.get().await;
        let token = bearer_token(&question.authorization_token);
        let client = clients
            .as_ref()
            .ok()
            .zip(token)
            .and_then(|(clients, token)| clients.value.find(token, clock::since_epoch().as_secs()));
        match client {
            Some(client) => allow(client, &question.method_arn, &self.default_usage_plan_key),
            None => deny(&question.method_arn),
        }
    }
}

async fn deny_on_panic(method_arn: &str, judging: impl Future<Output = Verdict>) -> Verdict {
    AssertUnwindSafe(judging).catch_unwind().await.unwrap_or_else(|_| deny(method_arn))
}

/// Takes the token out of `Bearer …`; the scheme's case does not matter.
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn allow(client: &Client, method_arn: &str, default_usage_plan_key: &str) -> Verdict {
    let mut context = json!({ "client": client.name });
    if let Some(models) = &client.models {
        context["models"] = models.join(",").into();
    }
    let key = client.usage_plan_key.as_deref().unwrap_or(default_usage_plan_key);
    Verdict {
        principal_id: client.name.clone(),
        policy_document: policy("Allow", method_arn),
        context,
        usage_identifier_key: Some(key.to_string()),
    }
}

fn deny(method_arn: &str) -> Verdict {
    Verdict {
        principal_id: "unknown".into(),
        policy_document: policy("Deny", method_arn),
        context: json!({}),
        usage_identifier_key: None,
    }
}

/// Writes a policy for every method of the stage that was asked about.
fn policy(effect: &str, method_arn: &str) -> Value {
    // arn:aws:execute-api:region:account:api/stage/METHOD/path
    let stage: Vec<_> = method_arn.splitn(3, '/').take(2).collect();
    let statement = json!({
        "Action": "execute-api:Invoke",
        "Effect": effect,
        "Resource": format!("{}/*/*", stage.join("/")),
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/live/POST/v2/chat";

    #[test]
    fn an_allowed_client_may_call_every_method_and_counts_on_a_usage_plan() {
        let client =
            Client { name: "search".into(), models: Some(vec!["a".into(), "b".into()]), ..Client::default() };
        let verdict = serde_json::to_value(allow(&client, ARN, "default-key")).unwrap();
        assert_eq!(verdict["policyDocument"]["Statement"][0]["Effect"], "Allow");
        assert_eq!(
            verdict["policyDocument"]["Statement"][0]["Resource"],
            "arn:aws:execute-api:eu-west-1:123456789012:abc/live/*/*"
        );
        assert_eq!(verdict["context"], json!({ "client": "search", "models": "a,b" }));
        assert_eq!(verdict["usageIdentifierKey"], "default-key");
    }

    #[test]
    fn a_denial_is_an_answer_even_to_nonsense() {
        let verdict = serde_json::to_value(deny("")).unwrap();
        assert_eq!(verdict["policyDocument"]["Statement"][0]["Effect"], "Deny");
        assert!(verdict.get("usageIdentifierKey").is_none());
    }

    #[tokio::test]
    async fn a_panic_denies() {
        assert_eq!(deny_on_panic(ARN, async { panic!("a defect") }).await, deny(ARN));
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer_token("bEARER  x "), Some("x"));
        assert_eq!(bearer_token("Basic x"), None);
        assert_eq!(bearer_token("x"), None);
    }
}
