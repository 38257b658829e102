//! Runs one cell of the matrix and says what came of it.

use super::fault::{Fault, Http2Fault, Needs, refuse_key};
use super::outcome::{ATTEMPT, ATTEMPT_OVER_TLS, OPENED_TOTAL, Outcome, Then};
use gateway_tests::gateway::{self, Answer, FAKE_KEY, Running, read_answer};
use gateway_tests::stub::{Certificate, Protocol, Stub};
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
    pub attempt: Duration,
    running: Running,
    stub: Option<Stub>,
}

/// What came of one request.
struct Struck {
    answer: Answer,
    /// Until the answer's end.
    took: Duration,
    /// `x-gateway-attempts`
    attempts: usize,
    /// Calls of the requested model and of the fallback that the stub has seen.
    seen: [usize; 2],
}

/// What came of a cell.
pub struct Observed {
    pub outcome: Outcome,
    /// Until the answer's end, without a fallback.
    pub took: Duration,
}

impl Lane {
    /// Starts a gateway in front of a stub that speaks this protocol.
    pub async fn stub(way: Way, protocol: Protocol) -> Self {
        let stub = Stub::start_with(protocol, Certificate::Good).await;
        let failures = if way == Way::Opened { BREAKER_FAILURES_OPENED } else { BREAKER_FAILURES };
        let needs = if protocol == Protocol::Http2 { Needs::Http2 } else { Needs::Stub };
        Self { stub: Some(stub.clone()), ..Self::start(&stub.url, needs, failures).await }
    }

    /// Starts a gateway in front of whatever is, or is not, at `url`.
    pub async fn at(url: &str, needs: Needs) -> Self {
        Self::start(url, needs, BREAKER_FAILURES).await
    }

    /// Tells whether a fault can be had here.
    pub fn has(&self, fault: Fault) -> bool {
        let needs = fault.needs();
        needs == self.needs || (needs == Needs::Stub && self.needs == Needs::Http2)
    }

    async fn start(url: &str, needs: Needs, breaker_failures: &str) -> Self {
        let attempt = if url.starts_with("https:") { ATTEMPT_OVER_TLS } else { ATTEMPT };
        // Half of it where the time to connect is the one that ends the attempt.
        let connect = if needs == Needs::SilentHandshake { attempt / 2 } else { attempt };
        let in_millis = |time: Duration| time.as_millis().to_string();
        let settings = [
            // Every request of a way is the same, and each is to be sent.
            ("GATEWAY_CACHE_BYTES", "0".to_string()),
            ("GATEWAY_BREAKER_FAILURES", breaker_failures.to_string()),
            ("GATEWAY_CONNECT_TIMEOUT_MS", in_millis(connect)),
            ("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", in_millis(attempt)),
            ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", in_millis(attempt)),
            ("GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS", in_millis(attempt)),
            ("GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS", in_millis(attempt)),
            ("GATEWAY_STREAM_IDLE_TIMEOUT_MS", in_millis(attempt)),
        ];
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // One environment: what it has learnt is there for the next request, however late its answer ended.
        let running = gateway::start_within(gateway::upstream_at(url), &settings, 1).await;
        Self { needs, attempt, running, stub: None }
    }

    /// Runs a fault against a way of asking.
    pub async fn run(&self, way: Way, fault: Fault) -> Observed {
        let opened = count_breaker_lines(&self.running, "open");
        self.refresh(way).await;
        let alone = self.strike(way, fault, "deny").await;
        let then = self.next(way, fault, opened).await;
        self.refresh(way).await;
        let allowed = self.strike(way, fault, "allow").await;
        // Whatever it has written is there by then, so that the next cell does not count it.
        let line = self.running.wait_for_request(allowed.answer.header("x-request-id")).await;
        let of_fallback = allowed.attempts.saturating_sub(alone.attempts);
        if fault.shows_calls() {
            assert_eq!(alone.seen, [alone.attempts, 0], "{fault:?}, {way:?}: no fallback allowed");
            assert_eq!(allowed.seen, [alone.attempts, of_fallback], "{fault:?}, {way:?}: {line}");
        }
        let has_fallen_back = !allowed.answer.header("x-gateway-fallback-from").is_empty();
        let fallback = match (of_fallback, said(way, &allowed.answer)) {
            // Where the stub does not see each call, a resend more or less is no sign of whose answer it is.
            (_, said) if said == "200" && has_fallen_back => {
                assert_eq!(allowed.answer.header("x-gateway-fallback-from"), way.model());
                assert_eq!(allowed.answer.header("x-gateway-model"), way.fallback());
                "answers".into()
            }
            (0, _) => "–".into(),
            (_, told) if told == said(way, &alone.answer) => "fails too".into(),
            (calls, said) => format!("{calls} calls, {said}"),
        };
        let outcome = Outcome {
            answer: said(way, &alone.answer),
            calls: alone.attempts,
            retry_after: alone.answer.header("retry-after").parse().ok(),
            fallback,
            then,
        };
        Observed { outcome, took: alone.took }
    }

    /// Gives the function a new environment, and that a connection and a key.
    async fn refresh(&self, way: Way) {
        self.running.gateway.kill(way.function()).await;
        if self.stub.is_none() {
            return;
        }
        self.heal(way);
        let answer = way.send_request(&self.running, "deny").await;
        assert_eq!(status_and_code(&answer), "200");
    }

    /// Lets the fault meet one request.
    async fn strike(&self, way: Way, fault: Fault, option: &str) -> Struck {
        let before = self.calls(way);
        if let Some(stub) = &self.stub {
            self.prepare(stub, way, fault);
        }
        let started = Instant::now();
        let total = OPENED_TOTAL.as_millis().to_string();
        let mut request = self.running.post(&way.path()).header("x-gateway-fallback", option);
        if way == Way::Opened {
            request = request.header("x-gateway-timeout-ms", total);
        }
        let answer = read_answer(request.body(fault.request_body(way))).await;
        let took = started.elapsed();
        let after = self.calls(way);
        let attempts = answer.header("x-gateway-attempts").parse().expect("x-gateway-attempts");
        Struck { answer, took, attempts, seen: [after[0] - before[0], after[1] - before[1]] }
    }

    /// Lets the stub do what the fault says to calls of the requested model.
    fn prepare(&self, stub: &Stub, way: Way, fault: Fault) {
        if fault == Fault::KeyReplaced {
            stub.plan_answer(refuse_key());
            let key = json!({ "CO_API_KEY": format!("{FAKE_KEY}-{}", stub.seen().len()) });
            self.running.gateway.secrets.put(local::secrets_manager::API_KEY, &key.to_string());
            return;
        }
        stub.withhold_windows(fault == Fault::Http2(Http2Fault::NoWindow));
        stub.answer_others(move |seen| match seen.field("model") == way.model() {
            true => fault.steps(way, seen),
            false => way.good_steps(),
        });
    }

    fn heal(&self, way: Way) {
        if let Some(stub) = &self.stub {
            stub.withhold_windows(false);
            stub.answer_others(move |_| way.good_steps());
        }
    }

    fn calls(&self, way: Way) -> [usize; 2] {
        let count = |model| self.stub.as_ref().map_or(0, |stub| stub.count_calls(model));
        [count(way.model()), count(way.fallback())]
    }

    /// Asks once more, now that nothing is wrong, and tells what the environment has learnt.
    async fn next(&self, way: Way, fault: Fault, opened_before: usize) -> Then {
        self.heal(way);
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
        self.running.wait_for_request(answer.header("x-request-id")).await;
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
