//! Answers in one piece: passed on byte for byte, counted, and refused where our rules say so.

use super::{get, last_sent, read_failure};
use gateway_tests::gateway;
use gateway_tests::stub::{Step, write_answer, write_json};
use serde_json::json;
use std::time::Duration;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

#[tokio::test]
async fn v1_chat_gets_a_model_and_a_bound_and_passes_unchanged() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let body = br#"{"response_id":"r-1","text":"1.50", "meta":{"billed_units":{"input_tokens":7,"output_tokens":2}}}"#;
    stub.plan_answer(write_answer(200, JSON, body));
    let answer = running.send("/v1/chat", r#"{"message":"hi","connectors":[{"id":"web"}]}"#).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &body[..]));
    let (path, sent) = last_sent(&stub);
    assert_eq!(path, "/v1/chat");
    assert_eq!(
        sent,
        json!({
            "message": "hi", "connectors": [{ "id": "web" }],
            "model": "command-a-03-2025", "max_tokens": 8_000,
        })
    );
    assert_eq!(answer.header("x-gateway-max-tokens"), "8000");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    for field in [
        r#""endpoint":"pass-through","path":"/v1/chat""#,
        r#""upstream_id":"r-1""#,
        r#""input_tokens":7,"output_tokens":2"#,
    ] {
        assert!(line.contains(field), "{field} in {line}");
    }
    assert!(!line.contains("\"CostMicroUsd\":0"), "{line}");
}

#[tokio::test]
async fn completion_keeps_its_own_bound_and_is_counted() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let body = br#"{"id":"c-1","choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
    stub.plan_answer(write_answer(200, JSON, body));
    let path = "/compatibility/v1/chat/completions";
    let sent = r#"{"model":"command-a-03-2025","messages":[],"max_completion_tokens":9}"#;
    let answer = running.send(path, sent).await;
    assert_eq!(answer.body, &body[..]);
    assert_eq!(stub.seen().last().unwrap().body, sent, "nothing is added");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    // 1 000 × 2.5 and 100 × 10 dollars a million.
    assert!(line.contains("\"CostMicroUsd\":3500"), "{line}");
    assert!(line.contains("\"upstream_id\":\"c-1\""), "{line}");
}

#[tokio::test]
async fn failures_are_retried_and_never_given_to_another_model() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    for (path, body, good) in [
        ("/v1/chat", r#"{"message":"hi","model":"command-a-03-2025"}"#, json!({"text":"a"})),
        ("/v1/tokenize", r#"{"text":"hi","model":"command-a-03-2025"}"#, json!({"tokens":[1]})),
        (
            "/compatibility/v1/embeddings",
            r#"{"input":"hi","model":"embed-v4.0"}"#,
            json!({"data":[]}),
        ),
    ] {
        stub.plan_answer(write_json(503, &json!({"message":"no"})));
        stub.plan_answer(write_json(200, &good));
        let answer = running.send(path, body).await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"), "{path}");
        for _ in 0..3 {
            stub.plan_answer(write_json(500, &json!({"message":"no"})));
        }
        let request = running.post(path).header("x-gateway-fallback", "allow");
        let request = request.header("x-gateway-cache", "no-store").body(body);
        let answer = gateway::read_answer(request).await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (500, "3"), "{path}");
        assert_eq!(answer.header("x-gateway-fallback-from"), "");
    }
}

#[tokio::test]
async fn conversation_that_cohere_keeps_is_sent_once() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let body = r#"{"message":"hi","conversation_id":"c"}"#;
    stub.plan_answer(write_json(503, &json!({"message":"no"})));
    let answer = running.send("/v1/chat", body).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (503, "1"));
    stub.plan_answer(vec![Step::Reset]);
    let answer = running.send("/v1/chat", body).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (503, "1"));
    // Nothing was done for a call that met a limit.
    stub.plan_answer(write_answer(429, &[("retry-after", "0.1")], b"{\"message\":\"slow\"}"));
    stub.plan_answer(write_json(200, &json!({"text":"a"})));
    let answer = running.send("/v1/chat", body).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"));
}

#[tokio::test]
async fn tokens_are_kept_and_their_limit_rests_nobody_else() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let tokenize = |text: &str| format!(r#"{{"model":"command-a-03-2025","text":"{text}"}}"#);
    stub.plan_answer(write_json(200, &json!({"tokens":[1],"token_strings":["a"]})));
    let first = running.send("/v1/tokenize", tokenize("a")).await;
    let spaced = r#"{ "text" : "a", "model" : "command-a-03-2025" }"#;
    let second = running.send("/v1/tokenize", spaced).await;
    assert_eq!(
        (first.header("x-gateway-cache"), second.header("x-gateway-cache")),
        ("miss", "hit")
    );
    assert_eq!((first.body, second.header("x-gateway-attempts")), (second.body.clone(), "0"));
    // Tokens that are written like the text are another question.
    stub.plan_answer(write_json(200, &json!({"text":"b"})));
    let detokenize = r#"{"model":"command-a-03-2025","tokens":[1]}"#;
    assert_eq!(running.send("/v1/detokenize", detokenize).await.json()["text"], "b");
    stub.plan_answer(write_answer(429, &[("retry-after", "30")], b"{\"message\":\"slow\"}"));
    let answer = running.send("/v1/tokenize", tokenize("b")).await;
    let (status, code, _) = read_failure(&answer);
    assert_eq!((status, code.as_str()), (429, "rate_limited"));
    stub.answer_others(|_| write_json(200, &json!({"text":"a"})));
    let chat = r#"{"message":"hi","model":"command-a-03-2025"}"#;
    assert_eq!(running.send("/v1/chat", chat).await.status, 200);
    assert_eq!(running.send("/v1/detokenize", detokenize).await.status, 200);
}

