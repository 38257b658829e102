//! A streamed answer: held until it is worth sending, kept alive, ended well whatever happens.
//!
//! `message-start` is held until the first event after it, so that a failure before any content is
//! still an ordinary error with a status. After a silence the head goes out with a comment, and from
//! then on a failure is Cohere's own ending: `message-end` with ERROR, then `[DONE]`. The body never
//! yields an error: a panic, the deadline and the caller's going away all end in that form or in
//! nothing, and always in the event line.

use super::asked::{Asked, Reply, Settled};
use super::attempts::tokens;
use super::guards::{Admission, Outcome};
use super::{head, turns};
use crate::app::App;
use crate::clock::{Instant, now};
use crate::cohere::classify;
use crate::cohere::client::{Spent, timed_out};
use crate::cohere::events::EventReader;
use crate::config::StreamTimes;
use crate::deadline::Deadline;
use crate::edge::response::{Body, whole};
use crate::error::{Code, GatewayError, Result};
use crate::panic_on_request::{PanicPoint, panic_if_requested};
use crate::telemetry::fields::{Batched, RequestEvent};
use crate::wire::stream::{self, DONE, Event, MessageEnd};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::unfold;
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use memchr::memmem::{find, find_iter};
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{timeout, timeout_at};

/// How long the end of the connection is waited for after `[DONE]`, so that it can be used again.
const AFTER_DONE: Duration = Duration::from_millis(100);

type Beginning = Pin<Box<dyn Future<Output = (Spent, Result<Settled>)> + Send>>;

enum Phase {
    /// Nothing has come yet.
    Waiting(Beginning),
    /// Content has come and waits to be sent.
    Ready(Bytes, EventReader),
    Running(EventReader),
    Ended,
}

/// A streamed answer on its way to the caller.
pub(super) struct LiveStream {
    phase: Phase,
    times: StreamTimes,
    deadline: Deadline,
    last_heard: Instant,
    /// The silence before the head was long enough for a sign of life.
    keep_alive_due: bool,
    /// A `message-end`, Cohere's or ours, has gone to the caller.
    ended: bool,
    /// `[DONE]` has gone to the caller.
    done: bool,
    /// Pieces of content that have gone to the caller, about a token each.
    deltas: usize,
    event: Option<RequestEvent>,
    admission: Option<Admission>,
}

/// Calls Cohere and waits until there is something to send: content, or a sign of life.
///
/// # Errors
/// What failed before anything was sent.
pub(super) async fn open(
    app: &'static App,
    asked: Asked,
    event: &mut RequestEvent,
) -> Result<Box<LiveStream>> {
    let (times, deadline) = (app.config.times.stream, asked.call.deadline);
    let mut beginning: Beginning = Box::pin(begin(app, asked));
    let (phase, admission) = match timeout(times.keep_alive, &mut beginning).await {
        Ok((spent, settled)) => {
            event.spent = spent;
            ready(settled?, event)
        }
        Err(_) => {
            event.spent.attempts = 1;
            (Phase::Waiting(beginning), None)
        }
    };
    let keep_alive_due = matches!(phase, Phase::Waiting(_));
    let last_heard = now();
    let (ended, done, event) = (false, false, None);
    Ok(Box::new(LiveStream {
        phase,
        times,
        deadline,
        last_heard,
        keep_alive_due,
        ended,
        done,
        deltas: 0,
        event,
        admission,
    }))
}

async fn begin(app: &'static App, asked: Asked) -> (Spent, Result<Settled>) {
    let mut spent = Spent::default();
    let settled = turns::run(app, &asked, &mut spent, &mut Batched::default()).await;
    (spent, settled)
}

/// Notes which model has answered, and makes its first content ready.
fn ready(settled: Settled, event: &mut RequestEvent) -> (Phase, Option<Admission>) {
    settled.note(event);
    let Reply::Stream(begun) = settled.reply else { unreachable!("a stream was asked for") };
    (Phase::Ready(begun.first, begun.events), begun.admission)
}

