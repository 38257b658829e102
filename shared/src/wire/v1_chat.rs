//! `POST /v1/chat`, which is passed through: what the gateway reads of it, and the ending it writes itself.
//!
//! Nothing is translated: tools, connectors and citations differ from v2's. Source of names and types: Cohere's
//! OpenAPI document of v1, and recorded requests, answers and streams of v1's SDKs.

use crate::error::{GatewayError, Result};
use crate::wire::UpstreamRequest;
use crate::wire::object::{FieldType, KnownFields, RequestObject};
use crate::wire::refusal::{Refusal, read_id};
use crate::wire::stream::{MessageEnd, StreamEvent, find_fields, read_untyped};
use crate::wire::text::decode_text;
use crate::wire::token_bound::{TokenBound, TokenLimits, bound_tokens};
use bytes::Bytes;

const KNOWN: KnownFields = &[
    ("message", FieldType::Text),
    ("model", FieldType::Name),
    ("stream", FieldType::Bool),
    ("preamble", FieldType::Text),
    ("chat_history", FieldType::Array),
    ("conversation_id", FieldType::Text),
    ("connectors", FieldType::Array),
    ("documents", FieldType::Array),
    ("tools", FieldType::Array),
    ("tool_results", FieldType::Array),
    ("max_tokens", FieldType::Integer),
];

/// A valid request of v1's chat.
#[derive(Debug)]
pub struct V1ChatRequest {
    object: RequestObject,
    bound: TokenBound,
}

impl V1ChatRequest {
    /// Reads and checks a body; what else is wrong with it is Cohere's to say.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = RequestObject::parse(body, KNOWN)?;
        if !object.has("message") && !object.has("tool_results") {
            return Err(GatewayError::invalid("message", "is required"));
        }
        let bound = TokenBound::read(&object, &["max_tokens"])?;
        Ok(Self { object, bound })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> Option<String> {
        self.object.read_name("model").map(|model| model.into_owned())
    }

    /// Writes the request for Cohere with an explicit model and an explicit bound of tokens.
    ///
    /// # Errors
    /// `invalid_request` where the caller asks for more tokens than the operator's ceiling.
    pub fn into_upstream(self, model: String, limits: TokenLimits) -> Result<UpstreamRequest> {
        bound_tokens(&self.object, model, self.bound, limits)
    }
}

/// Tells whether Cohere keeps the conversation of a request: sent twice, a turn would stand in it twice.
pub fn keeps_conversation(object: &RequestObject) -> bool {
    object.has("conversation_id")
}

/// Reads an event of v1's stream by its data.
pub(super) fn read_event(data: &[u8]) -> StreamEvent {
    let [kind, id, response, finish_reason] =
        find_fields(data, ["event_type", "generation_id", "response", "finish_reason"]);
    match kind.and_then(decode_text).as_deref() {
        Some("stream-start") => StreamEvent::MessageStart { id: id.and_then(read_id) },
        Some("text-generation" | "tool-calls-chunk") => StreamEvent::Delta,
        Some("stream-end") => {
            let [meta] = find_fields(response.unwrap_or_default(), ["meta"]);
            let has_failed = finish_reason.and_then(decode_text).as_deref() == Some("ERROR");
            StreamEvent::MessageEnd(MessageEnd {
                usage: meta.unwrap_or_default().to_vec(),
                failure: if has_failed { Some(read_failure(data)) } else { None },
            })
        }
        Some(_) => StreamEvent::Content,
        None => read_untyped(data),
    }
}

/// Reads why a stream ended; its other fields repeat the whole answer.
fn read_failure(data: &[u8]) -> Refusal {
    let [error, error_type] = find_fields(data, ["error", "error_type"]);
    Refusal {
        message: error.and_then(decode_text),
        error_type: error_type.and_then(decode_text),
        ..Refusal::default()
    }
}

/// Writes the ending of a stream that failed, with the fields that v1's clients read.
pub(super) fn write_failed_ending(error: &GatewayError) -> Bytes {
    let data = serde_json::json!({
        "is_finished": true,
        "event_type": "stream-end",
        "finish_reason": "ERROR",
        "error": error.message,
        "error_type": error.code.as_str(),
        "response": { "text": "", "finish_reason": "ERROR" },
    });
    Bytes::from(format!("event: stream-end\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_or_results_of_tools_are_required() {
        let problem = |body: &'static str| {
            V1ChatRequest::parse(Bytes::from(body)).map(|_| ()).map_err(|error| error.message)
        };
        assert_eq!(problem(r#"{"message":""}"#), Ok(()));
        assert_eq!(problem(r#"{"tool_results":[]}"#), Ok(()));
        let missing = Err("invalid request: message: is required".to_string());
        assert_eq!(problem(r#"{"model":"m","messages":[]}"#), missing);
        let typed = Err("invalid request: message: must be a string, got an array".to_string());
        assert_eq!(problem(r#"{"message":[]}"#), typed);
    }

    #[test]
    fn events_are_known_by_their_type() {
        let read = |data: &str| read_event(data.as_bytes());
        assert_eq!(
            read(r#"{"event_type":"stream-start","generation_id":"g"}"#),
            StreamEvent::MessageStart { id: Some("g".into()) }
        );
        assert_eq!(read(r#"{"event_type":"text-generation","text":"a"}"#), StreamEvent::Delta);
        assert_eq!(read(r#"{"event_type":"citation-generation"}"#), StreamEvent::Content);
        assert_eq!(read(r#"{"of":"tomorrow"}"#), StreamEvent::Content);
        let end =
            r#"{"event_type":"stream-end","finish_reason":"COMPLETE","response":{"meta":{"a":1}}}"#;
        let expected = MessageEnd { usage: br#"{"a":1}"#.to_vec(), failure: None };
        assert_eq!(read(end), StreamEvent::MessageEnd(expected));
        let StreamEvent::Failure(refusal) = read(r#"{"message":"too hot"}"#) else { panic!() };
        assert_eq!(refusal.message.as_deref(), Some("too hot"));
        let toxic = r#"{"event_type":"stream-end","finish_reason":"ERROR_TOXIC","response":{}}"#;
        assert_eq!(read(toxic), StreamEvent::MessageEnd(MessageEnd::default()));
    }
}
