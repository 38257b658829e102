//! The breaker and split requests: one probe goes first, and sub-requests that fail together are one failure.

use gateway_tests::scripted_cohere::{
    ALWAYS, CountedAnswer, EMBED, ScriptedCohere, answer_well, build_embed_body, number_texts,
    refuse_late,
};
use gateway_tests::stub::{Step, write_answer, write_json};
use gateway_tests::ways::count_breaker_lines;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const OPEN: Duration = Duration::from_millis(500);
/// Other sub-requests would be sent within a millisecond.
const WATCHED: Duration = Duration::from_millis(300);

fn refuse_call() -> Vec<Step> {
    write_json(500, &json!({ "message": "oh" }))
}

/// Starts a gateway whose breaker has opened, and waits until it admits a probe.
async fn half_open() -> ScriptedCohere {
    let settings = [("GATEWAY_BREAKER_FAILURES", "3"), ("GATEWAY_BREAKER_OPEN_MS", "500")];
    let cohere = ScriptedCohere::start(&settings).await;
    cohere.stub.answer_others(|_| refuse_call());
    assert_eq!(cohere.embed_texts(&number_texts("opening", 0..1)).await.calls.len(), 3);
    let refused = cohere.embed_texts(&number_texts("sea", 0..480)).await;
    assert_eq!((refused.read_failure().1.as_str(), refused.calls.len()), ("circuit_open", 0));
    // A tenth more than is set, at most.
    tokio::time::sleep(OPEN * 11 / 10).await;
    cohere
}

/// Sends what makes five sub-requests; the first call waits for its verdict while the upstream is watched.
async fn send_probe(cohere: &ScriptedCohere, verdict: Vec<Step>) -> (CountedAnswer, usize) {
    let leave = Arc::new(Semaphore::new(0));
    let (waiting, first) = (leave.clone(), AtomicUsize::new(0));
    cohere.stub.answer_others(move |seen| match first.fetch_add(1, Ordering::SeqCst) {
        0 if verdict.is_empty() => [vec![Step::Leave(waiting.clone())], answer_well(seen)].concat(),
        0 => [vec![Step::Leave(waiting.clone())], verdict.clone()].concat(),
        _ => answer_well(seen),
    });
    let before = cohere.stub.seen().len();
    let watching = async {
        cohere.wait_for_calls(before + 1).await;
        tokio::time::sleep(WATCHED).await;
        let meanwhile = cohere.stub.seen().len() - before;
        leave.add_permits(1);
        meanwhile
    };
    let body = build_embed_body(&number_texts("sea", 0..480));
    tokio::join!(cohere.send_counted("/v2/embed", &body, &[]), watching)
}

#[tokio::test]
async fn half_open_breaker_probes_with_one_sub_request() {
    let cohere = half_open().await;
    let (answered, meanwhile) = send_probe(&cohere, Vec::new()).await;
    assert_eq!(meanwhile, 1, "calls before the probe's verdict");
    answered.assert_embeds(EMBED, &number_texts("sea", 0..480));
    assert_eq!(answered.cache_and_calls(), ("miss", 5));
    assert_eq!(
        ["open", "half-open", "closed"].map(|state| count_breaker_lines(&cohere.running, state)),
        [1, 1, 1]
    );
}

#[tokio::test]
async fn failed_probe_is_the_only_call() {
    let cohere = half_open().await;
    let (answered, meanwhile) = send_probe(&cohere, refuse_call()).await;
    assert_eq!((meanwhile, answered.calls.len()), (1, 1));
    let message = "oh (texts 0-95 of 480, counted from 0)";
    assert_eq!(answered.read_failure(), (500, "upstream_error".into(), message.into()));
    let next = cohere.embed_texts(&number_texts("sea", 0..480)).await;
    assert_eq!((next.read_failure().1.as_str(), next.calls.len()), ("circuit_open", 0));
}

