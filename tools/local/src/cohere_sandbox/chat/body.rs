//! An answer in one JSON text: keys in the API's order, unused ones absent.

use serde_json::Value;

use crate::cohere_sandbox::chat::answer::{ChatAnswer, ToolCall};
use crate::cohere_sandbox::chat::usage::ChatUsage;
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::text::split_pieces;

pub(super) fn chat_body(
    id: &str,
    answer: &ChatAnswer,
    usage: &ChatUsage,
    logprobs: bool,
) -> String {
    let mut message = vec![r#""role":"assistant""#.to_owned()];
    if let Some(plan) = &answer.tool_plan {
        message.push(format!(r#""tool_plan":{}"#, quote_json(plan)));
    }
    let blocks: Vec<String> = content_blocks(answer);
    if !blocks.is_empty() {
        message.push(format!(r#""content":[{}]"#, blocks.join(",")));
    }
    if !answer.calls.is_empty() {
        let calls: Vec<String> =
            answer.calls.iter().map(|call| tool_call(call, &arguments_text(call))).collect();
        message.push(format!(r#""tool_calls":[{}]"#, calls.join(",")));
    }
    if !answer.citations.is_empty() {
        message.push(format!(r#""citations":{}"#, to_json(&answer.citations)));
    }
    let logprobs =
        if logprobs { format!(r#","logprobs":[{}]"#, all_logprobs(answer)) } else { String::new() };
    format!(
        r#"{{"id":"{id}","message":{{{message}}},"finish_reason":"{finish}","usage":{usage}{logprobs}}}"#,
        message = message.join(","),
        finish = answer.finish.name(),
        usage = usage.to_json(),
    )
}

/// Thinking first, then text.
fn content_blocks(answer: &ChatAnswer) -> Vec<String> {
    let thinking = answer
        .thinking
        .iter()
        .map(|text| format!(r#"{{"type":"thinking","thinking":{}}}"#, quote_json(text)));
    let text =
        answer.text.iter().map(|text| format!(r#"{{"type":"text","text":{}}}"#, quote_json(text)));
    thinking.chain(text).collect()
}

/// A call with its arguments as a JSON string; a stream begins with an empty one.
pub(super) fn tool_call(call: &ToolCall, arguments: &str) -> String {
    format!(
        r#"{{"id":{},"type":"function","function":{{"name":{},"arguments":{}}}}}"#,
        quote_json(&call.id),
        quote_json(&call.name),
        quote_json(arguments)
    )
}

/// A tool without parameters has the arguments `null`.
fn arguments_text(call: &ToolCall) -> String {
    call.arguments.as_ref().unwrap_or(&Value::Null).to_string()
}

fn all_logprobs(answer: &ChatAnswer) -> String {
    let text = answer.text.as_deref().unwrap_or_default();
    split_pieces(text).into_iter().map(token_logprob).collect::<Vec<_>>().join(",")
}

/// The token, its number and its probability, all of which follow from the text.
pub(super) fn token_logprob(piece: &str) -> String {
    let digest = digest::digest_bytes(piece.as_bytes());
    let (id, probability) = (digest % 255_000, (digest >> 64) % 2_000);
    format!(
        r#"{{"token_ids":[{id}],"text":{},"logprobs":[-{}.{:03}]}}"#,
        quote_json(piece),
        probability / 1_000,
        probability % 1_000
    )
}

pub(super) fn quote_json(text: &str) -> String {
    to_json(&text)
}

/// Writes JSON as the usual encoder of Go does: the two separators that some clients take for the
/// end of a line are escaped.
pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).expect("texts and numbers serialize");
    text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