#[tokio::test]
async fn compatible_embeddings_carry_a_warning_and_are_never_kept() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let body = r#"{"model":"embed-v4.0","input":["a"]}"#;
    for _ in 0..2 {
        stub.plan_answer(write_json(200, &json!({"data":[],"usage":{"prompt_tokens":1}})));
        let answer = running.send("/compatibility/v1/embeddings", body).await;
        assert_eq!((answer.status, answer.header("x-gateway-cache")), (200, "off"));
        assert!(answer.header("x-api-warning").contains("input_type"));
    }
    assert_eq!(stub.seen().len(), 2);
    let refusing = [("GATEWAY_COMPATIBILITY_EMBEDDINGS", "refuse")];
    let (stub, running) = gateway::start_with_stub(&refusing).await;
    let answer = running.send("/compatibility/v1/embeddings", body).await;
    let (status, code, message) = read_failure(&answer);
    assert_eq!((status, code.as_str()), (400, "invalid_request"));
    assert!(message.contains("POST /v2/embed"), "{message}");
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn bad_requests_name_the_field_and_cost_nothing() {
    let settings = [("GATEWAY_CHAT_MAX_TOKENS_CEILING", "100")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let many = vec!["\"a\""; 97].join(",");
    let compatible = "/compatibility/v1/chat/completions";
    for (path, body, problem) in [
        ("/v1/chat", "{}".to_string(), "message: is required"),
        ("/v1/chat", r#"{"message":"a","message":"b"}"#.into(), "message: stands twice"),
        ("/v1/chat", r#"{"message":"a","Model":"b"}"#.into(), "Model: must be written"),
        (
            "/v1/chat",
            r#"{"message":"a","max_tokens":101}"#.into(),
            "max_tokens: must be at most 100",
        ),
        (compatible, r#"{"messages":[]}"#.into(), "model: is required"),
        (compatible, r#"{"model":"m"}"#.into(), "messages: is required"),
        (
            compatible,
            r#"{"model":"m","messages":[],"max_completion_tokens":101}"#.into(),
            "max_completion_tokens: must be at most 100",
        ),
        (compatible, r#"{"model":"embed-v4.0","messages":[]}"#.into(), "model: 'embed-v4.0'"),
        (
            "/compatibility/v1/embeddings",
            format!(r#"{{"model":"embed-v4.0","input":[{many}]}}"#),
            "input: must hold 1 to 96",
        ),
        ("/v1/tokenize", r#"{"model":"m"}"#.into(), "text: is required"),
        ("/v1/detokenize", r#"{"tokens":[1]}"#.into(), "model: is required"),
        ("/v1/tokenize", "not JSON".into(), ""),
    ] {
        let answer = running.send(path, body.clone()).await;
        let (status, code, message) = read_failure(&answer);
        assert_eq!((status, code.as_str()), (400, "invalid_request"), "{path} {body}");
        assert!(message.starts_with(&format!("invalid request: {problem}")), "{message}");
    }
    let answer = running.send("/v1/chat", r#"{"message":"a","model":"command-nightly"}"#).await;
    assert_ne!(answer.status, 404, "a model that is not in the catalogue passes");
    assert_eq!(stub.seen().iter().filter(|call| call.path != "/v1/chat").count(), 0);
}

#[tokio::test]
async fn key_is_checked_here_and_what_is_not_served_says_why() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let answer = running.send("/v1/check-api-key", "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"valid":true})));
    for (path, text) in [
        ("/v1/generate", "use POST /v2/chat instead"),
        ("/v1/embed-jobs/a/cancel", "use POST /v2/embed instead"),
        ("/v1/datasets", "6 MB"),
        ("/v1/nothing", "served are POST /v2/chat,"),
        ("/v1/tokenize/", "served are POST /v2/chat,"),
        ("/compatibility/v1/images", "served are POST /v2/chat,"),
    ] {
        let (status, code, message) = read_failure(&running.send(path, "{}").await);
        assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
        assert!(message.contains(text), "{path}: {message}");
    }
    let (status, code, _) = read_failure(&get(&running, "/v1/chat").await);
    assert_eq!((status, code.as_str()), (404, "not_found"), "a path with another method");
    assert_eq!(stub.seen().len(), 0);
    let request = running.request_without_token(http::Method::POST, "/v1/check-api-key");
    assert_eq!(gateway::read_answer(request).await.status, 401);
}

#[tokio::test]
async fn answer_of_another_kind_is_no_answer() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    for bad in ["{}", "[]", "<html>", "{\"text\":", "{\"tokens\":[1]"] {
        stub.answer_others(move |_| write_answer(200, JSON, bad.as_bytes()));
        let request = running.post("/v1/tokenize").header("x-gateway-timeout-ms", "3000");
        let request = request.body(format!(r#"{{"model":"{}","text":"a"}}"#, bad.len()));
        let answer = gateway::read_answer(request).await;
        let (status, code, _) = read_failure(&answer);
        assert_eq!((status, code.as_str()), (502, "upstream_malformed"), "{bad}");
    }
    stub.answer_others(|_| vec![Step::Wait(Duration::from_secs(2))]);
    let request = running.post("/v1/detokenize").header("x-gateway-timeout-ms", "200");
    let answer = gateway::read_answer(request.body(r#"{"model":"m","tokens":[1]}"#)).await;
    assert_eq!(read_failure(&answer).1, "deadline");
}
