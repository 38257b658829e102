//! Sends an answer the way an upstream would, or as badly as a fault says.
//!
//! A body is a list of steps planned beforehand, so that what is sent is decided in one place and
//! tested without a network. Every piece is written on its own: hyper flushes whenever the body has
//! nothing ready, so a step that yields in between prevents two events in one write.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use crate::cohere_sandbox::fault::{BodyPosition, Ending, Fault};
use crate::cohere_sandbox::reply::{Content, Reply};

/// After how long a stalled connection is closed; no client waits longer.
const STALL: Duration = Duration::from_secs(900);
/// Pause between the two writes of a split character: enough for a reader to take the first.
const SPLIT_PAUSE: Duration = Duration::from_millis(2);

#[derive(Clone, Debug, PartialEq)]
enum DeliveryStep {
    Send(Bytes),
    Wait(Duration),
    /// Closes the connection without ending the body.
    Abort,
}

/// Sends `reply`; `event_pause` lies between the events of a stream.
pub(super) fn deliver_reply(reply: Reply, fault: &Fault, event_pause: Duration) -> Response {
    let streamed = matches!(reply.content, Content::Events(..));
    if !streamed && fault.ending.is_none() && !fault.split_utf8 && fault.trickle.is_none() {
        return reply.into_response();
    }
    let pause = fault.trickle.unwrap_or(if streamed { event_pause } else { Duration::ZERO });
    let pieces = match reply.content {
        // A whole answer has no events to trickle by, so it goes in a few pieces.
        Content::Whole(body) if fault.trickle.is_some() => split_in_chunks(body, 1024),
        Content::Whole(body) => vec![body],
        Content::Events(_, events) => events,
    };
    let steps = plan_steps(pieces, fault, pause);
    let body = Body::from_stream(stream::unfold(steps, |mut steps| async move {
        let sent = next_piece(&mut steps).await?;
        Some((sent, steps))
    }));
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// Does the steps up to the next piece to send, or up to the abort.
async fn next_piece(steps: &mut VecDeque<DeliveryStep>) -> Option<io::Result<Bytes>> {
    while let Some(step) = steps.pop_front() {
        match step {
            DeliveryStep::Send(piece) => return Some(Ok(piece)),
            DeliveryStep::Wait(Duration::ZERO) => tokio::task::yield_now().await,
            DeliveryStep::Wait(time) => tokio::time::sleep(time).await,
            DeliveryStep::Abort => {
                steps.clear();
                return Some(Err(io::Error::other("the sandbox was asked to cut the connection")));
            }
        }
    }
    None
}

fn plan_steps(pieces: Vec<Bytes>, fault: &Fault, pause: Duration) -> VecDeque<DeliveryStep> {
    let pieces = match fault.ending {
        Some((_, BodyPosition::Events(count))) => pieces.into_iter().take(count).collect(),
        Some((_, BodyPosition::Bytes(count))) => first_bytes(pieces, count),
        None => pieces,
    };
    let mut steps = VecDeque::new();
    for piece in pieces {
        let parts = if fault.split_utf8 { split_inside_characters(piece) } else { vec![piece] };
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                steps.push_back(DeliveryStep::Wait(SPLIT_PAUSE));
            }
            steps.push_back(DeliveryStep::Send(part));
        }
        steps.push_back(DeliveryStep::Wait(pause));
    }
    match fault.ending {
        Some((Ending::Stall, _)) => steps.extend([DeliveryStep::Wait(STALL), DeliveryStep::Abort]),
        Some((Ending::Cut, _)) => {
            steps.extend([DeliveryStep::Wait(Duration::ZERO), DeliveryStep::Abort])
        }
        None => {}
    }
    steps
}

fn first_bytes(pieces: Vec<Bytes>, mut count: usize) -> Vec<Bytes> {
    let mut first = Vec::new();
    for piece in pieces {
        let part = piece.slice(..piece.len().min(count));
        count -= part.len();
        if part.is_empty() {
            break;
        }
        first.push(part);
    }
    first
}

/// Splits after the first byte of every multi-byte character.
fn split_inside_characters(piece: Bytes) -> Vec<Bytes> {
    const FIRST_OF_MANY: std::ops::RangeInclusive<u8> = 0xc2..=0xf4;
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, byte) in piece.iter().enumerate() {
        if FIRST_OF_MANY.contains(byte) {
            parts.push(piece.slice(start..=index));
            start = index + 1;
        }
    }
    parts.push(piece.slice(start..));
    parts
}

fn split_in_chunks(body: Bytes, size: usize) -> Vec<Bytes> {
    (0..body.len())
        .step_by(size)
        .map(|start| body.slice(start..body.len().min(start + size)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pieces: &[&'static str], fault: &str) -> Vec<DeliveryStep> {
        let pieces = pieces.iter().map(|piece| Bytes::from(*piece)).collect();
        plan_steps(pieces, &fault.parse().unwrap(), Duration::ZERO).into()
    }

    #[test]
    fn cut_by_bytes_splits_an_event() {
        let between = DeliveryStep::Wait(Duration::ZERO);
        let expected = [
            DeliveryStep::Send("one".into()),
            between.clone(),
            DeliveryStep::Send("t".into()),
            between.clone(),
            between,
        ];
        let steps = plan(&["one", "two", "three"], "cut_after_bytes=4");
        assert_eq!(steps[..5], expected);
        assert_eq!(steps[5..], [DeliveryStep::Abort]);
    }

    #[test]
    fn stall_sends_events_and_keeps_connection() {
        let steps = plan(&["one", "two"], "stall_after_events=1");
        assert_eq!(steps[0], DeliveryStep::Send("one".into()));
        assert_eq!(steps[2..], [DeliveryStep::Wait(STALL), DeliveryStep::Abort]);
    }

    #[test]
    fn split_breaks_every_multi_byte_character() {
        let parts = split_inside_characters(Bytes::from("aé漢b"));
        assert!(parts[..2].iter().all(|part| std::str::from_utf8(part).is_err()));
        assert_eq!(parts.concat(), "aé漢b".as_bytes());
    }
}
