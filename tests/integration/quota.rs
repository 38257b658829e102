//! Cohere's limits are used fully, and nobody is refused for them who could have waited.
//!
//! A minute lasts three seconds here, by a setting. Counts alone are asserted: times are the machine's. With minutes
//! as they are, and figures: `QUOTA_MINUTE_MS=60000 cargo test -p tests --test integration -- quota:: --nocapture`.

use gateway_tests::gateway::{Answer, Running, read_answer, start_within, upstream_at};
use gateway_tests::quota::{Kind, Quota, QuotaCounts};
use gateway_tests::scripted_cohere::{build_embed_body, build_rerank_body, number_texts};
use gateway_tests::skips::print_line;
use gateway_tests::stub::Stub;
use serde_json::json;
use std::time::{Duration, Instant};

/// What Cohere's documentation says of embed: inputs a minute.
const PUBLISHED: u32 = 2_000;
const KINDS: [Kind; 2] = [Kind::Window, Kind::Bucket];
/// Most calls of an environment under way.
const CONCURRENCY: usize = 16;

/// Returns the milliseconds of a minute.
fn minute_ms() -> String {
    std::env::var("QUOTA_MINUTE_MS").unwrap_or_else(|_| "3000".to_string())
}

fn minute() -> Duration {
    Duration::from_millis(minute_ms().parse().unwrap())
}

/// A gateway of so many environments in front of an upstream that keeps a quota.
async fn start(kind: Kind, environments: usize) -> (Quota, Running) {
    let stub = Stub::start().await;
    let window = minute_ms();
    let settings = [("GATEWAY_RATE_WINDOW_MS", window.as_str())];
    let running = start_within(upstream_at(&stub.url), &settings, environments).await;
    (Quota::keep(&stub, kind, PUBLISHED, minute()), running)
}

/// Asks for the embeddings of so many texts that nobody has asked for.
async fn embed(running: &Running, mark: &str, count: usize) -> Answer {
    let body = build_embed_body(&number_texts(mark, 0..count));
    read_answer(running.post("/v2/embed").body(body.to_string())).await
}

fn assert_all_answered(answers: &[Answer]) {
    for answer in answers {
        assert_eq!(answer.status, 200, "{:.300}", String::from_utf8_lossy(&answer.body));
    }
}

