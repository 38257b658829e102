//! The token authorizer as API Gateway asks it: only about what looks like a token, and remembered.
//!
//! The answer belongs to the token, not to the route: its policy is evaluated anew for each method.
//! Failures are not remembered.

#[cfg(test)]
mod tests;

use super::policy::{Policy, Verdict};
use super::refusal::Refusal;
use crate::lambda::{Failure, Function};
use crate::template;
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Longest resource a policy may name.
const RESOURCE_LIMIT: usize = 512;
/// Tokens remembered at once; beyond that expired ones are dropped first, then all.
const REMEMBERED_LIMIT: usize = 10_000;

pub struct Authorizer {
    settings: template::Authorizer,
    function: Arc<Function>,
    usage_plan_keys: Vec<String>,
    remembered: Mutex<HashMap<String, (Instant, Arc<Admission>)>>,
}

/// Who calls, as the function gets it.
#[derive(Debug)]
pub struct Caller {
    pub context: Value,
    pub usage_plan_key: Option<String>,
}

/// What the authorizer function answered about a token.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Admission {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Option<Map<String, Value>>,
    #[serde(default)]
    usage_identifier_key: Option<String>,
}

impl Authorizer {
    pub fn new(
        settings: template::Authorizer,
        function: Arc<Function>,
        usage_plan_keys: Vec<String>,
    ) -> Self {
        Authorizer { settings, function, usage_plan_keys, remembered: Mutex::default() }
    }

    /// Lets a request through to this method, with what its function will know of the caller.
    pub async fn admit(&self, headers: &HeaderMap, method_arn: &str) -> Result<Caller, Refusal> {
        let token = headers.get(&self.settings.header).and_then(|value| value.to_str().ok());
        let token = token
            .filter(|token| self.settings.expression.is_match(token))
            .ok_or(Refusal::Unauthorized)?;
        let asked = Instant::now();
        let known = self.recall(token, asked);
        let (admission, latency) = match known {
            Some(admission) => (admission, 0),
            None => {
                let admission = Arc::new(self.ask(token, method_arn).await?);
                self.remember(token, asked, &admission);
                (admission, asked.elapsed().as_millis())
            }
        };
        match admission.policy_document.verdict(method_arn) {
            Verdict::Allowed => {}
            Verdict::Denied => return Err(Refusal::AccessDenied { explicit: true }),
            Verdict::Unmentioned => return Err(Refusal::AccessDenied { explicit: false }),
        }
        let usage_plan_key = admission.usage_identifier_key.clone();
        if !usage_plan_key.as_ref().is_some_and(|key| self.usage_plan_keys.contains(key)) {
            return Err(Refusal::InvalidApiKey);
        }
        let latency = u64::try_from(latency).unwrap_or(u64::MAX);
        Ok(Caller { context: admission.context(latency), usage_plan_key })
    }

    async fn ask(&self, token: &str, method_arn: &str) -> Result<Admission, Refusal> {
        let event = json!({"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token});
        let answer = match self.function.invoke(event.to_string().into()).await {
            Ok(payload) => payload.collect().await.map_err(|_| Refusal::AuthorizerFailure)?,
            Err(failure) => return Err(refusal(&failure)),
        };
        Admission::read(&answer)
    }

    fn recall(&self, token: &str, now: Instant) -> Option<Arc<Admission>> {
        let remembered = self.remembered();
        let (since, admission) = remembered.get(token)?;
        (now.duration_since(*since) < self.settings.remembered).then(|| admission.clone())
    }

    fn remember(&self, token: &str, now: Instant, admission: &Arc<Admission>) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_LIMIT {
            remembered
                .retain(|_, (since, _)| now.duration_since(*since) < self.settings.remembered);
        }
        if remembered.len() >= REMEMBERED_LIMIT {
            remembered.clear();
        }
        remembered.insert(token.to_owned(), (now, admission.clone()));
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Admission>)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// Reads an authorizer's answer; context values may only be scalars, and resources only so long.
    fn read(answer: &Bytes) -> Result<Admission, Refusal> {
        let admission: Admission =
            serde_json::from_slice(answer).map_err(|_| Refusal::AuthorizerConfigurationError)?;
        let nested = |value: &Value| value.is_array() || value.is_object();
        let is_too_long = |resource: &str| resource.len() > RESOURCE_LIMIT;
        if admission.context.iter().flat_map(Map::values).any(nested)
            || admission.policy_document.resources().any(is_too_long)
        {
            return Err(Refusal::AuthorizerConfigurationError);
        }
        Ok(admission)
    }

    /// `requestContext.authorizer`: every value of the context becomes text.
    fn context(&self, latency: u64) -> Value {
        let mut context = Map::new();
        for (name, value) in self.context.iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            context.insert(name.clone(), text.into());
        }
        context.insert("principalId".to_owned(), self.principal_id.as_str().into());
        context.insert("integrationLatency".to_owned(), latency.into());
        context.into()
    }
}

/// An authorizer says no either by a policy or by failing with exactly this word.
fn refusal(failure: &Failure) -> Refusal {
    let Failure::Reported(report) = failure else { return Refusal::AuthorizerFailure };
    match serde_json::from_slice::<Value>(report) {
        Ok(report) if report["errorMessage"] == "Unauthorized" => Refusal::Unauthorized,
        _ => Refusal::AuthorizerFailure,
    }
}
