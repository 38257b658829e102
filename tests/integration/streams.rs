//! Streams: held until content comes, passed in whole frames without delay, and always ended well.

mod forms;
mod lines;

use gateway_tests::gateway::{self, Answer, read_answer};
use gateway_tests::stub::{
    Protocol, Step, write_answer, write_chunk, write_json, write_stream, write_stream_head,
};
use gateway_tests::ways::{DONE, START};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CHAT: &str =
    r#"{"model":"command-r7b-12-2024","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
const DELTA: &str =
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{\"text\":\"é\"}}\n\n";
const TOOL: &str = "event: tool-plan-delta\ndata: {\"type\":\"tool-plan-delta\",\"delta\":{}}\n\n";
const END: &str = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\
                   \"usage\":{\"billed_units\":{\"input_tokens\":2,\"output_tokens\":3}}}}\n\n";

/// What a caller hears of an answer that stopped.
const CUT_SHORT: &str = "Cohere's answer broke off before its end";

fn body_text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("UTF-8")
}

/// Checks Cohere's own ending of a failed stream, and returns its `delta`.
fn failed_ending(text: &str) -> Value {
    let ending = text.strip_suffix(DONE).expect("[DONE] at the end");
    let data = ending.trim_end().rsplit("data: ").next().expect("a last event");
    let event: Value = serde_json::from_str(data).expect("a JSON event");
    assert_eq!(
        (&event["type"], &event["delta"]["finish_reason"]),
        (&json!("message-end"), &json!("ERROR"))
    );
    let zero = json!({ "input_tokens": 0, "output_tokens": 0 });
    assert_eq!(event["delta"]["usage"], json!({ "tokens": zero }));
    assert_eq!(event.get("index"), Some(&Value::Null));
    event["delta"].clone()
}

