//! Streams: whatever ends one, its event is written, with what was sent before.

use super::{CHAT, ENDED, check_event, send_for_event};
use gateway_tests::event::{read_events, wait_for_event};
use gateway_tests::gateway;
use gateway_tests::stub::{Step, write_chunk, write_json, write_stream, write_stream_head};
use gateway_tests::ways::START;
use serde_json::json;
use std::time::Duration;

const DELTA: &str = "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn ending(reason: &str) -> String {
    let usage = json!({ "billed_units": { "input_tokens": 1_000_000, "output_tokens": 2 } });
    let delta = json!({ "finish_reason": reason, "usage": usage });
    let data = json!({ "type": "message-end", "delta": delta });
    format!("event: message-end\ndata: {data}\n\n")
}

fn streamed() -> String {
    CHAT.replace("{\"model\"", "{\"stream\":true,\"model\"")
}

#[tokio::test]
async fn every_ending_has_its_event_metrics_and_cost() {
    let settings = [("GATEWAY_STREAM_IDLE_TIMEOUT_MS", "300"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let opened = |rest: Vec<Step>| {
        let first = write_chunk([START, DELTA, DELTA].concat().as_bytes());
        [vec![write_stream_head(&[]), first], rest].concat()
    };
    let faults: &[&str] = &["ServerError"];
    let whole = |reason: &str| {
        write_stream(&[], &[[START, DELTA, &ending(reason), DONE].concat().as_bytes()])
    };
    let cases = [
        ("well", whole("COMPLETE"), None, &[][..], 37_500),
        ("in Cohere's own ERROR", whole("ERROR"), Some("upstream_error"), faults, 37_500),
        ("cut off", opened(vec![Step::Reset]), Some("upstream_malformed"), faults, 0),
        ("silent", opened(vec![Step::Hang]), Some("upstream_timeout"), faults, 0),
    ];
    for (name, steps, code, counted, micro_usd) in cases {
        running.gateway.kill("chat").await;
        stub.plan_answer(steps);
        let event = send_for_event(&running, "/v2/chat", &streamed()).await;
        let (metrics, outcome) = check_event(&event);
        assert_eq!(event["code"].as_str(), code, "{name}: {event}");
        assert_eq!(outcome, counted.iter().map(|name| name.to_string()).collect(), "{name}");
        assert_eq!(event["CostMicroUsd"], micro_usd, "{name}: {event}");
        for metric in ["FirstEventLatency", "StreamDuration", "GateLatency"] {
            assert!(metrics.contains_key(metric), "{name}: {metric} in {event}");
        }
        assert_eq!(metrics["Latency"], metrics["FirstEventLatency"], "{name}");
        assert_eq!(event["output_tokens"], 2, "{name}: what was sent is counted");
    }
}

#[tokio::test]
async fn stream_that_never_opens_has_no_first_event() {
    let settings = [("GATEWAY_STREAM_KEEP_ALIVE_MS", "100"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let refusal = write_json(402, &json!({ "message": "pay" }));
    // Before the head went out, and after a keep-alive.
    for (wait, counted) in [
        (0, &["Answered5xx", "BillingRefused", "ServerError"][..]),
        (250, &["BillingRefused", "ServerError"]),
    ] {
        running.gateway.kill("chat").await;
        let steps = [vec![Step::Wait(Duration::from_millis(wait))], refusal.clone()].concat();
        stub.answer_others(move |_| steps.clone());
        let event = send_for_event(&running, "/v2/chat", &streamed()).await;
        let (metrics, outcome) = check_event(&event);
        assert_eq!(outcome, counted.iter().map(|name| name.to_string()).collect(), "{event}");
        assert!(!metrics.contains_key("FirstEventLatency"), "{event}");
    }
}

#[tokio::test]
async fn abandoned_stream_counts_what_was_sent() {
    // That the caller has left is noticed with the next keep-alive.
    let settings = [("GATEWAY_STREAM_KEEP_ALIVE_MS", "300")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let first = write_chunk([START, DELTA, DELTA, DELTA].concat().as_bytes());
    stub.plan_answer(vec![write_stream_head(&[]), first, Step::Hang]);
    let known = read_events(&running, ENDED).len();
    let mut response = running.post("/v2/chat").body(streamed()).send().await.expect("a head");
    response.chunk().await.expect("content");
    drop(response);
    let event = wait_for_event(&running, ENDED, known).await;
    let (_, outcome) = check_event(&event);
    assert_eq!(
        (&event["code"], &event["output_tokens"]),
        (&json!("abandoned"), &json!(3)),
        "{event}"
    );
    assert!(outcome.is_empty(), "leaving is no failure: {event}");
}
