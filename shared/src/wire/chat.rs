//! `POST /v2/chat`: what the gateway reads of a request and of an answer.
//!
//! Source of field names and types: Cohere's OpenAPI document of 2026-08-20.

use crate::error::{GatewayError, Result};
use crate::wire::dialect::AnswerForm;
use crate::wire::object::{FieldType, KnownFields, List, RequestObject};
use crate::wire::{UpstreamRequest, scan, to_json_string};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

const KNOWN: KnownFields = &[
    ("model", FieldType::Name),
    ("messages", FieldType::Array),
    ("stream", FieldType::Bool),
    ("max_tokens", FieldType::Integer),
    ("tools", FieldType::Array),
    ("strict_tools", FieldType::Bool),
    ("documents", FieldType::Array),
    ("citation_options", FieldType::Object),
    ("response_format", FieldType::Object),
    ("safety_mode", FieldType::Name),
    ("stop_sequences", FieldType::Texts),
    ("temperature", FieldType::Number),
    ("seed", FieldType::Integer),
    ("frequency_penalty", FieldType::Number),
    ("presence_penalty", FieldType::Number),
    ("k", FieldType::Integer),
    ("p", FieldType::Number),
    ("logprobs", FieldType::Bool),
    ("tool_choice", FieldType::Name),
    ("thinking", FieldType::Object),
    ("priority", FieldType::Integer),
];

/// A valid chat request.
#[derive(Debug)]
pub struct ChatRequest {
    object: RequestObject,
    pub stream: bool,
    pub thinking: Option<Thinking>,
    max_tokens: Option<u64>,
}

/// The wish that the model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thinking {
    /// Most tokens of its thoughts.
    pub budget: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThinkingOptions<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token_budget: Option<&'a RawValue>,
}

/// Returns what a request says about thinking; `None` where it says nothing, or switches it off.
pub fn read_thinking(object: &RequestObject) -> Option<Thinking> {
    // What cannot be read is Cohere's to judge.
    let options = serde_json::from_slice::<ThinkingOptions>(object.raw("thinking")?);
    let options = options.unwrap_or_default();
    if options.kind.as_deref() == Some("disabled") {
        return None;
    }
    let budget =
        options.token_budget.and_then(|budget| parse_whole_number(budget.get().as_bytes()));
    Some(Thinking { budget })
}

impl ChatRequest {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = RequestObject::parse(body, KNOWN)?;
        match object.read_list("messages") {
            None => return Err(GatewayError::invalid("messages", "is required")),
            Some(messages) => check_messages(messages)?,
        }
        let max_tokens = match object.raw("max_tokens") {
            None => None,
            Some(raw) => Some(parse_max_tokens("max_tokens", raw)?),
        };
        let stream = object.raw("stream") == Some(b"true");
        let thinking = read_thinking(&object);
        Ok(Self { object, stream, thinking, max_tokens })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> Option<String> {
        self.object.read_name("model").map(|model| model.into_owned())
    }

    /// Writes the request for Cohere with an explicit model and an explicit bound of tokens.
    ///
    /// # Errors
    /// `invalid_request` where the caller asks for more than `ceiling` tokens, or for as many thoughts.
    pub fn into_upstream(
        self,
        model: String,
        default: u64,
        ceiling: Option<u64>,
    ) -> Result<UpstreamRequest> {
        let limit = ceiling.unwrap_or(u64::MAX);
        if let Some(Thinking { budget: Some(budget) }) = self.thinking
            && self.max_tokens.is_none()
            && budget >= limit
        {
            let problem = format!(
                "must be below {limit}, the operator's ceiling of max_tokens, so that there is room \
                 for text, got {budget}"
            );
            return Err(GatewayError::invalid("thinking.token_budget", problem));
        }
        let chosen_max_tokens = match self.max_tokens {
            None => Some(default.min(limit)),
            Some(requested) if requested <= limit => None,
            Some(requested) => {
                let problem =
                    format!("must be at most {limit}, the operator's ceiling, got {requested}");
                return Err(GatewayError::invalid("max_tokens", problem));
            }
        };
        let model_json = to_json_string(&model);
        let tokens_json = chosen_max_tokens.map(|tokens| tokens.to_string());
        let mut set: Vec<(&str, &[u8])> = Vec::new();
        // A model the caller named stays where the caller wrote it.
        if !self.object.has("model") {
            set.push(("model", model_json.as_bytes()));
        }
        if let Some(tokens) = &tokens_json {
            set.push(("max_tokens", tokens.as_bytes()));
        }
        let object = self.object.with(&set);
        Ok(UpstreamRequest {
            model,
            object,
            stream: self.stream,
            max_tokens: self.max_tokens.or(chosen_max_tokens),
            chosen_max_tokens,
            expected_results: None,
            form: AnswerForm::V2,
        })
    }
}

