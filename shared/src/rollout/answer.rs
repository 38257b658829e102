//! What one version has answered, without its words: status, code, names of headers, form, and how a stream ended.

use super::lambda_api::Invoked;
use super::paths::{Paths, collect_paths};
use crate::edge::response::{FROM_COHERE, OwnHeader};
use crate::error::Code;
use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;
use std::collections::BTreeSet;

/// The head of a streamed answer ends so.
const HEAD_END: [u8; 8] = [0; 8];
/// What the authorizer reports where it cannot say who calls.
const NOT_JUDGED: &str = "NotJudged";

/// What a call of one version came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered(FunctionAnswer),
    /// The function crashed, ran out of time or reported an error, of this kind.
    Crashed(String),
    /// Nothing can be said about the version; why.
    Unknown(String),
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FunctionAnswer {
    pub(super) status: u16,
    /// Of an error of ours.
    pub(super) code: Option<Code>,
    /// Names of headers that do not depend on Cohere.
    pub(super) headers: BTreeSet<String>,
    pub(super) paths: Paths,
    /// Of a stream.
    pub(super) stream: Option<StreamForm>,
    /// Another model than the one that was asked for has answered.
    pub(super) is_from_fallback: bool,
}

/// How a stream went.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StreamForm {
    /// Types of its events in order, equal ones in a row as one.
    pub(super) events: Vec<String>,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// Cohere failed, and the stream says so.
    WithError,
    Broken,
}

/// Reads what an invocation came to.
pub(super) fn read_outcome(invoked: Invoked) -> Outcome {
    match invoked {
        Invoked::Payload(payload) => match read_answer(&payload) {
            Some(answer) => Outcome::Answered(answer),
            None => Outcome::Crashed("its answer is none".to_string()),
        },
        Invoked::Failed(kind) if kind == NOT_JUDGED => {
            Outcome::Unknown("the authorizer has no list of clients".to_string())
        }
        Invoked::Failed(kind) => Outcome::Crashed(kind),
        Invoked::NotRun(why) => Outcome::Unknown(why),
    }
}

fn read_answer(payload: &Bytes) -> Option<FunctionAnswer> {
    let Some(end) = memmem::find(payload, &HEAD_END) else { return read_verdict(payload) };
    let head: Value = serde_json::from_slice(&payload[..end]).ok()?;
    let status = u16::try_from(head["statusCode"].as_u64()?).ok()?;
    let names = head["headers"].as_object().into_iter().flat_map(|headers| headers.keys());
    let names: BTreeSet<_> = names.map(|name| name.to_ascii_lowercase()).collect();
    let mut answer = FunctionAnswer {
        status,
        is_from_fallback: names.contains(OwnHeader::FallbackFrom.name()),
        headers: names.into_iter().filter(|name| is_constant(name)).collect(),
        ..FunctionAnswer::default()
    };
    let body = &payload[end + HEAD_END.len()..];
    let content_type = head["headers"]["content-type"].as_str().unwrap_or_default();
    if content_type.starts_with("text/event-stream") {
        answer.read_stream(body);
        return Some(answer);
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if status >= 400 {
        let said = body["code"].as_str();
        answer.code = Code::ALL.into_iter().find(|code| Some(code.as_str()) == said);
    }
    collect_paths(&body, "", &mut answer.paths);
    Some(answer)
}

/// Reads the verdict of an authorizer, in the status that its caller would get.
fn read_verdict(payload: &[u8]) -> Option<FunctionAnswer> {
    let policy: Value = serde_json::from_slice(payload).ok()?;
    let status = match policy["policyDocument"]["Statement"][0]["Effect"].as_str()? {
        "Allow" => 200,
        _ => 401,
    };
    let mut answer = FunctionAnswer { status, ..FunctionAnswer::default() };
    collect_paths(&policy, "", &mut answer.paths);
    Some(answer)
}

/// Tells whether a header stands in every answer of its kind, whatever Cohere sends.
fn is_constant(name: &str) -> bool {
    let passing = [OwnHeader::RetryAfter, OwnHeader::ApiWarning, OwnHeader::FallbackFrom];
    let of_ours = name == OwnHeader::ContentType.name();
    of_ours || !(FROM_COHERE.contains(&name) || passing.iter().any(|own| own.name() == name))
}

impl FunctionAnswer {
    fn read_stream(&mut self, body: &[u8]) {
        let mut events = Vec::<String>::new();
        let (mut is_done, mut has_failed, mut is_completed) = (false, false, false);
        for frame in String::from_utf8_lossy(body).split("\n\n") {
            let find = |field: &str| frame.lines().find_map(|line| line.strip_prefix(field));
            let Some(data) = find("data:").map(str::trim) else { continue };
            if data == "[DONE]" {
                is_done = true;
                continue;
            }
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            let kind = data["type"].as_str().unwrap_or("?").to_string();
            has_failed |= data["delta"]["finish_reason"] == "ERROR";
            is_completed |= data["choices"][0]["finish_reason"].is_string();
            collect_paths(&data, &kind, &mut self.paths);
            if events.last() != Some(&kind) {
                events.push(kind);
            }
        }
        // OpenAI's form ends with a reason instead of an event of its own.
        let has_end = is_completed || events.last().is_some_and(|kind| kind == "message-end");
        let ending = match is_done && has_end {
            false => Ending::Broken,
            true if has_failed => Ending::WithError,
            true => Ending::Whole,
        };
        self.stream = Some(StreamForm { events, ending });
    }

    /// Tells whether it speaks of Cohere, of a rate or of the key, and not of the version that gave it.
    pub(super) fn is_of_cohere(&self) -> bool {
        let ends_with_error =
            self.stream.as_ref().is_some_and(|stream| stream.ending == Ending::WithError);
        ends_with_error || self.is_from_fallback || self.code.is_some_and(is_code_of_cohere)
    }

    /// Tells whether it is a health check's, which says of Cohere what it is at that moment.
    pub(super) fn is_health(&self) -> bool {
        matches!(self.status, 200 | 503) && self.paths.contains_key("cohere.status")
    }
}

fn is_code_of_cohere(code: Code) -> bool {
    let is_of_a_rate =
        matches!(code, Code::RateLimited | Code::QuotaExhausted | Code::ClientThrottled);
    is_of_a_rate || (code.is_server_fault() && code != Code::Internal)
}
