//! Lambda's own API: invokes one version of a function, starts a function, and reads an alias.

use super::alias::Alias;
use super::aws_call::{AwsAnswer, AwsCall, AwsCalls};
use crate::config::AwsAccess;
use crate::telemetry::redact::redact_id;
use crate::transport::Transport;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// Time for the answer of a function: more than a marked call may take there.
const INVOKE_LIMIT: Duration = Duration::from_secs(40);
/// Time for an answer of Lambda's own.
const OWN_LIMIT: Duration = Duration::from_secs(5);

/// Calls of Lambda. Scope: environment.
#[derive(Clone)]
pub struct LambdaApi {
    calls: AwsCalls,
}

/// What an invocation came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Invoked {
    Payload(Bytes),
    /// The function failed: it crashed, ran out of time, or reported an error of this kind.
    Failed(String),
    /// Lambda has not run it, or nobody knows; why.
    NotRun(String),
}

/// What Lambda says of a failure.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Failure {
    error_type: String,
}

impl LambdaApi {
    /// Prepares to call; asks nothing yet.
    pub fn new(transport: Transport, access: AwsAccess) -> Self {
        Self { calls: AwsCalls::new(transport, access) }
    }

    /// Runs one version of a function and waits for its answer.
    pub(super) async fn invoke(&self, function: &str, version: &str, event: &Value) -> Invoked {
        let path = format!("{}/invocations?Qualifier={version}", path_of(function));
        let call = self.new_call(Method::POST, &path, event.to_string(), INVOKE_LIMIT);
        match self.calls.send(call).await {
            Ok(answer) if answer.status == 200 => read_invoked(&answer.headers, answer.body),
            Ok(answer) => Invoked::NotRun(describe_refusal(&answer)),
            Err(problem) => Invoked::NotRun(problem),
        }
    }

    /// Starts a function, and does not wait for what it does.
    ///
    /// # Errors
    /// Lambda has not taken the event, and why.
    pub async fn start(&self, function: &str, event: &Value) -> Result<(), String> {
        let path = format!("{}/invocations", path_of(function));
        let mut call = self.new_call(Method::POST, &path, event.to_string(), OWN_LIMIT);
        call.headers.push(("x-amz-invocation-type", "Event"));
        let answer = self.calls.send(call).await?;
        if answer.status == 202 { Ok(()) } else { Err(describe_refusal(&answer)) }
    }

    /// Reads where an alias leads.
    ///
    /// # Errors
    /// Lambda does not say, and why.
    pub async fn read_alias(&self, function: &str, alias: &str) -> Result<Alias, String> {
        let path = format!("{}/aliases/{alias}", path_of(function));
        let call = self.new_call(Method::GET, &path, String::new(), OWN_LIMIT);
        let answer = self.calls.send(call).await?;
        if answer.status != 200 {
            return Err(describe_refusal(&answer));
        }
        Alias::parse(&answer.body).ok_or("what Lambda said is no alias".to_string())
    }

    fn new_call(&self, method: Method, path: &str, body: String, limit: Duration) -> AwsCall {
        let url = format!("{}{path}", self.calls.access.lambda_url);
        let body = Bytes::from(body);
        AwsCall { service: "lambda", method, url, headers: Vec::new(), body, limit }
    }
}

/// Returns the path of a function, which may be named by its ARN.
fn path_of(function: &str) -> String {
    format!("/2015-03-31/functions/{}", function.replace(':', "%3A"))
}

fn read_invoked(headers: &HeaderMap, body: Bytes) -> Invoked {
    if !headers.contains_key("x-amz-function-error") {
        return Invoked::Payload(body);
    }
    let failure: Failure = serde_json::from_slice(&body).unwrap_or_default();
    Invoked::Failed(redact_id(&failure.error_type).to_string())
}

fn describe_refusal(answer: &AwsAnswer) -> String {
    let kind = answer.headers.get("x-amzn-errortype").and_then(|kind| kind.to_str().ok());
    // An address may stand behind a colon.
    let kind = kind.and_then(|kind| kind.split(':').next()).unwrap_or_default();
    format!("Lambda answers {} {}", answer.status, redact_id(kind)).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_the_function_is_told_by_its_header() {
        let body =
            Bytes::from_static(br#"{"errorType":"Runtime.ExitError","errorMessage":"words"}"#);
        assert_eq!(read_invoked(&HeaderMap::new(), body.clone()), Invoked::Payload(body.clone()));
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-function-error", http::HeaderValue::from_static("Unhandled"));
        assert_eq!(read_invoked(&headers, body), Invoked::Failed("Runtime.ExitError".to_string()));
        assert_eq!(read_invoked(&headers, Bytes::new()), Invoked::Failed(String::new()));
    }
}
