//! An answer as server-sent events, one for each piece, in the orders the API was seen to use.
//!
//! `message-start`, then per block start, deltas, end; a tool plan has deltas only; a citation
//! follows the last word it covers; `message-end`, and `[DONE]` without an event line.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::cohere_sandbox::chat::answer::{ChatAnswer, ToolCall};
use crate::cohere_sandbox::chat::body::{json, logprob, quoted, tool_call};
use crate::cohere_sandbox::chat::citation::Citation;
use crate::cohere_sandbox::chat::usage::ChatUsage;
use crate::cohere_sandbox::text::pieces;

pub(super) fn events(
    id: &str,
    answer: &ChatAnswer,
    usage: &ChatUsage,
    logprobs: bool,
) -> Vec<String> {
    let mut events = vec![event(
        "message-start",
        &format!(
            r#"{{"id":"{id}","type":"message-start","delta":{{"message":{{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}}}}"#
        ),
    )];
    let mut index = 0;
    if let Some(thinking) = &answer.thinking {
        events.extend(block(index, "thinking", thinking, &[], false));
        index += 1;
    }
    for piece in answer.tool_plan.iter().flat_map(|plan| pieces(plan)) {
        events.push(typed(
            "tool-plan-delta",
            &format!(r#","delta":{{"message":{{"tool_plan":{}}}}}"#, quoted(piece)),
        ));
    }
    for (index, call) in answer.calls.iter().enumerate() {
        events.extend(call_events(index, call));
    }
    if let Some(text) = &answer.text {
        events.extend(block(index, "text", text, &answer.citations, logprobs));
    }
    let (finish, usage) = (answer.finish.name(), usage.json());
    events.push(typed(
        "message-end",
        &format!(r#","delta":{{"finish_reason":"{finish}","usage":{usage}}}"#),
    ));
    events.push(done());
    events
}

/// How the API ends a stream whose generation failed.
pub(in crate::cohere_sandbox) fn error_ending(
    message: &str,
    error_type: &str,
) -> impl Iterator<Item = String> {
    let delta = format!(
        r#","delta":{{"finish_reason":"ERROR","usage":{{}},"error":{},"error_type":{}}}"#,
        quoted(message),
        quoted(error_type)
    );
    [typed("message-end", &delta), done()].into_iter()
}

fn block(
    index: usize,
    kind: &str,
    text: &str,
    citations: &[Citation],
    logprobs: bool,
) -> Vec<String> {
    let start = format!(
        r#","index":{index},"delta":{{"message":{{"content":{{"type":"{kind}","{kind}":""}}}}}}"#
    );
    let mut events = vec![typed("content-start", &start)];
    let mut written = 0;
    let mut uncited = citations.iter().enumerate().peekable();
    for piece in pieces(text) {
        let logprobs =
            if logprobs { format!(r#","logprobs":{}"#, logprob(piece)) } else { String::new() };
        let delta =
            format!(r#""delta":{{"message":{{"content":{{"{kind}":{}}}}}}}"#, quoted(piece));
        events.push(typed("content-delta", &format!(r#","index":{index},{delta}{logprobs}"#)));
        written += piece.chars().count();
        while let Some((number, citation)) =
            uncited.next_if(|(_, citation)| citation.end <= written)
        {
            let citation = format!(r#""delta":{{"message":{{"citations":{}}}}}"#, json(citation));
            events.push(typed("citation-start", &format!(r#","index":{number},{citation}"#)));
            events.push(typed("citation-end", &format!(r#","index":{number}"#)));
        }
    }
    events.push(typed("content-end", &format!(r#","index":{index}"#)));
    events
}

/// Start, the arguments in pieces (none for a tool without parameters), end.
fn call_events(index: usize, call: &ToolCall) -> Vec<String> {
    let start = format!(
        r#","index":{index},"delta":{{"message":{{"tool_calls":{}}}}}"#,
        tool_call(call, "")
    );
    let mut events = vec![typed("tool-call-start", &start)];
    let arguments = call.arguments.as_ref().map(pretty).unwrap_or_default();
    for piece in pieces(&arguments) {
        let function = format!(r#"{{"function":{{"arguments":{}}}}}"#, quoted(piece));
        let delta =
            format!(r#","index":{index},"delta":{{"message":{{"tool_calls":{function}}}}}"#);
        events.push(typed("tool-call-delta", &delta));
    }
    events.push(typed("tool-call-end", &format!(r#","index":{index}"#)));
    events
}

/// Streamed arguments are indented by four spaces, unlike those of a plain answer.
fn pretty(value: &serde_json::Value) -> String {
    let mut out = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer).expect("a value serializes");
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn typed(kind: &str, rest: &str) -> String {
    event(kind, &format!(r#"{{"type":"{kind}"{rest}}}"#))
}

fn event(kind: &str, data: &str) -> String {
    format!("event: {kind}\ndata: {data}\n\n")
}

fn done() -> String {
    "data: [DONE]\n\n".to_owned()
}
