//! What a Cohere that takes requests and never answers costs: the time of each, and with it environments.
//!
//! The count is a simulation in virtual time, with the gateway's own times and breakers; it prints the table
//! of `docs/decisions/0002-time-of-an-attempt.md`.

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::stub::{Step, write_json};
use gateway_tests::ways::{Way, status_and_code};
use serde_json::json;
use shared::clock::{Instant, now};
use shared::config::{Config, EndpointTimes};
use shared::resilience::breaker::Breaker;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

const PAGE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decisions/0002-time-of-an-attempt.md");
const FROM: &str = "<!-- outage:start -->\n";
const TO: &str = "<!-- outage:end -->";
/// Fifty requests a second.
const BETWEEN_ARRIVALS: Duration = Duration::from_millis(20);
const OUTAGE: Duration = Duration::from_secs(600);
/// An environment of 256 MB for a second, in dollars: arm64, us-east-1, November 2026.
const DOLLARS_PER_SECOND: f64 = 0.25 * 0.000_013_333_4;

/// What one environment knows: a breaker for the requested model and one for its fallback.
struct Environment {
    models: [Breaker; 2],
}

impl Environment {
    fn new(config: &Config) -> Self {
        let breaker = config.resilience.breaker;
        Self { models: [Breaker::new(breaker), Breaker::new(breaker)] }
    }

    /// Answers a request, and returns when it has: each call hangs until its time ends.
    fn answer(&mut self, arrival: Instant, times: EndpointTimes) -> Instant {
        let (mut at, deadline) = (arrival, arrival + times.total);
        for breaker in &mut self.models {
            let Ok(permit) = breaker.admit(at) else { continue };
            let limit = at + times.attempt;
            if limit <= deadline {
                at = limit;
                breaker.record_failure(permit, at, 0.5);
            } else {
                at = deadline;
                breaker.return_permit(permit);
            }
        }
        at
    }
}

struct Cost {
    peak: usize,
    dollars: f64,
}

/// Lets requests arrive for the time of an outage; a free environment takes one, else a new one.
fn simulate(config: &Config, times: EndpointTimes) -> Cost {
    let began = now();
    let mut busy: BinaryHeap<Reverse<(Instant, usize)>> = BinaryHeap::new();
    let (mut environments, mut free, mut peak) = (Vec::new(), Vec::new(), 0);
    let mut seconds = 0.0;
    let mut arrival = began;
    while arrival < began + OUTAGE {
        while let Some(Reverse((end, index))) = busy.peek().copied()
            && end <= arrival
        {
            busy.pop();
            free.push(index);
        }
        let index = free.pop().unwrap_or_else(|| {
            environments.push(Environment::new(config));
            environments.len() - 1
        });
        let end = environments[index].answer(arrival, times);
        seconds += (end - arrival).as_secs_f64();
        busy.push(Reverse((end, index)));
        peak = peak.max(busy.len());
        arrival += BETWEEN_ARRIVALS;
    }
    Cost { peak, dollars: seconds * DOLLARS_PER_SECOND }
}

fn config(base_ms: &str) -> Config {
    let vars = [("GATEWAY_SECRET_ID", "key"), ("GATEWAY_CHAT_ATTEMPT_BASE_MS", base_ms)];
    Config::from_vars(&vars).unwrap()
}

/// Prints the table, and the peaks before and after of each line.
fn print_table() -> (String, Vec<[usize; 2]>) {
    let (before, after) = (config("270000"), config("30000"));
    let mut peaks = Vec::new();
    let mut table = String::from(
        "| `max_tokens` | one call | request | environments at most: before | after | cost of 10 minutes: before | after |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for tokens in [100, 500, 1_000, 2_000, 4_096] {
        let times = after.times.chat.of_tokens(tokens);
        let [old, new] = [(&before, before.times.chat.of_tokens(tokens)), (&after, times)]
            .map(|(config, times)| simulate(config, times));
        table += &format!(
            "| {tokens} | {:.0} s | {:.0} s | {} | {} | ${:.0} | ${:.0} |\n",
            times.attempt.as_secs_f64(),
            times.total.as_secs_f64(),
            old.peak,
            new.peak,
            old.dollars,
            new.dollars,
        );
        peaks.push([old.peak, new.peak]);
    }
    (table, peaks)
}

