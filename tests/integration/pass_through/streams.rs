//! Streams of v1 and of OpenAI's form: held until there is content, kept alive, ended well.

use super::{last_sent, read_failure};
use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::stub::{Step, write_chunk, write_json, write_stream};
use serde_json::{Value, json};
use std::time::Duration;

const V1: &str = r#"{"message":"hi","stream":true}"#;
const START: &str = r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g-1"}"#;
const TEXT: &str = r#"{"is_finished":false,"event_type":"text-generation","text":" a [DONE]"}"#;
const END: &str = r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"a","meta":{"billed_units":{"input_tokens":3,"output_tokens":1}}}}"#;

const COMPLETION: &str = r#"{"model":"command-a-03-2025","messages":[],"stream":true}"#;
const FIRST: &str =
    r#"{"id":"c-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const CHUNK: &str = r#"{"id":"c-1","choices":[{"index":0,"delta":{"content":"a"}}]}"#;
const LAST: &str = r#"{"id":"c-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str =
    r#"{"id":"c-1","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#;

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn chunks(chunks: &[&str]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

/// The head of a stream of lines.
fn lines_head() -> Step {
    match gateway_tests::stub::write_stream_head(&[]) {
        Step::Head(mut head) => {
            head.headers = vec![("content-type".into(), "application/stream+json".into())];
            Step::Head(head)
        }
        other => other,
    }
}

fn write_lines(text: &str, size: usize) -> Vec<Step> {
    let mut steps = vec![lines_head()];
    steps.extend(text.as_bytes().chunks(size).map(write_chunk));
    steps.push(Step::End);
    steps
}

async fn send(running: &Running, path: &str, body: &'static str, accept: &str) -> Answer {
    read_answer(running.post(path).header("accept", accept).body(body)).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn lines_of_v1_pass_as_they_are_however_they_are_cut() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let sent = lines(&[START, TEXT, END]);
    for size in [1, 7, sent.len()] {
        stub.plan_answer(write_lines(&sent, size));
        let answer = send(&running, "/v1/chat", V1, "*/*").await;
        assert_eq!(answer.header("content-type"), "application/stream+json");
        assert_eq!(text(&answer), sent, "pieces of {size}");
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        for field in ["\"input_tokens\":3,\"output_tokens\":1", "\"upstream_id\":\"g-1\""] {
            assert!(line.contains(field), "{field} in {line}");
        }
    }
    // The last line needs no end.
    stub.plan_answer(write_lines(sent.trim_end(), 50));
    assert_eq!(text(&send(&running, "/v1/chat", V1, "application/json").await), sent);
    let (_, body) = last_sent(&stub);
    assert_eq!(body["max_tokens"], 8_000);
}

#[tokio::test]
async fn events_of_v1_are_for_who_asks_for_them() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let events = format!("event: stream-start\ndata: {START}\n\n") + &chunks(&[TEXT, END]);
    stub.plan_answer(write_stream(&[], &[events.as_bytes()]));
    let answer = send(&running, "/v1/chat", V1, "text/event-stream").await;
    assert_eq!(
        (answer.header("content-type"), text(&answer)),
        ("text/event-stream", events.clone())
    );
    assert_eq!(stub.seen()[0].headers["accept"], "text/event-stream");
    // Each form becomes the other where Cohere does not do as it is asked.
    stub.plan_answer(write_lines(&lines(&[START, TEXT, END]), 100));
    let answer = send(&running, "/v1/chat", V1, "text/event-stream").await;
    assert_eq!(text(&answer), chunks(&[START, TEXT, END]));
    stub.plan_answer(write_stream(&[], &[events.as_bytes()]));
    let answer = send(&running, "/v1/chat", V1, "*/*").await;
    assert_eq!(text(&answer), lines(&[START, TEXT, END]));
}

