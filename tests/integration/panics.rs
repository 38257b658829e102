//! A panic in a handler, in a stream, in the authorizer: a well-formed end, an event line, and the next
//! request is served by the same process. What panicked is in no answer and in no log.

use gateway_tests::gateway::{self, Running, read_answer};
use gateway_tests::stub::{Stub, write_json, write_stream};
use gateway_tests::ways::START;
use http::Method;
use serde_json::json;
use shared::panic_on_request::PanicPoint;

const GOOD: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const DELTA: &str = "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{}}\n\n";

/// Checks that the next request is served, by the process that panicked, and that nothing was told.
async fn assert_unharmed(stub: &Stub, running: &Running, function: &str, point: PanicPoint) {
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    assert_eq!(running.send("/v2/chat", GOOD).await.status, 200);
    assert_eq!(running.gateway.started_count(function), 1, "{function} was started again");
    let lines = running.read_lines().join("\n");
    assert!(!lines.contains(point.mark()), "{lines}");
    assert!(lines.contains("\"message\":\"panic\""), "{lines}");
}

#[tokio::test]
async fn handler_panic_is_one_internal_error() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let answer = running.send("/v2/chat", GOOD.replace("hi", PanicPoint::Handler.mark())).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("internal")));
    assert_eq!(answer.json()["message"], "internal error");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    assert!(line.contains("\"code\":\"internal\""), "{line}");
    assert_unharmed(&stub, &running, "chat", PanicPoint::Handler).await;
}

#[tokio::test]
async fn stream_panic_ends_as_cohere_would() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    // Sent as one piece of its own, after the content that opens the stream.
    let marked = DELTA.replace("{}", &format!("{{\"text\":\"{}\"}}", PanicPoint::Stream.mark()));
    let first = [START, DELTA].concat();
    let mut steps = write_stream(&[], &[first.as_bytes(), marked.as_bytes()]);
    steps.insert(2, gateway_tests::stub::Step::Wait(std::time::Duration::from_millis(100)));
    stub.plan_answer(steps);
    let answer = running
        .send("/v2/chat", GOOD.replace("{\"messages\"", "{\"stream\":true,\"messages\""))
        .await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.starts_with(&first), "{text}");
    assert!(
        text.contains("\"error\":\"internal error\"") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    assert!(!text.contains(PanicPoint::Stream.mark()));
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    assert!(line.contains("\"code\":\"internal\""), "{line}");
    assert_unharmed(&stub, &running, "chat", PanicPoint::Stream).await;
}

#[tokio::test]
async fn authorizer_panic_denies_nobody() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let token = format!("Bearer cgw_{}", PanicPoint::Authorizer.mark());
    let request = running
        .request_without_token(Method::POST, "/v2/chat")
        .header("authorization", token)
        .body(GOOD);
    let answer = read_answer(request).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("internal")));
    assert_eq!(answer.header("retry-after"), "1");
    assert_unharmed(&stub, &running, "authorizer", PanicPoint::Authorizer).await;
}