fn assert_refused(counts: &QuotaCounts, most: f64) {
    assert!(counts.refused as f64 <= most, "{counts:?}, at most {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_requests_one_after_another_are_all_answered() {
    for kind in KINDS {
        let (quota, running) = start(kind, 1).await;
        let mut answers = Vec::new();
        for number in 0..3 {
            answers.push(embed(&running, &format!("after-{number}"), 1_920).await);
        }
        assert_all_answered(&answers);
        let counts = quota.counts();
        assert_eq!(counts.served_inputs, 3 * 1_920, "{kind:?}");
        assert_refused(&counts, 0.02 * counts.calls as f64);
        let timing = answers[1].header("server-timing");
        assert!(timing.contains(", wait;dur="), "{timing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_requests_at_once_collide_once() {
    for kind in KINDS {
        let (quota, running) = start(kind, 3).await;
        let answers = tokio::join!(
            embed(&running, "a", 1_920),
            embed(&running, "b", 1_920),
            embed(&running, "c", 1_920)
        );
        assert_all_answered(&[answers.0, answers.1, answers.2]);
        let lines = running.read_lines();
        let lowered = lines.iter().find(|line| line.contains("rate_lowered")).expect("a line");
        assert!(
            lowered.contains(r#""model":"embed-v4.0""#) && lowered.contains(r#""per_minute":"#)
        );
        let counts = quota.counts();
        assert_eq!(counts.served_inputs, 3 * 1_920, "{kind:?}");
        assert_refused(&counts, 3.0 * CONCURRENCY as f64 + 0.05 * counts.calls as f64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_beside_a_full_request_are_never_refused() {
    for kind in KINDS {
        let (quota, running) = start(kind, 2).await;
        let bulk = async {
            let mut answers = Vec::new();
            for number in 0..3 {
                answers.push(embed(&running, &format!("bulk-{number}"), 1_920).await);
            }
            answers
        };
        let queries = async {
            let (started, mut answers, mut times) = (Instant::now(), Vec::new(), Vec::new());
            while started.elapsed() < minute() * 2 {
                let asked = Instant::now();
                answers.push(embed(&running, &format!("query-{}", answers.len()), 1).await);
                times.push(asked.elapsed());
                tokio::time::sleep(minute() / 60).await;
            }
            times.sort_unstable();
            (answers, times[times.len() * 95 / 100])
        };
        let started = Instant::now();
        let (bulk, (queries, p95)) = tokio::join!(bulk, queries);
        print_line(&format!(
            "{kind:?}: 3 x 1 920 texts in {:.1} s, {} queries beside them, 95th percentile {} ms, {:?}",
            started.elapsed().as_secs_f64(),
            queries.len(),
            p95.as_millis(),
            quota.counts()
        ));
        assert_all_answered(&bulk);
        assert!(queries.len() >= 20, "{}", queries.len());
        assert_all_answered(&queries);
        let counts = quota.counts();
        // A full request may come to the environment of the queries, which knows nothing of those before.
        assert_refused(&counts, CONCURRENCY as f64 + 0.05 * counts.calls as f64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_has_not_the_time_is_told_before_anything_is_sent() {
    let (quota, running) = start(Kind::Bucket, 1).await;
    assert_all_answered(&[embed(&running, "first", 1_920).await]);
    let before = quota.counts().calls;
    let body = build_embed_body(&number_texts("second", 0..1_920)).to_string();
    let request = running.post("/v2/embed").header("x-gateway-timeout-ms", "1000").body(body);
    let answer = read_answer(request).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["code"], "rate_limited");
    let message = answer.json()["message"].as_str().unwrap().to_string();
    // Of a minute of which some may have passed.
    let wait = message.split("go in ").nth(1).unwrap().split(' ').next().unwrap();
    let (wait, minute) = (wait.parse::<f64>().unwrap(), minute().as_secs_f64());
    assert!(wait >= minute / 3.0 && wait <= minute + 2.0, "{message}");
    assert!(message.contains("x-gateway-timeout-ms"), "{message}");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 5, "{answer:?}");
    assert_eq!(quota.counts().calls, before, "something was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_rate_is_never_exceeded_and_counts_calls_of_chat_and_rerank() {
    let settings = [("GATEWAY_RATES", "chat=3,rerank=4"), ("GATEWAY_RATE_WINDOW_MS", "60000")];
    let stub = Stub::start().await;
    let running = start_within(upstream_at(&stub.url), &settings, 1).await;
    let quota = Quota::keep(&stub, Kind::Bucket, PUBLISHED, minute());
    let chat = json!({ "messages": [{ "role": "user", "content": "hi" }] }).to_string();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        // Another model has a rate of its own.
        let request = running.post("/v2/chat").header("x-gateway-fallback", "deny");
        statuses.push(read_answer(request.body(chat.clone())).await.status);
    }
    assert_eq!((statuses, quota.counts().calls), (vec![200, 200, 200, 429, 429], 3));
    let documents = number_texts("document", 0..3_500);
    let body = build_rerank_body(&documents).to_string();
    let answer = read_answer(running.post("/v2/rerank").body(body)).await;
    assert_eq!((answer.status, quota.counts().calls), (200, 7), "four calls of 1 000 documents");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_carry_a_lower_priority_unless_the_caller_names_one() {
    let stub = Stub::start().await;
    let running = start_within(upstream_at(&stub.url), &[], 1).await;
    let _quota = Quota::keep(&stub, Kind::Bucket, PUBLISHED, minute());
    for (count, own, expected) in
        [(96, None, json!(null)), (97, None, json!(1)), (97, Some(7), json!(7))]
    {
        let before = stub.seen().len();
        let mut body = build_embed_body(&number_texts(&format!("{count}-{own:?}"), 0..count));
        if let Some(own) = own {
            body["priority"] = json!(own);
        }
        let answer = read_answer(running.post("/v2/embed").body(body.to_string())).await;
        assert_eq!(answer.status, 200);
        for call in stub.seen().split_off(before) {
            let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
            assert_eq!(body["priority"], expected, "{count} {own:?}");
        }
    }
}
