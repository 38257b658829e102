//! What Cohere's server-sent events mean, and the words of an ending.
//!
//! An event is `event: <type>`, `data: <one line of JSON>` and a blank line; the last is `data: [DONE]`
//! without an event line. They are passed on as bytes, whole ones only, because some SDKs decode every
//! network chunk by itself. Whatever else the standard allows (other line ends, no event line, data in
//! several lines) is understood, since a proxy may rewrite them.

use crate::error::GatewayError;
use crate::wire::frames::split_lines;
use crate::wire::refusal::{Refusal, read_id};
use crate::wire::scan::{value_end, walk_object};
use crate::wire::stream_grammar::FailedEnding;
use crate::wire::text::{decode_key, decode_text};
use bytes::Bytes;
use memchr::memmem;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A comment with one line feed: it joins the event that follows and disturbs no known client.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b": ka\n");

/// The last frame of every stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Its data.
pub(super) const DONE_WORD: &[u8] = b"[DONE]";

/// What an event means to the gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent {
    MessageStart {
        /// Cohere's id of the answer.
        id: Option<String>,
    },
    /// Content of any type, unknown ones too.
    Content,
    /// A piece of content, about a token.
    Delta,
    MessageEnd(MessageEnd),
    Done,
    /// An error in an event's place.
    Failure(Refusal),
    /// A comment or an empty frame: no event at all.
    Comment,
}

/// The last event of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageEnd {
    /// The JSON text of `usage`; empty where there is none.
    pub usage: Vec<u8>,
    /// Set where Cohere ended the stream with `finish_reason` ERROR.
    pub failure: Option<Refusal>,
}

/// Reads what an event of another grammar is, where its data decides.
pub(super) fn read_event_with(frame: &[u8], read: fn(&[u8]) -> StreamEvent) -> StreamEvent {
    match read_fields(frame) {
        (_, None) => read_bare(frame),
        (_, Some(data)) if data.trim_ascii() == DONE_WORD => StreamEvent::Done,
        (Some(b"error"), Some(data)) => StreamEvent::Failure(Refusal::read(&data)),
        (_, Some(data)) => read(&data),
    }
}

/// Reads what an event is. Content that has its name is not looked into.
pub fn read_event(frame: &[u8]) -> StreamEvent {
    let (name, data) = read_fields(frame);
    let Some(data) = data else {
        return match name {
            Some(b"message-start") => StreamEvent::MessageStart { id: None },
            Some(b"message-end") => StreamEvent::MessageEnd(MessageEnd::default()),
            None => read_bare(frame),
            _ => StreamEvent::Comment,
        };
    };
    if data.trim_ascii() == DONE_WORD {
        return StreamEvent::Done;
    }
    match name {
        Some(b"error") => StreamEvent::Failure(Refusal::read(&data)),
        // What a proxy writes for all events alike.
        None | Some(b"" | b"message") => read_unnamed(&data),
        Some(name) => read_typed(name, &data),
    }
}

/// Reads lines that are no fields: an error may stand there as in an answer that is no stream.
fn read_bare(frame: &[u8]) -> StreamEvent {
    let text = frame.trim_ascii();
    if text.starts_with(b"{") {
        let refusal = Refusal::read(text);
        if refusal.is_error_object {
            return StreamEvent::Failure(refusal);
        }
    }
    StreamEvent::Comment
}

/// Reads an event that has its type in its data only, or none: then it may be an error.
fn read_unnamed(data: &[u8]) -> StreamEvent {
    let [kind] = find_fields(data, ["type"]);
    match kind.and_then(decode_text) {
        Some(kind) if kind == "error" => StreamEvent::Failure(Refusal::read(data)),
        Some(kind) => read_typed(kind.as_bytes(), data),
        None => read_untyped(data),
    }
}

/// Reads data that does not say what it is: it may be an error.
pub(super) fn read_untyped(data: &[u8]) -> StreamEvent {
    let refusal = Refusal::read(data);
    if refusal.is_error_object { StreamEvent::Failure(refusal) } else { StreamEvent::Content }
}

fn read_typed(kind: &[u8], data: &[u8]) -> StreamEvent {
    match kind {
        b"message-start" => {
            let [id] = find_fields(data, ["id"]);
            StreamEvent::MessageStart { id: id.and_then(read_id) }
        }
        b"message-end" => StreamEvent::MessageEnd(read_message_end(data)),
        _ if kind.ends_with(b"-delta") => StreamEvent::Delta,
        _ => StreamEvent::Content,
    }
}

