//! What Cohere, or something in front of it, answers: words that repeat the request and its key, garbage
//! that does, headers that do, and streams that end anywhere.

use super::marked::{HEADERS, KEY, TEXT, TEXT_AS_ID, marked_requests, write_delta};
use super::suite::{May, Suite};
use bytes::Bytes;
use gateway_tests::stub::{
    Seen, Step, cut_body, write_answer, write_chunk, write_json, write_stream, write_stream_head,
};
use gateway_tests::ways::{DONE, END, START};
use serde_json::{Value, json};
use shared::panic_on_request::PanicPoint;
use std::time::Duration;

/// The ending of a stream that failed.
fn write_failed_ending(error_type: Option<&str>) -> String {
    let error = format!("no: {TEXT}, Bearer {KEY}");
    let delta = json!({ "finish_reason": "ERROR", "error": error, "error_type": error_type });
    format!("event: message-end\ndata: {}\n\n", json!({ "type": "message-end", "delta": delta }))
}

/// Words that repeat a whole request, its key first.
fn echo_request(seen: &Seen) -> String {
    let authorization = seen.headers["authorization"].to_str().unwrap();
    format!("invalid request: {authorization} {}", String::from_utf8_lossy(&seen.body))
}

pub async fn play(suite: &mut Suite) {
    answer_refusals(suite).await;
    answer_garbage(suite).await;
    answer_streams(suite).await;
    abandon_stream(suite).await;
    check_health(suite).await;
}

/// Every status, in Cohere's words, and some in HTML or about the month.
async fn answer_refusals(suite: &mut Suite) {
    for status in [400, 401, 402, 403, 404, 413, 422, 429, 498, 499, 500, 503, 302] {
        answer_refusal(suite, status, marked_requests(), |words| {
            json!({ "id": TEXT_AS_ID, "message": words, "error_type": words }).to_string()
        })
        .await;
    }
    for status in [400, 429, 500] {
        answer_refusal(suite, status, marked_requests().drain(..1).collect(), |words| {
            format!("<html>{words}</html>")
        })
        .await;
    }
    let month = |words| json!({ "message": format!("1000 calls / month, {words}") }).to_string();
    answer_refusal(suite, 429, marked_requests().drain(..1).collect(), month).await;
}

async fn answer_refusal(
    suite: &mut Suite,
    status: u16,
    requests: Vec<(&str, Value)>,
    body: fn(String) -> String,
) {
    suite.stub.answer_others(move |seen| {
        let headers = [&HEADERS[..], &[("retry-after", TEXT)]].concat();
        write_answer(status, &headers, body(echo_request(seen)).as_bytes())
    });
    if status == 429 {
        // After each of these the model is in cooldown, and is not called.
        suite.running.gateway.kill("chat").await;
    }
    for (path, body) in requests {
        suite.post(path, body.to_string(), May::RepeatText).await;
    }
}

/// What cannot be read as an answer.
async fn answer_garbage(suite: &mut Suite) {
    let good = write_answer(
        200,
        &[("content-type", "application/json")],
        format!("{{\"message\":\"{TEXT} {KEY}").as_bytes(),
    );
    let write = |text: String| vec![Step::Raw(Bytes::from(text)), Step::Close];
    let cases = [
        [cut_body(good, 5), vec![Step::Reset]].concat(),
        write_answer(200, &HEADERS, format!("<html>{TEXT} {KEY}</html>").as_bytes()),
        write_answer(200, &HEADERS, format!("{{\"{TEXT}\":\"{KEY}\"}}").as_bytes()),
        write_answer(200, &HEADERS, format!("{TEXT}{}", "x".repeat(1_100_000)).as_bytes()),
        write(format!("{TEXT} {KEY} is no HTTP\r\n\r\n")),
        write(format!("HTTP/1.1 200 OK\r\n{TEXT} {KEY}\r\n\r\n")),
        write(format!("HTTP/1.1 200 OK\r\nx: {TEXT}\u{1}{KEY}\r\n\r\n")),
        write(format!("HTTP/1.1 200 {TEXT}\r\ncontent-length: {TEXT}\r\n\r\n")),
        write(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{TEXT}\r\n{KEY}")),
        write(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{TEXT}{KEY}"
        )),
        vec![Step::Reset],
        vec![Step::Hang],
    ];
    for steps in cases {
        suite.stub.answer_others(move |_| steps.clone());
        for (path, body) in marked_requests().into_iter().step_by(2) {
            suite.post(path, body.to_string(), May::RepeatNothing).await;
        }
        suite.stub.close_idle();
    }
}