impl LiveStream {
    /// Turns the stream into the answer; from here on the event line is the stream's to write.
    pub(super) fn into_response(mut self: Box<Self>, mut event: RequestEvent) -> Response<Body> {
        let mut response = Response::new(whole(Bytes::new()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        head::finish(&mut response, &mut event);
        self.event = Some(event);
        let chunks = unfold(self, |mut live| async move {
            let chunk = match AssertUnwindSafe(live.next()).catch_unwind().await {
                Ok(chunk) => chunk,
                Err(_) => Some(live.fail(GatewayError::new(Code::Internal, "internal error"))),
            };
            chunk.map(|chunk| (Ok::<_, Infallible>(Frame::data(chunk)), live))
        });
        response.map(|_| StreamBody::new(Box::pin(chunks)).boxed_unsync())
    }

    /// Waits for the next bytes that go to the caller; `None` once all is said.
    async fn next(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Ended => None,
            Phase::Ready(first, events) => {
                if let Some(event) = &mut self.event {
                    event.first_event = Some(now() - event.started);
                }
                self.last_heard = now();
                self.phase = Phase::Running(events);
                Some(self.pass(first))
            }
            Phase::Waiting(beginning) => self.wait(beginning).await,
            Phase::Running(events) => self.read(events).await,
        }
    }

    async fn wait(&mut self, mut beginning: Beginning) -> Option<Bytes> {
        if std::mem::take(&mut self.keep_alive_due) {
            self.phase = Phase::Waiting(beginning);
            return Some(stream::KEEP_ALIVE);
        }
        match timeout(self.times.keep_alive, &mut beginning).await {
            Err(_) => {
                self.phase = Phase::Waiting(beginning);
                Some(stream::KEEP_ALIVE)
            }
            Ok((spent, settled)) => {
                let Some(event) = &mut self.event else { return None };
                event.spent = spent;
                match settled {
                    Ok(settled) => {
                        (self.phase, self.admission) = ready(settled, event);
                        Box::pin(self.next()).await
                    }
                    Err(error) => Some(self.fail(error)),
                }
            }
        }
    }

    async fn read(&mut self, mut events: EventReader) -> Option<Bytes> {
        let idle = if self.done { AFTER_DONE } else { self.times.idle };
        let limit = self.deadline.at.min(self.last_heard + idle);
        let waiting_since = now();
        let wake = limit.min(waiting_since + self.times.keep_alive);
        let outcome = timeout_at(wake, events.next()).await;
        if let Some(event) = &mut self.event {
            event.spent.upstream += now() - waiting_since;
        }
        let failure = match outcome {
            Ok(Ok(Some(frames))) => {
                self.last_heard = now();
                self.phase = Phase::Running(events);
                return Some(self.pass(frames));
            }
            Err(_) if wake < limit => {
                self.phase = Phase::Running(events);
                return Some(stream::KEEP_ALIVE);
            }
            // What was said is whole, however the connection ends.
            _ if self.ended => {
                return (!std::mem::replace(&mut self.done, true)).then_some(Bytes::from_static(DONE));
            }
            Ok(Ok(None)) => classify::malformed("the stream ended without message-end"),
            Ok(Err(error)) => error,
            Err(_) if limit == self.deadline.at => self.deadline.error(),
            Err(_) => timed_out(self.times.idle),
        };
        Some(self.fail(failure))
    }

    /// Looks at frames on their way and notes how the stream ends.
    fn pass(&mut self, frames: Bytes) -> Bytes {
        panic_if_requested(PanicPoint::Stream, &frames);
        self.deltas += find_iter(&frames, b"-delta\n").count();
        // Content is not looked into; a text that happens to hold these words costs one more look.
        if find(&frames, b"message-end").is_some() || find(&frames, b"[DONE]").is_some() {
            for frame in stream::frames(&frames) {
                match stream::event(&frame) {
                    Event::MessageEnd(end) => self.note_end(end),
                    Event::Done => (self.ended, self.done) = (true, true),
                    _ => {}
                }
            }
        }
        stream::hide_done(frames)
    }

    fn note_end(&mut self, end: MessageEnd) {
        self.ended = true;
        self.settle(Outcome::Success);
        let Some(event) = &mut self.event else { return };
        event.billed = tokens(end.usage.billed_units);
        if let Some(failure) = end.failure {
            event.failed(&classify::failed_stream(&failure));
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(admission) = self.admission.take() {
            admission.done(outcome);
        }
    }

    /// Ends the stream in Cohere's own form.
    fn fail(&mut self, error: GatewayError) -> Bytes {
        self.settle(Outcome::of(error.kind()));
        self.phase = Phase::Ended;
        (self.ended, self.done) = (true, true);
        if let Some(event) = &mut self.event {
            event.failed(&error);
        }
        stream::failed_ending(&error)
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        let Some(event) = &mut self.event else { return };
        if !self.ended {
            event.abandoned();
        }
        // Cohere counts tokens at the end; a stream without one has cost at least what was sent.
        event.billed.output_tokens.get_or_insert(self.deltas as f64);
        event.write();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::wire::stream::KEEP_ALIVE;
    use http_body_util::BodyExt;

    /// Builds a stream that still waits for its beginning.
    fn waiting(beginning: Beginning, total: Duration) -> Box<LiveStream> {
        let second = Duration::from_secs(1);
        Box::new(LiveStream {
            phase: Phase::Waiting(beginning),
            times: StreamTimes { first_event: second, idle: second, total, keep_alive: second },
            deadline: Deadline::new(now(), total, None, total),
            last_heard: now(),
            keep_alive_due: true,
            ended: false,
            done: false,
            deltas: 0,
            event: None,
            admission: None,
        })
    }

    async fn body_of(stream: Box<LiveStream>) -> String {
        let response = stream.into_response(RequestEvent::new(Endpoint::Chat));
        let body = response.into_body().collect().await.unwrap_or_else(|never| match never {});
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_a_stream_is_coheres_own_ending_that_says_nothing_of_it() {
        let body =
            body_of(waiting(Box::pin(async { panic!("with a piece of a prompt") }), Duration::from_secs(9)))
                .await;
        let (keep_alive, ending) = body.split_at(KEEP_ALIVE.len());
        assert_eq!(keep_alive.as_bytes(), &KEEP_ALIVE[..]);
        assert!(
            ending.contains("\"error\":\"internal error\"") && ending.ends_with("data: [DONE]\n\n"),
            "{ending}"
        );
        assert!(!body.contains("prompt"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_failure_ends_the_stream_after_comments() {
        let late = async {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            (Spent::default(), Err(GatewayError::new(Code::RateLimited, "slow down")))
        };
        let body = body_of(waiting(Box::pin(late), Duration::from_secs(9))).await;
        assert!(body.starts_with(": ka\n: ka\n: ka\nevent: message-end\n"), "{body}");
        assert!(body.contains("\"error\":\"slow down\""), "{body}");
    }
}
