//! The smallest request that tells whether a model answers: a chat of one token.

use bytes::Bytes;
use http::HeaderMap;

/// Returns the body of a chat that asks `model` for one token.
pub fn ping_body(model: &str) -> Bytes {
    let body = serde_json::json!({
        "model": model,
        "messages": [{ "role": "user", "content": "ping" }],
        "max_tokens": 1,
    });
    Bytes::from(body.to_string())
}

/// Tells a trial key by the headers that only those get on a chat, or by the text of a rate limit.
pub fn is_trial_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> bool {
    if headers.keys().any(|name| is_trial_header(name.as_str())) {
        return true;
    }
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    status == 429 && (text.contains("trial key") || text.contains("trial token"))
}

fn is_trial_header(name: &str) -> bool {
    name.starts_with("x-trial-") || name == "x-endpoint-monthly-call-limit"
}
