//! Faults: how they are written, and what arrives at the caller.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{sandbox, send};
use crate::cohere_sandbox::{BodyPosition, Ending, Fault};
use crate::loopback;

const CHAT: &str =
    r#"{"model":"command-a-03-2025","stream":true,"messages":[{"role":"user","content":"héllo"}]}"#;

async fn with_fault(line: &str, body: &str) -> super::Answer {
    let name = format!("fault {line}");
    let headers = [("authorization", "Bearer test-key"), ("x-client-name", name.as_str())];
    send(&sandbox(), "POST", "/v2/chat", &headers, body.to_owned()).await
}

/// What arrives on a socket, and whether the body was ended as HTTP demands.
async fn on_the_wire(line: &str, limit: Duration) -> (String, bool, Vec<usize>) {
    let (listener, address) = loopback::bind_port(0).await.unwrap();
    // Dropping `stop` at the end stops the server.
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(loopback::serve_until_stopped(listener, sandbox().to_router(), stopped));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /v2/chat HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer test-key\r\nx-client-name: \
         fault {line}\r\ncontent-length: {}\r\n\r\n{CHAT}",
        CHAT.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let (mut received, mut reads) = (Vec::new(), Vec::new());
    let mut buffer = [0; 65536];
    let started = Instant::now();
    while started.elapsed() < limit && !received.ends_with(b"0\r\n\r\n") {
        match tokio::time::timeout(limit, socket.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => {
                received.extend_from_slice(&buffer[..count]);
                reads.push(count);
            }
            _ => break,
        }
    }
    drop(stop);
    let ended = received.ends_with(b"0\r\n\r\n");
    (String::from_utf8_lossy(&received).into_owned(), ended, reads)
}

#[test]
fn fault_line_names_several_parts() {
    let fault: Fault =
        "status=429  header=retry-after:2 delay_ms=5 body={\"a\": 1}".parse().unwrap();
    assert_eq!(fault.status.unwrap(), 429);
    assert_eq!(fault.headers[0].1, "2");
    assert_eq!(fault.delay, Duration::from_millis(5));
    assert_eq!(fault.body.as_deref(), Some("{\"a\": 1}"));
    let fault: Fault = "cut_after_bytes=7 trickle_ms=1".parse().unwrap();
    assert_eq!(fault.ending, Some((Ending::Cut, BodyPosition::Bytes(7))));
}

#[test]
fn bad_fault_line_names_its_part() {
    for line in ["status=999", "header=x", "delay_ms=soon", "boom", "malformed=1", "stream_error="]
    {
        let problem = format!("html {line}").parse::<Fault>().unwrap_err();
        assert!(problem.starts_with(&format!("`{line}`")), "{problem}");
    }
    assert!("".parse::<Fault>().is_err());
    assert!("after_events=1".parse::<Fault>().is_err());
}

#[tokio::test]
async fn planned_faults_come_first_and_once_each() {
    let sandbox = sandbox();
    let plan = json!(["status=503", "status=429 header=retry-after:2"]).to_string();
    let planned = send(&sandbox, "PUT", "/_sandbox/faults", &[], plan).await;
    assert_eq!(planned.json(), json!({"planned": 2}));
    let headers = [("authorization", "Bearer test-key"), ("x-client-name", "fault status=500")];
    let next = async || send(&sandbox, "POST", "/v2/chat", &headers, "{}".to_owned()).await;
    assert_eq!(next().await.status, 503);
    let limited = next().await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
    assert_eq!(
        limited.message(),
        "You are past the per minute request limit, please wait and try again later."
    );
    assert_eq!(next().await.status, 500);
    let bad =
        send(&sandbox, "PUT", "/_sandbox/faults", &[], json!(["status=503", "boom"]).to_string())
            .await;
    assert!(bad.status == 400 && bad.message().starts_with("`boom`"));
    assert_eq!(next().await.status, 500, "a plan with an error plans nothing");
}

