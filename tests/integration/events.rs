//! One event a request: whatever becomes of it, its line tells code, metrics and cost, and CloudWatch can
//! read it.

mod cost;
mod marked;
mod streamed;
mod verdicts;

use gateway_tests::event::{Metrics, names_of_counted, read_events, read_metrics, wait_for_event};
use gateway_tests::gateway::{self, Running};
use gateway_tests::raw_event::{build_chat_event, invoke_chat};
use gateway_tests::stub::{Step, Stub, cut_body, write_answer, write_json};
use serde_json::{Value, json};
use shared::error::Code;
use shared::panic_on_request::PanicPoint;
use std::collections::BTreeSet;
use std::time::Duration;

const ENDED: &str = "request_ended";
const CHAT: &str =
    r#"{"model":"command-r7b-12-2024","messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#;

/// What is counted of a request besides that it was one.
const OUTCOMES: [&str; 10] = [
    "ServerError",
    "Answered5xx",
    "RateLimited",
    "QuotaExhausted",
    "KeyRefused",
    "BillingRefused",
    "Fallback",
    "RetryBudgetEmpty",
    "TrialKey",
    "UnpricedModel",
];

/// Sends a request and returns its event.
async fn send_for_event(running: &Running, path: &str, body: &str) -> Value {
    let known = read_events(running, ENDED).len();
    running.send(path, body.to_string()).await;
    wait_for_event(running, ENDED, known).await
}

/// Checks what every request's event has, and returns what is counted besides.
fn check_event(event: &Value) -> (Metrics, BTreeSet<String>) {
    let metrics = read_metrics(event);
    for always in ["Requests", "ServerError", "Answered5xx", "RateLimited", "Fallback"] {
        assert!(metrics.contains_key(always), "{always} is not written as 0: {event}");
    }
    for always in ["Latency", "GatewayTime", "CostMicroUsd", "GateRequests", "GateServerError"] {
        assert!(metrics.contains_key(always), "{always} in {event}");
    }
    assert_eq!((metrics["Requests"], metrics["GateRequests"]), (1.0, 1.0));
    assert_eq!(metrics["ServerError"], metrics["GateServerError"]);
    assert_eq!(metrics["RateLimited"], metrics["GateRateLimited"]);
    for field in ["timestamp", "level", "request_id", "endpoint", "FunctionVersion"] {
        assert!(event[field].is_string(), "{field} in {event}");
    }
    let counted =
        names_of_counted(&metrics, &OUTCOMES).iter().map(|name| name.to_string()).collect();
    (metrics, counted)
}

