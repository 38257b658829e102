//! A stream of JSON lines, read as the events that it would be.
//!
//! v1 sends one object a line. From here on a line is an event of one `data` field, so that one reader serves
//! all streams; its JSON is not touched.

use bytes::{Bytes, BytesMut};
use memchr::memrchr;

/// Collects the bytes of a stream of lines and gives out events.
#[derive(Debug, Default)]
pub struct LineBuffer {
    /// The beginning of a line.
    bytes: BytesMut,
}

impl LineBuffer {
    /// Adds bytes, and takes out the lines that are whole now as events.
    pub fn push(&mut self, chunk: Bytes) -> Option<Bytes> {
        let Some(last) = memrchr(b'\n', &chunk) else {
            self.bytes.extend_from_slice(&chunk);
            return None;
        };
        self.bytes.extend_from_slice(&chunk[..=last]);
        let events = to_events(&self.bytes);
        self.bytes.clear();
        self.bytes.extend_from_slice(&chunk[last + 1..]);
        if events.is_empty() { None } else { Some(events) }
    }

    /// Returns how many bytes wait for the end of their line.
    pub fn waiting_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Takes out what waits, as an event: the last line needs no end.
    pub fn take_rest(&mut self) -> Bytes {
        to_events(&self.bytes.split())
    }
}

fn to_events(lines: &[u8]) -> Bytes {
    let mut events = Vec::with_capacity(lines.len() + 64);
    for line in lines.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if !line.is_empty() {
            events.extend_from_slice(b"data: ");
            events.extend_from_slice(line);
            events.extend_from_slice(b"\n\n");
        }
    }
    events.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::framing::Framing;

    const LINES: &str = "{\"a\":\"é\"}\n\r\n  {\"b\":2}\r\n{\"c\":3}\n";

    #[test]
    fn lines_are_events_however_they_are_cut() {
        for cut in 0..=LINES.len() {
            let (head, tail) = LINES.as_bytes().split_at(cut);
            let mut buffer = LineBuffer::default();
            let mut events = Vec::new();
            for piece in [head, tail] {
                events.extend(buffer.push(Bytes::copy_from_slice(piece)).unwrap_or_default());
            }
            assert_eq!(
                String::from_utf8(events).unwrap(),
                "data: {\"a\":\"é\"}\n\ndata: {\"b\":2}\n\ndata: {\"c\":3}\n\n",
                "cut at {cut}"
            );
            assert_eq!(buffer.waiting_bytes(), 0);
        }
    }

    #[test]
    fn last_line_needs_no_end_and_all_come_back_as_lines() {
        let mut buffer = LineBuffer::default();
        assert_eq!(
            buffer.push(Bytes::from_static(b"{\"a\":1}\n{\"b\"")).unwrap(),
            "data: {\"a\":1}\n\n"
        );
        assert_eq!(buffer.push(Bytes::from_static(b":2}")), None);
        assert_eq!(buffer.waiting_bytes(), 7);
        let rest = buffer.take_rest();
        assert_eq!(Framing::Lines.write(rest), "{\"b\":2}\n");
        assert_eq!(buffer.push(Bytes::from_static(b"\n\n")), None);
    }
}
