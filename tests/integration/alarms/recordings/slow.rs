//! Answers that take their time: the only ones that are waited for.

use super::{Recorder, start};
use crate::alarms::happening::Happening;
use gateway_tests::gateway::{Running, read_answer};
use gateway_tests::stub::{Seen, Step, write_chunk, write_json, write_stream_head};
use gateway_tests::ways::START;
use serde_json::json;
use std::time::Duration;

/// What the text of a request asks for: the time until an answer, and its tokens.
const SLOW: [(Happening, u64, u64); 4] = [
    (Happening::LateStream, 10_100, 0),
    (Happening::AlmostLateStream, 9_900, 0),
    (Happening::SlowAnswer, 6_600, 60),
    (Happening::LongAnswer, 10_000, 500),
];
const DELTA: &str = "event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{}}\n\n";
const END: &str = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\ndata: [DONE]\n\n";

/// Records them beside each other, so that the longest is the only wait.
pub(super) async fn record(recorder: &Recorder) {
    let (stub, running) = start(&[]).await;
    stub.answer_others(answer_slowly);
    let recording = SLOW
        .map(|(happening, time, tokens)| record_one(&running, recorder, happening, time, tokens));
    futures_util::future::join_all(recording).await;
}

async fn record_one(
    running: &Running,
    recorder: &Recorder,
    happening: Happening,
    time: u64,
    tokens: u64,
) {
    let body = json!({
        "model": "command-r-plus-08-2024", "stream": tokens == 0, "max_tokens": 1_000,
        "messages": [{ "role": "user", "content": format!("{time} {tokens}") }],
    });
    let answer = read_answer(running.post("/v2/chat").body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    recorder.keep(happening, &[line]);
}

fn answer_slowly(seen: &Seen) -> Vec<Step> {
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    let text = body["messages"][0]["content"].as_str().unwrap_or_default();
    let (time, tokens) = text.split_once(' ').unwrap_or(("0", "0"));
    let wait = Step::Wait(Duration::from_millis(time.parse().unwrap_or_default()));
    let tokens: u64 = tokens.parse().unwrap_or_default();
    if tokens == 0 {
        let pieces = [START, DELTA, END].concat();
        return vec![write_stream_head(&[]), wait, write_chunk(pieces.as_bytes()), Step::End];
    }
    let units = json!({ "input_tokens": 1, "output_tokens": tokens });
    let answer = json!({ "message": {}, "usage": { "billed_units": units } });
    [vec![wait], write_json(200, &answer)].concat()
}
