//! Browsers of other origins: who may call, and what a page may read, of functions and of API Gateway.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::stub::{write_answer, write_json};
use http::Method;
use serde_json::json;

const PAGE: &str = "https://app.example.com";
const OTHER_PAGE: &str = "http://localhost:3000";
const BOTH: (&str, &str) =
    ("GATEWAY_CORS_ORIGINS", "https://app.example.com,http://localhost:3000");
const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const ALLOW: &str = "access-control-allow-origin";

fn find_header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name).map(|value| value.to_str().expect("ASCII").to_string())
}

/// Checks that a page may read an answer.
fn assert_readable(answer: &Answer, status: u16, origin: &str) {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    assert_eq!(find_header(answer, ALLOW).as_deref(), Some(origin), "{status}");
    assert_eq!(find_header(answer, "vary").as_deref(), Some("Origin"), "{status}");
    let exposed = find_header(answer, "access-control-expose-headers").expect("exposed headers");
    assert!(exposed.contains("retry-after"), "{exposed}");
}

async fn ask_first(running: &Running, path: &str, origin: &str) -> Answer {
    let request = running
        .request_without_token(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-client-name");
    read_answer(request).await
}

#[tokio::test]
async fn listed_page_may_call_without_a_token_first() {
    let (stub, running) = gateway::start_with_stub(&[BOTH]).await;
    for path in ["/v2/chat", "/v2/embed", "/v2/rerank", "/v1/embed", "/v1/rerank"] {
        for origin in [PAGE, OTHER_PAGE] {
            let answer = ask_first(&running, path, origin).await;
            assert_readable(&answer, 204, origin);
            assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
            assert_eq!(answer.header("access-control-max-age"), "7200");
            for name in ["authorization", "content-type", "x-client-name", "x-fern-language"] {
                assert!(answer.header("access-control-allow-headers").contains(name), "{name}");
            }
        }
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn listed_page_reads_every_answer() {
    let (stub, running) = gateway::start_with_stub(&[BOTH]).await;
    let chat = |body: &'static str| running.post("/v2/chat").header("origin", PAGE).body(body);
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let good = read_answer(chat(CHAT)).await;
    assert_readable(&good, 200, PAGE);
    assert!(good.header("access-control-expose-headers").contains("x-request-id"));
    assert_readable(&read_answer(chat("{}")).await, 400, PAGE);
    stub.plan_answer(write_json(429, &json!({ "message": "slow down" })));
    let options = chat(CHAT).header("x-gateway-fallback", "deny");
    assert_readable(&read_answer(options.header("x-gateway-timeout-ms", "300")).await, 429, PAGE);
    // Answers of API Gateway itself.
    for (path, status) in [("/v2/chat", 401), ("/v3/chat", 404)] {
        let request = running.request_without_token(Method::POST, path).header("origin", PAGE);
        assert_readable(&read_answer(request.body(CHAT)).await, status, PAGE);
    }
}

#[tokio::test]
async fn listed_page_reads_a_stream() {
    let (stub, running) = gateway::start_with_stub(&[BOTH]).await;
    let events = "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{\"message\":\
        {\"content\":{\"text\":\"hi\"}}}}\n\nevent: message-end\ndata: {\"type\":\"message-end\",\
        \"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\ndata: [DONE]\n\n";
    let stream = [("content-type", "text/event-stream")];
    stub.plan_answer(write_answer(200, &stream, events.as_bytes()));
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"stream":true}"#;
    let request = running.post("/v2/chat").header("origin", PAGE).body(body);
    let answer = read_answer(request).await;
    assert_readable(&answer, 200, PAGE);
    assert!(answer.body.ends_with(b"[DONE]\n\n"));
}

#[tokio::test]
async fn unlisted_page_is_told_nothing() {
    let (stub, running) = gateway::start_with_stub(&[BOTH]).await;
    // A page of this machine comes through to the gateway, which does not list it.
    let unlisted = "http://localhost:3001";
    let first = ask_first(&running, "/v2/chat", unlisted).await;
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let request = running.post("/v2/chat").header("origin", unlisted).body(CHAT);
    let answer = read_answer(request).await;
    for answer in [first, answer] {
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
        assert_eq!(find_header(&answer, "vary").as_deref(), Some("Origin"));
    }
    // One of another machine does not even come to it.
    assert_eq!(ask_first(&running, "/v2/chat", "https://evil.example").await.status, 403);
}

#[tokio::test]
async fn without_the_setting_no_page_is_told_anything() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let first = ask_first(&running, "/v2/chat", OTHER_PAGE).await;
    let request = running.post("/v2/chat").header("origin", OTHER_PAGE).body(CHAT);
    let answer = read_answer(request).await;
    let request = running.request_without_token(Method::POST, "/v2/chat");
    let refused = read_answer(request.header("origin", OTHER_PAGE).body(CHAT)).await;
    assert_eq!((first.status, answer.status, refused.status), (204, 200, 401));
    for answer in [first, answer, refused] {
        let names = answer.headers.keys().map(|name| name.as_str());
        let told: Vec<_> =
            names.filter(|name| *name == "vary" || name.starts_with("access")).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}