/// A way to fail: what Cohere does, the code of the line, and what is counted.
type Failure = (&'static str, Vec<Step>, &'static [&'static str]);

fn failures_of_cohere() -> Vec<Failure> {
    let said = |status, message: &str| write_json(status, &json!({ "message": message }));
    let half = write_answer(200, &[("content-type", "application/json")], br#"{"message":{}}"#);
    let cut = [cut_body(half, 5), vec![Step::Reset]].concat();
    vec![
        ("invalid_request", said(422, "no"), &[]),
        ("rate_limited", said(429, "past the per minute request limit"), &["RateLimited"]),
        (
            "quota_exhausted",
            said(429, "limited to 1000 API calls / month."),
            &["QuotaExhausted", "RateLimited"],
        ),
        ("upstream_auth", said(401, "bad key"), &["Answered5xx", "KeyRefused", "ServerError"]),
        ("upstream_billing", said(402, "pay"), &["Answered5xx", "BillingRefused", "ServerError"]),
        ("upstream_malformed", cut, &["Answered5xx", "ServerError"]),
        ("upstream_error", said(503, "busy"), &["Answered5xx", "ServerError"]),
        ("upstream_unreachable", vec![Step::Reset], &["Answered5xx", "ServerError"]),
        ("upstream_timeout", vec![Step::Hang], &["Answered5xx", "ServerError"]),
    ]
}

/// Lets every call end in the same way, for an environment that remembers nothing.
async fn answer_always(stub: &Stub, running: &Running, steps: Vec<Step>) {
    running.gateway.kill("chat").await;
    stub.answer_others(move |_| steps.clone());
}

#[tokio::test]
async fn every_code_has_its_event_and_metrics() {
    let settings = [("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "300"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let mut seen: BTreeSet<String> = ["not_found", "client_throttled"].map(str::to_string).into();
    let mut check = |event: Value, code: &str, counted: &[&str]| {
        assert_eq!(event["code"], code, "{event}");
        let expected = counted.iter().map(|name| name.to_string()).collect();
        assert_eq!(check_event(&event).1, expected, "{code}: {event}");
        seen.insert(code.to_string());
    };
    for (code, steps, counted) in failures_of_cohere() {
        answer_always(&stub, &running, steps).await;
        check(send_for_event(&running, "/v2/chat", CHAT).await, code, counted);
    }
    let large = format!("{CHAT}{}", " ".repeat(4_600_000));
    for (code, body) in [
        ("invalid_request", "{}".to_string()),
        ("model_retired", CHAT.replace("command-r7b-12-2024", "c4ai-aya-expanse-8b")),
        ("too_large", large),
    ] {
        check(send_for_event(&running, "/v2/chat", &body).await, code, &[]);
    }
    let panics = CHAT.replace("hi", PanicPoint::Handler.mark());
    let faults = &["Answered5xx", "ServerError"];
    check(send_for_event(&running, "/v2/chat", &panics).await, "internal", faults);
    for (code, authorizer) in [
        ("unauthorized", Value::Null),
        ("model_not_allowed", json!({ "client": "c", "models": "embed-v4.0" })),
    ] {
        let known = read_events(&running, ENDED).len();
        invoke_chat(&running, &build_chat_event(CHAT, false, &authorizer)).await;
        check(wait_for_event(&running, ENDED, known).await, code, &[]);
    }
    check_what_outlasts_a_request(&stub, &running, &mut check).await;
    let all = Code::ALL.map(|code| code.as_str().to_string());
    assert_eq!(seen, BTreeSet::from(all), "codes that have an event here");
}

/// Walks the failures that follow from an earlier one, or from a time.
async fn check_what_outlasts_a_request(
    stub: &Stub,
    running: &Running,
    check: &mut impl FnMut(Value, &str, &[&str]),
) {
    let faults = &["Answered5xx", "ServerError"];
    answer_always(stub, running, write_json(500, &json!({ "message": "oh" }))).await;
    let mut event = Value::Null;
    for _ in 0..3 {
        event = send_for_event(running, "/v2/chat", CHAT).await;
    }
    check(event, "circuit_open", faults);
    answer_always(stub, running, vec![Step::Hang]).await;
    let known = read_events(running, ENDED).len();
    let request = running.post("/v2/chat").header("x-gateway-timeout-ms", "100").body(CHAT);
    gateway::read_answer(request).await;
    let event = wait_for_event(running, ENDED, known).await;
    // The caller has set the time, so that its end is no failure of the gateway's.
    check(event, "deadline", &["Answered5xx"]);
    running.gateway.kill("chat").await;
    running.gateway.secrets.behave(local::secrets_manager::Behaviour::Slow(Duration::from_secs(9)));
    check(send_for_event(running, "/v2/chat", CHAT).await, "key_missing", faults);
}

#[tokio::test]
async fn waits_are_no_gateway_time() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    stub.plan_answer(write_json(500, &json!({ "message": "oh" })));
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let answer = running.send("/v2/chat", CHAT).await;
    let event = wait_for_event(&running, ENDED, 0).await;
    let (metrics, _) = check_event(&event);
    assert!(answer.header("server-timing").contains(", wait;dur="), "{answer:?}");
    let waited = event["waiting_ms"].as_f64().expect("a backoff");
    assert_eq!((&event["attempts"], metrics["WaitingTime"]), (&json!(2), waited));
    let parts = waited + event["upstream_ms"].as_f64().unwrap() + metrics["GatewayTime"];
    let whole = event["duration_ms"].as_f64().unwrap();
    assert!((whole - parts).abs() < 5.0, "{whole} is not {parts}: {event}");
    assert!(metrics["GatewayTime"] < whole - waited, "{event}");
}

#[tokio::test]
async fn lines_of_a_request_share_its_ids() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|_| write_json(500, &json!({ "message": "oh" })));
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let answer = running.send("/v2/chat", CHAT).await;
        ids.insert(answer.header("x-request-id").to_string());
    }
    for name in ["breaker_changed", "fallback_failed", ENDED] {
        for event in read_events(&running, name) {
            let id = event["request_id"].as_str().unwrap_or_else(|| panic!("no id in {event}"));
            assert!(ids.contains(id), "{id} is not one of {ids:?}");
            assert!(event["trace_id"].as_str().is_some_and(|id| id.starts_with("1-")), "{event}");
        }
        assert!(!read_events(&running, name).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn logging_level_loses_no_metric() {
    let (_, running) = gateway::start_with_stub(&[("RUST_LOG", "off")]).await;
    check_event(&send_for_event(&running, "/v2/chat", "{}").await);
    assert_eq!(read_events(&running, "caller_allowed").len(), 1);
}
