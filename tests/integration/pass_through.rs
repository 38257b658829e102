//! What is passed through to Cohere as it is: paths and methods, answers, streams, lists of models.

mod answers;
mod models;
mod recorded;
mod streams;

use gateway_tests::gateway::{Answer, Running, read_answer};
use http::Method;
use serde_json::Value;

/// Returns the error's code and message.
fn read_failure(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_string();
    (answer.status, text("code"), text("message"))
}

async fn get(running: &Running, path: &str) -> Answer {
    let token = format!("Bearer {}", running.gateway.token);
    let request = running.request_without_token(Method::GET, path);
    read_answer(request.header("authorization", token)).await
}

/// Returns what a stub was sent last, as JSON.
fn last_sent(stub: &gateway_tests::stub::Stub) -> (String, Value) {
    let seen = stub.seen();
    let last = seen.last().expect("a call");
    (last.path.clone(), serde_json::from_slice(&last.body).unwrap_or_default())
}
