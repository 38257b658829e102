//! Streams of events: no byte is lost or added however they are cut, and no bare `[DONE]` is left
//! but the one that ends a stream.

use crate::run::{Verdict, choices_of, run};
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::record::BilledUnits;
use shared::wire::stream::{StreamEvent, hide_done, read_event, split_frames, take_frames};

const DONE_WORD: &str = "[DONE]";

#[test]
fn stream_loses_no_byte_and_hides_every_done() {
    run("stream", check_stream);
}

fn check_stream(input: &[u8]) -> Verdict {
    let mut rng = choices_of(input);
    let (mut buffer, mut passed, mut frame_count) = (BytesMut::new(), Vec::new(), 0);
    let mut rest = input;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rng.usize(1..=rest.len()));
        rest = after;
        buffer.extend_from_slice(chunk);
        let Some(taken) = take_frames(&mut buffer) else { continue };
        let frames: Vec<_> = split_frames(&taken).collect();
        assert_eq!(frames.concat(), taken);
        frames.into_iter().for_each(check_frame);
        passed.extend_from_slice(&taken);
        frame_count += 1;
    }
    assert!(take_frames(&mut buffer).is_none(), "whole frames were left");
    passed.extend_from_slice(&buffer);
    assert_eq!(passed, input);
    // What is left at the end of a stream is passed on as well.
    check_frame(buffer.freeze());
    (frame_count > 0).into()
}

fn check_frame(frame: Bytes) {
    if let StreamEvent::MessageEnd(end) = read_event(&frame) {
        assert!(end.usage.is_empty() || serde_json::from_slice::<&RawValue>(&end.usage).is_ok());
        let _ = BilledUnits::parse_usage(&end.usage);
    }
    let hidden = hide_done(frame.clone());
    let (before, after) = (split_lines(&frame), split_lines(&hidden));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        let data = after.strip_prefix("data:").map(|data| data.strip_prefix(' ').unwrap_or(data));
        if data == Some(DONE_WORD) {
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
    let lines = frame.split(|byte| *byte == b'\n');
    lines
        .map(|line| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into())
        .collect()
}

fn read_data(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?).ok()
}
