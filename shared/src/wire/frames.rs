//! Where the events of a stream end, however the network has cut it; each byte is looked at once.
//!
//! A line ends with LF, CRLF or CR, an event with an empty line. A CRLF may be cut in two: the event ends
//! with its CR, and the LF that comes later begins the next piece, where it means nothing.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2_iter;

/// What may stand before the first event, and would hide it from clients that do not know it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Collects the bytes of a stream and gives out whole events.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    /// The beginning of an event.
    bytes: BytesMut,
    /// How much of it has been looked at.
    scanned: usize,
    line: LineState,
    is_past_start: bool,
}

/// What has been seen of the line under way.
#[derive(Clone, Copy, Debug, Default)]
struct LineState {
    has_bytes: bool,
    /// The byte before was a CR: a LF that follows belongs to it.
    is_after_cr: bool,
}

impl FrameBuffer {
    /// Adds bytes, and takes out all events that are whole now.
    pub fn push(&mut self, chunk: Bytes) -> Option<Bytes> {
        // Mostly a chunk is whole events already, and needs no copy.
        if self.bytes.is_empty() && chunk.ends_with(b"\n\n") && self.has_begun_with(&chunk) {
            self.line = LineState::default();
            return Some(chunk);
        }
        self.bytes.extend_from_slice(&chunk);
        if !self.skip_byte_order_mark() {
            return None;
        }
        let mut whole = None;
        while let Some(length) = self.line.find_event_end(&self.bytes[self.scanned..]) {
            self.scanned += length;
            whole = Some(self.scanned);
        }
        let Some(whole) = whole else {
            self.scanned = self.bytes.len();
            return None;
        };
        let events = self.bytes.split_to(whole).freeze();
        self.scanned = self.bytes.len();
        Some(events)
    }

    /// Returns how many bytes wait for the end of their event.
    pub fn waiting_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Takes out the beginning of an event that will not end any more.
    pub fn take_rest(&mut self) -> Bytes {
        self.scanned = 0;
        self.bytes.split().freeze()
    }

    /// Tells whether nothing waits but space.
    pub fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    /// Tells whether no byte order mark can come any more, now that this chunk is there.
    fn has_begun_with(&mut self, chunk: &[u8]) -> bool {
        self.is_past_start |= chunk.first() != BYTE_ORDER_MARK.first();
        self.is_past_start
    }

    /// Drops the mark at the very start; `false` while it is not clear whether there is one.
    fn skip_byte_order_mark(&mut self) -> bool {
        if self.is_past_start {
            return true;
        }
        if self.bytes.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(&self.bytes) {
            return false;
        }
        if self.bytes.starts_with(BYTE_ORDER_MARK) {
            self.bytes.advance(BYTE_ORDER_MARK.len());
        }
        self.is_past_start = true;
        true
    }
}

impl LineState {
    /// Returns the position after the first event that ends in these bytes, which follow those before.
    fn find_event_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut line_start = 0;
        for at in memchr2_iter(b'\n', b'\r', bytes) {
            let is_second_half = self.is_after_cr && at == line_start && bytes[at] == b'\n';
            let is_empty = at == line_start && !self.has_bytes;
            line_start = at + 1;
            self.has_bytes = false;
            self.is_after_cr = bytes[at] == b'\r';
            if is_second_half || !is_empty {
                continue;
            }
            if self.is_after_cr && bytes.get(line_start) == Some(&b'\n') {
                self.is_after_cr = false;
                line_start += 1;
            }
            return Some(line_start);
        }
        if line_start < bytes.len() {
            *self = Self { has_bytes: true, is_after_cr: false };
        }
        None
    }
}

/// Splits bytes of whole events into single ones, empty lines included.
pub fn split_frames(bytes: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let length = LineState::default().find_event_end(rest).unwrap_or(rest.len());
        let frame = bytes.slice(at..at + length);
        at += length;
        Some(frame)
    })
}