/// Returns the name and the data of an event; several lines of data are one value.
fn read_fields(frame: &[u8]) -> (Option<&[u8]>, Option<Cow<'_, [u8]>>) {
    let (mut name, mut data) = (None, None::<Cow<[u8]>>);
    for line in split_lines(frame) {
        if let Some(value) = strip_field(line, b"event") {
            name = Some(value);
        } else if let Some(value) = strip_field(line, b"data") {
            match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    data.to_mut().push(b'\n');
                    data.to_mut().extend_from_slice(value);
                }
            }
        }
    }
    (name, data)
}

/// Returns the data of an event, where it has any; several lines of it are joined by line ends.
pub fn read_data(frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    read_fields(frame).1
}

/// Returns the value of a line's field, if it is this one; a line without a colon is an empty value.
fn strip_field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None if rest.is_empty() => Some(rest),
        None => None,
    }
}

/// Finds values of an object by their keys, as far as it is whole.
pub(super) fn find_fields<'a, const N: usize>(
    json: &'a [u8],
    names: [&str; N],
) -> [Option<&'a [u8]>; N] {
    let mut found = [None; N];
    let _ = walk_object(json, 0, |key, start| {
        let end = value_end(json, start)?;
        let key = decode_key(key);
        if let Some(index) = names.iter().position(|name| name.as_bytes() == &*key) {
            found[index] = Some(&json[start..end]);
        }
        Some(end)
    });
    found
}

/// Reads an ending field by field: `finish_reason` alone decides, whatever the others look like.
fn read_message_end(data: &[u8]) -> MessageEnd {
    let [delta] = find_fields(data, ["delta"]);
    let delta = delta.filter(|delta| delta.starts_with(b"{")).unwrap_or(data);
    let [finish_reason, usage] = find_fields(delta, ["finish_reason", "usage"]);
    let usage = usage.filter(|usage| serde_json::from_slice::<&RawValue>(usage).is_ok());
    let has_failed = finish_reason.and_then(decode_text).as_deref() == Some("ERROR");
    MessageEnd {
        usage: usage.unwrap_or_default().to_vec(),
        failure: if has_failed { Some(Refusal::read(delta)) } else { None },
    }
}

/// Replaces `[DONE]` inside JSON strings by its escaped twin: some SDKs stop reading at the bare word.
pub fn hide_done(frames: Bytes) -> Bytes {
    let inside: Vec<_> =
        memmem::find_iter(&frames, DONE_WORD).filter(|at| !is_done_line(&frames, *at)).collect();
    if inside.is_empty() {
        return frames;
    }
    let mut out = Vec::with_capacity(frames.len() + 5 * inside.len());
    let mut copied = 0;
    for at in inside {
        out.extend_from_slice(&frames[copied..at]);
        out.extend_from_slice(br"\u005b");
        copied = at + 1;
    }
    out.extend_from_slice(&frames[copied..]);
    out.into()
}

/// Tells whether the word at this position is a line's whole data. Looks at no more than is needed.
fn is_done_line(frames: &[u8], at: usize) -> bool {
    let spaces = frames[..at].iter().rev().take_while(|byte| is_blank(**byte)).count();
    let Some(before) = frames[..at - spaces].strip_suffix(b"data:") else { return false };
    let rest = &frames[at + DONE_WORD.len()..];
    let after = rest.iter().find(|byte| !is_blank(**byte));
    is_line_end(before.last()) && is_line_end(after)
}

/// Tells whether a byte is space within a line.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() && !is_line_end(Some(&byte))
}

fn is_line_end(byte: Option<&u8>) -> bool {
    matches!(byte, None | Some(b'\n' | b'\r'))
}

