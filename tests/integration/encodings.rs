//! Bodies as they come: in other encodings, compressed, full of escapes, with any media type.

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::stub::{write_answer, write_stream};
use gateway_tests::ways::Way;

const WAYS: [Way; 4] = [Way::Chat, Way::Stream, Way::Embed, Way::Rerank];

/// The body with one text of letters that encodings write differently.
fn odd_body(way: Way) -> String {
    way.body().replace("\"hi\"", "\"caf\u{e9}\"").replace("\"a\"", "\"caf\u{e9}\"")
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// Bytes with the head of a gzip file, which nobody here unpacks.
fn gzip(text: &str) -> Vec<u8> {
    [b"\x1f\x8b\x08\0\0\0\0\0\0\x03", text.as_bytes()].concat()
}

#[tokio::test]
async fn body_that_is_not_utf8_is_told_what_it_is() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    for way in WAYS {
        let text = odd_body(way);
        let latin1: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
        let with_mark = format!("\u{feff}{text}");
        let cases = [
            (latin1, "is not UTF-8, at byte "),
            (utf16(&text, u16::to_le_bytes), "is UTF-16 or UTF-32, only UTF-8 is taken"),
            (utf16(&text, u16::to_be_bytes), "is UTF-16 or UTF-32, only UTF-8 is taken"),
            (utf16(&with_mark, u16::to_le_bytes), "is UTF-16, only UTF-8 is taken"),
            (utf16(&with_mark, u16::to_be_bytes), "is UTF-16, only UTF-8 is taken"),
            (with_mark.into_bytes(), "begins with a byte order mark"),
            (gzip(&text), "is compressed (gzip), only plain JSON is taken"),
        ];
        for (body, problem) in cases {
            for media_type in ["application/json", "application/json; charset=iso-8859-1", ""] {
                let request = running.post(&way.path()).header("content-type", media_type);
                let answer = read_answer(request.body(body.clone())).await;
                let said = answer.json();
                let expected = format!("invalid request: body: {problem}");
                assert_eq!(answer.status, 400, "{way:?} {media_type}: {said}");
                let message = said["message"].as_str().unwrap();
                assert!(message.starts_with(&expected), "{way:?} {media_type}: {message}");
            }
        }
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn compressed_body_is_refused_by_its_header() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    for encoding in ["gzip", "deflate", "br", "zstd", "GZIP"] {
        for way in WAYS {
            let request = running.post(&way.path()).header("content-encoding", encoding);
            let answer = read_answer(request.body(gzip(&way.body()))).await;
            assert_eq!(answer.status, 400, "{way:?} {encoding}: {answer:?}");
            let said = "content-encoding: must be absent: compressed bodies are not taken";
            assert!(answer.json()["message"].as_str().unwrap().ends_with(said), "{answer:?}");
        }
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn body_reaches_cohere_byte_for_byte() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let odd = "caf\u{e9} \u{fffd} \u{1f98a} \u{2028}\u{7f} \\u0000\\/";
    let body = format!(
        r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"{odd}"}}]}}"#
    );
    let types = ["Application/JSON; Charset=UTF-8", "text/plain", "APPLICATION/JSON", "image/png"];
    for media_type in types {
        stub.plan_answer(Way::Chat.good_steps());
        let request = running.post("/v2/chat").header("content-type", media_type);
        let answer = read_answer(request.body(body.clone())).await;
        assert_eq!(answer.status, 200, "{media_type}: {answer:?}");
        assert_eq!(stub.seen().last().unwrap().body, body, "{media_type}");
        assert_eq!(stub.seen().last().unwrap().headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn limit_counts_the_bytes_that_are_sent() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    let body_of = |bytes: usize, pair: &str| {
        let (head, tail) = (r#"{"model":"m","messages":[{"content":""#, r#""}]}"#);
        let left = bytes - head.len() - tail.len();
        format!("{head}{}{}{tail}", pair.repeat(left / 2), "x".repeat(left % 2))
    };
    for pair in ["\\\"", "\u{e9}"] {
        let answer = running.send("/v2/chat", body_of(4_500_000, pair)).await;
        assert_eq!(answer.status, 200, "{pair}: {:?}", answer.body);
        let answer = running.send("/v2/chat", body_of(4_500_001, pair)).await;
        assert_eq!(answer.status, 413, "{pair}");
        let said = "body: at most 4500000 bytes are taken, got 4500001";
        assert_eq!(answer.json()["message"], said, "{pair}");
        let answer = running.send("/v2/chat", body_of(5_000_000, pair)).await;
        assert_eq!(answer.status, 413, "{pair}");
        let said = "the request body is too large: at most 4500000 bytes are taken";
        assert_eq!(answer.json()["message"], said, "{pair}");
    }
}

#[tokio::test]
async fn media_types_of_cohere_are_known_in_any_case() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let stream = Way::Stream.good_body();
    for media_type in ["Text/Event-Stream", "text/event-stream; Charset=UTF-8"] {
        let headers = [("content-type", media_type)];
        stub.plan_answer(write_answer(200, &headers, stream.as_bytes()));
        let answer = running.send("/v2/chat", Way::Stream.body()).await;
        assert_eq!((answer.status, answer.body.as_ref()), (200, stream.as_bytes()), "{media_type}");
    }
    stub.plan_answer(write_stream(&[], &[stream.as_bytes()]));
    assert_eq!(running.send("/v2/chat", Way::Stream.body()).await.status, 200);
    let headers = [("content-type", "Application/JSON; Charset=UTF-8")];
    stub.plan_answer(write_answer(200, &headers, Way::Chat.good_body().as_bytes()));
    assert_eq!(running.send("/v2/chat", Way::Chat.body()).await.status, 200);
}
