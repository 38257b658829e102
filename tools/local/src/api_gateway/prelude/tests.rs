//! Heads of streamed answers, whole, split into chunks, and broken.

use super::*;

const ANSWER: &[u8] =
    b"{\"statusCode\":201,\"headers\":{\"x-one\":\"1\",\"content-length\":\"9\"},\"cookies\":[\"a=1\",\"b=2\"]}\0\0\0\0\0\0\0\0body\0";

fn text(head: &ResponseHead) -> Vec<(&str, &str)> {
    head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

#[test]
fn head_is_read_across_any_chunks() {
    for first in 0..ANSWER.len() {
        for second in first..ANSWER.len() {
            let mut reader = PreludeReader::default();
            let mut found = None;
            let mut body = Vec::new();
            for chunk in [&ANSWER[..first], &ANSWER[first..second], &ANSWER[second..]] {
                if found.is_some() {
                    body.extend_from_slice(chunk);
                } else if let Some((head, rest)) = reader.push(chunk).unwrap() {
                    body.extend_from_slice(&rest);
                    found = Some(head);
                }
            }
            let head = found.unwrap_or_else(|| panic!("no head with cuts at {first} and {second}"));
            assert_eq!(head.status, 201);
            assert_eq!(text(&head), [("x-one", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
            assert_eq!(body, b"body\0", "cuts at {first} and {second}");
        }
    }
}

#[test]
fn head_without_status_is_a_200() {
    let (head, rest) = PreludeReader::default().push(b"{}\0\0\0\0\0\0\0\0").unwrap().unwrap();
    assert_eq!((head.status, head.headers.len(), rest.len()), (StatusCode::OK, 0, 0));
}

#[test]
fn unreadable_head_is_malformed() {
    for json in [
        "",
        "not json",
        r#"{"statusCode":42}"#,
        r#"{"headers":{"a":["1","2"]}}"#,
        r#"{"headers":{"a b":"1"}}"#,
    ] {
        let answer = [json.as_bytes(), &HEAD_END].concat();
        assert_eq!(PreludeReader::default().push(&answer), Err(PreludeError::Malformed), "{json}");
    }
}

#[test]
fn endless_head_is_too_long() {
    let mut reader = PreludeReader::default();
    assert_eq!(reader.push(&vec![b' '; HEAD_LIMIT_BYTES]), Ok(None));
    assert_eq!(reader.push(b" "), Err(PreludeError::TooLong));
}
