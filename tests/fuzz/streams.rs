//! Streams of events: no byte is lost or added however they are cut, they mean the same with any line end,
//! and no bare `[DONE]` is left but the one that ends a stream.

use crate::run::{Verdict, choices_of, run};
use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::record::BilledUnits;
use shared::wire::frames::{FrameBuffer, split_frames};
use shared::wire::refusal::Refusal;
use shared::wire::stream::{StreamEvent, hide_done, read_event};

const DONE_WORD: &str = "[DONE]";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[test]
fn stream_loses_no_byte_and_hides_every_done() {
    run("stream", check_stream);
}

fn check_stream(input: &[u8]) -> Verdict {
    let mut rng = choices_of(input);
    let events = read_cut(input, &mut rng);
    let text = normalize_line_ends(input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input));
    let expected: Vec<_> = split_blocks(&text).into_iter().filter_map(read_block).collect();
    assert_eq!(events, expected, "cut and whole are not the same");
    for line_end in [&b"\r\n"[..], b"\r", b"\n"] {
        let rewritten = text.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(line_end);
        assert_eq!(read_cut(&rewritten, &mut rng), expected, "another line end is another stream");
    }
    (!events.is_empty()).into()
}

/// Reads a stream in pieces, and returns its events.
fn read_cut(input: &[u8], rng: &mut Rng) -> Vec<StreamEvent> {
    let (mut buffer, mut passed, mut events) = (FrameBuffer::default(), Vec::new(), Vec::new());
    let mut rest = input;
    while !rest.is_empty() {
        let longest = if rng.bool() { rest.len() } else { rest.len().min(3) };
        let (chunk, after) = rest.split_at(rng.usize(1..=longest));
        rest = after;
        let Some(taken) = buffer.push(Bytes::copy_from_slice(chunk)) else { continue };
        let frames: Vec<_> = split_frames(&taken).collect();
        assert_eq!(frames.concat(), taken);
        frames.iter().for_each(check_frame);
        events.extend(frames.iter().map(|frame| read_event(frame)));
        passed.extend_from_slice(&taken);
    }
    let whole = match passed.is_empty() && buffer.waiting_bytes() == input.len() {
        true => input,
        false => input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input),
    };
    assert!(whole.starts_with(&passed), "bytes were changed");
    assert_eq!(passed.len() + buffer.waiting_bytes(), whole.len(), "bytes were lost");
    events.retain(|event| *event != StreamEvent::Comment);
    events.into_iter().map(join_lines).collect()
}

/// Writes words that are told as written in one line: their lines are those of the stream.
fn join_lines(mut event: StreamEvent) -> StreamEvent {
    let refusal = match &mut event {
        StreamEvent::MessageEnd(end) => {
            end.usage.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
            end.failure.as_mut()
        }
        StreamEvent::Failure(refusal) => Some(refusal),
        _ => None,
    };
    if let Some(Refusal { message, error_type, id, .. }) = refusal {
        for words in [message, error_type, id].into_iter().flatten() {
            *words = words.replace("\r\n", " ").replace(['\n', '\r'], " ");
        }
    }
    event
}

/// Writes every line end as LF.
fn normalize_line_ends(input: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(input.len());
    for (at, byte) in input.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && input[at - 1] == b'\r' => {}
            b'\r' => text.push(b'\n'),
            byte => text.push(*byte),
        }
    }
    text
}

/// Splits a text into what stands before each empty line, line by line; the rest is no event yet.
fn split_blocks(text: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    // What follows the last line end is no line.
    lines.pop();
    let mut blocks = vec![Vec::new()];
    for line in lines {
        match line.is_empty() {
            true => blocks.push(Vec::new()),
            false => blocks.last_mut().expect("a block").push(line),
        }
    }
    blocks.pop();
    blocks
}

/// Reads an event that is written anew: its last name, and its data in one line where that is JSON.
fn read_block(lines: Vec<&[u8]>) -> Option<StreamEvent> {
    let field = |name: &str| {
        let fields = lines.iter().filter_map(move |line| {
            let rest = line.strip_prefix(name.as_bytes())?;
            match rest.strip_prefix(b":") {
                Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
                None => Some(rest).filter(|rest| rest.is_empty()),
            }
        });
        fields.collect::<Vec<_>>()
    };
    let (names, data) = (field("event"), field("data"));
    if names.is_empty() && data.is_empty() {
        let bare = [&lines.join(&b'\n')[..], b"\n\n"].concat();
        let event = join_lines(read_event(&bare));
        return Some(event).filter(|event| *event != StreamEvent::Comment);
    }
    let joined = data.join(&b' ');
    let mut frame = Vec::new();
    if let Some(name) = names.last() {
        frame.extend_from_slice(&[b"event: ", *name, b"\n"].concat());
    }
    if serde_json::from_slice::<&RawValue>(&data.join(&b'\n')).is_ok() {
        frame.extend_from_slice(&[b"data: ", &joined[..], b"\n"].concat());
    } else {
        data.iter().for_each(|data| frame.extend([b"data: ", *data, b"\n"].concat()));
    }
    let event = join_lines(read_event(&[&frame[..], b"\n"].concat()));
    Some(event).filter(|event| *event != StreamEvent::Comment)
}

fn check_frame(frame: &Bytes) {
    if let StreamEvent::MessageEnd(end) = read_event(frame) {
        assert!(end.usage.is_empty() || serde_json::from_slice::<&RawValue>(&end.usage).is_ok());
        let _ = BilledUnits::parse_usage(&end.usage);
    }
    let hidden = hide_done(frame.clone());
    let (before, after) = (split_lines(frame), split_lines(&hidden));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        let is_done = |data: &str| data.trim_ascii() == DONE_WORD;
        if after.strip_prefix("data:").is_some_and(is_done) {
            assert_eq!(before, after);
        } else {
            assert!(!after.contains(DONE_WORD), "{after:?}");
        }
        if let Some(value) = read_data(before) {
            assert_eq!(read_data(after), Some(value), "the text means something else");
        }
    }
}

fn split_lines(frame: &[u8]) -> Vec<String> {
    let lines = frame.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.map(|line| String::from_utf8_lossy(line).into()).collect()
}

fn read_data(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?).ok()
}