/// Returns the lines of an event without their ends, and an empty one here and there.
pub fn split_lines(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr2_iter(b'\n', b'\r', frame).chain(std::iter::once(frame.len())).map(move |end| {
        let line = &frame[start..end];
        start = (end + 1).min(frame.len());
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use std::time::Duration;

    const EVENTS: &str = ": a comment\n\nevent: a\ndata: {\"t\":\"é\"}\n\ndata: 1\ndata: 2\n\n\
                          data: [DONE]\n\n";

    /// Pushes the pieces one by one and returns what comes out, and the buffer.
    fn push_all<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Bytes>, FrameBuffer) {
        let mut buffer = FrameBuffer::default();
        let taken = pieces.filter_map(|piece| buffer.push(Bytes::copy_from_slice(piece))).collect();
        (taken, buffer)
    }

    #[test]
    fn events_are_whole_wherever_the_bytes_are_cut() {
        for line_end in ["\n", "\r\n", "\r"] {
            let text = EVENTS.replace('\n', line_end) + "rest";
            for cut in 0..=text.len() {
                let (head, tail) = text.as_bytes().split_at(cut);
                let (taken, buffer) = push_all([head, tail].into_iter());
                assert_eq!([&taken.concat()[..], &buffer.bytes].concat(), text.as_bytes(), "{cut}");
                assert_eq!(buffer.bytes.trim_ascii(), b"rest", "{cut}");
                assert!(!buffer.is_blank());
                let events: Vec<_> = taken.iter().flat_map(split_frames).collect();
                let events: Vec<_> = events.iter().filter(|event| event.len() > 2).collect();
                assert_eq!(events.len(), 4, "{line_end:?} cut at {cut}: {events:?}");
            }
        }
    }

    #[test]
    fn single_bytes_give_each_event_at_its_end() {
        for line_end in ["\n", "\r\n", "\r"] {
            let text = EVENTS.replace('\n', line_end);
            let (taken, buffer) = push_all(text.as_bytes().chunks(1));
            assert_eq!(taken.len(), 4, "{line_end:?}: {taken:?}");
            assert!(buffer.is_blank());
            assert_eq!([&taken.concat()[..], &buffer.bytes[..]].concat(), text.as_bytes());
        }
    }

    #[test]
    fn line_ends_may_be_mixed() {
        let bytes = Bytes::from_static(b"event: a\r\ndata: 1\r\n\r\ndata: 2\n\n: c\r\rd\n\r\r\n");
        let split: Vec<_> = split_frames(&bytes).collect();
        let expected: [&[u8]; 5] =
            [b"event: a\r\ndata: 1\r\n\r\n", b"data: 2\n\n", b": c\r\r", b"d\n\r", b"\r\n"];
        assert_eq!(split, expected);
        let lines: Vec<_> = split_lines(b"a\r\nb\rc\n").filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, [b"a", b"b", b"c"]);
    }

    #[test]
    fn byte_order_mark_is_dropped_at_the_start_only() {
        let marked = ["\u{feff}", EVENTS, "\u{feff}", EVENTS].concat();
        for size in [1, 2, 3, 4, marked.len()] {
            let (taken, _) = push_all(marked.as_bytes().chunks(size));
            assert_eq!(taken.concat(), &marked.as_bytes()[3..], "pieces of {size}");
        }
        let (taken, buffer) = push_all([&b"\xef\xbb"[..], b"x\n\n"].into_iter());
        assert_eq!(taken, [&b"\xef\xbbx\n\n"[..]]);
        assert_eq!(buffer.waiting_bytes(), 0);
    }

    #[test]
    fn mark_is_told_from_what_is_none_by_its_three_bytes() {
        let mut buffer = FrameBuffer::default();
        assert_eq!(buffer.push(Bytes::from_static(b"\n")), Some(Bytes::from_static(b"\n")));
        let mut buffer = FrameBuffer::default();
        assert_eq!(buffer.push(Bytes::from_static(BYTE_ORDER_MARK)), None);
        assert_eq!(buffer.waiting_bytes(), 0);
        let marked = ["\u{feff}", EVENTS].concat();
        let (taken, _) = push_all([EVENTS.as_bytes(), marked.as_bytes()].into_iter());
        assert_eq!(taken.concat(), [EVENTS, &marked].concat().as_bytes());
    }

    #[test]
    fn whole_events_are_not_copied_and_the_rest_waits() {
        let mut buffer = FrameBuffer::default();
        let chunk = Bytes::from(EVENTS);
        assert_eq!(buffer.push(chunk.clone()).unwrap().as_ptr(), chunk.as_ptr());
        assert_eq!(buffer.push(Bytes::from_static(b"data: 1")), None);
        assert_eq!((buffer.waiting_bytes(), buffer.take_rest()), (7, Bytes::from("data: 1")));
        assert_eq!(buffer.waiting_bytes(), 0);
    }

    /// Returns the shortest of three times.
    fn measure(work: impl Fn()) -> Duration {
        let timed = (0..3).map(|_| {
            let start = now();
            work();
            start.elapsed()
        });
        timed.min().unwrap()
    }

    #[test]
    fn time_grows_with_the_bytes_and_not_with_their_square() {
        let split_many = |count: usize| {
            let events = Bytes::from(EVENTS.repeat(count));
            measure(|| assert_eq!(split_frames(&events).count(), 4 * count))
        };
        let push_one = |bytes: usize| {
            let event = format!("data: {}\n\nx", "a".repeat(bytes));
            measure(|| assert_eq!(push_all(event.as_bytes().chunks(100)).0.len(), 1))
        };
        // 64 times the bytes would take 4 096 times as long, were the time their square.
        for (short, long) in
            [(split_many(250), split_many(16_000)), (push_one(50_000), push_one(3_200_000))]
        {
            assert!(long < short * 1_000, "{short:?}, and {long:?} for 64 times the bytes");
        }
    }
}
