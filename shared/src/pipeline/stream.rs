//! A streamed answer: held until it is worth sending, kept alive, ended well whatever happens.
//!
//! `message-start` is held until the first event after it, so that a failure before any content is
//! still an ordinary error with a status. After a silence the head goes out with a comment, and from
//! then on a failure is Cohere's own ending: `message-end` with ERROR, then `[DONE]`. The body never
//! yields an error: a panic, the deadline and the caller's going away all end in that form or in
//! nothing, and always in the log line.

mod answer_slot;
mod opening;

use super::endpoint_rules::EndpointRules;
use super::fallback::answer_with_fallback;
use super::headers::add_headers;
use super::request::GatewayRequest;
use crate::app::App;
use crate::clock::{Instant, now};
use crate::cohere::classify;
use crate::cohere::client::timeout_error;
use crate::cohere::events::EventReader;
use crate::config::StreamTimes;
use crate::deadline::Deadline;
use crate::edge::response::{self, Body, OwnHeader};
use crate::error::{GatewayError, Result};
use crate::panic_on_request::{PanicPoint, panic_if_requested};
use crate::record::{BilledUnits, RequestRecord};
use crate::resilience::state::{CallOutcome, CallPermit};
use crate::telemetry::invocation::within_invocation;
use crate::telemetry::request_log::RequestLog;
use crate::wire::frames::split_frames;
use crate::wire::framing::{Framing, split_lines};
use crate::wire::stream::{self, MessageEnd, StreamEvent};
use crate::wire::stream_grammar::{FailedEnding, StreamGrammar};
use answer_slot::AnswerSlot;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::unfold;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use opening::OpenedStream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{timeout, timeout_at};

/// How long the end of the connection is waited for after `[DONE]`, so that it can be used again.
const AFTER_DONE: Duration = Duration::from_millis(100);
/// How long `[DONE]` is waited for after `message-end`, before the gateway says it itself.
const AFTER_END: Duration = Duration::from_secs(1);

/// What is wrong with a stream that stops.
const WITHOUT_END: &str = "the stream ended without its last event";

/// Reads what Cohere bills for a stream.
pub(super) fn read_usage(form: StreamGrammar, usage: &[u8]) -> BilledUnits {
    match form {
        StreamGrammar::Chat | StreamGrammar::V1Chat => BilledUnits::parse_usage(usage),
        StreamGrammar::Completions => BilledUnits::parse_openai_usage(usage),
    }
}

/// The calls that open a stream, with a record of their own until they are done.
type PendingStream = Pin<Box<dyn Future<Output = (RequestRecord, Result<OpenedStream>)> + Send>>;

enum StreamPhase {
    /// Nothing has come yet.
    Opening(PendingStream),
    /// Content has come and waits to be sent.
    Ready(Bytes, EventReader),
    Running(EventReader),
    /// All is said, and the connection may come to its end.
    Draining(EventReader),
    /// Nothing is left to say but this.
    Closing(Bytes),
    Ended,
}

/// How a stream is read, and written for its caller.
#[derive(Clone, Copy)]
struct StreamStyle {
    form: StreamGrammar,
    framing: Framing,
    failed_ending: FailedEnding,
}

/// A streamed answer on its way to the caller.
pub(super) struct StreamingAnswer {
    phase: StreamPhase,
    style: StreamStyle,
    times: StreamTimes,
    deadline: Deadline,
    last_heard: Instant,
    /// The silence before the head was long enough for a keep-alive comment.
    is_keep_alive_due: bool,
    /// When a `message-end`, Cohere's or ours, has gone to the caller.
    ended_at: Option<Instant>,
    /// `[DONE]` has gone to the caller.
    is_done: bool,
    /// Pieces of content that have gone to the caller, about a token each.
    delta_count: usize,
    /// Lines that wait to be written, each by itself.
    queued: VecDeque<Bytes>,
    /// What Cohere last said of its tokens, as it is written.
    usage: Vec<u8>,
    log: RequestLog,
    permit: Option<CallPermit>,
}

/// Calls Cohere and waits until there is something to send: content, or a keep-alive comment.
///
/// The answer takes the log, and writes it at its end.
///
/// # Errors
/// What failed before anything was sent; the log is the caller's again.
pub(super) async fn open_stream<E: EndpointRules>(
    app: &'static App,
    request: GatewayRequest,
    log: &mut RequestLog,
) -> Result<Box<StreamingAnswer>> {
    let (deadline, times) = (request.deadline, app.config.times.stream);
    let ends_loud = app.config.streams.ends_loud;
    let style = StreamStyle {
        form: StreamGrammar::of(E::ENDPOINT),
        framing: request.framing,
        failed_ending: if ends_loud { FailedEnding::Loud } else { FailedEnding::Quiet },
    };
    let record = log.record.clone();
    let mut pending: PendingStream = Box::pin(open_with_fallback::<E>(app, request, record));
    let opened = timeout(times.keep_alive, &mut pending).await;
    let Ok((record, opened)) = opened else {
        log.record.calls.attempts = 1;
        let mut answer = StreamingAnswer::new(style, times, deadline, log.take());
        answer.phase = StreamPhase::Opening(pending);
        answer.is_keep_alive_due = true;
        return Ok(Box::new(answer));
    };
    log.record = record;
    let opened = opened?;
    let mut answer = StreamingAnswer::new(style, times, deadline, log.take());
    answer.phase = StreamPhase::Ready(opened.first, opened.events);
    answer.permit = opened.permit;
    Ok(Box::new(answer))
}

