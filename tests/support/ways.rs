//! The ways of asking, and what a good answer to each looks like.

use crate::gateway::{Answer, Running, read_answer};
use crate::stub::{Step, write_json, write_stream};
use serde_json::json;

pub const START: &str =
    "event: message-start\ndata: {\"id\":\"x\",\"type\":\"message-start\",\"delta\":{}}\n\n";
pub const DELTA: &str =
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{\"text\":\"a\"}}\n\n";
pub const END: &str = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";

/// A way of asking; of a stream, also how far it has come when the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Chat,
    /// A stream before its first content.
    Stream,
    /// A stream after content has gone out.
    Opened,
    Embed,
    Rerank,
}

impl Way {
    pub const ALL: [Way; 5] = [Way::Chat, Way::Stream, Way::Embed, Way::Rerank, Way::Opened];

    /// Returns the name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Way::Chat => "chat",
            Way::Stream => "stream",
            Way::Opened => "opened stream",
            Way::Embed => "embed",
            Way::Rerank => "rerank",
        }
    }

    pub fn function(self) -> &'static str {
        match self {
            Way::Chat | Way::Stream | Way::Opened => "chat",
            Way::Embed => "embed",
            Way::Rerank => "rerank",
        }
    }

    pub fn is_stream(self) -> bool {
        matches!(self, Way::Stream | Way::Opened)
    }

    pub fn path(self) -> String {
        format!("/v2/{}", self.function())
    }

    pub fn model(self) -> &'static str {
        match self {
            Way::Chat | Way::Stream | Way::Opened => "command-a-03-2025",
            Way::Embed => "embed-v4.0",
            Way::Rerank => "rerank-v3.5",
        }
    }

    /// Returns the model's fallback by the default settings.
    pub fn fallback(self) -> &'static str {
        match self {
            Way::Chat | Way::Stream | Way::Opened => "command-r-plus-08-2024",
            Way::Embed => "embed-english-v3.0",
            Way::Rerank => "rerank-english-v3.0",
        }
    }

    pub fn body(self) -> String {
        let model = self.model();
        let body = match self {
            Way::Chat | Way::Stream | Way::Opened => json!({
                "model": model, "messages": [{ "role": "user", "content": "hi" }], "stream": self.is_stream(),
            }),
            Way::Embed => json!({ "model": model, "texts": ["a"], "input_type": "search_query" }),
            Way::Rerank => json!({ "model": model, "query": "q", "documents": ["a"] }),
        };
        body.to_string()
    }

    /// Returns the body of a good answer.
    pub fn good_body(self) -> String {
        let body = match self {
            Way::Chat => json!({ "id": "x", "message": { "role": "assistant", "content": [] } }),
            Way::Stream | Way::Opened => return [START, DELTA, END, DONE].concat(),
            Way::Embed => json!({ "id": "x", "embeddings": { "float": [[0.5]] }, "texts": ["a"] }),
            Way::Rerank => {
                json!({ "id": "x", "results": [{ "index": 0, "relevance_score": 0.5 }] })
            }
        };
        body.to_string()
    }

    /// Returns what the upstream does for a good answer.
    pub fn good_steps(self) -> Vec<Step> {
        match self.is_stream() {
            true => write_stream(&[], &[self.good_body().as_bytes()]),
            false => write_json(200, &serde_json::from_str(&self.good_body()).expect("JSON")),
        }
    }

    /// Asks, with the caller's word on falling back.
    pub async fn send_request(self, running: &Running, fallback: &str) -> Answer {
        let request = running.post(&self.path()).header("x-gateway-fallback", fallback);
        read_answer(request.body(self.body())).await
    }
}

/// Returns status and code of an answer, `200` for a success.
pub fn status_and_code(answer: &Answer) -> String {
    match answer.status {
        200 => "200".into(),
        status => {
            format!("{status} {}", answer.json()["code"].as_str().unwrap_or("without a code"))
        }
    }
}

/// Returns how many lines of the functions tell of a breaker that changed to `state`.
pub fn count_breaker_lines(running: &Running, state: &str) -> usize {
    let to = format!("\"to\":\"{state}\"");
    let lines = running.read_lines();
    lines
        .iter()
        .filter(|line| line.contains("\"message\":\"breaker\"") && line.contains(&to))
        .count()
}
