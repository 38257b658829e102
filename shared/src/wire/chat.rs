//! `POST /v2/chat`: what the gateway reads of a request and of an answer.
//!
//! Source of field names and types: Cohere's OpenAPI document of 2026-08-20.

use crate::error::{GatewayError, Result};
use crate::wire::object::{Kind, Known, RequestObject};
use crate::wire::{UpstreamRequest, scan};
use serde::Deserialize;

const KNOWN: Known = &[
    ("model", Kind::Text),
    ("messages", Kind::Array),
    ("stream", Kind::Bool),
    ("max_tokens", Kind::Integer),
    ("tools", Kind::Array),
    ("strict_tools", Kind::Bool),
    ("documents", Kind::Array),
    ("citation_options", Kind::Object),
    ("response_format", Kind::Object),
    ("safety_mode", Kind::Text),
    ("stop_sequences", Kind::Texts),
    ("temperature", Kind::Number),
    ("seed", Kind::Integer),
    ("frequency_penalty", Kind::Number),
    ("presence_penalty", Kind::Number),
    ("k", Kind::Integer),
    ("p", Kind::Number),
    ("logprobs", Kind::Bool),
    ("tool_choice", Kind::Text),
    ("thinking", Kind::Object),
    ("priority", Kind::Integer),
];

/// A valid chat request.
#[derive(Debug)]
pub struct ChatRequest<'a> {
    fields: RequestObject<'a>,
    pub stream: bool,
    max_tokens: Option<u64>,
}

impl<'a> ChatRequest<'a> {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: &'a [u8]) -> Result<Self> {
        let fields = RequestObject::parse(body, KNOWN)?;
        match fields.raw("messages") {
            None => return Err(GatewayError::invalid("messages", "is required")),
            Some(messages) => check_messages(messages)?,
        }
        let max_tokens = match fields.raw("max_tokens") {
            None => None,
            Some(raw) => Some(whole(raw).filter(|n| *n > 0).ok_or_else(|| {
                GatewayError::invalid("max_tokens", "must be a whole number of at least 1")
            })?),
        };
        let stream = fields.raw("stream") == Some("true");
        Ok(Self { fields, stream, max_tokens })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> Option<String> {
        self.fields.text("model").map(|model| model.into_owned())
    }

    /// Writes the request for Cohere with an explicit model and an explicit bound of tokens.
    ///
    /// # Errors
    /// `invalid_request` where the caller asks for more than `ceiling` tokens.
    pub fn for_upstream(&self, model: String, default: u64, ceiling: Option<u64>) -> Result<UpstreamRequest> {
        let limit = ceiling.unwrap_or(u64::MAX);
        if let Some(asked) = self.max_tokens.filter(|asked| *asked > limit) {
            let problem =
                format_args!("must be at most {limit}, the operator's ceiling, got {asked}").to_string();
            return Err(GatewayError::invalid("max_tokens", problem));
        }
        let chosen = self.max_tokens.is_none().then(|| default.min(limit));
        let model_json = serde_json::Value::from(model.as_str()).to_string();
        let chosen_json = chosen.map(|tokens| tokens.to_string());
        let mut set = vec![("model", model_json.as_str())];
        set.extend(chosen_json.as_deref().map(|tokens| ("max_tokens", tokens)));
        // A model the caller named stays where the caller wrote it.
        let set = if self.fields.raw("model").is_some() { &set[1..] } else { &set[..] };
        Ok(UpstreamRequest {
            body: self.fields.with(set),
            model,
            stream: self.stream,
            chosen_max_tokens: chosen,
            expected: None,
        })
    }
}

fn check_messages(messages: &str) -> Result<()> {
    let mut count = 0;
    for (index, message) in scan::elements(messages).enumerate() {
        if !message.starts_with('{') {
            return Err(GatewayError::invalid(
                &format!("messages[{index}]"),
                "must be an object with role and content",
            ));
        }
        count += 1;
    }
    if count == 0 {
        return Err(GatewayError::invalid("messages", "must hold at least 1 message"));
    }
    Ok(())
}

/// Reads a number that the type check has found whole, `100` as well as `1e2`.
fn whole(raw: &str) -> Option<u64> {
    raw.parse()
        .ok()
        .or_else(|| raw.parse::<f64>().ok().filter(|n| (0.0..=1e15).contains(n)).map(|n| n as u64))
}

/// Token counts of an answer, or of a stream's last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub billed_units: BilledTokens,
}

/// Tokens that Cohere bills; a typed number on the wire, whole in practice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BilledTokens {
    pub input_tokens: Option<f64>,
    pub output_tokens: Option<f64>,
}

/// Reads the usage of an answer; `None` where the text is no chat answer.
pub fn usage(answer: &[u8]) -> Option<Usage> {
    // An answer of a chat is small: it is parsed strictly, so that garbage never reaches a caller.
    serde_json::from_slice::<&serde_json::value::RawValue>(answer).ok()?;
    let [message, usage] = scan::top_level(answer, ["message", "usage"])?;
    message.filter(|message| message.starts_with(b"{"))?;
    Some(usage.and_then(|usage| serde_json::from_slice(usage).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        ChatRequest::parse(body.as_bytes()).unwrap_err().message
    }

    #[test]
    fn messages_are_required_and_not_empty() {
        assert_eq!(problem(r#"{"model":"m"}"#), "invalid request: messages: is required");
        assert_eq!(problem(r#"{"messages":null}"#), "invalid request: messages: is required");
        assert_eq!(problem(r#"{"messages":[]}"#), "invalid request: messages: must hold at least 1 message");
        assert_eq!(
            problem(r#"{"messages":[{},"hi"]}"#),
            "invalid request: messages[1]: must be an object with role and content"
        );
    }

    #[test]
    fn the_bound_of_tokens_is_always_sent_and_the_callers_own_wins() {
        let sent = |body: &str, default, ceiling| {
            let request = ChatRequest::parse(body.as_bytes()).unwrap();
            let sent = request.for_upstream("m".into(), default, ceiling)?;
            Ok::<_, GatewayError>((String::from_utf8(sent.body.to_vec()).unwrap(), sent.chosen_max_tokens))
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
        assert_eq!(sent(null, 7, None).unwrap().0, r#"{"messages":[{}],"model":"m","max_tokens":7}"#);
    }

    #[test]
    fn an_answer_without_a_message_is_none() {
        let answer =
            br#"{"id":"x","message":{},"usage":{"billed_units":{"input_tokens":5,"output_tokens":7.0}}}"#;
        assert_eq!(usage(answer).unwrap().billed_units.output_tokens, Some(7.0));
        for bad in [&b"{\"id\":1}"[..], b"[]", b"{\"message\":{}", b"{\"message\":{oops}}", b"<html>"] {
            assert_eq!(usage(bad), None);
        }
    }
}
