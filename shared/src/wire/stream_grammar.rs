//! The three grammars of a stream: v2's chat, v1's, and OpenAI's chunks; what an event means and how a stream ends.

use crate::endpoint::Endpoint;
use crate::error::GatewayError;
use crate::wire::stream::{self, DONE, StreamEvent};
use crate::wire::{completions, v1_chat};
use bytes::Bytes;

/// What a stream is made of. All of them come as server-sent events or have been made such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamGrammar {
    /// v2: ends with `message-end` and `[DONE]`.
    Chat,
    /// v1: ends with `stream-end`.
    V1Chat,
    /// OpenAI's chunks: end with a `finish_reason`, perhaps the usage, and `[DONE]`.
    Completions,
}

/// What the ending of a failed stream of v2 leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedEnding {
    /// What is billed: clients that look at it raise an exception, so that nobody takes a cut answer for a whole one.
    Loud,
    /// Nothing: every client reads it, and only who looks at `finish_reason` notices.
    Quiet,
}

impl StreamGrammar {
    /// Returns the form of an endpoint's streams.
    pub fn of(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::V1Chat => Self::V1Chat,
            Endpoint::Completions => Self::Completions,
            _ => Self::Chat,
        }
    }

    /// Reads what an event is.
    pub fn read_event(self, frame: &[u8]) -> StreamEvent {
        match self {
            Self::Chat => stream::read_event(frame),
            Self::V1Chat => stream::read_event_with(frame, v1_chat::read_event),
            Self::Completions => stream::read_event_with(frame, completions::read_event),
        }
    }

    /// Returns the last frame of a stream, after its ending; v1 has none.
    pub fn done(self) -> Option<Bytes> {
        match self {
            Self::Chat | Self::Completions => Some(Bytes::from_static(DONE)),
            Self::V1Chat => None,
        }
    }

    /// Makes events such that no client takes a word in them for the last frame.
    pub fn hide_done(self, frames: Bytes) -> Bytes {
        match self {
            Self::Chat => stream::hide_done(frames),
            Self::V1Chat | Self::Completions => frames,
        }
    }

    /// Writes the ending of a stream that failed after its start, its last frame included.
    pub fn write_failed_ending(self, error: &GatewayError, ending: FailedEnding) -> Bytes {
        match self {
            Self::Chat => stream::write_failed_ending(error, ending),
            Self::V1Chat => v1_chat::write_failed_ending(error),
            Self::Completions => completions::write_failed_ending(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::wire::frames::split_frames;

    #[test]
    fn every_form_reads_its_own_failed_ending_as_a_failure() {
        let error = GatewayError::new(Code::Deadline, "late \"[DONE]\"");
        for form in [StreamGrammar::Chat, StreamGrammar::V1Chat, StreamGrammar::Completions] {
            for ending in [FailedEnding::Loud, FailedEnding::Quiet] {
                let frames = form.write_failed_ending(&error, ending);
                let frames: Vec<_> = split_frames(&frames).collect();
                assert_eq!(frames.len(), 1 + usize::from(form.done().is_some()), "{form:?}");
                let failure = match form.read_event(&frames[0]) {
                    StreamEvent::MessageEnd(end) => end.failure.unwrap(),
                    StreamEvent::Failure(failure) => failure,
                    other => panic!("{form:?}: {other:?}"),
                };
                assert_eq!(failure.message.as_deref(), Some("late \"[DONE]\""), "{form:?}");
                if let Some(last) = frames.get(1) {
                    assert_eq!(form.read_event(last), StreamEvent::Done);
                }
            }
        }
    }
}
