//! Outages: what many failing requests cost Cohere together, counted at its socket.
//!
//! The bound is that of the retry budget: an extra call that fails has lost its price, one that succeeds is
//! refunded. So upstream calls stay under requests + 10 + successes / 5, per environment.

use futures_util::future::join_all;
use gateway_tests::gateway::{self, Running};
use gateway_tests::skips::print_line;
use gateway_tests::stub::{Seen, Step, Stub, write_json};
use gateway_tests::ways::{Way, status_and_code};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A threshold that is never reached.
const BREAKER_OFF: (&str, &str) = ("GATEWAY_BREAKER_FAILURES", "1000000");
const NO_FALLBACKS: (&str, &str) = ("GATEWAY_FALLBACKS", "none");

/// What many requests came to.
struct Outage {
    requests: usize,
    calls: usize,
    verdicts: BTreeMap<String, usize>,
    worst: Duration,
    took: Duration,
}

impl Outage {
    fn count_successes(&self) -> usize {
        self.verdicts.get("200").copied().unwrap_or_default()
    }

    fn assert_within_the_budget(&self, name: &str) {
        let Self { requests, calls, verdicts, worst, took } = self;
        print_line(&format!(
            "{name}: {calls} calls for {requests} requests ({:.2} each), {verdicts:?}, longest {worst:?}, all {took:?}",
            *calls as f64 / *requests as f64
        ));
        let bound = requests + 10 + self.count_successes() / 5;
        assert!(
            *calls <= bound,
            "{name}: {calls} calls for {requests} requests, {bound} are allowed: {verdicts:?}"
        );
    }
}

fn refuse_call(status: u16) -> Vec<Step> {
    write_json(status, &json!({ "message": "oh" }))
}

/// Sends requests one after another.
async fn send_many(
    stub: &Stub,
    running: &Running,
    way: Way,
    requests: usize,
    option: &str,
) -> Outage {
    let (before, started) = (stub.seen().len(), Instant::now());
    let (mut verdicts, mut worst) = (BTreeMap::new(), Duration::ZERO);
    for _ in 0..requests {
        let started = Instant::now();
        *verdicts.entry(status_and_code(&way.send_request(running, option).await)).or_insert(0) +=
            1;
        worst = worst.max(started.elapsed());
    }
    Outage { requests, calls: stub.seen().len() - before, verdicts, worst, took: started.elapsed() }
}

#[tokio::test]
async fn thousand_failures_stay_within_retry_budget() {
    let (stub, running) = gateway::start_single_with_stub(&[BREAKER_OFF, NO_FALLBACKS]).await;
    stub.answer_others(|_| refuse_call(500));
    for way in [Way::Chat, Way::Embed] {
        let outage = send_many(&stub, &running, way, 1_000, "deny").await;
        outage.assert_within_the_budget(&format!("breaker off, all 500, {}", way.name()));
        assert_eq!(outage.verdicts, [("500 upstream_error".to_string(), 1_000)].into());
        assert!(outage.calls >= outage.requests, "every request tries once");
        let mean = outage.took / outage.requests as u32;
        assert!(
            mean < Duration::from_millis(60),
            "without budget there is nothing to wait for: {mean:?} each"
        );
    }
}

#[tokio::test]
async fn failing_fallback_draws_on_same_budget() {
    let (stub, running) = gateway::start_single_with_stub(&[BREAKER_OFF]).await;
    stub.answer_others(|_| refuse_call(503));
    send_many(&stub, &running, Way::Chat, 200, "allow")
        .await
        .assert_within_the_budget("breaker off, both models 503");
}

#[tokio::test]
async fn partial_outage_stays_within_retry_budget() {
    let (stub, running) = gateway::start_single_with_stub(&[BREAKER_OFF, NO_FALLBACKS]).await;
    let count = AtomicUsize::new(0);
    stub.answer_others(move |_| match count.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Way::Chat.good_steps(),
        _ => refuse_call(500),
    });
    let outage = send_many(&stub, &running, Way::Chat, 1_000, "deny").await;
    outage.assert_within_the_budget("breaker off, two calls of three fail");
    assert!(outage.count_successes() > 100, "{:?}", outage.verdicts);
}

#[tokio::test]
async fn resets_after_idle_stay_within_retry_budget() {
    let (stub, running) = gateway::start_single_with_stub(&[BREAKER_OFF, NO_FALLBACKS]).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    assert_eq!(Way::Chat.send_request(&running, "deny").await.status, 200);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    stub.answer_others(|_| vec![Step::Reset]);
    let outage = send_many(&stub, &running, Way::Chat, 100, "deny").await;
    // The good answer has left one connection behind, which pays for one free resend and no more.
    assert!(outage.calls <= outage.requests + 10 + 1, "{} calls", outage.calls);
}