#[test]
fn outage_holds_fewer_environments_the_fewer_tokens_are_asked_for() {
    let (table, peaks) = print_table();
    assert!(peaks.iter().all(|[before, after]| *before == 14_500 && after < before), "{peaks:?}");
    assert!(peaks.is_sorted_by_key(|[_, after]| *after), "{peaks:?}");
    assert!(peaks[0][1] * 4 < peaks[0][0], "a hundred tokens: a quarter at most, {peaks:?}");
    let page = std::fs::read_to_string(PAGE).expect("the page of the decision");
    let (head, rest) = page.split_once(FROM).expect("the start of the table");
    let (_, tail) = rest.split_once(TO).expect("the end of the table");
    let fresh = [head, FROM, &table, TO, tail].concat();
    page_check::check_page(PAGE, &fresh);
}

/// Times of which a test does not become long.
const SHORT: [(&str, &str); 2] =
    [("GATEWAY_CHAT_ATTEMPT_BASE_MS", "500"), ("GATEWAY_CHAT_ATTEMPT_TOKEN_MS", "1")];

fn chat(max_tokens: u64) -> String {
    let messages = r#"[{"role":"user","content":"hi"}]"#;
    format!(r#"{{"model":"command-a-03-2025","messages":{messages},"max_tokens":{max_tokens}}}"#)
}

#[tokio::test]
async fn call_that_hangs_ends_by_its_tokens() {
    let (stub, running) = gateway::start_single_with_stub(&SHORT).await;
    stub.answer_others(|_| vec![Step::Hang]);
    for (max_tokens, attempt) in [(1, 501), (700, 1_200)] {
        let before = stub.seen().len();
        running.gateway.kill("chat").await;
        let started = now();
        let request = running.post("/v2/chat").header("x-gateway-fallback", "deny");
        let answer = read_answer(request.body(chat(max_tokens))).await;
        let took = started.elapsed();
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.contains(&format!("within {attempt} ms")), "{text}");
        assert_eq!(status_and_code(&answer), "504 upstream_timeout");
        let calls = stub.seen().len() - before;
        assert!(took >= Duration::from_millis(attempt) * calls as u32, "{calls} in {took:?}");
    }
}

#[tokio::test]
async fn model_that_hangs_leaves_its_fallback_a_whole_call() {
    let (stub, running) = gateway::start_single_with_stub(&SHORT).await;
    stub.answer_others(|seen| match seen.field("model") == "command-a-03-2025" {
        true => vec![Step::Hang],
        false => Way::Chat.good_steps(),
    });
    // Two calls of 1.5 s are all that the request has.
    let limit = running.post("/v2/chat").header("x-gateway-timeout-ms", "3000");
    let answer = read_answer(limit.body(chat(1_000))).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"));
    assert_eq!(answer.header("x-gateway-fallback-from"), "command-a-03-2025");
    // Where there is none, the model is asked again.
    running.gateway.kill("chat").await;
    let alone = running.post("/v2/chat").header("x-gateway-fallback", "deny");
    let answer = read_answer(alone.header("x-gateway-timeout-ms", "3000").body(chat(1_000))).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (504, "2"));
}

#[tokio::test]
async fn short_time_of_a_caller_costs_no_retry() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    for refusal in [500, 503, 408] {
        running.gateway.kill("chat").await;
        stub.plan_answer(write_json(refusal, &json!({ "message": "once" })));
        stub.answer_others(|_| Way::Chat.good_steps());
        let request = running.post("/v2/chat").header("x-gateway-timeout-ms", "20000");
        let answer = read_answer(request.body(chat(4_000))).await;
        let told = (answer.status, answer.header("x-gateway-attempts"));
        assert_eq!(told, (200, "2"), "{refusal}");
        assert_eq!(answer.header("x-gateway-model"), "command-a-03-2025", "{refusal}");
    }
}

#[tokio::test]
async fn hanging_model_is_asked_again_where_no_other_can_answer() {
    let (stub, running) = gateway::start_single_with_stub(&SHORT).await;
    stub.plan_answer(vec![Step::Hang]);
    stub.answer_others(|_| Way::Chat.good_steps());
    // Its fallback cannot choose tools.
    let body = chat(1).replace("\"max_tokens\"", "\"tool_choice\":\"REQUIRED\",\"max_tokens\"");
    let request = running.post("/v2/chat").header("x-gateway-timeout-ms", "1400");
    let answer = read_answer(request.body(body)).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"));
    assert_eq!(answer.header("x-gateway-fallback-from"), "");
}
