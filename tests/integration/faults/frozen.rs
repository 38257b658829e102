//! An environment that Lambda has frozen: its connections died meanwhile, and nobody is to blame.

use futures_util::future::join_all;
use gateway_tests::gateway::{self, Answer, Running};
use gateway_tests::stub::{Protocol, Step, Stub, write_json};
use gateway_tests::ways::{Way, count_breaker_lines};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

/// Longer than the idle time after which a broken connection is no wonder.
const FROZEN: Duration = Duration::from_millis(2_500);
/// As long as a connection is kept at most: every kind of a dead one is met.
const LONG_FROZEN: Duration = Duration::from_secs(30);
/// One failure would open the breaker, and none may be counted.
const BREAKER: (&str, &str) = ("GATEWAY_BREAKER_FAILURES", "1");

/// Sends a signal to the function's processes.
fn send_signal(running: &Running, name: &str) {
    let ids = running.gateway.process_ids("chat");
    assert!(!ids.is_empty());
    for id in ids {
        let status = Command::new("kill").args([name, &id.to_string()]).status().expect("kill");
        assert!(status.success());
    }
}

async fn warm_up(stub: &Stub, running: &Running) {
    stub.answer_others(|_| Way::Chat.good_steps());
    assert_eq!(send_chat(running).await.status, 200);
}

async fn send_chat(running: &Running) -> Answer {
    Way::Chat.send_request(running, "deny").await
}

/// Checks that a request was answered, by at most two calls, and that no breaker heard of it.
async fn assert_unharmed(running: &Running, answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_ref()), (200, Way::Chat.good_body().as_bytes()));
    assert!(["1", "2"].contains(&answer.header("x-gateway-attempts")), "{:?}", answer.headers);
    running.wait_for_request(answer.header("x-request-id")).await;
    assert_eq!(count_breaker_lines(running, "open"), 0);
}

#[tokio::test]
async fn thawed_environment_replaces_closed_connections() {
    join_all(Protocol::ALL.map(thaw_after_close)).await;
}

async fn thaw_after_close(protocol: Protocol) {
    let (stub, running) = gateway::start_single_with_stub_over(protocol, &[BREAKER]).await;
    warm_up(&stub, &running).await;
    send_signal(&running, "-STOP");
    stub.close_idle();
    tokio::time::sleep(LONG_FROZEN).await;
    // The request is there when the environment wakes, as Lambda does it.
    let thawing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        send_signal(&running, "-CONT");
    };
    let (answer, ()) = tokio::join!(send_chat(&running), thawing);
    assert_unharmed(&running, &answer).await;
    assert_unharmed(&running, &send_chat(&running).await).await;
}

#[tokio::test]
async fn reset_after_freeze_is_resent() {
    join_all(Protocol::ALL.map(thaw_before_reset)).await;
}

async fn thaw_before_reset(protocol: Protocol) {
    let (stub, running) = gateway::start_single_with_stub_over(protocol, &[BREAKER]).await;
    for _ in 0..2 {
        warm_up(&stub, &running).await;
        send_signal(&running, "-STOP");
        tokio::time::sleep(FROZEN).await;
        send_signal(&running, "-CONT");
        stub.plan_answer(vec![Step::Reset]);
        let answer = send_chat(&running).await;
        assert_eq!(answer.header("x-gateway-attempts"), "2");
        assert_unharmed(&running, &answer).await;
    }
}

#[tokio::test]
async fn free_resend_happens_once_after_idle() {
    join_all(Protocol::ALL.map(break_after_idle)).await;
}

async fn break_after_idle(protocol: Protocol) {
    let settings = [("GATEWAY_FALLBACKS", "none"), ("GATEWAY_BREAKER_FAILURES", "3")];
    let (stub, running) = gateway::start_single_with_stub_over(protocol, &settings).await;
    warm_up(&stub, &running).await;
    stub.answer_others(|_| vec![Step::Reset]);
    let busy = send_chat(&running).await;
    assert_eq!((busy.status, busy.header("x-gateway-attempts")), (503, "3"));
    running.wait_for_line("\"to\":\"open\"").await;

    running.gateway.kill("chat").await;
    warm_up(&stub, &running).await;
    tokio::time::sleep(FROZEN).await;
    stub.answer_others(|_| vec![Step::Reset]);
    let frozen = send_chat(&running).await;
    assert_eq!((frozen.status, frozen.header("x-gateway-attempts")), (503, "4"));
}

#[tokio::test]
async fn freeze_during_request_ends_in_answer() {
    join_all(Protocol::ALL.map(freeze_during_request)).await;
}

async fn freeze_during_request(protocol: Protocol) {
    let settings = [("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "1000"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_single_with_stub_over(protocol, &settings).await;
    warm_up(&stub, &running).await;
    stub.plan_answer(vec![Step::Wait(Duration::from_millis(300)), Step::Close]);
    stub.answer_others(|_| write_json(500, &json!({ "message": "oh" })));
    let freezing = async {
        while stub.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stub.answer_others(|_| Way::Chat.good_steps());
        send_signal(&running, "-STOP");
        tokio::time::sleep(FROZEN).await;
        send_signal(&running, "-CONT");
    };
    let (answer, ()) = tokio::join!(send_chat(&running), freezing);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}