/// Writes the ending of a stream that failed after its start, in Cohere's own form.
///
/// `tokens` are zero and not absent: strict clients refuse an ending without them. The loud one says nothing of
/// what is billed and has an empty index, over which clients stumble that take a cut answer for a whole one
/// (`docs/clients.md`).
pub fn write_failed_ending(error: &GatewayError, ending: FailedEnding) -> Bytes {
    let mut data = serde_json::json!({
        "type": "message-end",
        "delta": {
            "finish_reason": "ERROR",
            "usage": { "tokens": { "input_tokens": 0, "output_tokens": 0 } },
            "error": error.message,
            "error_type": error.code.as_str(),
        },
    });
    match ending {
        FailedEnding::Loud => data["index"] = serde_json::Value::Null,
        FailedEnding::Quiet => {
            let usage = &mut data["delta"]["usage"];
            usage["billed_units"] = usage["tokens"].clone();
        }
    }
    let ending = hide_done(Bytes::from(format!("event: message-end\ndata: {data}\n\n")));
    [&ending[..], DONE].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use crate::error::Code;
    use crate::wire::frames::split_frames;
    use std::time::Duration;

    fn start(id: Option<&str>) -> StreamEvent {
        StreamEvent::MessageStart { id: id.map(str::to_string) }
    }

    /// Reads an event that must be an ending.
    fn read_end(frame: &[u8]) -> MessageEnd {
        match read_event(frame) {
            StreamEvent::MessageEnd(end) => end,
            other => panic!("{other:?} is no message-end"),
        }
    }

    #[test]
    fn ending_is_read_whatever_form_its_keys_and_delta_have() {
        for data in [
            r#"{"delta":null,"finish_reason":"ERROR","error":"boom"}"#,
            r#"{"delta":"x","finish_reason":"ERROR","error":"boom"}"#,
            r#"{"delta":{"finish_reas\u006fn":"ERROR","error":"boom"}}"#,
        ] {
            let end = read_end(format!("event: message-end\ndata: {data}\n\n").as_bytes());
            assert_eq!(end.failure.unwrap().message.as_deref(), Some("boom"), "{data}");
        }
        let unnamed = b"data: {\"ty\\u0070e\":\"message-end\"}\n\n";
        assert_eq!(read_end(unnamed), MessageEnd::default());
    }

    #[test]
    fn bare_error_is_a_failure_and_bare_words_are_not() {
        for bare in ["{\"message\":\"too hot\"}\n\n", "{\n \"message\": \"too hot\"\n}"] {
            let StreamEvent::Failure(refusal) = read_event(bare.as_bytes()) else {
                panic!("{bare} is no failure")
            };
            assert_eq!(refusal.message.as_deref(), Some("too hot"));
        }
        for bare in ["too hot\n\n", "{\"a\":1}\n\n", "{}", ": ka\n"] {
            assert_eq!(read_event(bare.as_bytes()), StreamEvent::Comment, "{bare}");
        }
    }

    #[test]
    fn events_are_known_by_name_or_by_type() {
        for (frame, event) in [
            ("event: message-start\ndata: {\"id\":\"s-1\"}\n\n", start(Some("s-1"))),
            ("event: message-start\ndata: {}\n\n", start(None)),
            ("event: message-start\n\n", start(None)),
            ("data: {\"type\":\"message-start\",\"id\":7}\n\n", start(Some("7"))),
            ("event: message\ndata: {\"type\":\"message-start\"}\n\n", start(None)),
            ("data:[DONE]\r\n\r\n", StreamEvent::Done),
            ("data: [DONE] \r\r", StreamEvent::Done),
            (": ka\n\n", StreamEvent::Comment),
            ("id: 7\nretry: 9\n\n", StreamEvent::Comment),
            ("\n", StreamEvent::Comment),
            ("database: 1\n\n", StreamEvent::Comment),
            ("event: message-end\n\n", StreamEvent::MessageEnd(MessageEnd::default())),
            ("event: tool-plan-delta\ndata: {}\n\n", StreamEvent::Delta),
            ("data: {\"type\":\"content-delta\"}\n\n", StreamEvent::Delta),
            ("event: content-start\ndata: {}\n\n", StreamEvent::Content),
            ("event: of-tomorrow\ndata: {\"message\":\"no\"}\n\n", StreamEvent::Content),
            ("data: {\"type\":\"of-tomorrow\",\"message\":\"no\"}\n\n", StreamEvent::Content),
            ("data: {\"unexpected\":true}\n\n", StreamEvent::Content),
            ("data\n\n", StreamEvent::Content),
        ] {
            assert_eq!(read_event(frame.as_bytes()), event, "{frame:?}");
        }
    }

    #[test]
    fn data_in_several_lines_is_one_value() {
        for line_end in ["\n", "\r\n", "\r"] {
            let frame = "data: {\"type\":\ndata: \"message-end\",\ndata:\ndata\ndata: \"delta\":\n\
                         data:{\"finish_reason\":\"ERROR\",\"error\":\"no\"}}\n\n";
            let end = read_end(frame.replace('\n', line_end).as_bytes());
            assert_eq!(end.failure.unwrap().message.as_deref(), Some("no"), "{line_end:?}");
        }
        assert_eq!(read_event(b"data: [DONE]\ndata: [DONE]\n\n"), StreamEvent::Content);
    }

    #[test]
    fn finish_reason_alone_makes_a_failure() {
        for fields in [
            r#""usage":{},"error":"no""#,
            r#""usage":null,"error":"no""#,
            r#""usage":{"billed_units":null,"tokens":null},"error":"no""#,
            r#""error":{"message":"no"}"#,
            r#""error":"no","error_type":7"#,
            r#""error":"no","error":[]"#,
            r#""usage":[,,],"error":"no""#,
        ] {
            let delta = format!("{{{fields},\"finish_reason\":\"ERROR\"}}");
            let event = format!("event: message-end\ndata: {{\"delta\":{delta}}}\n\n");
            let failure = read_end(event.as_bytes()).failure.unwrap_or_else(|| panic!("{fields}"));
            assert_eq!((failure.message.as_deref(), failure.error_type), (Some("no"), None));
        }
        let cut =
            br#"data: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"a \ud83d"}}"#;
        assert_eq!(read_end(cut).failure.unwrap().message.as_deref(), Some("a \u{fffd}"));
        for (fields, usage) in [
            (r#""finish_reason":"COMPLETE","error":"no","usage":{"a":1}"#, r#"{"a":1}"#),
            (r#""finish_reason":["ERROR"]"#, ""),
            (r#""usage":{"a":}"#, ""),
        ] {
            let event = format!("event: message-end\ndata: {{\"delta\":{{{fields}}}}}\n\n");
            let end = read_end(event.as_bytes());
            assert_eq!((end.failure, end.usage.as_slice()), (None, usage.as_bytes()), "{fields}");
        }
    }

    #[test]
    fn error_in_an_events_place_is_a_failure() {
        for frame in [
            r#"data: {"id":"x","message":"too long"}"#,
            r#"data: {"error":{"message":"too long","status":400}}"#,
            r#"data: {"type":"error","message":"too long"}"#,
            "event: error\ndata: {\"id\":\"x\",\"message\":\"too long\"}",
            "event: error\ndata: too long",
            "event: message\ndata: {\"id\":\ndata: \"x\",\"message\":\"too long\"}",
        ] {
            match read_event(format!("{frame}\n\n").as_bytes()) {
                StreamEvent::Failure(refusal) => {
                    assert_eq!(refusal.message.as_deref(), Some("too long"), "{frame}");
                }
                other => panic!("{frame}: {other:?}"),
            }
        }
    }

    #[test]
    fn done_inside_a_text_is_escaped_and_the_real_one_is_not() {
        let frame = Bytes::from_static(b"data: {\"text\":\"a [DONE] b [DONE]\"}\n\n");
        assert_eq!(
            hide_done(frame),
            &br#"data: {"text":"a \u005bDONE] b \u005bDONE]"}"#[..]
                .iter()
                .chain(b"\n\n")
                .copied()
                .collect::<Vec<_>>()[..]
        );
        for done in [DONE, b"data:[DONE]\r\n\r\n", b"data: [DONE]", b": c\rdata:  [DONE] \r\r"] {
            let done = Bytes::from_static(done);
            assert_eq!(hide_done(done.clone()), done);
        }
    }

    #[test]
    fn done_with_more_behind_it_is_escaped() {
        let frame = Bytes::from_static(b"data: [DONE], he said\n\ndata: [DONE]\n\n");
        assert_eq!(hide_done(frame), "data: \\u005bDONE], he said\n\ndata: [DONE]\n\n");
    }

    #[test]
    fn many_dones_in_one_line_are_hidden_in_linear_time() {
        let line = ["data: ", &"[DONE]".repeat(700_000), "\n\n"].concat();
        let start = now();
        let hidden = hide_done(line.clone().into());
        assert_eq!(hidden.len(), line.len() + 5 * 700_000);
        // Were each to look at its line from end to end, it would be minutes.
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    }

    #[test]
    fn failed_ending_has_coheres_form_and_zero_counts() {
        let late = GatewayError::new(Code::Deadline, "late");
        let zero = r#"{"input_tokens":0,"output_tokens":0}"#;
        for (ending, usage, index) in [
            (FailedEnding::Loud, format!(r#"{{"tokens":{zero}}}"#), 1),
            (FailedEnding::Quiet, format!(r#"{{"billed_units":{zero},"tokens":{zero}}}"#), 0),
        ] {
            let ending = write_failed_ending(&late, ending);
            let parts: Vec<_> = split_frames(&ending).collect();
            assert_eq!(parts.len(), 2);
            let end = read_end(&parts[0]);
            let failure = end.failure.unwrap();
            assert_eq!(failure.message.as_deref(), Some("late"));
            assert_eq!(failure.error_type.as_deref(), Some("deadline"));
            assert_eq!(end.usage, usage.as_bytes());
            assert_eq!(memmem::find_iter(&parts[0], br#""index":null"#).count(), index);
            assert_eq!(read_event(&parts[1]), StreamEvent::Done);
        }
    }
}