fn check_messages(messages: List<'_>) -> Result<()> {
    for (index, message) in messages.iter().enumerate() {
        if !message.starts_with(b"{") {
            return Err(GatewayError::invalid(
                &format!("messages[{index}]"),
                "must be an object with role and content",
            ));
        }
    }
    if messages.is_empty() {
        return Err(GatewayError::invalid("messages", "must hold at least 1 message"));
    }
    Ok(())
}

/// Reads a bound of tokens.
///
/// # Errors
/// `invalid_request` naming the field.
pub fn parse_max_tokens(field: &str, raw: &[u8]) -> Result<u64> {
    match parse_whole_number(raw) {
        Some(tokens) if tokens > 0 => Ok(tokens),
        _ => Err(GatewayError::invalid(field, "must be a whole number of at least 1")),
    }
}

/// Reads a number that the type check has found whole, `100` as well as `1e2`.
fn parse_whole_number(raw: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(raw).ok()?;
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    if (0.0..=1e15).contains(&number) { Some(number as u64) } else { None }
}

/// What the gateway reads of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChatAnswerParts<'a> {
    /// The id as it is written.
    pub id: Option<&'a [u8]>,
    /// `usage`, empty where there is none.
    pub usage: &'a [u8],
}

/// Finds the parts of an answer; `None` where the text is no chat answer.
pub fn find_parts(answer: &[u8]) -> Option<ChatAnswerParts<'_>> {
    // An answer of a chat is small: it is parsed strictly, so that garbage never reaches a caller.
    serde_json::from_slice::<&RawValue>(answer).ok()?;
    let [id, message, usage] = scan::find_top_level(answer, ["id", "message", "usage"])?;
    message.filter(|message| message.starts_with(b"{"))?;
    Some(ChatAnswerParts { id, usage: usage.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        ChatRequest::parse(Bytes::from(body.to_string())).unwrap_err().message
    }

    #[test]
    fn messages_are_required_and_not_empty() {
        assert_eq!(problem(r#"{"model":"m"}"#), "invalid request: messages: is required");
        assert_eq!(problem(r#"{"messages":null}"#), "invalid request: messages: is required");
        assert_eq!(
            problem(r#"{"messages":[]}"#),
            "invalid request: messages: must hold at least 1 message"
        );
        assert_eq!(
            problem(r#"{"messages":[{},"hi"]}"#),
            "invalid request: messages[1]: must be an object with role and content"
        );
    }

    #[test]
    fn model_and_stream_are_read_and_zero_tokens_refused() {
        let parse = |rest: &str| {
            let body = format!(r#"{{"messages":[{{}}],"temperature":0.5{rest}}}"#);
            ChatRequest::parse(Bytes::from(body))
        };
        let request = parse(r#","model":"a","stream":true"#).unwrap();
        assert_eq!((request.model().as_deref(), request.stream), (Some("a"), true));
        let request = parse(r#","stream":false"#).unwrap();
        assert_eq!((request.model(), request.stream), (None, false));
        assert_eq!(
            parse(r#","max_tokens":0"#).unwrap_err().message,
            "invalid request: max_tokens: must be a whole number of at least 1"
        );
    }

    #[test]
    fn max_tokens_is_always_sent_and_the_callers_wins() {
        let sent = |body: &str, default, ceiling| {
            let request = ChatRequest::parse(Bytes::from(body.to_string())).unwrap();
            let sent = request.into_upstream("m".into(), default, ceiling)?;
            let body = String::from_utf8(sent.object.body().to_vec()).unwrap();
            Ok::<_, GatewayError>((body, sent.chosen_max_tokens))
        };
        let plain = r#"{"messages":[{}]}"#;
        assert_eq!(
            sent(plain, 4096, None).unwrap(),
            (r#"{"messages":[{}],"model":"m","max_tokens":4096}"#.into(), Some(4096))
        );
        assert_eq!(sent(plain, 4096, Some(100)).unwrap().1, Some(100));
        let own = r#"{"messages":[{}],"max_tokens":1e3,"model":"m"}"#;
        assert_eq!(sent(own, 4096, None).unwrap(), (own.into(), None));
        assert_eq!(
            sent(own, 4096, Some(500)).unwrap_err().message,
            "invalid request: max_tokens: must be at most 500, the operator's ceiling, got 1000"
        );
        let null = r#"{"max_tokens":null,"messages":[{}],"model":"m"}"#;
        assert_eq!(
            sent(null, 7, None).unwrap().0,
            r#"{"messages":[{}],"model":"m","max_tokens":7}"#
        );
    }

    #[test]
    fn thinking_is_read_from_its_object() {
        let read = |thinking: &str| {
            let body = format!(r#"{{"messages":[{{}}],"thinking":{thinking}}}"#);
            ChatRequest::parse(Bytes::from(body)).unwrap().thinking
        };
        let with_budget = |budget| Some(Thinking { budget });
        assert_eq!(read(r#"{"type":"enabled","token_budget":31000}"#), with_budget(Some(31_000)));
        assert_eq!(read(r#"{"token_budget":3.1e4,"new":1}"#), with_budget(Some(31_000)));
        for without in [r#"{"token_budget":"many"}"#, r#"{"token_budget":-1}"#, "{}"] {
            assert_eq!(read(without), with_budget(None), "{without}");
        }
        let off = r#"{"type":"dis\u0061bled","token_budget":1}"#;
        assert_eq!((read(off), read("null")), (None, None));
    }

    #[test]
    fn thoughts_that_fill_the_ceiling_are_refused() {
        let send = |budget: u64| {
            let body = format!(r#"{{"messages":[{{}}],"thinking":{{"token_budget":{budget}}}}}"#);
            let request = ChatRequest::parse(Bytes::from(body)).unwrap();
            request.into_upstream("m".into(), 9_000, Some(5_000))
        };
        assert_eq!(send(4_999).unwrap().chosen_max_tokens, Some(5_000));
        assert_eq!(
            send(5_000).unwrap_err().message,
            "invalid request: thinking.token_budget: must be below 5000, the operator's ceiling of \
             max_tokens, so that there is room for text, got 5000"
        );
    }

    #[test]
    fn answer_without_a_message_is_none() {
        let answer = br#"{"id":"x","message":{},"usage":{"billed_units":{"input_tokens":5}}}"#;
        let parts = find_parts(answer).unwrap();
        assert_eq!(parts.usage, br#"{"billed_units":{"input_tokens":5}}"#);
        assert_eq!(parts.id, Some(&br#""x""#[..]));
        let none = ChatAnswerParts { id: None, usage: b"" };
        assert_eq!(find_parts(br#"{"message":{}}"#), Some(none));
        for bad in
            [&b"{\"id\":1}"[..], b"[]", b"{\"message\":{}", b"{\"message\":{oops}}", b"<html>"]
        {
            assert_eq!(find_parts(bad), None);
        }
    }
}
