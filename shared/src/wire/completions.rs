//! OpenAI's form of chat and embed, which Cohere serves below `/compatibility/v1` and which is passed through.
//!
//! Source of names and types: Cohere's page on its compatibility API, and what OpenAI's clients send and read.

use crate::error::{GatewayError, Result};
use crate::wire::UpstreamRequest;
use crate::wire::object::{FieldType, KnownFields, RequestObject};
use crate::wire::refusal::{Refusal, read_id};
use crate::wire::stream::{DONE, MessageEnd, StreamEvent, find_fields, read_untyped};
use crate::wire::token_bound::{TokenBound, TokenLimits, bound_tokens};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

const KNOWN: KnownFields = &[
    ("model", FieldType::Name),
    ("messages", FieldType::Array),
    ("stream", FieldType::Bool),
    ("max_tokens", FieldType::Integer),
    ("max_completion_tokens", FieldType::Integer),
];

const KNOWN_OF_EMBEDDINGS: KnownFields = &[("model", FieldType::Name)];

/// Most inputs of one request of embeddings: they are not split.
const MAX_INPUTS: usize = 96;

/// A valid chat in OpenAI's form.
#[derive(Debug)]
pub struct CompletionRequest {
    object: RequestObject,
    pub model: String,
    bound: TokenBound,
}

impl CompletionRequest {
    /// Reads and checks a body; what else is wrong with it is Cohere's to say.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = RequestObject::parse(body, KNOWN)?;
        let model = read_model(&object)?;
        if !object.has("messages") {
            return Err(GatewayError::invalid("messages", "is required"));
        }
        let bound = TokenBound::read(&object, &["max_tokens", "max_completion_tokens"])?;
        Ok(Self { object, model, bound })
    }

    /// Writes the request for Cohere with an explicit bound of tokens.
    ///
    /// # Errors
    /// `invalid_request` where the caller asks for more tokens than the operator's ceiling.
    pub fn into_upstream(self, limits: TokenLimits) -> Result<UpstreamRequest> {
        bound_tokens(&self.object, self.model, self.bound, limits)
    }
}

/// Reads and checks a request of embeddings in OpenAI's form.
///
/// # Errors
/// `invalid_request` that names the field, its problem and its limit.
pub fn parse_embeddings(body: Bytes) -> Result<UpstreamRequest> {
    let object = RequestObject::parse(body, KNOWN_OF_EMBEDDINGS)?;
    let model = read_model(&object)?;
    let Some(input) = object.raw("input") else {
        return Err(GatewayError::invalid("input", "is required"));
    };
    let inputs = match serde_json::from_slice::<Vec<&RawValue>>(input) {
        Ok(inputs) => inputs.len(),
        Err(_) => 1,
    };
    if !(1..=MAX_INPUTS).contains(&inputs) {
        let problem = format!(
            "must hold 1 to {MAX_INPUTS} inputs here, got {inputs}; POST /v2/embed splits more"
        );
        return Err(GatewayError::invalid("input", problem));
    }
    Ok(UpstreamRequest::of_model(model, object))
}

fn read_model(object: &RequestObject) -> Result<String> {
    match object.read_name("model") {
        Some(model) if !model.is_empty() => Ok(model.into_owned()),
        _ => Err(GatewayError::invalid("model", "is required")),
    }
}

/// What is read of one choice of a chunk.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// Tells whether there is nothing in it but who speaks.
    fn only_begins(&self) -> bool {
        let Some(delta) = &self.delta else { return false };
        let is_empty = |raw: Option<&RawValue>| match raw {
            Some(raw) => matches!(raw.get(), "\"\"" | "null" | "[]"),
            None => true,
        };
        delta.role.is_some() && is_empty(delta.content) && is_empty(delta.tool_calls)
    }
}

/// Reads a chunk of a stream.
pub(super) fn read_event(data: &[u8]) -> StreamEvent {
    let [id, choices, usage, error] = find_fields(data, ["id", "choices", "usage", "error"]);
    if error.is_some_and(|error| error != b"null") {
        return StreamEvent::Failure(Refusal::read(data));
    }
    let Some(choices) = choices else {
        return read_untyped(data);
    };
    let Ok(choices) = serde_json::from_slice::<Vec<Choice>>(choices) else {
        return StreamEvent::Content;
    };
    let usage = usage.filter(|usage| usage.starts_with(b"{"));
    let has_ended = choices.iter().any(|choice| choice.finish_reason.is_some());
    // The usage comes by itself after the end, or with it.
    if has_ended || (choices.is_empty() && usage.is_some()) {
        let usage = usage.unwrap_or_default().to_vec();
        return StreamEvent::MessageEnd(MessageEnd { usage, failure: None });
    }
    if !choices.is_empty() && choices.iter().all(Choice::only_begins) {
        return StreamEvent::MessageStart { id: id.and_then(read_id) };
    }
    StreamEvent::Delta
}

/// Writes the ending of a stream that failed: OpenAI's clients raise an exception at an `error`.
pub(super) fn write_failed_ending(error: &GatewayError) -> Bytes {
    let data = serde_json::json!({
        "error": {
            "message": error.message,
            "type": error.code.as_str(),
            "param": null,
            "code": error.code.as_str(),
        },
    });
    [format!("data: {data}\n\n").as_bytes(), DONE].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_known_by_what_they_hold() {
        let read = |data: &str| read_event(data.as_bytes());
        let start =
            r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
        assert_eq!(read(start), StreamEvent::MessageStart { id: Some("c".into()) });
        let delta = r#"{"id":"c","choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#;
        assert_eq!(read(delta), StreamEvent::Delta);
        let whole = r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#;
        assert_eq!(read(whole), StreamEvent::Delta);
        let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}"#;
        assert_eq!(read(end), StreamEvent::MessageEnd(MessageEnd::default()));
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":1}}"#;
        let expected = MessageEnd { usage: br#"{"prompt_tokens":1}"#.to_vec(), failure: None };
        assert_eq!(read(usage), StreamEvent::MessageEnd(expected));
        let so_far = r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#;
        assert_eq!(read(so_far), StreamEvent::Delta);
        for other in [r#"{"choices":[]}"#, r#"{"choices":7}"#, r#"{"of":"tomorrow"}"#] {
            assert!(matches!(read(other), StreamEvent::Content | StreamEvent::Delta), "{other}");
        }
        for error in [r#"{"error":{"message":"no"}}"#, r#"{"id":"i","message":"no"}"#] {
            let StreamEvent::Failure(refusal) = read(error) else { panic!("{error}") };
            assert_eq!(refusal.message.as_deref(), Some("no"));
        }
    }

    #[test]
    fn embeddings_are_counted_and_need_a_model() {
        let parse = |body: String| {
            parse_embeddings(Bytes::from(body)).map(|_| ()).map_err(|error| error.message)
        };
        assert_eq!(parse(r#"{"model":"m","input":"one"}"#.into()), Ok(()));
        let many = |count: usize| {
            format!(r#"{{"model":"m","input":[{}]}}"#, vec!["\"a\""; count].join(","))
        };
        assert_eq!(parse(many(96)), Ok(()));
        assert!(
            parse(many(97)).unwrap_err().starts_with("invalid request: input: must hold 1 to 96")
        );
        assert!(parse(many(0)).unwrap_err().contains("got 0"));
        let missing = |field| Err(format!("invalid request: {field}: is required"));
        assert_eq!(parse(r#"{"input":"one"}"#.into()), missing("model"));
        assert_eq!(parse(r#"{"model":"m"}"#.into()), missing("input"));
    }
}
