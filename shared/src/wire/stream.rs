//! Cohere's server-sent events: where one ends, what it is, and the words of an ending.
//!
//! A frame is `event: <type>`, `data: <one line of JSON>` and a blank line; the last is
//! `data: [DONE]` without an event line. Frames are passed on as bytes, whole ones only, because
//! some SDKs decode every network chunk by itself. Other framings that the standard allows (carriage
//! returns, no event line) are understood, since a proxy may rewrite them.

use crate::error::GatewayError;
use bytes::{Bytes, BytesMut};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A comment with one line feed: it joins the event that follows and disturbs no known client.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b": ka\n");

/// The last frame of every stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Its data.
const DONE_WORD: &[u8] = b"[DONE]";

/// What a frame means to the gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent {
    MessageStart,
    MessageEnd(MessageEnd),
    Done,
    /// A comment or an empty frame: no event at all.
    Comment,
    /// Content of any type, unknown ones too.
    Other,
}

/// The last event of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageEnd {
    /// The JSON text of `usage`; empty where there is none.
    pub usage: Vec<u8>,
    /// Set where Cohere ended the stream with `finish_reason` ERROR.
    pub failure: Option<StreamFailure>,
}

/// Why Cohere ended a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamFailure {
    pub message: String,
    pub error_type: Option<String>,
}

/// Takes all complete frames off the front of `buffer`; `None` while the first is incomplete.
pub fn take_frames(buffer: &mut BytesMut) -> Option<Bytes> {
    let end = memmem::rfind(buffer, b"\n\n").map(|at| at + 2);
    let end_crlf = memmem::rfind(buffer, b"\n\r\n").map(|at| at + 3);
    let end = end.max(end_crlf)?;
    Some(buffer.split_to(end).freeze())
}

/// Splits bytes of complete frames into single ones, blank lines included.
pub fn split_frames(bytes: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let lf = memmem::find(rest, b"\n\n").map(|found| found + 2);
        let crlf = memmem::find(rest, b"\n\r\n").map(|found| found + 3);
        let length = [lf, crlf].into_iter().flatten().min().unwrap_or(rest.len());
        let frame = bytes.slice(at..at + length);
        at += length;
        Some(frame)
    })
}

/// Reads what a frame is; only the first and last ones of a stream are ever parsed as JSON.
pub fn read_event(frame: &[u8]) -> StreamEvent {
    let (mut name, mut data) = (None, None);
    for line in frame.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(value) = strip_field(line, b"event:") {
            name = Some(value);
        } else if let Some(value) = strip_field(line, b"data:") {
            data = Some(value);
        }
    }
    match (name, data) {
        (_, Some(DONE_WORD)) => StreamEvent::Done,
        (None, None) => StreamEvent::Comment,
        (Some(b"message-start"), _) => StreamEvent::MessageStart,
        (Some(b"message-end"), data) => {
            StreamEvent::MessageEnd(read_message_end(data.unwrap_or_default()))
        }
        (None, Some(data)) => match serde_json::from_slice::<Typed>(data).map(|typed| typed.kind) {
            Ok(kind) if kind == "message-start" => StreamEvent::MessageStart,
            Ok(kind) if kind == "message-end" => StreamEvent::MessageEnd(read_message_end(data)),
            _ => StreamEvent::Other,
        },
        _ => StreamEvent::Other,
    }
}

fn strip_field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndData<'a> {
    #[serde(borrow)]
    delta: EndDelta<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndDelta<'a> {
    finish_reason: Option<String>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    error: Option<String>,
    error_type: Option<String>,
}

fn read_message_end(data: &[u8]) -> MessageEnd {
    let delta = serde_json::from_slice::<EndData>(data).unwrap_or_default().delta;
    let failure = match delta.finish_reason.as_deref() {
        Some("ERROR") => Some(StreamFailure {
            message: delta.error.unwrap_or_default(),
            error_type: delta.error_type,
        }),
        _ => None,
    };
    let usage = delta.usage.map(RawValue::get).unwrap_or_default();
    MessageEnd { usage: usage.as_bytes().to_vec(), failure }
}

/// Replaces `[DONE]` inside JSON strings by its escaped twin: some SDKs stop reading at the bare word.
pub fn hide_done(frame: Bytes) -> Bytes {
    let inside: Vec<_> =
        memmem::find_iter(&frame, DONE_WORD).filter(|at| !is_done_line(&frame, *at)).collect();
    if inside.is_empty() {
        return frame;
    }
    let mut out = Vec::with_capacity(frame.len() + 5 * inside.len());
    let mut copied = 0;
    for at in inside {
        out.extend_from_slice(&frame[copied..at]);
        out.extend_from_slice(br"\u005b");
        copied = at + 1;
    }
    out.extend_from_slice(&frame[copied..]);
    out.into()
}

