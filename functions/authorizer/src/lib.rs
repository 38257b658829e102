//! The TOKEN authorizer of the API: knows clients by the hash of their token.
//!
//! It denies by answer, never by crash: whatever is no live token of a known client gets a Deny policy,
//! which API Gateway turns into a 401. Without a readable list of clients there are no clients; a bad
//! list does not replace a good one. A token the list does not know may be newer than the list, so the
//! list is read once more, at most every half minute.

mod response;

#[cfg(test)]
mod tests;

use futures_util::FutureExt;
pub use response::AuthorizerResponse;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::clock;
use shared::config::AuthorizerConfig;
use shared::config::vars::Vars;
use shared::panic_on_request::{PanicPoint, panic_if_requested};
use shared::secrets::cached::CachedSecret;
use shared::secrets::clients::Clients;
use shared::secrets::secrets_manager::SecretsManager;
use shared::secrets::token::is_token;
use shared::telemetry::{metrics, redact};
use shared::transport::Transport;
use std::error::Error;
use std::panic::AssertUnwindSafe;

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
        metrics::set_service(&config.service);
        let transport = Transport::new(&config.http)?;
        let source = SecretsManager::new(&transport, &config.clients.id).await;
        let clients = CachedSecret::new(Box::new(source), config.clients, Clients::parse);
        let _ = clients.get().await;
        let default_usage_plan_key = config.default_usage_plan_key;
        Ok(Box::leak(Box::new(Self { clients, default_usage_plan_key })))
    }

    /// Answers one question of API Gateway, whatever its shape; a defect denies.
    pub async fn decide(&self, question: Box<RawValue>) -> AuthorizerResponse {
        // Read here, because what the runtime cannot read it answers by an error.
        let question = serde_json::from_str(question.get()).unwrap_or_default();
        let judged = AssertUnwindSafe(self.judge(&question)).catch_unwind().await;
        let judged = judged.unwrap_or(Err(Denial::new("internal error")));
        judged.unwrap_or_else(|Denial { reason, client }| {
            let client = client.as_deref().map(redact::redact_id);
            tracing::info!(event = "caller_denied", reason, client, "denied");
            AuthorizerResponse::deny()
        })
    }

    async fn judge(&self, question: &Value) -> Result<AuthorizerResponse, Denial> {
        let text = |field: &str| question[field].as_str().unwrap_or_default();
        let header = text("authorizationToken");
        panic_if_requested(PanicPoint::Authorizer, header.as_bytes());
        let token = bearer_token(header).ok_or(Denial::new("this is no token of the gateway"))?;
        let current =
            self.clients.get().await.map_err(|_| Denial::new("there is no list of clients"))?;
        let mut judged = self.judge_token(&current.value, token, text("methodArn"));
        // A list that does not let the token in is read once more: it may have changed since.
        if judged.is_err()
            && let Some(newer) = self.clients.read_newer_than(&current.version).await
        {
            judged = self.judge_token(&newer.value, token, text("methodArn"));
        }
        judged
    }

    /// Judges a token by one list.
    fn judge_token(
        &self,
        clients: &Clients,
        token: &str,
        method_arn: &str,
    ) -> Result<AuthorizerResponse, Denial> {
        let client = clients.find(token).ok_or(Denial::new("the token is unknown"))?;
        let denial = |reason| Denial { reason, client: Some(client.name.clone()) };
        if client.is_expired(clock::since_epoch().as_secs()) {
            return Err(denial("the client's tokens have expired"));
        }
        let response = AuthorizerResponse::allow(client, method_arn, &self.default_usage_plan_key);
        response.ok_or_else(|| denial("the method has no usable ARN"))
    }
}

/// Why nobody comes in, and who it was where that is known.
#[derive(Debug, PartialEq)]
struct Denial {
    reason: &'static str,
    client: Option<String>,
}

impl Denial {
    /// Denies a caller who is not known.
    fn new(reason: &'static str) -> Self {
        Self { reason, client: None }
    }
}

/// Takes the token out of `Bearer …`, as the template's `ValidationExpression` has it.
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, rest) = header.split_once(' ')?;
    let token = rest.trim_start_matches(' ');
    if !is_token(token) || !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Some(token)
}