async fn open_with_fallback<E: EndpointRules>(
    app: &'static App,
    request: GatewayRequest,
    mut record: RequestRecord,
) -> (RequestRecord, Result<OpenedStream>) {
    let opened = answer_with_fallback::<E, _>(app, &request, &mut record).await;
    (record, opened)
}

impl StreamingAnswer {
    fn new(style: StreamStyle, times: StreamTimes, deadline: Deadline, log: RequestLog) -> Self {
        Self {
            phase: StreamPhase::Ended,
            style,
            times,
            deadline,
            last_heard: now(),
            is_keep_alive_due: false,
            ended_at: None,
            is_done: false,
            delta_count: 0,
            queued: VecDeque::new(),
            usage: Vec::new(),
            log,
            permit: None,
        }
    }

    /// Turns the stream into the answer.
    pub(super) fn into_response(mut self: Box<Self>) -> Response<Body> {
        let mut response = Response::new(response::single_chunk(Bytes::new()));
        let media_type = HeaderValue::from_static(self.style.framing.media_type());
        OwnHeader::ContentType.set(response.headers_mut(), media_type);
        add_headers(&mut response, &mut self.log.record);
        let ids = self.log.ids();
        let frames = unfold(AnswerSlot::new(self), move |slot| {
            // The runtime asks for frames after the handler has returned.
            let ids = ids.clone();
            async move {
                let mut answer = slot.take_answer()?;
                let next = answer.next_or_failure();
                let chunk = match ids {
                    Some(ids) => within_invocation(ids, next).await?,
                    None => next.await?,
                };
                slot.put_answer_back(answer);
                Some((Ok::<_, Infallible>(Frame::data(chunk)), slot))
            }
        });
        response.map(|_| StreamBody::new(Box::pin(frames)).boxed_unsync())
    }

    /// Waits for the next bytes, and turns a panic into the stream's ending.
    async fn next_or_failure(&mut self) -> Option<Bytes> {
        if let Some(line) = self.queued.pop_front() {
            return Some(line);
        }
        let next = AssertUnwindSafe(self.next_chunk()).catch_unwind().await;
        let events = match next {
            Ok(events) => events?,
            Err(_) => self.fail_stream(GatewayError::internal("a panic")),
        };
        let written = self.style.framing.write(events);
        if self.style.framing == Framing::Events {
            return Some(written);
        }
        // Some clients of lines take each piece that arrives for one.
        self.queued.extend(split_lines(written));
        Some(self.queued.pop_front().unwrap_or_default())
    }

