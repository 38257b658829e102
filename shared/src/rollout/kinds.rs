//! The kinds of marked calls of each function: few tokens, and every way that an answer can go.

use super::events::{build_greedy_request, build_question, build_request};
use crate::config::RolloutModels;
use crate::telemetry::redact::TOKEN_PREFIX;
use http::Method;
use serde_json::{Value, json};

/// Most tokens of an answer; a call of a tool needs some.
const MAX_TOKENS: u64 = 8;
const TOOL_MAX_TOKENS: u64 = 48;
/// Random letters of a token that nobody has.
const UNKNOWN_TOKEN_LETTERS: usize = 43;

/// A marked call: its kind, and the event.
#[derive(Clone, Debug)]
pub(super) struct MarkedCall {
    pub(super) kind: &'static str,
    pub(super) event: Value,
    /// What a model says differs from call to call, also in its form.
    pub(super) is_of_a_model: bool,
    /// How many of the driver's rounds are for it, of the sum of the function's shares: most for what asks Cohere, and for
    /// streams, since a version that fails there fails nowhere else.
    pub(super) share: usize,
}

/// Builds the calls of a function, one of each kind; none of a function that is not called so.
///
/// `token` is the synthetic client's, where there is one.
pub(super) fn build_calls(
    function: &str,
    models: &RolloutModels,
    token: Option<&str>,
) -> Vec<MarkedCall> {
    match function {
        "chat" => build_chats(&models.chat),
        "embed" => build_embeds(&models.embed),
        "rerank" => build_reranks(&models.rerank),
        "pass-through" => build_passed_through(&models.chat),
        "health" => {
            let event = build_request(Method::GET, "/api/health", &[], &Value::Null);
            vec![call("health", event, 1)]
        }
        "authorizer" => build_questions(token),
        _ => Vec::new(),
    }
}

fn call(kind: &'static str, event: Value, share: usize) -> MarkedCall {
    MarkedCall { kind, event, is_of_a_model: false, share }
}

fn build_chats(model: &str) -> Vec<MarkedCall> {
    let body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": "Answer with the one word: yes" }],
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
    });
    let mut stream = body.clone();
    stream["stream"] = json!(true);
    let mut tools = body.clone();
    tools["messages"][0]["content"] = json!("Report the word: yes");
    tools["max_tokens"] = json!(TOOL_MAX_TOKENS);
    tools["tool_choice"] = json!("REQUIRED");
    tools["tools"] = json!([{
        "type": "function",
        "function": {
            "name": "report",
            "description": "Reports a word",
            "parameters": {
                "type": "object",
                "properties": { "word": { "type": "string" } },
                "required": ["word"],
            },
        },
    }]);
    // Refused before Cohere is asked.
    let error = json!({ "model": model, "max_tokens": MAX_TOKENS });
    let kinds =
        [("chat", body, 4), ("stream", stream, 4), ("tools", tools, 1), ("error", error, 1)];
    let post = |(kind, body, share)| MarkedCall {
        kind,
        event: build_request(Method::POST, "/v2/chat", &[], &body),
        is_of_a_model: true,
        share,
    };
    kinds.map(post).into()
}

fn build_embeds(model: &str) -> Vec<MarkedCall> {
    let body = json!({
        "model": model,
        "input_type": "search_query",
        "embedding_types": ["float"],
        "texts": ["a rollout"],
    });
    let error = json!({ "model": model, "texts": ["a rollout"], "input_type": 1 });
    build_cacheable("/v2/embed", "embed", &body, &error)
}

fn build_reranks(model: &str) -> Vec<MarkedCall> {
    let body = json!({
        "model": model,
        "query": "a red fox",
        "documents": ["a blue whale", "a fox that is red"],
    });
    let error = json!({ "model": model, "documents": ["a blue whale"], "query": 1 });
    build_cacheable("/v2/rerank", "rerank", &body, &error)
}

/// Builds the calls of an endpoint with a cache: past it, through it, and one that is refused.
fn build_cacheable(path: &str, kind: &'static str, body: &Value, error: &Value) -> Vec<MarkedCall> {
    let past = [("x-gateway-cache", "no-store")];
    vec![
        call(kind, build_request(Method::POST, path, &past, body), 8),
        call("cached", build_request(Method::POST, path, &[], body), 1),
        call("error", build_request(Method::POST, path, &[], error), 1),
    ]
}

/// Builds calls of each form that is passed through: OpenAI's, whole and in a stream, that of v1, tokens and a list.
fn build_passed_through(model: &str) -> Vec<MarkedCall> {
    let completions = json!({
        "model": model,
        "messages": [{ "role": "user", "content": "Answer with the one word: yes" }],
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
    });
    let mut stream = completions.clone();
    stream["stream"] = json!(true);
    let v1 = json!({
        "model": model,
        "message": "Answer with the one word: yes",
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
    });
    let tokens = json!({ "model": model, "text": "a rollout" });
    let error = json!({ "model": model, "text": 1 });
    let post = |kind, path, body: &Value, share| {
        call(kind, build_greedy_request(Method::POST, path, body), share)
    };
    let of_a_model = |call: MarkedCall| MarkedCall { is_of_a_model: true, ..call };
    vec![
        of_a_model(post("completions", "/compatibility/v1/chat/completions", &completions, 2)),
        of_a_model(post("stream", "/compatibility/v1/chat/completions", &stream, 3)),
        of_a_model(post("v1_chat", "/v1/chat", &v1, 1)),
        post("tokens", "/v1/tokenize", &tokens, 2),
        call("models", build_greedy_request(Method::GET, "/v1/models", &Value::Null), 1),
        post("error", "/v1/tokenize", &error, 1),
    ]
}

fn build_questions(token: Option<&str>) -> Vec<MarkedCall> {
    let letters = std::iter::repeat_with(fastrand::alphanumeric).take(UNKNOWN_TOKEN_LETTERS);
    let unknown = format!("{TOKEN_PREFIX}{}", letters.collect::<String>());
    let mut calls = vec![call("unknown_token", build_question(&unknown), 1)];
    if let Some(token) = token {
        calls.push(call("known_token", build_question(token), 4));
    }
    calls
}