#[tokio::test]
async fn faults_replace_heads_and_bodies() {
    let html = with_fault("html status=503", CHAT).await;
    assert_eq!((html.status, html.header("content-type")), (503, Some("text/html; charset=UTF-8")));
    let body = with_fault("status=402 body={\"message\": \"pay\"}", CHAT).await;
    assert_eq!((body.status, body.message().as_str()), (402, "pay"));
    let typed = with_fault("status=422", CHAT).await.json();
    assert_eq!(typed["error_type"], "NO_VALID_RESPONSE_GENERATED");
    let whole = CHAT.replace("true", "false");
    let broken = with_fault("malformed", &whole).await;
    assert_eq!(broken.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&broken.body).is_err());
    assert_eq!(with_fault("boom", CHAT).await.status, 400);
}

#[tokio::test]
async fn failed_generation_ends_as_at_cohere() {
    let stream = with_fault("stream_error=INVALID_TOOL_GENERATION after_events=3", CHAT).await;
    let events = stream.events();
    assert_eq!(events.len(), 4);
    let delta = r#"{"type":"message-end","delta":{"finish_reason":"ERROR","usage":{},"error":"your request resulted in an invalid tool generation. Try updating the messages or tool definitions","error_type":"INVALID_TOOL_GENERATION"}}"#;
    assert!(
        stream.body.ends_with(&format!("event: message-end\ndata: {delta}\n\ndata: [DONE]\n\n")),
        "{}",
        stream.body
    );
    let whole =
        with_fault("stream_error=NO_VALID_RESPONSE_GENERATED", &CHAT.replace("true", "false"))
            .await;
    assert_eq!(
        (whole.status, whole.json()["error_type"].as_str()),
        (422, Some("NO_VALID_RESPONSE_GENERATED"))
    );
}

#[tokio::test]
async fn cut_stream_is_never_ended() {
    let (received, ended, _) = on_the_wire("cut_after_events=2", Duration::from_secs(5)).await;
    assert!(
        received.contains("event: content-start") && !received.contains("content-delta"),
        "{received}"
    );
    assert!(!ended);
}

#[tokio::test]
async fn stalled_stream_stays_open_and_silent() {
    let started = Instant::now();
    let (received, ended, _) =
        on_the_wire("stall_after_events=1", Duration::from_millis(300)).await;
    assert!(received.contains("message-start") && !ended);
    assert!(started.elapsed() >= Duration::from_millis(300), "the connection was closed");
}

#[tokio::test]
async fn events_are_written_one_by_one() {
    let (received, ended, reads) = on_the_wire("trickle_ms=5", Duration::from_secs(5)).await;
    let events = received.matches("data: ").count();
    assert!(ended && events > 20);
    assert!(reads.len() >= events / 2, "{events} events came in {} reads", reads.len());
}

#[tokio::test]
async fn split_characters_arrive_in_two_chunks() {
    let (received, ended, reads) =
        on_the_wire("split_utf8 trickle_ms=1", Duration::from_secs(5)).await;
    assert!(ended && reads.len() > 3);
    let (before, _) = received.split_once("llo").unwrap();
    assert!(before.contains("h\u{fffd}\r\n"), "the character is split over two chunks: {before}");
}

#[tokio::test]
async fn fault_of_a_model_spares_every_other() {
    let line = "status=503 model=command-a-03-2025";
    assert_eq!(with_fault(line, CHAT).await.status, 503);
    let other = CHAT.replace("command-a-03-2025", "command-r7b-12-2024");
    assert_eq!(with_fault(line, &other).await.status, 200);
    assert_eq!(with_fault(line, "no JSON").await.status, 400);
    let problem = "model=command-a-03-2025".parse::<Fault>().unwrap_err();
    assert!(problem.contains("at least one part"), "{problem}");
}

#[tokio::test]
async fn planned_fault_waits_for_its_model() {
    let sandbox = sandbox();
    let fault = "status=503 model=command-a-03-2025".parse().unwrap();
    sandbox.plan_faults(vec![fault]);
    let headers = [("authorization", "Bearer test-key")];
    for (model, status) in
        [("command-r7b-12-2024", 200), ("command-a-03-2025", 503), ("command-a-03-2025", 200)]
    {
        let body = CHAT.replace("command-a-03-2025", model);
        let answer = send(&sandbox, "POST", "/v2/chat", &headers, body).await;
        assert_eq!(answer.status, status, "{model}");
    }
}
