//! An answer as events, one for each piece, in the orders the API was seen to use.
//!
//! `message-start`, then per block start, deltas, end; a tool plan has deltas only; a citation
//! follows the last word it covers; `message-end`.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::cohere_sandbox::chat::answer::{ChatAnswer, ToolCall};
use crate::cohere_sandbox::chat::body::{quote_json, to_json, token_logprob, tool_call};
use crate::cohere_sandbox::chat::citation::Citation;
use crate::cohere_sandbox::chat::usage::ChatUsage;
use crate::cohere_sandbox::text::split_pieces;

/// An event of a stream before it is framed.
pub(super) struct StreamEvent {
    pub(super) name: &'static str,
    /// One line of JSON.
    pub(super) data: String,
}

pub(super) fn stream_events(
    id: &str,
    answer: &ChatAnswer,
    usage: &ChatUsage,
    logprobs: bool,
) -> Vec<StreamEvent> {
    let mut events = vec![StreamEvent {
        name: "message-start",
        data: format!(
            r#"{{"id":"{id}","type":"message-start","delta":{{"message":{{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}}}}"#
        ),
    }];
    let mut index = 0;
    if let Some(thinking) = &answer.thinking {
        events.extend(block_events(index, "thinking", thinking, &[], false));
        index += 1;
    }
    for piece in answer.tool_plan.iter().flat_map(|plan| split_pieces(plan)) {
        events.push(typed_event(
            "tool-plan-delta",
            &format!(r#","delta":{{"message":{{"tool_plan":{}}}}}"#, quote_json(piece)),
        ));
    }
    for (index, call) in answer.calls.iter().enumerate() {
        events.extend(call_events(index, call));
    }
    if let Some(text) = &answer.text {
        events.extend(block_events(index, "text", text, &answer.citations, logprobs));
    }
    let (finish, usage) = (answer.finish.name(), usage.to_json());
    events.push(typed_event(
        "message-end",
        &format!(r#","delta":{{"finish_reason":"{finish}","usage":{usage}}}"#),
    ));
    events
}

fn block_events(
    index: usize,
    kind: &str,
    text: &str,
    citations: &[Citation],
    logprobs: bool,
) -> Vec<StreamEvent> {
    let start = format!(
        r#","index":{index},"delta":{{"message":{{"content":{{"type":"{kind}","{kind}":""}}}}}}"#
    );
    let mut events = vec![typed_event("content-start", &start)];
    let mut written = 0;
    let mut uncited = citations.iter().enumerate().peekable();
    for piece in split_pieces(text) {
        let logprobs = if logprobs {
            format!(r#","logprobs":{}"#, token_logprob(piece))
        } else {
            String::new()
        };
        let delta =
            format!(r#""delta":{{"message":{{"content":{{"{kind}":{}}}}}}}"#, quote_json(piece));
        events
            .push(typed_event("content-delta", &format!(r#","index":{index},{delta}{logprobs}"#)));
        written += piece.chars().count();
        while let Some((number, citation)) =
            uncited.next_if(|(_, citation)| citation.end <= written)
        {
            let citation =
                format!(r#""delta":{{"message":{{"citations":{}}}}}"#, to_json(citation));
            events.push(typed_event("citation-start", &format!(r#","index":{number},{citation}"#)));
            events.push(typed_event("citation-end", &format!(r#","index":{number}"#)));
        }
    }
    events.push(typed_event("content-end", &format!(r#","index":{index}"#)));
    events
}

/// Start, the arguments in pieces (none for a tool without parameters), end.
fn call_events(index: usize, call: &ToolCall) -> Vec<StreamEvent> {
    let start = format!(
        r#","index":{index},"delta":{{"message":{{"tool_calls":{}}}}}"#,
        tool_call(call, "")
    );
    let mut events = vec![typed_event("tool-call-start", &start)];
    let arguments = call.arguments.as_ref().map(indented_json).unwrap_or_default();
    for piece in split_pieces(&arguments) {
        let function = format!(r#"{{"function":{{"arguments":{}}}}}"#, quote_json(piece));
        let delta =
            format!(r#","index":{index},"delta":{{"message":{{"tool_calls":{function}}}}}"#);
        events.push(typed_event("tool-call-delta", &delta));
    }
    events.push(typed_event("tool-call-end", &format!(r#","index":{index}"#)));
    events
}

/// Streamed arguments are indented by four spaces, unlike those of a plain answer.
fn indented_json(value: &serde_json::Value) -> String {
    let mut out = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer).expect("a value serializes");
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn typed_event(kind: &'static str, fields: &str) -> StreamEvent {
    StreamEvent { name: kind, data: format!(r#"{{"type":"{kind}"{fields}}}"#) }
}
