//! Sixteen callers stream and embed while the key is rotated and the old one is revoked at once: nobody
//! notices.
//!
//! Revoking at once is the worst case; the runbook waits until no environment uses the old key.

use gateway_tests::gateway::{self, Answer, Running};
use gateway_tests::ops;
use gateway_tests::skips::print_line;
use local::Upstream;
use local::cohere_sandbox::{Key, ReceivedRequest};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CALLERS: usize = 16;
const STREAM: &str =
    r#"{"stream":true,"messages":[{"role":"user","content":"Tell me about foxes"}]}"#;
const EMBED: &str = r#"{"model":"embed-v4.0","input_type":"search_query","texts":["a red fox"]}"#;
const NEW: &str = "fake-new-key-that-cohere-accepts";

/// What the callers have met so far.
#[derive(Default)]
struct Met {
    over: AtomicBool,
    answered: AtomicUsize,
}

impl Met {
    /// Asks again and again, streams and embeddings by turns, until it is over.
    async fn call(&self, running: &Running, caller: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut turn = caller;
        while !self.over.load(Ordering::Relaxed) {
            turn += 1;
            let (path, body) =
                if turn.is_multiple_of(2) { ("/v2/chat", STREAM) } else { ("/v2/embed", EMBED) };
            let answer = running.send_past_cache(path, body).await;
            wrong.extend(problem_of(path, &answer));
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        wrong
    }

    /// Waits until so many further requests have been answered.
    async fn send_further(&self, requests: usize) {
        let (enough, patience) = (self.answered.load(Ordering::Relaxed) + requests, Instant::now());
        while self.answered.load(Ordering::Relaxed) < enough {
            assert!(patience.elapsed() < Duration::from_secs(30), "the callers are stuck");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn problem_of(path: &str, answer: &Answer) -> Option<String> {
    let whole = match path {
        "/v2/chat" => {
            answer.body.ends_with(b"data: [DONE]\n\n")
                && !answer.body.windows(5).any(|w| w == b"ERROR")
        }
        _ => answer.json()["embeddings"]["float"][0].is_array(),
    };
    let extra = !["1", "2"].contains(&answer.header("x-gateway-attempts"));
    (answer.status != 200 || !whole || extra).then(|| format!("{path}: {answer:?}"))
}

#[tokio::test]
async fn rotation_under_load_fails_no_request() {
    let running = gateway::start_within(Upstream::Sandbox, &[], CALLERS).await;
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    sandbox.accept_key(Key { value: NEW.into(), trial: false });
    let met = Met::default();
    let callers = async {
        let calling = (0..CALLERS).map(|caller| met.call(&running, caller));
        futures_util::future::join_all(calling).await.concat()
    };
    let rotating = async {
        met.send_further(100).await;
        let old = key_of(&sandbox.requests().pop().unwrap());
        assert_eq!(ops::run_ops(&running, &["key", "stage"], NEW).await.code, 0);
        let rotated = ops::run_ops(&running, &["key", "rotate"], "").await;
        assert_eq!(rotated.code, 0, "{rotated:?}");
        met.send_further(50).await;
        sandbox.revoke_key(&old);
        let before = sandbox.requests().len();
        // Every environment meets the revoked key at least once.
        met.send_further(CALLERS * 8).await;
        met.over.store(true, Ordering::Relaxed);
        (old, before)
    };
    let (wrong, (old, before)) = tokio::join!(callers, rotating);
    assert!(wrong.is_empty(), "{} requests failed: {wrong:#?}", wrong.len());

    let seen = sandbox.requests();
    let refused = seen[before..].iter().filter(|request| key_of(request) == old).count();
    let environments =
        running.gateway.started_count("chat") + running.gateway.started_count("embed");
    let answered = met.answered.load(Ordering::Relaxed);
    print_line(&format!(
        "rotation: {answered} requests, none failed, {refused} refusals in {environments} environments"
    ));
    assert!(
        (1..=environments).contains(&refused),
        "{refused} refusals in {environments} environments"
    );
    assert_eq!(key_of(seen.last().unwrap()), NEW);
    let lines = running.read_lines();
    assert!(
        !lines.iter().any(|line| line.contains("upstream_auth")),
        "a cured refusal is no alarm"
    );
    let versions = lines
        .iter()
        .filter(|line| line.contains("\"message\":\"request\""))
        .filter_map(|line| version_of(line));
    let mut versions: Vec<_> = versions.collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 2, "the log tells which key an environment uses: {versions:?}");
}

fn key_of(request: &ReceivedRequest) -> String {
    request.header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_string()
}

fn version_of(line: &str) -> Option<String> {
    let event: Value = serde_json::from_str(line.split_once(": ")?.1).ok()?;
    event["key_version"].as_str().map(str::to_string)
}
