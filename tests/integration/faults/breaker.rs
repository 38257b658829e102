//! The circuit breaker of an environment: what opens it, what it saves, and how it closes.

use gateway_tests::gateway::{self, Answer, Running};
use gateway_tests::stub::{Stub, write_json};
use gateway_tests::ways::{Way, count_breaker_lines, status_and_code};
use serde_json::json;
use std::time::Duration;

const OPEN: Duration = Duration::from_millis(2_000);
/// Longest time that a breaker is open.
const OPEN_AT_MOST: Duration = Duration::from_millis(2_200);
/// Longest time the gateway may take for a refusal.
const REFUSED_WITHIN_MS: f64 = 1.0;

fn fail_all(stub: &Stub) {
    stub.answer_others(|_| write_json(500, &json!({ "message": "oh" })));
}

/// Asks once; returns what came, and the calls it cost.
async fn send_counted(stub: &Stub, running: &Running) -> (Answer, String, usize) {
    let before = stub.seen().len();
    let answer = Way::Chat.send_request(running, "deny").await;
    let said = status_and_code(&answer);
    let calls = stub.seen().len() - before;
    assert_eq!(answer.header("x-gateway-attempts"), calls.to_string());
    (answer, said, calls)
}

/// Returns the gateway's own milliseconds from `Server-Timing`.
fn gateway_ms(answer: &Answer) -> f64 {
    let timing = answer.header("server-timing");
    let (_, own) = timing.split_once("gateway;dur=").expect("the gateway's time");
    own.parse().expect("a number")
}

#[tokio::test]
async fn open_breaker_costs_upstream_nothing() {
    let (stub, running) = gateway::start_single_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    fail_all(&stub);
    let (_, first, calls) = send_counted(&stub, &running).await;
    assert_eq!((first.as_str(), calls), ("500 upstream_error", 3));
    let (_, second, calls) = send_counted(&stub, &running).await;
    assert_eq!(
        (second.as_str(), calls),
        ("500 upstream_error", 2),
        "it answers with its own last failure"
    );
    let mut best = f64::MAX;
    for _ in 0..20 {
        let (answer, said, calls) = send_counted(&stub, &running).await;
        assert_eq!((said.as_str(), calls), ("503 circuit_open", 0));
        assert_eq!(answer.header("retry-after"), "5");
        best = best.min(gateway_ms(&answer));
    }
    assert!(best < REFUSED_WITHIN_MS, "the fastest refusal took {best} ms");
    assert_eq!(count_breaker_lines(&running, "open"), 1);
}

#[tokio::test]
async fn breaker_belongs_to_one_model() {
    let (stub, running) = gateway::start_single_with_stub(&[
        ("GATEWAY_FALLBACKS", "none"),
        ("GATEWAY_BREAKER_FAILURES", "3"),
    ])
    .await;
    fail_all(&stub);
    send_counted(&stub, &running).await;
    assert_eq!(send_counted(&stub, &running).await.1, "503 circuit_open");
    stub.answer_others(|_| Way::Chat.good_steps());
    let other = Way::Chat.body().replace(Way::Chat.model(), "command-r7b-12-2024");
    assert_eq!(running.send("/v2/chat", other).await.status, 200);
    assert_eq!(send_counted(&stub, &running).await.1, "503 circuit_open");
}

#[tokio::test]
async fn half_open_breaker_admits_exactly_one_probe() {
    let open = OPEN.as_millis().to_string();
    let settings = [
        ("GATEWAY_FALLBACKS", "none"),
        ("GATEWAY_BREAKER_FAILURES", "3"),
        ("GATEWAY_BREAKER_OPEN_MS", open.as_str()),
    ];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    fail_all(&stub);
    send_counted(&stub, &running).await;
    for _ in 0..3 {
        assert_eq!(send_counted(&stub, &running).await.1, "503 circuit_open");
    }

    tokio::time::sleep(OPEN_AT_MOST).await;
    let (_, probe, calls) = send_counted(&stub, &running).await;
    assert_eq!((probe.as_str(), calls), ("500 upstream_error", 1), "a probe is not retried");
    assert_eq!(send_counted(&stub, &running).await.1, "503 circuit_open");

    tokio::time::sleep(OPEN_AT_MOST).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    let before = stub.seen().len();
    for _ in 0..5 {
        assert_eq!(send_counted(&stub, &running).await.1, "200");
    }
    assert_eq!(stub.seen().len() - before, 5, "one probe, and then one call a request");

    let last = send_counted(&stub, &running).await.0;
    running.wait_for_request(last.header("x-request-id")).await;
    let changes = ["open", "half-open", "closed"].map(|state| count_breaker_lines(&running, state));
    assert_eq!(changes, [2, 2, 1]);
}

#[tokio::test]
async fn inconclusive_probe_passes_to_next_request() {
    let settings = [
        ("GATEWAY_FALLBACKS", "none"),
        ("GATEWAY_BREAKER_FAILURES", "3"),
        ("GATEWAY_BREAKER_OPEN_MS", "300"),
    ];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    fail_all(&stub);
    send_counted(&stub, &running).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    stub.plan_answer(write_json(429, &json!({ "message": "limited to 1000 API calls / month" })));
    assert_eq!(send_counted(&stub, &running).await.1, "429 quota_exhausted");
    stub.answer_others(|_| Way::Chat.good_steps());
    let (_, said, calls) = send_counted(&stub, &running).await;
    assert_eq!((said.as_str(), calls), ("200", 1));
    running.wait_for_line("\"to\":\"closed\"").await;
    assert_eq!(count_breaker_lines(&running, "open"), 1);
}