#[tokio::test]
async fn simultaneous_sub_request_failures_count_once() {
    let cohere = ScriptedCohere::start(&[("GATEWAY_BREAKER_FAILURES", "2")]).await;
    let leave = Arc::new(Semaphore::new(0));
    let (waiting, calls) = (leave.clone(), AtomicUsize::new(0));
    cohere.stub.answer_others(move |seen| match calls.fetch_add(1, Ordering::SeqCst) {
        0..5 => [vec![Step::Leave(waiting.clone())], refuse_call()].concat(),
        _ => answer_well(seen),
    });
    let failing = async {
        cohere.wait_for_calls(5).await;
        leave.add_permits(5);
    };
    let texts = number_texts("sea", 0..480);
    let body = build_embed_body(&texts);
    let (answered, ()) = tokio::join!(cohere.send_counted("/v2/embed", &body, &[]), failing);
    answered.assert_embeds(EMBED, &texts);
    assert_eq!(answered.cache_and_calls(), ("miss", 10));
    cohere.running.wait_for_request(answered.answer.header("x-request-id")).await;
    assert_eq!(count_breaker_lines(&cohere.running, "open"), 0);
    assert_eq!(
        cohere.embed_texts(&number_texts("next", 0..480)).await.cache_and_calls(),
        ("miss", 5)
    );
}

#[tokio::test]
async fn open_breaker_leaves_cached_answers() {
    let cohere = ScriptedCohere::start(&[("GATEWAY_BREAKER_FAILURES", "3")]).await;
    let texts = number_texts("sea", 0..200);
    cohere.embed_texts(&texts).await;
    cohere.stub.answer_others(|_| vec![Step::Reset]);
    cohere.stub.close_idle();
    for state in ["closed", "open"] {
        let answered = cohere.embed_texts(&texts).await;
        answered.assert_embeds(EMBED, &texts);
        assert_eq!(answered.cache_and_calls(), ("hit", 0), "{state}");
        let other = cohere.embed_texts(&number_texts("other", 0..1)).await;
        let code = if state == "closed" { "upstream_unreachable" } else { "circuit_open" };
        assert_eq!(other.read_failure().1, code);
    }
    // What is not all there is refused as a whole.
    let more = cohere.embed_texts(&number_texts("sea", 0..201)).await;
    assert_eq!((more.read_failure().1.as_str(), more.calls.len()), ("circuit_open", 0));
    assert_eq!(more.answer.header("x-gateway-cache"), "partial");
}

#[tokio::test]
async fn refused_sub_requests_leave_breaker_closed() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.fail_calls("sea-0", ALWAYS, refuse_late(400, "bad"));
    for _ in 0..6 {
        assert_eq!(cohere.embed_texts(&number_texts("sea", 0..200)).await.read_failure().0, 400);
    }
    assert_eq!(
        count_breaker_lines(&cohere.running, "open"),
        0,
        "a refusal says that Cohere is there"
    );
}

/// Refuses a call for its rate, and asks for a rest of so many seconds.
fn throttle_call(seconds: &str) -> Vec<Step> {
    let body = json!({ "message": "past the per minute request limit" }).to_string();
    write_answer(429, &[("retry-after", seconds)], body.as_bytes())
}

#[tokio::test]
async fn one_call_looks_after_a_cooldown() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..960);
    // Longer than a request waits.
    cohere.stub.answer_others(|_| throttle_call("2.1"));
    let first = cohere.embed_texts(&texts[..1]).await;
    assert_eq!((first.answer.status, first.calls.len()), (429, 1));
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    cohere.stub.answer_others(|_| throttle_call("60"));
    // A rest that is longer than the request has time.
    let body = build_embed_body(&texts);
    let second = cohere.send_counted("/v2/embed", &body, &[("x-gateway-timeout-ms", "9000")]).await;
    assert_eq!((second.answer.status, second.calls.len()), (429, 1), "ten would not do better");
}
