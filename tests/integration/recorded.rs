//! Recorded exchanges with the real API, and their twins, through the gateway: nothing is lost or changed.
//!
//! An answer of status 200 reaches the caller byte for byte, a stream in whole frames; the request that
//! reaches Cohere is the caller's but for what the gateway's rules add; headers are compared with a
//! list in both directions; an error becomes the gateway's. Recordings of `/v1/` paths are left out,
//! since those are not served. All exchanges of a test go through one gateway, one after another.

mod answer;
mod request;

use gateway_tests::exchange::{self, Exchange};
use gateway_tests::recordings;
use gateway_tests::replay::{Cut, Replay};
use gateway_tests::skips::print_line;
use http::{HeaderMap, HeaderName};
use std::collections::BTreeMap;

/// How many recordings of `/v2/` paths there are at least, where there are any.
const RECORDED: usize = 58;

async fn replay_exchanges(exchanges: &[Exchange]) {
    let replay = Replay::start().await;
    for exchange in exchanges {
        let mut played = vec![replay.replay_whole(exchange).await];
        let cuts = if exchange.streamed { &Cut::ALL[..] } else { &[] };
        for cut in cuts {
            played.push(replay.replay_cut(exchange, *cut).await);
        }
        for played in played {
            request::check(exchange, &played);
            answer::check(exchange, &played);
        }
    }
}

#[tokio::test]
async fn recorded_exchanges_pass_unchanged() {
    let Some(folder) = recordings::find_or_skip("cohere/recorded", "replay of recorded exchanges")
    else {
        return print_line(&format!("recorded exchanges: 0 replayed, {RECORDED} skipped"));
    };
    let exchanges = exchange::read_recorded(&folder);
    assert!(exchanges.len() >= RECORDED, "only {} recordings were found", exchanges.len());
    replay_exchanges(&exchanges).await;
    print_line(&format!("recorded exchanges: {} replayed, 0 skipped", exchanges.len()));
}

#[tokio::test]
async fn self_written_twins_pass_unchanged() {
    let twins = exchange::read_twins();
    let classes: BTreeMap<_, _> =
        twins.iter().map(|twin| (twin.name.as_str(), twin.status)).collect();
    for class in ["chat--text", "chat-stream--tools", "embed--several-types", "rerank--top-n"] {
        assert_eq!(classes.get(class), Some(&200), "{class}");
    }
    replay_exchanges(&twins).await;
}

#[tokio::test]
async fn refusal_keeps_trace_and_limit_headers() {
    let replay = Replay::start().await;
    let twins = exchange::read_twins();
    for twin in twins.iter().filter(|twin| twin.status >= 400) {
        let answered = replay.replay_whole(twin).await.answer;
        for name in
            ["x-debug-trace-id", "x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining"]
        {
            let sent = twin.headers.get(name).map_or("", String::as_str);
            assert_eq!(answered.header(name), sent, "{}: {name}", twin.name);
        }
    }
}

#[test]
fn stream_cuts_lose_no_byte() {
    let stream = "data: é\n\ndata: 🦀\n\n".as_bytes();
    for cut in Cut::ALL {
        assert_eq!(cut.cut_stream(stream).concat(), stream, "{cut:?}");
    }
    assert_eq!(Cut::InTurn.cut_stream(stream), [&stream[..10], &stream[10..]]);
    let torn = Cut::Torn.cut_stream(stream);
    assert_eq!(torn[..3], [&b"data: \xc3"[..], b"\xa9\n", b"\ndata: \xf0"]);
    assert!(torn.iter().filter(|piece| std::str::from_utf8(piece).is_err()).count() >= 4);
}

/// Compares the names of headers, then the values that are known.
fn check_headers(shown: &str, headers: &HeaderMap, expected: &BTreeMap<&str, Option<&str>>) {
    let count = |name: &HeaderName| headers.get_all(name).iter().count();
    let names: BTreeMap<_, _> = headers.keys().map(|name| (name.as_str(), count(name))).collect();
    let wanted: BTreeMap<_, _> = expected.keys().map(|name| (*name, 1)).collect();
    assert_eq!(names, wanted, "{shown}: names of headers and how often each stands");
    for (name, value) in expected {
        match value {
            Some(value) => {
                assert_eq!(headers[*name].as_bytes(), value.as_bytes(), "{shown}: {name}")
            }
            None => assert!(!headers[*name].is_empty(), "{shown}: {name} is empty"),
        }
    }
}
