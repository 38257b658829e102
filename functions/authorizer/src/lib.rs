//! The TOKEN authorizer of the API: knows clients by the hash of their token.
//!
//! It denies only what is known to be wrong: API Gateway turns a Deny policy into a 401 and holds it
//! against every method for a minute. Where nobody can say, because there is no readable list of clients
//! or because of a defect, the invocation fails; that is a 503 which API Gateway does not remember. A bad
//! list does not replace a good one. A token the list does not know may be newer than the list, so the
//! list is read once more, at most every half minute.

mod response;
mod verdict;

#[cfg(test)]
mod tests;

use futures_util::FutureExt;
pub use response::AuthorizerResponse;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::clock;
use shared::config::vars::Vars;
use shared::config::{AuthorizerConfig, SecretConfig};
use shared::panic_on_request::{PanicPoint, panic_if_requested};
use shared::secrets::cached::{CachedSecret, Unread};
use shared::secrets::clients::Clients;
use shared::secrets::secrets_manager::SecretsManager;
use shared::secrets::source::SecretSource;
use shared::secrets::token::is_token;
use shared::telemetry::event_line::set_origin;
use shared::transport::Transport;
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use verdict::VerdictLine;

/// Decides who comes in. Scope: environment.
pub struct Authorizer {
    clients: CachedSecret<Clients>,
    shared_usage_plan_key: String,
}

impl Authorizer {
    /// Builds the authorizer; the list of clients is read ahead, which may fail without harm.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let config = AuthorizerConfig::from_vars(&vars)?;
        set_origin(&config.service, &config.version);
        let transport = Transport::new(&config.http)?;
        let SecretConfig { id, store_url, .. } = &config.clients;
        let source = SecretsManager::new(&transport, id, store_url.as_deref()).await;
        let authorizer = Self::new(Box::new(source), config.clients, config.shared_usage_plan_key);
        let _ = authorizer.clients.get().await;
        Ok(Box::leak(Box::new(authorizer)))
    }

    /// Builds the authorizer over a store of the list; reads nothing.
    pub fn new(
        source: Box<dyn SecretSource>,
        clients: SecretConfig,
        shared_usage_plan_key: String,
    ) -> Self {
        let clients = CachedSecret::new(source, clients, Clients::parse);
        Self { clients, shared_usage_plan_key }
    }

    /// Answers one question of API Gateway, whatever its shape.
    ///
    /// # Errors
    /// Nobody can say whether the caller is a client.
    pub async fn decide(&self, question: Box<RawValue>) -> Result<AuthorizerResponse, NotJudged> {
        // Read here, because what the runtime cannot read it answers by an error. Without a token nobody
        // comes in.
        let question = serde_json::from_str(question.get()).unwrap_or_default();
        let judged = AssertUnwindSafe(self.judge(&question)).catch_unwind().await;
        let judged = judged.unwrap_or(Err(Refusal::NotJudged(NotJudged("internal error"))));
        VerdictLine { is_marked: is_marked(&question) }.write(&judged);
        match judged {
            Ok(allowed) => Ok(allowed),
            Err(Refusal::Denied { .. }) => Ok(AuthorizerResponse::deny()),
            Err(Refusal::NotJudged(failure)) => Err(failure),
        }
    }

    async fn judge(&self, question: &Value) -> Result<AuthorizerResponse, Refusal> {
        let text = |field: &str| question[field].as_str().unwrap_or_default();
        let (header, method_arn) = (text("authorizationToken"), text("methodArn"));
        panic_if_requested(PanicPoint::Authorizer, header.as_bytes());
        let token = bearer_token(header).ok_or(deny("this is no token of the gateway"))?;
        let current = self.clients.get().await;
        let current = current.map_err(|_| NotJudged("there is no list of clients"))?;
        let judged = self.judge_token(&current.value, token, method_arn);
        if !matches!(judged, Err(Refusal::Denied { .. })) {
            return judged;
        }
        // A list that does not let the token in is read once more: it may have changed since.
        match self.clients.read_newer_than(&current.version).await {
            Ok(Some(newer)) => self.judge_token(&newer.value, token, method_arn),
            Ok(None) => judged,
            Err(Unread) => Err(NotJudged("a newer list of clients cannot be read").into()),
        }
    }

    /// Judges a token by one list.
    fn judge_token(
        &self,
        clients: &Clients,
        token: &str,
        method_arn: &str,
    ) -> Result<AuthorizerResponse, Refusal> {
        let client = clients.find(token).ok_or(deny("the token is unknown"))?;
        if client.is_expired(clock::since_epoch().as_secs()) {
            let reason = "the client's tokens have expired";
            return Err(Refusal::Denied { reason, client: Some(client.name.clone()) });
        }
        let response = AuthorizerResponse::allow(client, method_arn, &self.shared_usage_plan_key);
        response.ok_or(NotJudged("the method has no usable ARN").into())
    }
}

/// Tells whether a question is a rollout's own: API Gateway's have no such context.
fn is_marked(question: &Value) -> bool {
    question["requestContext"]["authorizer"]["gate"] == "true"
}

/// Why a caller does not come in.
#[derive(Debug)]
enum Refusal {
    /// The caller is known to be wrong, and it is said who it is where that is known.
    Denied {
        reason: &'static str,
        client: Option<String>,
    },
    NotJudged(NotJudged),
}

impl From<NotJudged> for Refusal {
    fn from(failure: NotJudged) -> Self {
        Refusal::NotJudged(failure)
    }
}

/// Denies a caller who is not known.
fn deny(reason: &'static str) -> Refusal {
    Refusal::Denied { reason, client: None }
}

/// Nobody can say whether the caller is a client, and why.
#[derive(Debug, PartialEq)]
pub struct NotJudged(&'static str);

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the caller cannot be judged: {}", self.0)
    }
}

impl Error for NotJudged {}

/// Takes the token out of `Bearer …`, as the template's `ValidationExpression` has it.
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    if !is_token(token) || !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Some(token)
}
