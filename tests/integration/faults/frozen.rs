//! An instance that Lambda has frozen: its connections died meanwhile, and nobody is to blame.

use super::ask::{Way, breaker_lines, one_environment};
use gateway_tests::gateway::{Answer, Running};
use gateway_tests::stub::{Step, Stub, json};
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
fn signal(running: &Running, name: &str) {
    let ids = running.gateway.process_ids("chat");
    assert!(!ids.is_empty());
    for id in ids {
        let status = Command::new("kill").args([name, &id.to_string()]).status().expect("kill");
        assert!(status.success());
    }
}

async fn warm(stub: &Stub, running: &Running) {
    stub.otherwise(|_| Way::Chat.good());
    assert_eq!(ask(running).await.status, 200);
}

async fn ask(running: &Running) -> Answer {
    Way::Chat.ask(running, "deny").await
}

/// Checks that a request was answered, by at most two calls, and that no breaker heard of it.
async fn assert_unharmed(running: &Running, answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_ref()), (200, Way::Chat.good_body().as_bytes()));
    assert!(["1", "2"].contains(&answer.header("x-gateway-attempts")), "{:?}", answer.headers);
    running.line_with(answer.header("x-request-id")).await;
    assert_eq!(breaker_lines(running, "open"), 0);
}

#[tokio::test]
async fn a_frozen_instance_whose_connections_were_closed_answers_its_next_request() {
    let (stub, running) = one_environment(&[BREAKER]).await;
    warm(&stub, &running).await;
    signal(&running, "-STOP");
    stub.close_kept();
    tokio::time::sleep(LONG_FROZEN).await;
    // The request is there when the instance wakes, as Lambda does it.
    let thawing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        signal(&running, "-CONT");
    };
    let (answer, ()) = tokio::join!(ask(&running), thawing);
    assert_unharmed(&running, &answer).await;
    assert_unharmed(&running, &ask(&running).await).await;
}

#[tokio::test]
async fn a_connection_that_breaks_under_the_first_request_after_a_freeze_is_replaced() {
    let (stub, running) = one_environment(&[BREAKER]).await;
    for _ in 0..2 {
        warm(&stub, &running).await;
        signal(&running, "-STOP");
        tokio::time::sleep(FROZEN).await;
        signal(&running, "-CONT");
        stub.next(vec![Step::Reset]);
        let answer = ask(&running).await;
        assert_eq!(answer.header("x-gateway-attempts"), "2");
        assert_unharmed(&running, &answer).await;
    }
}

#[tokio::test]
async fn only_one_resend_is_free_and_only_after_a_silence() {
    let settings = [("GATEWAY_FALLBACKS", "none"), ("GATEWAY_BREAKER_FAILURES", "3")];
    let (stub, running) = one_environment(&settings).await;
    warm(&stub, &running).await;
    stub.otherwise(|_| vec![Step::Reset]);
    let busy = ask(&running).await;
    assert_eq!((busy.status, busy.header("x-gateway-attempts")), (503, "3"));
    running.line_with("\"to\":\"open\"").await;

    running.gateway.kill("chat").await;
    warm(&stub, &running).await;
    tokio::time::sleep(FROZEN).await;
    stub.otherwise(|_| vec![Step::Reset]);
    let frozen = ask(&running).await;
    assert_eq!((frozen.status, frozen.header("x-gateway-attempts")), (503, "4"));
}

#[tokio::test]
async fn a_freeze_during_a_request_ends_in_an_answer() {
    let settings = [("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "1000"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = one_environment(&settings).await;
    warm(&stub, &running).await;
    stub.next(vec![Step::Wait(Duration::from_millis(300)), Step::Close]);
    stub.otherwise(|_| json(500, &json!({ "message": "oh" })));
    let freezing = async {
        while stub.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stub.otherwise(|_| Way::Chat.good());
        signal(&running, "-STOP");
        tokio::time::sleep(FROZEN).await;
        signal(&running, "-CONT");
    };
    let (answer, ()) = tokio::join!(ask(&running), freezing);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}