/// Tells whether the word at this position is a line's whole data.
fn is_done_line(frame: &[u8], at: usize) -> bool {
    let line_start = match memchr::memrchr(b'\n', &frame[..at]) {
        Some(newline) => newline + 1,
        None => 0,
    };
    let line_end = match memchr::memchr(b'\n', &frame[at..]) {
        Some(length) => at + length,
        None => frame.len(),
    };
    let line = &frame[line_start..line_end];
    strip_field(line.strip_suffix(b"\r").unwrap_or(line), b"data:") == Some(DONE_WORD)
}

/// Writes the ending of a stream that failed after its start, in Cohere's own form.
///
/// Counts are zero and not absent: the strictest client refuses an ending without them.
pub fn write_failed_ending(error: &GatewayError) -> Bytes {
    let data = serde_json::json!({
        "type": "message-end",
        "delta": {
            "finish_reason": "ERROR",
            "usage": {
                "billed_units": { "input_tokens": 0, "output_tokens": 0 },
                "tokens": { "input_tokens": 0, "output_tokens": 0 },
            },
            "error": error.message,
            "error_type": error.code.as_str(),
        },
    });
    let ending = hide_done(Bytes::from(format!("event: message-end\ndata: {data}\n\n")));
    [&ending[..], DONE].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn only_whole_frames_are_taken_wherever_the_bytes_are_split() {
        let text = "event: a\ndata: {\"t\":\"é\"}\n\ndata: [DONE]\n\nrest";
        for split in 0..text.len() {
            let mut buffer = BytesMut::from(&text.as_bytes()[..split]);
            let mut taken = take_frames(&mut buffer).unwrap_or_default().to_vec();
            buffer.extend_from_slice(&text.as_bytes()[split..]);
            taken.extend(take_frames(&mut buffer).unwrap_or_default());
            assert_eq!(taken, &text.as_bytes()[..text.len() - 4], "split at {split}");
            assert_eq!(&buffer[..], b"rest");
        }
    }

    #[test]
    fn frames_with_carriage_returns_are_split_too() {
        let bytes = Bytes::from_static(b"event: a\r\ndata: 1\r\n\r\ndata: 2\n\n: c\n\n");
        let split: Vec<_> = split_frames(&bytes).collect();
        assert_eq!(split, [&b"event: a\r\ndata: 1\r\n\r\n"[..], b"data: 2\n\n", b": c\n\n"]);
    }

    #[test]
    fn events_are_known_by_name_or_by_type() {
        assert_eq!(read_event(b"event: message-start\ndata: {}\n\n"), StreamEvent::MessageStart);
        assert_eq!(
            read_event(b"data: {\"type\":\"message-start\"}\n\n"),
            StreamEvent::MessageStart
        );
        assert_eq!(read_event(b"data:[DONE]\r\n\r\n"), StreamEvent::Done);
        assert_eq!(read_event(b": ka\n\n"), StreamEvent::Comment);
        assert_eq!(read_event(b"event: tool-plan-delta\ndata: {}\n\n"), StreamEvent::Other);
        let end = "event: message-end\ndata: {\"delta\":{\"finish_reason\":\"ERROR\",\"usage\":{},\"error\":\"no\",\
                   \"error_type\":\"T\"}}\n\n";
        let StreamEvent::MessageEnd(end) = read_event(end.as_bytes()) else {
            panic!("no message-end")
        };
        assert_eq!(
            end.failure,
            Some(StreamFailure { message: "no".into(), error_type: Some("T".into()) })
        );
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
        for done in [DONE, b"data:[DONE]\r\n\r\n", b"data: [DONE]"] {
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
    fn failed_ending_has_coheres_form_and_zero_counts() {
        let ending = write_failed_ending(&GatewayError::new(Code::Deadline, "late"));
        let parts: Vec<_> = split_frames(&ending).collect();
        assert_eq!(parts.len(), 2);
        let StreamEvent::MessageEnd(end) = read_event(&parts[0]) else { panic!("no message-end") };
        assert_eq!(
            end.failure,
            Some(StreamFailure { message: "late".into(), error_type: Some("deadline".into()) })
        );
        assert!(end.usage.starts_with(br#"{"billed_units":{"input_tokens":0,"#));
        assert_eq!(read_event(&parts[1]), StreamEvent::Done);
    }
}
