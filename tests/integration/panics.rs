//! A panic in a handler, in a stream, in the authorizer: a well-formed end, an event line, and the next
//! request is served by the same process. What panicked is in no answer and in no log.

use gateway_tests::gateway::{self, Running, read};
use gateway_tests::stub::{Stub, json, stream};
use http::Method;
use serde_json::json;
use shared::testing::Place;

const GOOD: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const START: &str = "event: message-start\ndata: {\"id\":\"x\",\"type\":\"message-start\",\"delta\":{}}\n\n";
const DELTA: &str = "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{}}\n\n";

async fn pair() -> (Stub, Running) {
    let stub = Stub::start().await;
    let running = gateway::start_at(&stub.url, &[]).await;
    (stub, running)
}

/// Checks that the next request is served, by the process that panicked, and that nothing was told.
async fn assert_unharmed(stub: &Stub, running: &Running, function: &str, place: Place) {
    stub.next(json(200, &json!({ "message": {} })));
    assert_eq!(running.send("/v2/chat", GOOD).await.status, 200);
    assert_eq!(running.gateway.started_count(function), 1, "{function} was started again");
    let lines = running.lines().join("\n");
    assert!(!lines.contains(place.mark()), "{lines}");
    assert!(lines.contains("\"message\":\"panic\""), "{lines}");
}

#[tokio::test]
async fn a_panic_in_a_handler_is_one_internal_error() {
    let (stub, running) = pair().await;
    let answer = running.send("/v2/chat", GOOD.replace("hi", Place::Handler.mark())).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("internal")));
    assert_eq!(answer.json()["message"], "internal error");
    let line = running.line_with(answer.header("x-request-id")).await;
    assert!(line.contains("\"code\":\"internal\""), "{line}");
    assert_unharmed(&stub, &running, "chat", Place::Handler).await;
}

#[tokio::test]
async fn a_panic_in_a_stream_is_coheres_own_ending() {
    let (stub, running) = pair().await;
    // Sent as one piece of its own, after the content that opens the stream.
    let marked = DELTA.replace("{}", &format!("{{\"text\":\"{}\"}}", Place::Stream.mark()));
    let first = [START, DELTA].concat();
    let mut steps = stream(&[], &[first.as_bytes(), marked.as_bytes()]);
    steps.insert(2, gateway_tests::stub::Step::Wait(std::time::Duration::from_millis(100)));
    stub.next(steps);
    let answer =
        running.send("/v2/chat", GOOD.replace("{\"messages\"", "{\"stream\":true,\"messages\"")).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains("\"error\":\"internal error\"") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(!text.contains(Place::Stream.mark()));
    let line = running.line_with(answer.header("x-request-id")).await;
    assert!(line.contains("\"code\":\"internal\""), "{line}");
    assert_unharmed(&stub, &running, "chat", Place::Stream).await;
}

#[tokio::test]
async fn a_panic_in_the_authorizer_denies() {
    let (stub, running) = pair().await;
    let token = format!("Bearer cgw_{}", Place::Authorizer.mark());
    let request = running.plain(Method::POST, "/v2/chat").header("authorization", token).body(GOOD);
    let answer = read(request).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("unauthorized")));
    assert_unharmed(&stub, &running, "authorizer", Place::Authorizer).await;
}
