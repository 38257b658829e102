//! Streams of odd form: other line ends, errors in an event's place, endings that come early or never.

use super::{CHAT, CUT_SHORT, DELTA, END, body_text, failed_ending};
use gateway_tests::gateway;
use gateway_tests::stub::{Step, write_answer, write_chunk, write_stream, write_stream_head};
use gateway_tests::ways::{DONE, START};
use serde_json::json;
use std::time::{Duration, Instant};

/// Returns the steps of a stream whose pieces come one by one.
fn write_slowly(pieces: &[&[u8]], last: Step) -> Vec<Step> {
    let mut steps = vec![write_stream_head(&[])];
    for piece in pieces {
        steps.extend([write_chunk(piece), Step::Wait(Duration::from_millis(5))]);
    }
    steps.push(last);
    steps
}

#[tokio::test]
async fn every_line_end_passes_as_it_came() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let spread = "data: {\"type\":\ndata: \"content-delta\",\"delta\":{}}\n\n";
    let whole = [START, DELTA, spread, ": a comment\n\n", END, DONE].concat();
    for line_end in ["\n", "\r\n", "\r"] {
        let sent = whole.replace('\n', line_end);
        for size in [1, 5, sent.len()] {
            let pieces: Vec<&[u8]> = sent.as_bytes().chunks(size).collect();
            stub.plan_answer(write_stream(&[], &pieces));
            let answer = running.send("/v2/chat", CHAT).await;
            assert_eq!(answer.status, 200, "{line_end:?} in pieces of {size}");
            // The LF of a last CRLF may come after all has been said.
            let passed = body_text(&answer);
            assert_eq!(passed.trim_end(), sent.trim_end(), "{line_end:?} in pieces of {size}");
            let line = running.wait_for_request(answer.header("x-request-id")).await;
            assert!(line.contains("\"output_tokens\":3") && !line.contains("code"), "{line}");
        }
    }
    assert_eq!(stub.seen().len(), 9, "a stream was asked for again");
}

#[tokio::test]
async fn byte_order_mark_does_not_reach_the_caller() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let whole = [START, DELTA, END, DONE].concat();
    stub.plan_answer(write_stream(&[], &[b"\xef", b"\xbb\xbf", whole.as_bytes()]));
    assert_eq!(body_text(&running.send("/v2/chat", CHAT).await), whole);
}

#[tokio::test]
async fn error_in_the_first_event_is_an_ordinary_error() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    let error = r#"{"id":"x","message":"too many tokens: size limit exceeded"}"#;
    let blocked = r#"{"id":"x","message":"too many tokens: size limit exceeded","status":498}"#;
    let typed = r#"{"message":"too many tokens: size limit exceeded","error_type":"TOO_LONG"}"#;
    let cases = [
        (format!("data: {error}\n\n"), 500, 3),
        (format!("event: error\ndata: {error}\n\n"), 500, 3),
        (format!("{START}event: error\ndata: {error}\n\n{DONE}"), 500, 3),
        // Neither a field's name before it nor an empty line after it.
        (format!("{error}\n\n"), 500, 3),
        (error.to_string(), 500, 3),
        (format!("{START}data: {error}"), 500, 3),
        (format!("{START}: a comment\n\ndata: {error}\r\n\r\n"), 500, 3),
        (format!("{START}data: {blocked}\n\n"), 498, 1),
        (format!("event: error\ndata: {typed}\n\n"), 422, 1),
        (format!("event: error\ndata: {}\n\n", "too many tokens: size limit exceeded"), 500, 3),
    ];
    for (body, status, calls) in cases {
        running.gateway.kill("chat").await;
        let before = stub.seen().len();
        let steps = write_stream(&[], &[body.as_bytes()]);
        stub.answer_others(move |_| steps.clone());
        let answer = running.send("/v2/chat", CHAT).await;
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.json()["message"], "too many tokens: size limit exceeded", "{body}");
        assert_eq!(stub.seen().len() - before, calls, "{body}");
    }
    // The same without a stream around it.
    running.gateway.kill("chat").await;
    let json = [("content-type", "application/json")];
    stub.answer_others(move |_| write_answer(200, &json, error.as_bytes()));
    let answer = running.send("/v2/chat", CHAT).await;
    let said = answer.json();
    assert_eq!((answer.status, &said["id"]), (500, &json!("x")), "{said}");
}

