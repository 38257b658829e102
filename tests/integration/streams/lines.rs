//! Streams as lines of JSON, for callers that ask for JSON and for nothing else.

use super::{CHAT, DELTA, END, TOOL, body_text};
use gateway_tests::exchange::{self, Exchange};
use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::recordings;
use gateway_tests::stub::{Step, write_chunk, write_stream, write_stream_head};
use gateway_tests::ways::{DONE, START};
use serde_json::Value;
use std::time::Duration;

async fn send_for_lines(running: &Running) -> Answer {
    let request = running.post("/v2/chat").header("accept", "application/json");
    read_answer(request.body(CHAT)).await
}

/// Returns the JSON of each line, having checked that there is nothing else.
fn read_lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Returns the JSON of each event but `[DONE]`.
fn read_events(events: &str) -> Vec<Value> {
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    let data = data.filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).expect("an event's JSON")).collect()
}

#[tokio::test]
async fn each_line_is_the_data_of_an_event() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let spread = "data: {\"type\":\ndata: \"content-delta\",\"delta\":{}}\n\n";
    let whole = [START, DELTA, TOOL, ": a comment\n\n", spread, END, DONE].concat();
    for line_end in ["\n", "\r\n"] {
        let sent = whole.replace('\n', line_end);
        for size in [1, 7, sent.len()] {
            let pieces: Vec<&[u8]> = sent.as_bytes().chunks(size).collect();
            stub.plan_answer(write_stream(&[], &pieces));
            let answer = send_for_lines(&running).await;
            assert_eq!(answer.header("content-type"), "application/stream+json");
            let text = body_text(&answer);
            assert_eq!(read_lines(&text).len(), 5, "pieces of {size}: {text}");
            assert!(!text.contains("[DONE]") && !text.contains("event:"), "{text}");
            let line = running.wait_for_request(answer.header("x-request-id")).await;
            assert!(line.contains("\"output_tokens\":3"), "{line}");
        }
    }
}

#[tokio::test]
async fn failed_stream_ends_in_a_line() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(write_stream(&[], &[START.as_bytes(), DELTA.as_bytes()]));
    let lines = read_lines(&body_text(&send_for_lines(&running).await));
    let end = lines.last().expect("a last line");
    assert_eq!(
        (&end["type"], &end["delta"]["finish_reason"]),
        (&"message-end".into(), &"ERROR".into())
    );
    assert_eq!(end["delta"]["usage"]["tokens"]["input_tokens"], 0);
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn silence_is_filled_with_spaces() {
    let settings = [("GATEWAY_STREAM_KEEP_ALIVE_MS", "100"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let pause = Step::Wait(Duration::from_millis(250));
    let [start, delta, end, done] =
        [START, DELTA, END, DONE].map(|frame| write_chunk(frame.as_bytes()));
    let head = write_stream_head(&[]);
    stub.plan_answer(vec![pause.clone(), head, start, delta, pause, end, done, Step::End]);
    let text = body_text(&send_for_lines(&running).await);
    assert!(text.starts_with("  {"), "{text}");
    assert!(text.contains("\n  {\"type\":\"message-end\""), "{text}");
    assert_eq!(read_lines(&text), read_events(&[START, DELTA, END].concat()));
}

#[tokio::test]
async fn recorded_streams_say_the_same_in_lines() {
    let mut exchanges = exchange::read_twins();
    if let Some(folder) = recordings::find_or_skip("cohere/recorded", "recorded streams as lines") {
        exchanges.extend(exchange::read_recorded(&folder));
    }
    let is_stream = |exchange: &&Exchange| exchange.streamed && exchange.path == "/v2/chat";
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let mut checked = 0;
    for exchange in exchanges.iter().filter(is_stream) {
        let events = std::str::from_utf8(&exchange.body).expect("UTF-8");
        stub.plan_answer(write_stream(&[], &[events.as_bytes()]));
        let answer = send_for_lines(&running).await;
        if answer.status == 200 {
            assert_eq!(read_lines(&body_text(&answer)), read_events(events), "{}", exchange.name);
            checked += 1;
        }
    }
    assert!(checked >= 2, "{checked} streams");
}
