//! Secrets Manager fails: at the start, later, slowly, by throttling, with an answer that breaks off.
//!
//! A cached key serves on; without one a request says which secret is missing, in its own time.

use gateway_tests::gateway::{self, Answer, FAKE_KEY, Running, read_answer};
use gateway_tests::stub::{Step, Stub, write_json};
use gateway_tests::ways::{Way, status_and_code};
use local::secrets_manager::Behaviour;
use serde_json::json;
use std::time::{Duration, Instant};

const SHORT_LIFE: (&str, &str) = ("GATEWAY_SECRET_TTL_SECS", "1");
/// Longer than that.
const LIFE: Duration = Duration::from_millis(1_100);

/// Starts one environment a function, and an upstream that is well.
async fn start_healthy(settings: &[(&str, &str)]) -> (Stub, Running) {
    let (stub, running) = gateway::start_single_with_stub(settings).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    (stub, running)
}

async fn send_chat(running: &Running) -> Answer {
    Way::Chat.send_request(running, "deny").await
}

async fn send_chat_within(running: &Running, millis: u64) -> (Answer, Duration) {
    let started = Instant::now();
    let request = running.post("/v2/chat").header("x-gateway-timeout-ms", millis.to_string());
    (read_answer(request.body(Way::Chat.body())).await, started.elapsed())
}

/// Every way of refusing.
const DOWN: [Behaviour; 4] =
    [Behaviour::Failing, Behaviour::Denying, Behaviour::Throttling, Behaviour::Garbled];

#[tokio::test]
async fn missing_key_names_secret_until_store_recovers() {
    let (stub, running) = start_healthy(&[]).await;
    let before = running.gateway.started_count("chat");
    for behaviour in DOWN {
        running.gateway.secrets.behave(behaviour);
        running.gateway.kill("chat").await;
        for _ in 0..2 {
            let answer = send_chat(&running).await;
            assert_eq!(status_and_code(&answer), "503 key_missing", "{behaviour:?}");
            let message = answer.json()["message"].as_str().unwrap_or_default().to_string();
            let named = format!("{:?}", local::secrets_manager::API_KEY);
            assert!(message.contains(&named) && !message.contains("arn:"), "{message}");
            assert!(!answer.header("retry-after").is_empty());
        }
        running.gateway.secrets.behave(Behaviour::Normal);
        assert_eq!(send_chat(&running).await.status, 200, "{behaviour:?}");
    }
    assert_eq!(
        running.gateway.started_count("chat"),
        before + DOWN.len(),
        "a start needs no secret"
    );
    assert_eq!(stub.seen().len(), DOWN.len());
    let lines = running.read_lines().join("\n");
    for told in
        ["InternalServiceError", "AccessDenied", "ThrottlingException", "its answer cannot be read"]
    {
        assert!(lines.contains(told), "{told} in {lines}");
    }
    assert!(!lines.contains(FAKE_KEY), "an answer that broke off was logged");
}

#[tokio::test]
async fn cached_key_serves_while_store_is_down() {
    let (_, running) = start_healthy(&[SHORT_LIFE]).await;
    assert_eq!(send_chat(&running).await.status, 200);
    for behaviour in DOWN {
        running.gateway.secrets.behave(behaviour);
        tokio::time::sleep(LIFE).await;
        let reads = running.gateway.secrets.reads();
        for _ in 0..3 {
            assert_eq!(send_chat(&running).await.status, 200, "{behaviour:?}");
        }
        let reads = running.gateway.secrets.reads() - reads;
        assert!((1..=2).contains(&reads), "{reads} tries for three requests at one time");
    }
    running.wait_for_line("the old value serves on").await;
}

#[tokio::test]
async fn slow_store_costs_no_more_than_its_timeout() {
    let (_, running) = start_healthy(&[SHORT_LIFE, ("GATEWAY_SECRET_TIMEOUT_MS", "700")]).await;
    assert_eq!(send_chat(&running).await.status, 200);
    running.gateway.secrets.behave(Behaviour::Slow(Duration::from_secs(30)));
    tokio::time::sleep(LIFE).await;
    let started = Instant::now();
    assert_eq!(send_chat(&running).await.status, 200, "the old key serves");
    let took = started.elapsed();
    assert!((700..2_000).contains(&took.as_millis()), "{took:?}");

    // Without a key: the store's time, or the caller's where that is shorter.
    running.gateway.kill("chat").await;
    assert_eq!(status_and_code(&send_chat(&running).await), "503 key_missing");
    let (answer, took) = send_chat_within(&running, 300).await;
    assert_eq!(status_and_code(&answer), "504 deadline");
    assert!((250..650).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn expiring_key_is_refreshed_during_a_request() {
    let (stub, running) = start_healthy(&[("GATEWAY_SECRET_TTL_SECS", "5")]).await;
    running.gateway.kill("chat").await;
    let started = Instant::now();
    assert_eq!(send_chat(&running).await.status, 200);
    let replaced = json!({ "CO_API_KEY": "fake-key-after-the-first" });
    running.gateway.secrets.put(local::secrets_manager::API_KEY, &replaced.to_string());
    running.gateway.secrets.behave(Behaviour::Slow(Duration::from_millis(200)));
    let reads = running.gateway.secrets.reads();

    tokio::time::sleep(Duration::from_millis(4_300)).await;
    let mut slow = Way::Chat.good_steps();
    slow.insert(0, Step::Wait(Duration::from_millis(400)));
    stub.plan_answer(slow);
    assert_eq!(send_chat(&running).await.status, 200);
    assert_eq!(running.gateway.secrets.reads(), reads + 1);
    assert_eq!(stub.seen()[1].headers["authorization"], format!("Bearer {FAKE_KEY}"));

    // Past the first key's time nothing is left to read.
    running.gateway.secrets.behave(Behaviour::Failing);
    tokio::time::sleep(Duration::from_millis(5_500).saturating_sub(started.elapsed())).await;
    assert_eq!(send_chat(&running).await.status, 200);
    assert_eq!(running.gateway.secrets.reads(), reads + 1);
    assert_eq!(stub.seen()[2].headers["authorization"], "Bearer fake-key-after-the-first");
}

#[tokio::test]
async fn refused_key_reads_throttling_store_once() {
    let stub = Stub::start().await;
    stub.answer_others(|_| write_json(401, &json!({ "message": "invalid api token" })));
    let settings = [("GATEWAY_BAD_KEY_MS", "0")];
    let running = gateway::start_within(gateway::upstream_at(&stub.url), &settings, 1).await;
    running.gateway.secrets.behave(Behaviour::Throttling);
    let reads = running.gateway.secrets.reads();
    for _ in 0..5 {
        assert_eq!(status_and_code(&send_chat(&running).await), "502 upstream_auth");
    }
    assert_eq!(running.gateway.secrets.reads(), reads + 1);
}
