//! Runs one cell of the matrix and says what came of it.

use super::fault::{Fault, Needs};
use super::outcome::{ATTEMPT, OPENED_TOTAL, Outcome, Then};
use gateway_tests::gateway::{self, Answer, FAKE_KEY, Running, read_answer};
use gateway_tests::stub::Stub;
use gateway_tests::ways::{DELTA, DONE, START, Way, count_breaker_lines, status_and_code};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// So many failures open a breaker: those of one request, which shows whether they count.
const BREAKER_FAILURES: &str = "3";
/// The same for an opened stream, which is never retried.
const BREAKER_FAILURES_OPENED: &str = "1";
/// Less than the shortest cooldown, so that a request to a model in cooldown does not wait for its end.
const SHORT: &str = "600";

/// A gateway for the cells of one kind of upstream.
pub struct Lane {
    pub needs: Needs,
    running: Running,
    stub: Option<Stub>,
}

/// What came of a cell.
pub struct Observed {
    pub outcome: Outcome,
    /// Until the answer's end, without a fallback.
    pub took: Duration,
}

impl Lane {
    /// Starts a gateway in front of a stub.
    pub async fn stub(way: Way) -> Self {
        let stub = Stub::start().await;
        let failures = if way == Way::Opened { BREAKER_FAILURES_OPENED } else { BREAKER_FAILURES };
        Self { stub: Some(stub.clone()), ..Self::start(&stub.url, Needs::Stub, failures).await }
    }

    /// Starts a gateway in front of whatever is, or is not, at `url`.
    pub async fn at(url: &str, needs: Needs) -> Self {
        Self::start(url, needs, BREAKER_FAILURES).await
    }

    async fn start(url: &str, needs: Needs, breaker_failures: &str) -> Self {
        let attempt = ATTEMPT.as_millis().to_string();
        let settings = [
            // Every request of a way is the same, and each is to be sent.
            ("GATEWAY_CACHE_BYTES", "0".to_string()),
            ("GATEWAY_BREAKER_FAILURES", breaker_failures.to_string()),
            ("GATEWAY_CONNECT_TIMEOUT_MS", attempt.clone()),
            ("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", attempt.clone()),
            ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", attempt.clone()),
            ("GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS", attempt.clone()),
            ("GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS", attempt.clone()),
            ("GATEWAY_STREAM_IDLE_TIMEOUT_MS", attempt),
        ];
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self { needs, running: gateway::start_at(url, &settings).await, stub: None }
    }

    /// Runs a fault against a way of asking.
    pub async fn run(&self, way: Way, fault: &Fault) -> Observed {
        let opened = count_breaker_lines(&self.running, "open");
        self.refresh(way).await;
        let (alone, took, calls) = self.strike(way, fault, "deny").await;
        assert_eq!(calls[1], 0, "{fault:?}: a fallback was called that the caller had forbidden");
        let then = self.next(way, fault, opened).await;
        self.refresh(way).await;
        let (allowed, _, with_fallback) = self.strike(way, fault, "allow").await;
        // Whatever it has written is there by then, so that the next cell does not count it.
        self.running.wait_for_line(allowed.header("x-request-id")).await;
        assert_eq!(with_fallback[0], calls[0], "{fault:?}, {way:?}: calls of the requested model");
        let outcome = Outcome {
            answer: said(way, &alone),
            calls: calls[0],
            retry_after: alone.header("retry-after").parse().ok(),
            fallback: match (with_fallback[1], said(way, &allowed)) {
                (0, _) => "–".into(),
                (1, said) if said == "200" => {
                    assert_eq!(allowed.header("x-gateway-fallback-from"), way.model());
                    assert_eq!(allowed.header("x-gateway-model"), way.fallback());
                    "answers".into()
                }
                (1, said) if said == outcome_of(way, &alone) => "fails too".into(),
                (calls, said) => format!("{calls} calls, {said}"),
            },
            then,
        };
        Observed { outcome, took }
    }

    /// Gives the function a new environment, and that a connection and a key.
    async fn refresh(&self, way: Way) {
        self.running.gateway.kill(way.function()).await;
        let Some(stub) = &self.stub else { return };
        stub.answer_others(move |_| way.good_steps());
        let answer = way.send_request(&self.running, "deny").await;
        assert_eq!(status_and_code(&answer), "200");
    }

