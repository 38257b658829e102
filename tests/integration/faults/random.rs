//! Many callers at once while a fifth of all calls goes wrong: each gets its own answer, once.

use gateway_tests::gateway::{self, Answer, Running};
use gateway_tests::skips::print_line;
use gateway_tests::stub::{Seen, Step, Stub, cut_body, write_json, write_stream};
use gateway_tests::ways::{DONE, END, START, status_and_code};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const REQUESTS: usize = 1_000;
const ENVIRONMENTS: usize = 16;

/// Chooses a number below `bound`, always the same for the same call of the same request.
fn choose_number(request: usize, call: usize, bound: usize) -> usize {
    // A step of a linear congruential generator spreads neighbours well enough.
    let mixed = (request * 8 + call + 1)
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (mixed >> 33) % bound
}

/// Answers with the request's own word, or with a fault.
fn answer_or_fail(seen: &Seen, call: usize) -> Vec<Step> {
    let body: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
    let word = body["messages"][0]["content"].as_str().expect("a word").to_string();
    let request: usize = word.trim_start_matches("word-").parse().expect("a number");
    let whole =
        write_json(200, &json!({ "message": { "content": [{ "type": "text", "text": word }] } }));
    if choose_number(request, call, 5) == 0 {
        return match choose_number(request, call + 4, 5) {
            0 => write_json(500, &json!({ "message": "oh" })),
            1 => write_json(503, &json!({ "message": "busy" })),
            2 => vec![Step::Reset],
            3 => vec![Step::Hang],
            _ => [cut_body(whole, 5), vec![Step::Close]].concat(),
        };
    }
    match body["stream"].as_bool() {
        Some(true) => {
            let delta = format!(
                "event: content-delta\ndata: {{\"type\":\"content-delta\",\"text\":\"{word}\"}}\n\n"
            );
            write_stream(
                &[],
                &[START.as_bytes(), delta.as_bytes(), END.as_bytes(), DONE.as_bytes()],
            )
        }
        _ => whole,
    }
}

async fn send_chat(running: &Running, request: usize) -> (usize, Answer) {
    let body = json!({
        "model": "command-a-03-2025",
        "messages": [{ "role": "user", "content": format!("word-{request}") }],
        "stream": request.is_multiple_of(3),
    });
    (request, running.send("/v2/chat", body.to_string()).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_get_their_own_answers() {
    let stub = Stub::start().await;
    let calls: Arc<Mutex<BTreeMap<Vec<u8>, usize>>> = Arc::default();
    let counted = calls.clone();
    stub.answer_others(move |seen| {
        let mut calls = counted.lock().expect("no panic");
        let call = calls.entry(seen.body.to_vec()).or_insert(0);
        *call += 1;
        answer_or_fail(seen, *call)
    });
    let settings = [
        ("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "1000"),
        ("GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS", "1000"),
    ];
    let running =
        gateway::start_within(gateway::upstream_at(&stub.url), &settings, ENVIRONMENTS).await;
    let running = Arc::new(running);
    let callers = (0..ENVIRONMENTS).map(|caller| {
        let running = running.clone();
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for request in (caller..REQUESTS).step_by(ENVIRONMENTS) {
                answers.push(send_chat(&running, request).await);
            }
            answers
        })
    });
    let mut verdicts = BTreeMap::new();
    let mut answered = 0;
    for caller in callers.collect::<Vec<_>>() {
        for (request, answer) in caller.await.expect("no panic") {
            let said = status_and_code(&answer);
            let text = String::from_utf8_lossy(&answer.body);
            if answer.status == 200 {
                assert_eq!(text.matches("word-").count(), 1, "{text}");
                assert!(
                    text.contains(&format!("\"word-{request}\"")),
                    "request {request} got {text}"
                );
                assert_eq!(
                    text.matches("[DONE]").count(),
                    usize::from(request.is_multiple_of(3)),
                    "{text}"
                );
            }
            *verdicts.entry(said).or_insert(0) += 1;
            answered += 1;
        }
    }
    print_line(&format!(
        "random faults: {} calls for {answered} requests, {verdicts:?}",
        stub.seen().len()
    ));
    assert_eq!(answered, REQUESTS);
    let good = verdicts.get("200").copied().unwrap_or_default();
    assert!(good * 100 >= REQUESTS * 97, "{verdicts:?}");
    let allowed = REQUESTS + ENVIRONMENTS * 10 + good / 5;
    assert!(stub.seen().len() <= allowed, "{} calls, {allowed} are allowed", stub.seen().len());
}
