//! The smallest request that tells whether a model answers: a chat of one token.

use bytes::Bytes;

/// Returns the body of a chat that asks `model` for one token.
pub fn ping_body(model: &str) -> Bytes {
    let body = serde_json::json!({
        "model": model,
        "messages": [{ "role": "user", "content": "ping" }],
        "max_tokens": 1,
    });
    Bytes::from(body.to_string())
}
