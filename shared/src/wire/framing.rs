//! The two forms of a stream: server-sent events, and the JSON of one event a line.

use crate::wire::frames::split_frames;
use crate::wire::stream::{DONE_WORD, read_data};
use bytes::Bytes;
use memchr::memchr;

/// How the events of a stream are written for its caller; Cohere always sends server-sent events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    #[default]
    Events,
    /// As Cohere does it for callers that ask for JSON and for nothing else: one event's data a line, no
    /// names and no `[DONE]`.
    Lines,
}

impl Framing {
    /// Returns the media type; that of lines is v1's, since Cohere's own is not on record.
    pub fn media_type(self) -> &'static str {
        match self {
            Framing::Events => "text/event-stream",
            Framing::Lines => "application/stream+json",
        }
    }

    /// Writes whole events in this form; a comment becomes a space before the next line.
    pub fn write(self, events: Bytes) -> Bytes {
        match self {
            Framing::Events => events,
            Framing::Lines => write_lines(&events),
        }
    }
}

/// Splits written lines into single ones, each with its end.
pub fn split_lines(mut lines: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        if lines.is_empty() {
            return None;
        }
        let length = memchr(b'\n', &lines).map_or(lines.len(), |end| end + 1);
        Some(lines.split_to(length))
    })
}

fn write_lines(events: &Bytes) -> Bytes {
    let mut lines = Vec::with_capacity(events.len());
    for frame in split_frames(events) {
        let Some(data) = read_data(&frame) else {
            if frame.starts_with(b":") {
                lines.push(b' ');
            }
            continue;
        };
        if data.trim_ascii() == DONE_WORD {
            continue;
        }
        // Data in several lines is JSON with line ends between its words.
        lines.extend(data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        lines.push(b'\n');
    }
    lines.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(events: &str) -> Bytes {
        Framing::Lines.write(Bytes::copy_from_slice(events.as_bytes()))
    }

    #[test]
    fn line_is_the_data_of_one_event() {
        let events = "event: a\ndata: {\"t\":\"é\"}\n\ndata:{\"b\":1}\r\n\r\ndata: [DONE]\n\n";
        assert_eq!(lines(events), "{\"t\":\"é\"}\n{\"b\":1}\n");
        assert_eq!(lines("data: {\"a\":\ndata: 1}\n\n"), "{\"a\": 1}\n");
        assert_eq!(Framing::Events.write(Bytes::from(events)), events);
    }

    #[test]
    fn lines_are_split_behind_their_ends() {
        let split: Vec<_> = split_lines(Bytes::from(" a\nb\n\nc")).collect();
        assert_eq!(split, [" a\n", "b\n", "\n", "c"]);
        assert_eq!(split_lines(Bytes::new()).count(), 0);
    }

    #[test]
    fn comment_is_a_space_and_never_a_line() {
        assert_eq!(lines(": ka\n"), " ");
        assert_eq!(lines(": c\n\n\nevent: a\ndata: 1\n\n"), " 1\n");
        assert_eq!(lines("data: [DONE]\n\n"), "");
    }
}