/// Streams that are wrong, or end, in the middle of content.
async fn answer_streams(suite: &mut Suite) {
    let frame = write_delta(&format!("{TEXT} {TEXT}"));
    let half = &frame[..frame.len() - 6];
    let panicking = write_delta(&format!("{TEXT} {} {KEY}", PanicPoint::Stream.mark()));
    let typed = write_failed_ending(Some("NO_VALID_RESPONSE_GENERATED"));
    let opened = |last: Step| {
        vec![
            write_stream_head(&HEADERS),
            write_chunk(START.as_bytes()),
            write_chunk(frame.as_bytes()),
            last,
        ]
    };
    let whole = |pieces: &[&str]| {
        write_stream(&HEADERS, &pieces.iter().map(|piece| piece.as_bytes()).collect::<Vec<_>>())
    };
    let cases = [
        whole(&[START, &write_failed_ending(None)]),
        whole(&[START, &typed]),
        whole(&[START, &frame, &write_failed_ending(None), DONE]),
        whole(&[START, &frame, &typed]),
        whole(&[START, &frame, half]),
        whole(&[START, &frame]),
        whole(&[half]),
        whole(&[TEXT, KEY]),
        whole(&[
            START,
            &frame,
            &format!("event: {TEXT}\ndata: {{\"{TEXT}\":\"{KEY}\"\n\n"),
            END,
            DONE,
        ]),
        whole(&[START, &frame, &format!("event: message-end\ndata: {TEXT} {KEY}\n\n"), DONE]),
        [opened(Step::Wait(Duration::from_millis(50))), vec![write_chunk(panicking.as_bytes())]]
            .concat(),
        opened(Step::Reset),
        opened(Step::Close),
        opened(Step::Hang),
        opened(Step::Raw(format!("{TEXT}\r\n{KEY}").into())),
        opened(write_chunk(&[frame.as_bytes(), b"\xff\xfe\n\n"].concat())),
    ];
    let body = marked_requests().remove(1).1.to_string();
    for steps in cases {
        suite.stub.answer_others(move |_| steps.clone());
        suite.post("/v2/chat", body.clone(), May::RepeatText).await;
        suite.stub.close_idle();
    }
}

/// A caller that goes away in the middle of a stream.
async fn abandon_stream(suite: &mut Suite) {
    let steps = [
        vec![write_stream_head(&[]), write_chunk(START.as_bytes())],
        vec![write_chunk(write_delta(TEXT).as_bytes()); 3],
    ]
    .concat();
    suite.stub.answer_others(move |_| [steps.clone(), vec![Step::Hang]].concat());
    let body = marked_requests().remove(1).1.to_string();
    let mut response = suite.running.post("/v2/chat").body(body).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_string();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    suite.running.wait_for_request(&id).await;
}

/// The open route, while Cohere refuses its call in many words.
async fn check_health(suite: &mut Suite) {
    for status in [400, 401, 429, 500] {
        suite.stub.answer_others(move |seen| {
            write_json(status, &json!({ "message": echo_request(seen), "id": TEXT }))
        });
        suite.running.gateway.kill("health").await;
        let request = suite
            .running
            .request_without_token(http::Method::GET, &format!("/api/health?{TEXT}={TEXT}"));
        let answer = gateway_tests::gateway::read_answer(request.header("cookie", TEXT)).await;
        suite.assert_no_secret(&answer.body, "health");
        assert!(!String::from_utf8_lossy(&answer.body).contains(TEXT), "{answer:?}");
    }
}
