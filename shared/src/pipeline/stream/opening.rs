//! The beginning of a stream: held until the first event after `message-start`.
//!
//! Until then everything is as with an answer in one piece: an attempt that fails may be made again.

use crate::app::App;
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::{Call, CallStats, timed_out};
use crate::cohere::events::EventReader;
use crate::error::Result;
use crate::resilience::state::CallPermit;
use crate::wire::stream::{self, Event, MessageEnd};
use bytes::Bytes;
use tokio::time::timeout_at;

/// A stream whose first content has arrived.
pub(in crate::pipeline) struct OpenedStream {
    /// The held frames: `message-start` and what came with and after it.
    pub(in crate::pipeline) first: Bytes,
    pub(in crate::pipeline) events: EventReader,
    /// The permit of a call whose end is still to come.
    pub(in crate::pipeline) admission: Option<CallPermit>,
}

/// Makes one call and reads until the first event after `message-start`, all in an attempt's time.
///
/// # Errors
/// What failed before any content.
pub(in crate::pipeline) async fn first_content(
    app: &'static App,
    call: &Call,
    spent: &mut CallStats,
) -> Result<OpenedStream> {
    let started = now();
    let limit = call.deadline.or_after(started, call.attempt);
    let waited_before = spent.upstream;
    let outcome = timeout_at(limit, read_until_content(app, call, spent)).await;
    if spent.upstream > waited_before {
        spent.upstream = waited_before + (now() - started);
    }
    match outcome {
        Ok(begun) => begun,
        Err(_) if limit == call.deadline.at => Err(call.deadline.error()),
        Err(_) => Err(timed_out(call.attempt)),
    }
}

/// Reads until the first event after `message-start`, of any type: a stream of tool calls has no content events.
async fn read_until_content(app: &'static App, call: &Call, spent: &mut CallStats) -> Result<OpenedStream> {
    let mut events = app.cohere.open_stream(call, spent).await?;
    let mut held = Vec::new();
    loop {
        let Some(frames) = events.next().await? else {
            return Err(classify::malformed("the stream ended before any content"));
        };
        let mut released = false;
        for frame in stream::frames(&frames) {
            match stream::event(&frame) {
                Event::MessageStart | Event::Comment => {}
                Event::MessageEnd(MessageEnd { failure: Some(failure), .. }) if !released => {
                    return Err(classify::from_stream_end(&failure));
                }
                _ => released = true,
            }
        }
        // Mostly one piece holds all, and needs no copy.
        let first = match held.is_empty() {
            true => frames,
            false => [&held[..], &frames[..]].concat().into(),
        };
        if released {
            return Ok(OpenedStream { first, events, admission: None });
        }
        held = first.to_vec();
    }
}
