//! The token authorizer as API Gateway calls it: only for what looks like a token, with a cache.
//!
//! An answer is cached by token, not by route: its policy is evaluated anew for each method.
//! Failures are not cached.

#[cfg(test)]
mod tests;

use super::policy::{Policy, Verdict};
use super::rejection::Rejection;
use super::usage_plans::UsagePlans;
use crate::lambda::{Function, InvocationError};
use crate::template;
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::clock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

const DAY_SECS: u64 = 86_400;
/// Longest resource a policy may name.
const RESOURCE_LIMIT: usize = 512;
/// Tokens cached at once; beyond that expired ones are dropped first, then all.
const CACHED_TOKENS_LIMIT: usize = 10_000;

pub struct Authorizer {
    settings: template::TemplateAuthorizer,
    function: Arc<Function>,
    usage_plans: Arc<UsagePlans>,
    cache: Mutex<HashMap<String, (Instant, Arc<AuthorizerResponse>)>>,
}

/// What the function is told about the caller.
#[derive(Debug)]
pub struct Caller {
    pub context: Value,
    pub usage_plan_key: Option<String>,
}

/// What the authorizer function answered about a token.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerResponse {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Option<Map<String, Value>>,
    #[serde(default)]
    usage_identifier_key: Option<String>,
}

impl Authorizer {
    pub fn new(
        settings: template::TemplateAuthorizer,
        function: Arc<Function>,
        usage_plans: Arc<UsagePlans>,
    ) -> Self {
        Authorizer { settings, function, usage_plans, cache: Mutex::default() }
    }

    /// Decides whether a request may call this method; returns what its function is told of the
    /// caller.
    pub async fn authorize(
        &self,
        headers: &HeaderMap,
        method_arn: &str,
    ) -> Result<Caller, Rejection> {
        let token = headers.get(&self.settings.header).and_then(|value| value.to_str().ok());
        let token = token
            .filter(|token| self.settings.expression.is_match(token))
            .ok_or(Rejection::Unauthorized)?;
        let start = Instant::now();
        let (response, latency) = match self.find_cached(token, start) {
            Some(response) => (response, 0),
            None => {
                let response = Arc::new(self.call_function(token, method_arn).await?);
                self.cache_response(token, start, &response);
                (response, start.elapsed().as_millis())
            }
        };
        match response.policy_document.evaluate(method_arn) {
            Verdict::Allowed => {}
            Verdict::Denied => return Err(Rejection::AccessDenied { explicit: true }),
            Verdict::Unmentioned => return Err(Rejection::AccessDenied { explicit: false }),
        }
        let Some(key) = response.usage_identifier_key.clone() else {
            return Err(Rejection::InvalidApiKey);
        };
        self.usage_plans.admit(&key, Instant::now(), clock::since_epoch().as_secs() / DAY_SECS)?;
        let latency = u64::try_from(latency).unwrap_or(u64::MAX);
        let context = response.context_with_latency(latency);
        Ok(Caller { context, usage_plan_key: Some(key) })
    }

    async fn call_function(
        &self,
        token: &str,
        method_arn: &str,
    ) -> Result<AuthorizerResponse, Rejection> {
        let event = json!({"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token});
        let answer = match self.function.invoke(event.to_string().into()).await {
            Ok(payload) => payload.read_to_end().await.map_err(|_| Rejection::AuthorizerFailure)?,
            Err(failure) => return Err(rejection_of_failure(&failure)),
        };
        AuthorizerResponse::parse(&answer)
    }

    fn find_cached(&self, token: &str, now: Instant) -> Option<Arc<AuthorizerResponse>> {
        let cache = self.lock_cache();
        let (since, response) = cache.get(token)?;
        (now.duration_since(*since) < self.settings.cache_ttl).then(|| response.clone())
    }

    fn cache_response(&self, token: &str, now: Instant, response: &Arc<AuthorizerResponse>) {
        let mut cache = self.lock_cache();
        if cache.len() >= CACHED_TOKENS_LIMIT {
            cache.retain(|_, (since, _)| now.duration_since(*since) < self.settings.cache_ttl);
        }
        if cache.len() >= CACHED_TOKENS_LIMIT {
            cache.clear();
        }
        cache.insert(token.to_owned(), (now, response.clone()));
    }

    fn lock_cache(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<AuthorizerResponse>)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuthorizerResponse {
    /// Reads an authorizer's answer. Context values must be scalars, resources at most 512 bytes
    /// long.
    fn parse(answer: &Bytes) -> Result<AuthorizerResponse, Rejection> {
        let response: AuthorizerResponse =
            serde_json::from_slice(answer).map_err(|_| Rejection::AuthorizerConfigurationError)?;
        if response.context.iter().flat_map(Map::values).any(is_nested) {
            return Err(Rejection::AuthorizerConfigurationError);
        }
        if response.policy_document.named_resources().any(|arn| arn.len() > RESOURCE_LIMIT) {
            return Err(Rejection::AuthorizerConfigurationError);
        }
        Ok(response)
    }

    /// `requestContext.authorizer`: every value of the context becomes text.
    fn context_with_latency(&self, latency: u64) -> Value {
        let mut context = Map::new();
        for (name, value) in self.context.iter().flatten() {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            context.insert(name.clone(), text.into());
        }
        context.insert("principalId".to_owned(), self.principal_id.as_str().into());
        context.insert("integrationLatency".to_owned(), latency.into());
        context.into()
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// An authorizer denies by a policy, or by failing with exactly the word `Unauthorized`.
fn rejection_of_failure(failure: &InvocationError) -> Rejection {
    let InvocationError::Reported(report) = failure else { return Rejection::AuthorizerFailure };
    match serde_json::from_slice::<Value>(report) {
        Ok(report) if report["errorMessage"] == "Unauthorized" => Rejection::Unauthorized,
        _ => Rejection::AuthorizerFailure,
    }
}