#[tokio::test]
async fn failure_before_content_is_retried_and_then_an_error_with_a_status() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let failed = r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"ERROR","error":"boom","response":{}}"#;
    for (path, body, bad, good) in [
        ("/v1/chat", V1, lines(&[START, failed]), lines(&[START, TEXT, END])),
        ("/v1/chat", V1, lines(&[START]), lines(&[START, TEXT, END])),
        ("/v1/chat", V1, lines(&[r#"{"message":"boom"}"#]), lines(&[START, TEXT, END])),
    ] {
        stub.plan_answer(write_lines(&bad, 1_000));
        stub.plan_answer(write_lines(&good, 1_000));
        let answer = send(&running, path, body, "*/*").await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"), "{bad}");
        assert_eq!(text(&answer), good);
    }
    let path = "/compatibility/v1/chat/completions";
    let good = chunks(&[FIRST, CHUNK, LAST, "[DONE]"]);
    for bad in
        [chunks(&[FIRST, "[DONE]"]), chunks(&[r#"{"error":{"message":"boom"}}"#]), chunks(&[FIRST])]
    {
        stub.plan_answer(write_stream(&[], &[bad.as_bytes()]));
        stub.plan_answer(write_stream(&[], &[good.as_bytes()]));
        let answer = send(&running, path, COMPLETION, "application/json").await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"), "{bad}");
        assert_eq!(
            (answer.header("content-type"), text(&answer)),
            ("text/event-stream", good.clone())
        );
    }
    stub.plan_answer(write_json(400, &json!({"message":"use /v2/chat"})));
    let answer = send(&running, "/v1/chat", V1, "*/*").await;
    let expected = (400, "invalid_request".to_string(), "use /v2/chat".to_string());
    assert_eq!(read_failure(&answer), expected);
}

#[tokio::test]
async fn stream_that_breaks_ends_in_its_own_form() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let mut broken = write_lines(&lines(&[START, TEXT]), 1_000);
    broken.pop();
    broken.push(Step::Reset);
    stub.plan_answer(broken);
    let answer = send(&running, "/v1/chat", V1, "*/*").await;
    let body = text(&answer);
    let last: Value = serde_json::from_str(body.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["event_type"], &last["finish_reason"], &last["is_finished"]),
        (&json!("stream-end"), &json!("ERROR"), &json!(true))
    );
    assert!(last["response"]["text"].is_string() && last["error"].is_string(), "{last}");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    assert!(line.contains("upstream_malformed") && line.contains("\"output_tokens\":1"), "{line}");

    let cut = chunks(&[FIRST, CHUNK]);
    stub.plan_answer(write_stream(&[], &[cut.as_bytes()]));
    let path = "/compatibility/v1/chat/completions";
    let body = text(&send(&running, path, COMPLETION, "*/*").await);
    let ending = body.strip_prefix(&cut).expect("what came first");
    assert!(ending.starts_with(r#"data: {"error":{"#) && ending.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn usage_after_the_end_is_counted_once() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let path = "/compatibility/v1/chat/completions";
    let counted = LAST.replace("}]}", r#"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#);
    for sent in [
        chunks(&[FIRST, CHUNK, LAST, USAGE, "[DONE]"]),
        chunks(&[FIRST, CHUNK, &counted, "[DONE]"]),
        chunks(&[FIRST, CHUNK, &counted, USAGE, "[DONE]"]),
    ] {
        stub.plan_answer(write_stream(&[], &[sent.as_bytes()]));
        let answer = send(&running, path, COMPLETION, "*/*").await;
        assert_eq!(text(&answer), sent);
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        assert!(line.contains("\"input_tokens\":4,\"output_tokens\":2"), "{line}");
    }
    // Without a last frame of Cohere's the gateway says it.
    let sent = chunks(&[FIRST, CHUNK, LAST]);
    stub.plan_answer(write_stream(&[], &[sent.as_bytes()]));
    let answer = send(&running, path, COMPLETION, "*/*").await;
    assert_eq!(text(&answer), sent + "data: [DONE]\n\n");
}

#[tokio::test]
async fn silence_is_filled_in_every_form() {
    let (stub, running) =
        gateway::start_with_stub(&[("GATEWAY_STREAM_KEEP_ALIVE_MS", "100")]).await;
    let pause = || Step::Wait(Duration::from_millis(250));
    let piece = |text: &str| write_chunk(format!("{text}\n").as_bytes());
    let steps =
        vec![pause(), lines_head(), piece(START), piece(TEXT), pause(), piece(END), Step::End];
    stub.plan_answer(steps);
    let body = text(&send(&running, "/v1/chat", V1, "*/*").await);
    assert!(body.starts_with("  {") && body.contains("\n  {\"is_finished\":true"), "{body}");
    assert_eq!(body.lines().count(), 3);
    assert!(body.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{body}");
}
