use super::answers::NONE;
use super::calls::ask_chat;
use super::stub::{json, start, stream};

const STREAM: &str = r#"{"messages":[{}],"model":"command-r-08-2024","stream":true}"#;
const START: &str = "event: message-start\ndata: {\"id\":\"s\"}\n\n";
const DELTA: &str = "event: content-delta\ndata: {}\n\n";
const END: &str = "event: message-end\ndata: {\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// Streams these pieces to every call, and returns the status, the body and how many calls there were.
async fn play_stream(setting: (&str, &str), pieces: &[(u64, &str)]) -> (u16, String, usize) {
    let owned: Vec<_> = pieces.iter().map(|(pause, piece)| (*pause, piece.to_string())).collect();
    let (app, calls) = start(setting, move |_, _| {
        let pieces: Vec<_> = owned.iter().map(|(pause, piece)| (*pause, &piece[..])).collect();
        stream(&pieces)
    })
    .await;
    let (status, headers, body) = ask_chat(app, STREAM).await;
    if status == 200 {
        assert_eq!(headers["content-type"], "text/event-stream");
    }
    let count = calls.lock().unwrap().len();
    (status, body, count)
}

#[tokio::test]
async fn stream_passes_to_its_end_and_no_further() {
    let whole = [START, DELTA, END, DONE].concat();
    let comments = ": ka\n\n".repeat(10_000);
    for pieces in [
        vec![(0, &comments[..]), (20, &whole)],
        vec![(0, &whole[..])],
        vec![(0, START), (20, DELTA), (20, END), (20, DONE)],
        vec![(0, ": ka\n\n"), (20, &whole)],
        vec![(0, &whole), (0, "data: more\n\n")],
        // The end of the connection says as much.
        vec![(0, START), (0, DELTA), (0, END)],
        vec![(0, START), (0, DELTA), (0, END), (0, "event: error\ndata: too late\n\n")],
    ] {
        let (status, body, calls) = play_stream(NONE, &pieces).await;
        let body = body.trim_start_matches(": ka\n\n");
        assert_eq!((status, body, calls), (200, &whole[..], 1), "{pieces:?}");
    }
}

#[tokio::test]
async fn stream_that_ends_well_forgives_earlier_failures() {
    let (app, _) = start(NONE, |_, number| match number {
        3 => stream(&[(0, START), (200, DELTA), (0, END), (0, DONE)]),
        _ => json("oops"),
    })
    .await;
    let whole = STREAM.replace(r#","stream":true"#, "");
    // Three failures and three more are not five in a row.
    for (body, status, attempts) in [(&whole[..], 502, "3"), (STREAM, 200, "1"), (&whole, 502, "3")]
    {
        let (got, headers, _) = ask_chat(app, body).await;
        assert_eq!((got, headers["x-gateway-attempts"].to_str().unwrap()), (status, attempts));
        if status == 200 {
            // Until there is content Cohere is waited for.
            let timing = headers["server-timing"].to_str().unwrap();
            let upstream = timing.strip_prefix("upstream;dur=").unwrap().split('.').next().unwrap();
            assert!(upstream.parse::<u64>().unwrap() >= 200, "{timing}");
        }
    }
}

#[tokio::test]
async fn stream_without_content_is_tried_again() {
    let comments = ": ka\n\n".repeat(50_000);
    for pieces in [
        vec![(0, START)],
        vec![(0, START), (0, DONE)],
        vec![(0, "event: error\ndata: {\"message\":\"no\",\"status\":500}\n\n")],
        vec![(0, &comments[..]), (0, DELTA)],
    ] {
        let (status, body, calls) = play_stream(NONE, &pieces).await;
        assert!(status >= 500, "{status} {body}");
        assert_eq!(calls, 3, "{body}");
    }
}

#[tokio::test]
async fn stream_that_breaks_ends_in_coheres_form() {
    let without_end = "the stream ended without message-end";
    for (pieces, detail) in [
        (vec![(0, START), (0, DELTA)], without_end),
        (vec![(0, START), (0, DELTA), (0, DONE)], without_end),
        (vec![(0, START), (0, DELTA), (20, "event: error\ndata: too hot\n\n")], "too hot"),
    ] {
        let (status, body, _) = play_stream(NONE, &pieces).await;
        assert_eq!(status, 200);
        let passed = [START, DELTA].concat();
        let ending = body.strip_prefix(&passed[..]).unwrap();
        assert!(ending.starts_with("event: message-end\n") && ending.ends_with(DONE), "{ending}");
        assert!(ending.contains("\"finish_reason\":\"ERROR\""), "{detail}: {ending}");
        assert_eq!(body.matches(DONE).count(), 1);
    }
}

#[tokio::test]
async fn silent_stream_is_kept_alive_and_ends_in_its_time() {
    let keep_alive = ("GATEWAY_STREAM_KEEP_ALIVE_MS", "20");
    let (_, body, _) =
        play_stream(keep_alive, &[(50, START), (0, DELTA), (0, END), (0, DONE)]).await;
    assert!(body.starts_with(": ka\n") && body.ends_with(DONE), "{body}");
    let (_, body, _) =
        play_stream(keep_alive, &[(0, START), (0, DELTA), (50, END), (0, DONE)]).await;
    assert!(body.contains(": ka\n"), "{body}");
    assert_eq!(body.replace(": ka\n", ""), [START, DELTA, END, DONE].concat());

    let idle = ("GATEWAY_STREAM_IDLE_TIMEOUT_MS", "100");
    let (_, body, _) = play_stream(idle, &[(0, START), (0, DELTA), (2_000, END)]).await;
    assert!(body.contains("Cohere did not answer within 100 ms"), "{body}");
    let total = ("GATEWAY_STREAM_TOTAL_TIMEOUT_MS", "100");
    let (_, body, _) = play_stream(total, &[(0, START), (0, DELTA), (2_000, END)]).await;
    assert!(body.contains("no answer within 100 ms"), "{body}");
    // `[DONE]` is waited for a second.
    let (_, body, _) = play_stream(NONE, &[(0, START), (0, DELTA), (0, END), (5_000, DELTA)]).await;
    assert_eq!(body, [START, DELTA, END, DONE].concat());
}
