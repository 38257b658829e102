//! Two calls of the public address with the synthetic client's token: the health check, and an embed of one text.
//!
//! The text is always the same, so an environment that has answered it before asks Cohere nothing. A failure of
//! Cohere's, which the gateway tells in its own codes, is no failure of the front door.

mod judge;

use bytes::Bytes;
use futures_util::future::join;
use http::{HeaderValue, Method, Request, header};
use judge::{judge_check, judge_embed};
use serde_json::json;
use shared::config::FrontDoorConfig;
use shared::error::Code;
use shared::secrets::secrets_manager::{CURRENT, SecretsManager};
use shared::secrets::token::is_token;
use shared::transport::{Transport, TransportError};
use std::time::Duration;

const CHECK: &str = "/api/health/check";
const EMBED: &str = "/v2/embed";
/// The text that is embedded, and paid for once in each environment and hour.
const TEXT: &str = "the front door";

/// Calls the public address. Scope: environment.
pub(crate) struct FrontDoor {
    transport: Transport,
    token: SecretsManager,
    /// Time to read the token.
    token_limit: Duration,
    config: FrontDoorConfig,
}

/// Whether a client is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrontDoorOutcome {
    Ok,
    Failed,
    /// There is no token to call with, as before the first deployment has ended.
    NotChecked,
}

impl FrontDoorOutcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            FrontDoorOutcome::Ok => "ok",
            FrontDoorOutcome::Failed => "failed",
            FrontDoorOutcome::NotChecked => "not_checked",
        }
    }
}

/// What one call has met.
#[derive(Debug, Default)]
pub(crate) struct CallSeen {
    pub(crate) status: Option<u16>,
    /// The gateway's own, if the answer has one.
    pub(crate) code: Option<&'static str>,
    /// Why it counts as a failure, in our words.
    problem: Option<String>,
}

/// What both calls have met.
#[derive(Debug)]
pub(crate) struct DoorSeen {
    pub(crate) outcome: FrontDoorOutcome,
    pub(crate) check: CallSeen,
    pub(crate) embed: CallSeen,
    /// Why nothing was called.
    not_called: Option<String>,
}

impl DoorSeen {
    fn failed(problem: String) -> Self {
        Self::without_token(FrontDoorOutcome::Failed, problem)
    }

    /// Tells why nothing was called.
    fn without_token(outcome: FrontDoorOutcome, problem: String) -> Self {
        let (check, embed) = (CallSeen::default(), CallSeen::default());
        Self { outcome, check, embed, not_called: Some(problem) }
    }

    /// Says which call has failed and why, or why nothing was called.
    pub(crate) fn problem(&self) -> Option<String> {
        let failed = [(CHECK, &self.check.problem), (EMBED, &self.embed.problem)];
        let mut said: Vec<_> = self.not_called.iter().cloned().collect();
        for (path, problem) in failed {
            said.extend(problem.as_ref().map(|problem| format!("{path}: {problem}")));
        }
        if said.is_empty() { None } else { Some(said.join("; ")) }
    }
}

impl FrontDoor {
    pub(crate) fn new(
        transport: Transport,
        token: SecretsManager,
        token_limit: Duration,
        config: FrontDoorConfig,
    ) -> Self {
        Self { transport, token, token_limit, config }
    }

    /// Makes both calls.
    pub(crate) async fn walk(&self) -> DoorSeen {
        let authorization = match self.read_authorization().await {
            Ok(authorization) => authorization,
            Err(unread) => return unread,
        };
        let body = json!({
            "model": self.config.embed_model,
            "input_type": "search_query",
            "embedding_types": ["float"],
            "texts": [TEXT],
        });
        let check = self.call(Method::GET, CHECK, Bytes::new(), &authorization, judge_check);
        let body = Bytes::from(body.to_string());
        let embed = self.call(Method::POST, EMBED, body, &authorization, judge_embed);
        let (check, embed) = join(check, embed).await;
        let is_ok = check.problem.is_none() && embed.problem.is_none();
        let outcome = if is_ok { FrontDoorOutcome::Ok } else { FrontDoorOutcome::Failed };
        DoorSeen { outcome, check, embed, not_called: None }
    }

    /// Reads the token anew: it is made, and replaced, while the function runs.
    ///
    /// # Errors
    /// Without any token nothing was checked; one that cannot be read or used opens no door.
    async fn read_authorization(&self) -> Result<HeaderValue, DoorSeen> {
        let read = tokio::time::timeout(self.token_limit, self.token.find_version(CURRENT, None));
        let found = match read.await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                return Err(DoorSeen::failed(format!("the token is not read: {error}")));
            }
            Err(_) => return Err(DoorSeen::failed("the token is not read in time".to_string())),
        };
        let Some(version) = found else {
            let problem = "there is no synthetic client yet".to_string();
            return Err(DoorSeen::without_token(FrontDoorOutcome::NotChecked, problem));
        };
        let token = version.text.expose().trim();
        if is_token(token)
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}"))
        {
            value.set_sensitive(true);
            return Ok(value);
        }
        let problem = "the secret of the synthetic client holds no token";
        Err(DoorSeen::failed(problem.to_string()))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        authorization: &HeaderValue,
        judge: fn(u16, &[u8]) -> Result<Option<Code>, String>,
    ) -> CallSeen {
        let limit = self.config.timeout;
        // So that a slow Cohere is told by the gateway, in its time, and not by a time-out here.
        let gateway_limit = limit - limit / 5;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.config.url))
            .header(header::AUTHORIZATION, authorization.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-gateway-timeout-ms", gateway_limit.as_millis().to_string())
            .body(body);
        let exchange = async {
            let request = request.map_err(|_| "the address cannot be called".to_string())?;
            let answer = self.transport.send(request).await.map_err(describe_failure)?;
            let status = answer.status;
            Ok((status, answer.collect().await.map_err(describe_failure)?))
        };
        match tokio::time::timeout(limit, exchange).await {
            Err(_) => {
                let problem = format!("no answer within {} ms", limit.as_millis());
                CallSeen { problem: Some(problem), ..CallSeen::default() }
            }
            Ok(Err(problem)) => CallSeen { problem: Some(problem), ..CallSeen::default() },
            Ok(Ok((status, body))) => describe_answer(status, judge(status, &body), &body),
        }
    }
}

fn describe_failure(error: TransportError) -> String {
    error.to_string()
}

fn describe_answer(status: u16, judged: Result<Option<Code>, String>, body: &[u8]) -> CallSeen {
    let (code, problem) = match judged {
        Ok(code) => (code, None),
        Err(problem) => (judge::read_code(body), Some(problem)),
    };
    CallSeen { status: Some(status), code: code.map(Code::as_str), problem }
}
