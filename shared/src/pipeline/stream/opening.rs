//! The opening of a stream: held until the first event after `message-start`.
//!
//! Until then everything is as with an answer in one piece: an attempt that fails may be made again.

use super::read_usage;
use crate::app::App;
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::{Call, limit_error};
use crate::cohere::events::EventReader;
use crate::error::{GatewayError, Result};
use crate::pipeline::attempts::{CallAnswer, make_attempts};
use crate::pipeline::endpoint_rules::EndpointRules;
use crate::pipeline::model_answer::{ModelAnswer, ModelRequest};
use crate::record::{CallStats, RequestRecord};
use crate::resilience::state::{CallOutcome, CallPermit, SharedRounds};
use crate::wire::frames::split_frames;
use crate::wire::refusal::Refusal;
use crate::wire::stream::{MessageEnd, StreamEvent};
use crate::wire::stream_grammar::StreamGrammar;
use bytes::{Bytes, BytesMut};
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
    const IS_STREAM: bool = true;

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
            permit.report(CallOutcome::SUCCESS);
        } else {
            self.permit = Some(permit);
        }
    }
}

impl<E: EndpointRules> ModelAnswer<E> for OpenedStream {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        let call = request.whole_call();
        make_attempts(request.app, &call, request.role, &SharedRounds::default(), &mut record.calls)
            .await
    }
}

/// Most bytes that are held before any content: a `message-start` and what comments come before it.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// Reads until the first event after `message-start`, of any type: a stream of tool calls has no content
/// events.
async fn read_until_content(
    app: &'static App,
    call: &Call,
    stats: &mut CallStats,
) -> Result<OpenedStream> {
    let mut events = app.cohere.open_stream(call, stats).await?;
    let mut held = BytesMut::new();
    loop {
        let Some(frames) = events.next_frames().await? else {
            return Err(classify::cut_short("the stream ended before any content"));
        };
        let has_content = find_content(&frames, call, stats)?;
        // Mostly one piece holds all, and needs no copy.
        if has_content && held.is_empty() {
            return Ok(OpenedStream { first: frames, events, permit: None });
        }
        held.extend_from_slice(&frames);
        if has_content {
            return Ok(OpenedStream { first: held.freeze(), events, permit: None });
        }
        if held.len() > MAX_HELD_BYTES {
            return Err(classify::malformed_answer("256 KiB of the stream hold no content"));
        }
    }
}

fn failed_opening(failure: &Refusal, stats: &mut CallStats) -> GatewayError {
    let error = classify::from_stream_end(failure);
    stats.record_failed_call(&error);
    error
}

/// Tells whether there is an event after `message-start` among these frames.
///
/// # Errors
/// The stream ends before any content, with an error or without a word.
fn find_content(frames: &Bytes, call: &Call, stats: &mut CallStats) -> Result<bool> {
    let form = StreamGrammar::of(call.endpoint);
    for frame in split_frames(frames) {
        match form.read_event(&frame) {
            StreamEvent::MessageStart { id } => stats.upstream_id = id,
            StreamEvent::Comment => {}
            StreamEvent::MessageEnd(MessageEnd { failure: Some(failure), usage }) => {
                stats.record_billed(&call.model, &read_usage(form, &usage));
                return Err(failed_opening(&failure, stats));
            }
            StreamEvent::Failure(failure) => return Err(failed_opening(&failure, stats)),
            StreamEvent::Done => {
                return Err(classify::cut_short("the stream is done before any content"));
            }
            StreamEvent::MessageEnd(_) | StreamEvent::Content | StreamEvent::Delta => {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
