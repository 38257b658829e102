//! The opening of a stream: held until the first event after `message-start`.
//!
//! Until then everything is as with an answer in one piece: an attempt that fails may be made again.

use crate::app::App;
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::{Call, limit_error};
use crate::cohere::events::EventReader;
use crate::error::Result;
use crate::pipeline::attempts::{CallAnswer, make_attempts};
use crate::pipeline::chat::Chat;
use crate::pipeline::model_answer::{ModelAnswer, ModelRequest};
use crate::record::{CallStats, RequestRecord};
use crate::resilience::state::{CallOutcome, CallPermit, SharedRounds};
use crate::wire::stream::{self, MessageEnd, StreamEvent};
use bytes::Bytes;
use tokio::time::timeout_at;

/// A stream whose first content has arrived.
pub(in crate::pipeline) struct OpenedStream {
    /// The held frames: `message-start` and what came with and after it.
    pub(super) first: Bytes,
    pub(super) events: EventReader,
    /// The permit of a call whose end is still to come.
    pub(super) permit: Option<CallPermit>,
}

impl CallAnswer for OpenedStream {
    /// Makes one call and reads until the first event after `message-start`, all in an attempt's time.
    async fn fetch(app: &'static App, call: &Call, stats: &mut CallStats) -> Result<Self> {
        let started = now();
        let limit = call.deadline.or_after(started, call.attempt_timeout);
        let waited_before = stats.upstream_time;
        let opening = Box::pin(read_until_content(app, call, stats));
        let opened = timeout_at(limit, opening).await;
        if stats.upstream_time > waited_before {
            stats.upstream_time = waited_before + (now() - started);
        }
        opened.unwrap_or_else(|_| Err(limit_error(limit, call)))
    }

    /// Keeps the permit to the stream's end, since a stream may still break.
    fn take_permit(&mut self, permit: CallPermit) {
        if permit.is_probe() {
            // A probe has told enough, and others wait for its verdict.
            permit.report(CallOutcome::Success);
        } else {
            self.permit = Some(permit);
        }
    }
}

impl ModelAnswer<Chat> for OpenedStream {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        let call = request.whole_call();
        make_attempts(request.app, &call, request.role, &SharedRounds::default(), &mut record.calls)
            .await
    }
}

/// Reads until the first event after `message-start`, of any type: a stream of tool calls has no content
/// events.
async fn read_until_content(
    app: &'static App,
    call: &Call,
    stats: &mut CallStats,
) -> Result<OpenedStream> {
    let mut events = app.cohere.open_stream(call, stats).await?;
    let mut held = Bytes::new();
    loop {
        let Some(frames) = events.next_frames().await? else {
            return Err(classify::malformed_answer("the stream ended before any content"));
        };
        let has_content = find_content(&frames)?;
        // Mostly one piece holds all, and needs no copy.
        held = match held.is_empty() {
            true => frames,
            false => [&held[..], &frames[..]].concat().into(),
        };
        if has_content {
            return Ok(OpenedStream { first: held, events, permit: None });
        }
    }
}

/// Tells whether there is an event after `message-start` among these frames.
///
/// # Errors
/// The stream ends with an error before any content.
fn find_content(frames: &Bytes) -> Result<bool> {
    for frame in stream::split_frames(frames) {
        match stream::read_event(&frame) {
            StreamEvent::MessageStart | StreamEvent::Comment => {}
            StreamEvent::MessageEnd(MessageEnd { failure: Some(failure), .. }) => {
                return Err(classify::from_stream_end(&failure));
            }
            _ => return Ok(true),
        }
    }
    Ok(false)
}
