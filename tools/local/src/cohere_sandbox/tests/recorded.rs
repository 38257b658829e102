//! The sandbox compared with recordings of the real API, where those are at hand.
//!
//! Recordings are not part of this project. With a folder of them in `../shared/cohere/recorded`,
//! beside the repository, the same requests must get answers with the same keys, in the same order.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

#[path = "../../../../../tests/support/skips.rs"]
#[allow(dead_code, reason = "the tests of the gateway use the rest")]
mod skips;

use super::post;
use super::shape::Shape;
use skips::report_skip;

/// Replayed with their own requests.
const ANSWERS: &[&str] = &[
    "chat--lcc-invoke-with-text-only-list",
    "chat--lcc-invoke-with-vision-base64",
    "chat--pai-tool-choice-matrix-none-cohere",
    "chat-tools--lcc-langchain-tool-calling-agent-0",
    "chat-tools--lcc-command-a-reasoning-with-tool-call",
    "chat-citations--lcc-langchain-tool-calling-agent-1",
    "chat-citations--lcc-langgraph-react-agent-2",
    "chat-citations--lcc-load-summarize-chain-0",
    "chat-citations--pai-tool-choice-matrix-auto-cohere-1",
    "embed--ollm-cohere-v2-embed-legacy",
    "embed--pai-documents",
    "embed--pai-query",
    "error--pai-embed-error",
    "rerank--lcc-langchain-cohere-rerank-documents",
    "rerank--ollm-cohere-v2-rerank-legacy",
];

/// Recorded without their requests: the name, and a request of the same kind.
fn recorded_streams() -> Vec<(&'static str, Value)> {
    let tool = |parameters| {
        let function = json!({"name": "count", "parameters": parameters});
        json!({"type": "function", "function": function})
    };
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let ask = |model: &str, more: Value| {
        let messages = json!([{"role": "user", "content": "count to Five"}]);
        let mut body = json!({"model": model, "stream": true, "messages": messages});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let plus = "command-a-plus-05-2026";
    vec![
        ("chat-stream--vai-text-stream", ask("command-a-03-2025", json!({}))),
        ("chat-stream--vai-reasoning-stream", ask("command-a-reasoning-08-2025", json!({}))),
        ("chat-stream--aal-chat-stream-thinking", ask(plus, json!({}))),
        (
            "chat-stream-tools--vai-tool-call-stream",
            ask("command-a-03-2025", json!({"tools": [tool(city.clone()), tool(city.clone())]})),
        ),
        (
            "chat-stream-tools--vai-empty-tool-call-stream",
            ask("command-a-03-2025", json!({"tools": [tool(json!({}))]})),
        ),
        (
            "chat-stream-tools--aal-chat-stream-thinking-tool-call",
            ask(plus, json!({"tools": [tool(city)]})),
        ),
    ]
}

/// The folder of recordings; says so when there is none.
fn recordings(test: &str) -> Option<PathBuf> {
    let folder =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cohere/recorded"));
    if !folder.is_dir() {
        report_skip(test, "there is no ../shared/cohere/recorded beside the repository");
        return None;
    }
    Some(folder)
}

/// Each event's name and shape, repeated ones once.
fn event_shapes(stream: &str) -> Vec<(String, Shape)> {
    let frames = stream.split("\n\n").filter_map(|frame| frame.trim().split_once("\ndata: "));
    let mut shapes: Vec<_> =
        frames.map(|(event, data)| (event.to_owned(), Shape::of(data))).collect();
    shapes.dedup();
    shapes
}

#[tokio::test]
async fn answers_have_the_fields_of_recordings() {
    let Some(folder) = recordings("answers_have_the_fields_of_recordings") else { return };
    for name in ANSWERS {
        let recorded = fs::read(folder.join(format!("{name}.json"))).unwrap();
        let recorded: Value = serde_json::from_slice(&recorded).unwrap();
        let (request, response) = (&recorded["request"], &recorded["response"]);
        let answer = post(request["path"].as_str().unwrap(), request["body"].clone()).await;
        assert_eq!(json!(answer.status), response["status"], "{name}: {}", answer.body);
        // Recordings that were parsed and written again have lost the order of their keys.
        match response["body_raw"].as_str() {
            Some(raw) => assert_eq!(Shape::of(&answer.body), Shape::of(raw), "{name}"),
            None => {
                let body = response["body"].to_string();
                assert_eq!(Shape::of(&answer.body).sorted(), Shape::of(&body).sorted(), "{name}");
            }
        }
        for header in ["num_tokens", "num_chars"] {
            assert_eq!(
                answer.header(header).is_some(),
                response["headers"].get(header).is_some(),
                "{name}: {header}"
            );
        }
    }
}

#[tokio::test]
async fn streams_have_the_events_of_recordings() {
    let Some(folder) = recordings("streams_have_the_events_of_recordings") else { return };
    for (name, request) in recorded_streams() {
        let recorded = fs::read_to_string(folder.join(format!("{name}.sse"))).unwrap();
        let answer = post("/v2/chat", request).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(event_shapes(&answer.body), event_shapes(&recorded), "{name}");
    }
}