    /// Waits for the next bytes that go to the caller; `None` once all is said.
    async fn next_chunk(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.phase, StreamPhase::Ended) {
            StreamPhase::Ended => None,
            StreamPhase::Closing(last) => Some(last),
            StreamPhase::Ready(first, events) => Some(self.send_first(first, events)),
            StreamPhase::Opening(pending) => Some(self.wait_for_opening(pending).await),
            StreamPhase::Running(events) => self.read_events(events).await,
            StreamPhase::Draining(mut events) => {
                let _ = timeout(AFTER_DONE, events.drain()).await;
                None
            }
        }
    }

    fn send_first(&mut self, first: Bytes, events: EventReader) -> Bytes {
        self.last_heard = now();
        self.log.record.record_first_event();
        self.pass_frames(first, events)
    }

    async fn wait_for_opening(&mut self, mut pending: PendingStream) -> Bytes {
        if self.is_keep_alive_due {
            self.is_keep_alive_due = false;
            self.phase = StreamPhase::Opening(pending);
            return stream::KEEP_ALIVE;
        }
        let Ok((record, opened)) = timeout(self.times.keep_alive, &mut pending).await else {
            self.phase = StreamPhase::Opening(pending);
            return stream::KEEP_ALIVE;
        };
        let status = self.log.record.status;
        self.log.record = RequestRecord { status, ..record };
        match opened {
            Ok(opened) => {
                self.permit = opened.permit;
                self.send_first(opened.first, opened.events)
            }
            Err(error) => self.fail_stream(error),
        }
    }

    async fn read_events(&mut self, mut events: EventReader) -> Option<Bytes> {
        let mut limit = self.deadline.at.min(self.last_heard + self.times.idle);
        if let Some(ended_at) = self.ended_at {
            limit = limit.min(ended_at + AFTER_END);
        }
        let waiting_since = now();
        let wake = limit.min(waiting_since + self.times.keep_alive);
        let outcome = timeout_at(wake, events.next_frames()).await;
        self.log.record.calls.upstream_time += now() - waiting_since;
        let failure = match outcome {
            Ok(Ok(Some(frames))) => {
                self.last_heard = now();
                return Some(self.pass_frames(frames, events));
            }
            Err(_) if wake < limit => {
                self.phase = StreamPhase::Running(events);
                return Some(stream::KEEP_ALIVE);
            }
            // What was said is whole, however the connection ends.
            _ if self.ended_at.is_some() => return self.finish_stream(),
            Ok(Ok(None)) => classify::cut_short(WITHOUT_END),
            Ok(Err(error)) => error,
            Err(_) if limit == self.deadline.at => self.deadline.error(),
            Err(_) => timeout_error(self.times.idle),
        };
        Some(self.fail_stream(failure))
    }

    /// Says `[DONE]` where Cohere has not, and where the form has it.
    fn finish_stream(&mut self) -> Option<Bytes> {
        if self.is_done {
            return None;
        }
        self.is_done = true;
        self.style.form.done()
    }

    /// Looks at frames on their way, passes them on as far as the stream goes, and records how it ends.
    fn pass_frames(&mut self, frames: Bytes, events: EventReader) -> Bytes {
        panic_if_requested(PanicPoint::Stream, &frames);
        let form = self.style.form;
        let mut passed = 0;
        for frame in split_frames(&frames) {
            let event = form.read_event(&frame);
            let mut is_last = self.ended_at.is_some() && event == StreamEvent::Done;
            match event {
                StreamEvent::Delta => self.delta_count += 1,
                StreamEvent::MessageEnd(end) => {
                    self.record_end(end);
                    is_last = form.done().is_none();
                }
                StreamEvent::Done if is_last => {}
                StreamEvent::Done => {
                    let error = classify::cut_short(WITHOUT_END);
                    return self.fail_after(frames.slice(..passed), error);
                }
                StreamEvent::Failure(failure) => {
                    let error = classify::from_stream_end(&failure);
                    return self.fail_after(frames.slice(..passed), error);
                }
                StreamEvent::MessageStart { .. } | StreamEvent::Content | StreamEvent::Comment => {}
            }
            passed += frame.len();
            if is_last {
                self.is_done = true;
                self.phase = StreamPhase::Draining(events);
                return form.hide_done(frames.slice(..passed));
            }
        }
        self.phase = StreamPhase::Running(events);
        form.hide_done(frames)
    }

    /// Passes these last frames on and ends the stream: well, where it has ended, else as failed.
    fn fail_after(&mut self, frames: Bytes, error: GatewayError) -> Bytes {
        let ending = match self.ended_at {
            Some(_) => self.finish_stream().unwrap_or_default(),
            None => self.fail_stream(error),
        };
        [self.style.form.hide_done(frames), ending].concat().into()
    }

    fn record_end(&mut self, end: MessageEnd) {
        self.ended_at = Some(now());
        self.report_outcome(CallOutcome::SUCCESS);
        if !end.usage.is_empty() {
            self.usage = end.usage;
        }
        if let Some(failure) = end.failure {
            self.log.record.record_failure(&classify::from_stream_end(&failure));
        }
    }

    fn report_outcome(&mut self, outcome: CallOutcome) {
        if let Some(permit) = self.permit.take() {
            permit.report(outcome);
        }
    }

    /// Ends the stream in Cohere's own form.
    fn fail_stream(&mut self, error: GatewayError) -> Bytes {
        self.report_outcome(CallOutcome::from(&error));
        self.phase = StreamPhase::Ended;
        self.ended_at = Some(now());
        self.is_done = true;
        self.log.record.record_failure(&error);
        self.style.form.write_failed_ending(&error, self.style.failed_ending)
    }
}

impl StreamingAnswer {
    /// Ends a stream that nobody has read to its end in its time, and writes its line.
    fn time_out(&mut self) {
        self.log.record.has_own_deadline = true;
        let last = match self.ended_at {
            Some(_) => self.finish_stream(),
            None => Some(self.fail_stream(self.deadline.error())),
        };
        self.phase = match last {
            Some(last) => StreamPhase::Closing(last),
            None => StreamPhase::Ended,
        };
        self.write_log();
    }

    fn write_log(&mut self) {
        if self.log.is_written() {
            return;
        }
        // Cohere counts tokens at the end; a stream without one has cost at least what was sent.
        let RequestRecord { model, calls, .. } = &mut self.log.record;
        let model = model.as_deref().unwrap_or_default();
        calls.record_billed(model, &read_usage(self.style.form, &self.usage));
        calls.bill.set_missing(model, "output_tokens", self.delta_count);
        self.log.write_line();
    }
}

impl Drop for StreamingAnswer {
    fn drop(&mut self) {
        if self.ended_at.is_none() {
            self.log.record.record_abandoned();
        }
        self.write_log();
    }
}

#[cfg(test)]
mod tests;