#[tokio::test]
async fn throttled_model_is_left_alone() {
    let (stub, running) = gateway::start_single_with_stub(&[BREAKER_OFF, NO_FALLBACKS]).await;
    stub.answer_others(|_| refuse_call(429));
    let outage = send_many(&stub, &running, Way::Chat, 1_000, "deny").await;
    outage.assert_within_the_budget("all 429");
    assert_eq!(outage.verdicts, [("429 rate_limited".to_string(), 1_000)].into());
    // Rests of 1, 2, 4 … seconds: a request may wait for one of at most two.
    assert!(outage.calls <= 6, "{} calls into a throttled model", outage.calls);
}

#[tokio::test]
async fn breaker_limits_outage_to_five_calls() {
    let (stub, running) = gateway::start_single_with_stub(&[NO_FALLBACKS]).await;
    stub.answer_others(|_| refuse_call(500));
    let outage = send_many(&stub, &running, Way::Chat, 200, "deny").await;
    outage.assert_within_the_budget("breaker on, no fallback, all 500");
    assert_eq!(outage.calls, 5);
    let verdicts = [("500 upstream_error".to_string(), 2), ("503 circuit_open".to_string(), 198)];
    assert_eq!(outage.verdicts, verdicts.into());
}

#[tokio::test]
async fn fallback_answers_all_requests_in_outage() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|seen: &Seen| match seen.field("model") == Way::Chat.model() {
        true => refuse_call(500),
        false => Way::Chat.good_steps(),
    });
    let outage = send_many(&stub, &running, Way::Chat, 200, "allow").await;
    outage.assert_within_the_budget("breaker on, the fallback answers");
    assert_eq!(outage.count_successes(), 200);
    assert_eq!(
        (stub.count_calls(Way::Chat.model()), stub.count_calls(Way::Chat.fallback())),
        (5, 200)
    );
}

#[tokio::test]
async fn both_models_down_open_two_breakers() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|_| refuse_call(500));
    let outage = send_many(&stub, &running, Way::Chat, 200, "allow").await;
    outage.assert_within_the_budget("breaker on, both models 500");
    assert_eq!(
        (stub.count_calls(Way::Chat.model()), stub.count_calls(Way::Chat.fallback())),
        (5, 5)
    );
    assert!(
        outage
            .verdicts
            .keys()
            .all(|said| said == "500 upstream_error" || said == "503 circuit_open")
    );
}

#[tokio::test]
async fn no_failure_rate_fails_a_request_with_a_healthy_fallback() {
    // At once, because most of the time is spent waiting between attempts.
    let outages = [5, 30, 60, 85, 100].map(async |percent: u32| {
        let (stub, running) = gateway::start_single_with_stub(&[]).await;
        let failing = Mutex::new(fastrand::Rng::with_seed(percent.into()));
        stub.answer_others(move |seen: &Seen| {
            let is_requested = seen.field("model") == Way::Chat.model();
            match is_requested && failing.lock().unwrap().u32(..100) < percent {
                true => refuse_call(500),
                false => Way::Chat.good_steps(),
            }
        });
        let outage = send_many(&stub, &running, Way::Chat, 1_000, "allow").await;
        assert_eq!(outage.count_successes(), 1_000, "{percent} %: {:?}", outage.verdicts);
    });
    join_all(outages).await;
}

#[tokio::test]
async fn neighbours_bad_requests_hide_no_outage() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|seen: &Seen| {
        if seen.field("model") != Way::Chat.model() {
            return Way::Chat.good_steps();
        }
        let is_bad = String::from_utf8_lossy(&seen.body).contains("\"seed\"");
        refuse_call(if is_bad { 400 } else { 503 })
    });
    let bad = json!({ "model": Way::Chat.model(), "messages": [{ "role": "user", "content": "hi" }],
        "seed": 1 });
    for _ in 0..40 {
        let answer = Way::Chat.send_request(&running, "allow").await;
        assert_eq!(answer.status, 200);
        // The bad request's own answer is its sender's affair, while the breaker is open too.
        running.send("/v2/chat", bad.to_string()).await;
    }
}

#[tokio::test]
async fn transient_refusals_take_nobodys_retries() {
    let (stub, running) = gateway::start_single_with_stub(&[NO_FALLBACKS]).await;
    stub.answer_others(|seen: &Seen| match seen.field("model") == Way::Chat.model() {
        true => write_json(
            422,
            &json!({ "message": "none", "error_type": "NO_VALID_RESPONSE_GENERATED" }),
        ),
        false => Way::Chat.good_steps(),
    });
    for _ in 0..20 {
        assert_eq!(Way::Chat.send_request(&running, "deny").await.status, 422);
    }
    assert!(stub.count_calls(Way::Chat.model()) < 40, "a budget bounds these retries too");
    stub.plan_answer(refuse_call(503));
    let other =
        json!({ "model": "command-r-08-2024", "messages": [{ "role": "user", "content": "hi" }] });
    assert_eq!(running.send("/v2/chat", other.to_string()).await.status, 200);
}