    /// Lets the fault meet one request; returns the calls of the requested model and of the fallback.
    async fn strike(
        &self,
        way: Way,
        fault: &Fault,
        option: &str,
    ) -> (Answer, Duration, [usize; 2]) {
        let fault = *fault;
        let before = self.calls(way);
        if let Some(stub) = &self.stub {
            if fault == Fault::KeyReplaced {
                stub.plan_answer(fault.steps(way));
                let key = json!({ "CO_API_KEY": format!("{FAKE_KEY}-{}", stub.seen().len()) });
                self.running.gateway.secrets.put(local::secrets_manager::API_KEY, &key.to_string());
            } else {
                stub.answer_others(move |seen| match seen.field("model") == way.model() {
                    true => fault.steps(way),
                    false => way.good_steps(),
                });
            }
        }
        let started = Instant::now();
        let total = OPENED_TOTAL.as_millis().to_string();
        let mut request = self.running.post(&way.path()).header("x-gateway-fallback", option);
        if way == Way::Opened {
            request = request.header("x-gateway-timeout-ms", total);
        }
        let answer = read_answer(request.body(way.body())).await;
        let took = started.elapsed();
        let attempts: usize =
            answer.header("x-gateway-attempts").parse().expect("x-gateway-attempts");
        let calls = match &self.stub {
            Some(_) => {
                let after = self.calls(way);
                [after[0] - before[0], after[1] - before[1]]
            }
            // Without an upstream that counts, the header is all there is.
            None => [attempts.min(3), attempts.saturating_sub(3)],
        };
        assert_eq!(attempts, calls[0] + calls[1], "{fault:?}, {way:?}: x-gateway-attempts");
        (answer, took, calls)
    }

    fn calls(&self, way: Way) -> [usize; 2] {
        let count = |model| self.stub.as_ref().map_or(0, |stub| stub.count_calls(model));
        [count(way.model()), count(way.fallback())]
    }

    /// Asks once more, now that nothing is wrong, and tells what the environment has learnt.
    async fn next(&self, way: Way, fault: &Fault, opened_before: usize) -> Then {
        if let Some(stub) = &self.stub {
            stub.answer_others(move |_| way.good_steps());
        }
        let before = self.calls(way);
        let request = self.running.post(&way.path()).header("x-gateway-fallback", "deny");
        let answer =
            read_answer(request.header("x-gateway-timeout-ms", SHORT).body(way.body())).await;
        let then = match status_and_code(&answer).as_str() {
            "200" => Then::Called,
            "503 circuit_open" => Then::BreakerOpen,
            "429 rate_limited" => Then::ModelInCooldown,
            "502 upstream_auth" | "502 upstream_billing" => Then::KeyRefused,
            other => panic!("{fault:?}, {way:?}: the next request met {other}"),
        };
        let called = self.calls(way)[0] - before[0];
        assert_eq!(called, usize::from(then == Then::Called), "{way:?}: calls of the next request");
        self.running.wait_for_line(answer.header("x-request-id")).await;
        let opened = count_breaker_lines(&self.running, "open") - opened_before;
        assert_eq!(
            opened,
            usize::from(then == Then::BreakerOpen),
            "{way:?}: lines of a breaker that opened"
        );
        then
    }
}

/// Says what a caller has been told.
fn said(way: Way, answer: &Answer) -> String {
    if way != Way::Opened || answer.status != 200 {
        return outcome_of(way, answer);
    }
    let text = String::from_utf8_lossy(&answer.body);
    assert!(text.starts_with(&[START, DELTA].concat()) && text.ends_with(DONE), "{text}");
    assert_eq!(text.matches("event: message-end").count(), 1, "{text}");
    let events = text.trim_end_matches(DONE);
    let end = events.rsplit("data: ").next().unwrap_or_default();
    let end: Value = serde_json::from_str(end.trim_end()).expect("a JSON event");
    match end["delta"]["finish_reason"].as_str() {
        Some("ERROR") => {
            format!("200, ends in {}", end["delta"]["error_type"].as_str().unwrap_or("ERROR"))
        }
        _ => "200".into(),
    }
}

fn outcome_of(way: Way, answer: &Answer) -> String {
    if answer.status == 200 && way != Way::Opened {
        assert_eq!(answer.body, way.good_body(), "{way:?}");
    }
    status_and_code(answer)
}