#[tokio::test]
async fn frames_pass_unchanged_however_cut() {
    for protocol in Protocol::ALL {
        let (stub, running) = gateway::start_with_stub_over(protocol, &[]).await;
        let whole = [START, DELTA, TOOL, ": comment\n\n", END, DONE].concat();
        for size in [1, 7, 64, whole.len()] {
            let pieces: Vec<&[u8]> = whole.as_bytes().chunks(size).collect();
            stub.plan_answer(write_stream(&[("x-debug-trace-id", "t")], &pieces));
            let answer = running.send("/v2/chat", CHAT).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
            assert_eq!(body_text(&answer), whole, "pieces of {size}");
            assert_eq!(answer.header("x-debug-trace-id"), "t");
            let line = running.wait_for_request(answer.header("x-request-id")).await;
            assert!(
                line.contains("\"output_tokens\":3") && line.contains("first_event_ms"),
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn stream_writes_are_whole_frames() {
    for protocol in Protocol::ALL {
        let (stub, running) = gateway::start_with_stub_over(protocol, &[]).await;
        let mut steps = vec![write_stream_head(&[])];
        for byte in [START, DELTA, DELTA, END, DONE].concat().as_bytes().chunks(11) {
            steps.extend([write_chunk(byte), Step::Wait(Duration::from_millis(2))]);
        }
        steps.push(Step::End);
        stub.plan_answer(steps);
        let mut response = running.post("/v2/chat").body(CHAT).send().await.expect("an answer");
        let mut chunks = Vec::new();
        while let Some(chunk) = response.chunk().await.expect("a body") {
            chunks.push(chunk);
        }
        assert!(chunks.len() >= 4, "{chunks:?}");
        for chunk in &chunks {
            assert!(chunk.ends_with(b"\n\n"), "{chunk:?}");
        }
    }
}

#[tokio::test]
async fn small_answer_is_not_held_for_40_ms() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let mut times = Vec::new();
    for _ in 0..60 {
        stub.plan_answer(write_json(200, &json!({ "message": {} })));
        let started = Instant::now();
        let answer = running.send("/v2/chat", CHAT.replace("true", "false")).await;
        assert_eq!(answer.status, 200);
        times.push(started.elapsed());
    }
    // A new connection acknowledges at once; the delay sets in after some requests.
    let mut late = times.split_off(30);
    late.sort();
    assert!(late[15] < Duration::from_millis(30), "the median answer took {:?}", late[15]);
}

#[tokio::test]
async fn stream_events_arrive_as_sent() {
    for protocol in Protocol::ALL {
        let (stub, running) = gateway::start_with_stub_over(protocol, &[]).await;
        let pause = Duration::from_millis(150);
        let steps = [START, DELTA, DELTA, DELTA, END, DONE]
            .map(|frame| [write_chunk(frame.as_bytes()), Step::Wait(pause)]);
        let mut all = vec![write_stream_head(&[])];
        all.extend(steps.into_iter().flatten());
        all.push(Step::End);
        stub.plan_answer(all);
        let started = Instant::now();
        let mut response = running.post("/v2/chat").body(CHAT).send().await.expect("an answer");
        let mut arrived = Vec::new();
        while response.chunk().await.expect("a body").is_some() {
            arrived.push(started.elapsed());
        }
        // message-start waits for the first content; after that each event comes when it was sent.
        assert_eq!(arrived.len(), 5, "{arrived:?}");
        for (index, at) in arrived.iter().enumerate() {
            let sent = pause * (index as u32 + 1);
            assert!(
                *at + Duration::from_millis(20) > sent && *at < sent + Duration::from_millis(120),
                "{arrived:?}"
            );
        }
    }
}

#[tokio::test]
async fn failure_before_content_is_an_ordinary_error() {
    let settings =
        [("GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS", "300"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let error = |error_type: &str| {
        format!(
            "event: message-end\ndata: {{\"type\":\"message-end\",\"delta\":{{\"finish_reason\":\"ERROR\",\"usage\":{{}},\
             \"error\":\"it went wrong\"{error_type}}}}}\n\n"
        )
    };
    let typed = error(",\"error_type\":\"NO_VALID_RESPONSE_GENERATED\"");
    let untyped = error("");
    let start = START.as_bytes();
    let cases = [
        (
            write_stream(&[], &[start, typed.as_bytes(), DONE.as_bytes()]),
            422,
            "invalid_request",
            "it went wrong",
        ),
        (
            write_stream(&[], &[start, untyped.as_bytes(), DONE.as_bytes()]),
            500,
            "upstream_error",
            "it went wrong",
        ),
        (write_stream(&[], &[start]), 502, "upstream_malformed", CUT_SHORT),
        (write_stream(&[], &[DONE.as_bytes()]), 502, "upstream_malformed", CUT_SHORT),
        (write_stream(&[], &[start, DONE.as_bytes()]), 502, "upstream_malformed", CUT_SHORT),
        (
            vec![write_stream_head(&[]), write_chunk(start), Step::Reset],
            502,
            "upstream_malformed",
            CUT_SHORT,
        ),
        (
            vec![write_stream_head(&[]), write_chunk(start), Step::Hang],
            504,
            "upstream_timeout",
            "Cohere did not answer within 300 ms",
        ),
        (vec![Step::Hang], 504, "upstream_timeout", "Cohere did not answer within 300 ms"),
        (write_json(429, &json!({ "message": "slow down" })), 429, "rate_limited", "slow down"),
        (
            write_json(200, &json!({ "message": {} })),
            502,
            "upstream_malformed",
            "Cohere's answer cannot be read",
        ),
        (
            write_answer(200, &[("content-type", "text/html")], b"<html>"),
            502,
            "upstream_malformed",
            "Cohere's answer",
        ),
    ];
    for (steps, status, code, message) in cases {
        let shown = format!("{steps:?}");
        running.gateway.kill("chat").await;
        stub.answer_others(move |_| steps.clone());
        let answer = running.send("/v2/chat", CHAT).await;
        assert_eq!(answer.header("content-type"), "application/json", "{shown}");
        let said = answer.json();
        assert_eq!((answer.status, said["code"].as_str()), (status, Some(code)), "{shown}: {said}");
        assert!(
            said["message"].as_str().unwrap_or_default().starts_with(message),
            "{shown}: {said}"
        );
    }
}

#[tokio::test]
async fn failure_after_content_ends_as_cohere_would() {
    for protocol in Protocol::ALL {
        let settings = [
            ("GATEWAY_STREAM_IDLE_TIMEOUT_MS", "300"),
            ("GATEWAY_STREAM_TOTAL_TIMEOUT_MS", "1500"),
        ];
        let (stub, running) = gateway::start_with_stub_over(protocol, &settings).await;
        let opened = || {
            vec![
                write_stream_head(&[]),
                write_chunk(START.as_bytes()),
                write_chunk(DELTA.as_bytes()),
            ]
        };
        let with = |steps: Vec<Step>| opened().into_iter().chain(steps).collect::<Vec<_>>();
        let drip = (0..20)
            .flat_map(|_| [Step::Wait(Duration::from_millis(100)), write_chunk(DELTA.as_bytes())])
            .collect();
        let cases = [
            (with(vec![Step::Reset]), "upstream_malformed"),
            (
                with(vec![write_chunk(b"event: content-delta\ndata: {\"ha"), Step::Reset]),
                "upstream_malformed",
            ),
            (with(vec![write_chunk(DONE.as_bytes()), Step::Hang]), "upstream_malformed"),
            (with(vec![Step::End]), "upstream_malformed"),
            (with(vec![write_chunk(b"data: {"), Step::End]), "upstream_malformed"),
            (with(vec![Step::Hang]), "upstream_timeout"),
            (with(drip), "deadline"),
        ];
        for (steps, code) in cases {
            stub.plan_answer(steps);
            let answer = running.send("/v2/chat", CHAT).await;
            let text = body_text(&answer);
            assert_eq!(answer.status, 200);
            assert!(text.starts_with(&[START, DELTA].concat()), "{code}: {text}");
            assert_eq!(failed_ending(&text)["error_type"], code, "{text}");
            let line = running.wait_for_request(answer.header("x-request-id")).await;
            assert!(line.contains(&format!("\"code\":\"{code}\"")), "{line}");
            assert!(line.contains("\"output_tokens\":"), "{line}");
        }
    }
}

#[tokio::test]
async fn ended_stream_is_not_ended_twice() {
    for protocol in Protocol::ALL {
        let (stub, running) = gateway::start_with_stub_over(protocol, &[]).await;
        let whole = [START, DELTA, END].concat();
        let end = Step::End;
        let opened = || vec![write_stream_head(&[]), write_chunk(whole.as_bytes())];
        let cases = [
            [opened(), vec![end.clone()]].concat(),
            [opened(), vec![Step::Reset]].concat(),
            [opened(), vec![write_chunk(DONE.as_bytes()), Step::Reset]].concat(),
            [opened(), vec![write_chunk(DONE.as_bytes()), Step::Hang]].concat(),
        ];
        for steps in cases {
            stub.plan_answer(steps);
            let started = Instant::now();
            let answer = running.send("/v2/chat", CHAT).await;
            assert_eq!(body_text(&answer), [&whole, DONE].concat());
            assert!(started.elapsed() < Duration::from_secs(2));
        }
    }
}

#[tokio::test]
async fn silence_is_filled_with_keep_alive_comments() {
    for protocol in Protocol::ALL {
        let settings = [
            ("GATEWAY_STREAM_KEEP_ALIVE_MS", "100"),
            ("GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS", "600"),
            ("GATEWAY_FALLBACKS", "none"),
        ];
        let (stub, running) = gateway::start_with_stub_over(protocol, &settings).await;
        let pause = Step::Wait(Duration::from_millis(250));
        let pieces = [START, DELTA, END, DONE].map(|frame| write_chunk(frame.as_bytes()));
        let [start, delta, end, done] = pieces;
        let last = Step::End;
        stub.plan_answer(vec![
            pause.clone(),
            write_stream_head(&[]),
            start,
            delta,
            pause,
            end,
            done,
            last,
        ]);
        let filled = body_text(&running.send("/v2/chat", CHAT).await);
        assert!(filled.starts_with(": ka\n"), "{filled}");
        assert!(filled.contains(&[DELTA, ": ka\n"].concat()), "{filled}");
        assert_eq!(filled.replace(": ka\n", ""), [START, DELTA, END, DONE].concat());

        stub.answer_others(|_| vec![Step::Hang]);
        let answer = running.send("/v2/chat", CHAT).await;
        assert_eq!(answer.status, 200);
        assert_eq!(failed_ending(&body_text(&answer))["error_type"], "upstream_timeout");

        stub.answer_others(|_| {
            let refusal = write_json(429, &json!({ "message": "slow down" }));
            [vec![Step::Wait(Duration::from_millis(250))], refusal].concat()
        });
        let ended = body_text(&running.send("/v2/chat", CHAT).await);
        assert_eq!(failed_ending(&ended)["error"], "slow down");
    }
}

#[tokio::test]
async fn done_inside_text_does_not_end_a_stream() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let tricky =
        "event: content-delta\ndata: {\"type\":\"content-delta\",\"t\":\"say data: [DONE]\"}\n\n";
    let whole = [START, tricky, END, DONE].concat();
    stub.plan_answer(write_stream(&[], &[whole.as_bytes()]));
    let passed = body_text(&running.send("/v2/chat", CHAT).await);
    assert_eq!(passed.matches("[DONE]").count(), 1, "{passed}");
    assert_eq!(passed.replace("\\u005bDONE]", "[DONE]"), whole);
}

#[tokio::test]
async fn caller_who_leaves_is_logged_and_harmless() {
    for protocol in Protocol::ALL {
        let (stub, running) =
            gateway::start_with_stub_over(protocol, &[("GATEWAY_STREAM_IDLE_TIMEOUT_MS", "500")])
                .await;
        stub.plan_answer(vec![
            write_stream_head(&[]),
            write_chunk(START.as_bytes()),
            write_chunk(DELTA.as_bytes()),
            Step::Hang,
        ]);
        let mut response = running.post("/v2/chat").body(CHAT).send().await.expect("an answer");
        let request_id = response.headers()["x-request-id"].to_str().expect("text").to_string();
        response.chunk().await.expect("a first chunk");
        drop(response);
        stub.plan_answer(write_stream(&[], &[[START, DELTA, END, DONE].concat().as_bytes()]));
        let answer = read_answer(running.post("/v2/chat").body(CHAT)).await;
        assert_eq!(body_text(&answer), [START, DELTA, END, DONE].concat());
        running.wait_for_request(&request_id).await;
    }
}

#[tokio::test]
async fn stream_of_a_caller_who_has_left_ends_here() {
    // Silence is noticed with the next keep-alive.
    let settings = [("GATEWAY_STREAM_KEEP_ALIVE_MS", "300")];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    let pause = Step::Wait(Duration::from_millis(50));
    let opened = vec![write_stream_head(&[]), write_chunk([START, DELTA].concat().as_bytes())];
    let drips = [pause, write_chunk(DELTA.as_bytes())].into_iter().cycle().take(400);
    let dripping: Vec<Step> = opened.iter().cloned().chain(drips).collect();
    let silent = [opened, vec![Step::Hang]].concat();
    for steps in [dripping, silent] {
        stub.plan_answer(steps);
        let mut response = running.post("/v2/chat").body(CHAT).send().await.expect("an answer");
        let request_id = response.headers()["x-request-id"].to_str().expect("text").to_string();
        response.chunk().await.expect("a first chunk");
        let environment = running.gateway.process_ids("chat");
        let left = Instant::now();
        drop(response);
        let line = running.wait_for_request(&request_id).await;
        assert!(line.contains("\"code\":\"abandoned\""), "{line}");
        assert!(left.elapsed() < Duration::from_secs(5), "{:?}", left.elapsed());
        // The same environment serves the next caller.
        stub.plan_answer(write_stream(&[], &[[START, DELTA, END, DONE].concat().as_bytes()]));
        let next = read_answer(running.post("/v2/chat").body(CHAT)).await;
        assert_eq!(body_text(&next), [START, DELTA, END, DONE].concat());
        assert_eq!(running.gateway.process_ids("chat"), environment);
    }
}

#[tokio::test]
async fn stream_request_is_one_log_line_however_it_ends() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let endings = [
        (write_json(400, &json!({ "message": "no" })), "\"code\":\"invalid_request\""),
        (
            write_stream(
                &[],
                &[START.as_bytes(), DELTA.as_bytes(), END.as_bytes(), DONE.as_bytes()],
            ),
            "\"output_tokens\":3",
        ),
        (
            write_stream(&[], &[START.as_bytes(), DELTA.as_bytes()]),
            "\"code\":\"upstream_malformed\"",
        ),
    ];
    let count = endings.len();
    for (steps, field) in endings {
        stub.plan_answer(steps);
        let answer = running.send("/v2/chat", CHAT).await;
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        assert!(line.contains(field), "{field} in {line}");
    }
    let all = running.read_lines().join("\n");
    assert_eq!(all.matches("\"event\":\"request_ended\"").count(), count, "{all}");
}