#[tokio::test]
async fn error_after_content_ends_in_coheres_words() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    for error in [
        "event: error\ndata: {\"message\":\"overloaded\"}\n\n",
        "data: {\"message\":\"overloaded\"}\n\n",
    ] {
        // What follows an error is not passed on.
        let pieces = [START, DELTA, error, DELTA, DONE].map(str::as_bytes);
        stub.plan_answer(write_stream(&[], &[&pieces[..2].concat(), &pieces[2..].concat()]));
        let text = body_text(&running.send("/v2/chat", CHAT).await);
        let ending = text.strip_prefix(&[START, DELTA].concat()).expect("the content before it");
        assert!(ending.starts_with("event: message-end\n"), "{ending}");
        assert_eq!(failed_ending(ending)["error"], "overloaded");
    }
}

#[tokio::test]
async fn done_without_message_end_is_a_failed_ending() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let whole = [START, DELTA, DONE].concat();
    for pieces in
        [vec![whole.as_bytes()], vec![START.as_bytes(), DELTA.as_bytes(), DONE.as_bytes()]]
    {
        stub.plan_answer(write_stream(&[], &pieces));
        let answer = running.send("/v2/chat", CHAT).await;
        let text = body_text(&answer);
        assert!(text.starts_with(&[START, DELTA].concat()), "{text}");
        assert_eq!(failed_ending(&text)["error"], CUT_SHORT);
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        assert!(line.contains("\"code\":\"upstream_malformed\""), "{line}");
    }
}

#[tokio::test]
async fn nothing_passes_after_done() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let whole = [START, DELTA, END, DONE].concat();
    let together = [&whole, DELTA, DONE].concat();
    let endless: Vec<&[u8]> = vec![DELTA.as_bytes(); 400];
    for steps in [
        write_stream(&[], &[together.as_bytes()]),
        write_stream(&[], &[whole.as_bytes(), DELTA.as_bytes(), DONE.as_bytes()]),
        write_slowly(&[&[whole.as_bytes()], &endless[..]].concat(), Step::End),
    ] {
        stub.plan_answer(steps);
        let started = Instant::now();
        assert_eq!(body_text(&running.send("/v2/chat", CHAT).await), whole);
        assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn missing_done_is_said_soon_after_message_end() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let whole = [START, DELTA, END].concat();
    let late: Vec<&[u8]> = vec![b": still here\n\n"; 600];
    let pieces = [&[whole.as_bytes()], &late[..]].concat();
    for steps in [write_slowly(&[whole.as_bytes()], Step::Hang), write_slowly(&pieces, Step::Hang)]
    {
        stub.plan_answer(steps);
        let started = Instant::now();
        let text = body_text(&running.send("/v2/chat", CHAT).await);
        assert!(text.starts_with(&whole) && text.ends_with(DONE), "{text}");
        assert_eq!(text.matches("message-end").count(), 2, "an ending of the gateway's: {text}");
        assert!(started.elapsed() < Duration::from_millis(2_500), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn endless_beginning_is_not_held() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    let comments = ": nothing to say\n\n".repeat(4_000);
    let starts = START.repeat(1_000);
    let unended = ["data: ", &"a".repeat(1 << 20)].concat();
    for piece in [comments, starts, unended] {
        running.gateway.kill("chat").await;
        let pieces = vec![piece.as_bytes(); 6];
        let steps = [vec![write_stream_head(&[])], pieces.into_iter().map(write_chunk).collect()];
        let steps = [steps.concat(), vec![Step::Hang]].concat();
        stub.answer_others(move |_| steps.clone());
        let answer = running.send("/v2/chat", CHAT).await;
        let code = answer.json()["code"].clone();
        assert_eq!((answer.status, code), (502, json!("upstream_malformed")), "{}", &piece[..40]);
    }
}
