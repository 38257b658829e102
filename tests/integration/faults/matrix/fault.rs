//! The faults, as what an upstream does on its socket.

mod http2;

pub use http2::Http2Fault;

use bytes::Bytes;
use gateway_tests::stub::{
    Certificate, Seen, Step, cut_body, write_answer, write_chunk, write_json, write_stream,
    write_stream_head,
};
use gateway_tests::ways::{DELTA, DONE, END, START, Way};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// Far longer than any time that the matrix configures.
const LATE: Duration = Duration::from_secs(3);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// The upstream that a fault needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Stub,
    Http2,
    ClosedPort,
    UnknownName,
    Certificate(Certificate),
    SilentHandshake,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A status other than 200.
    Refusal {
        status: u16,
        retry_after: Option<&'static str>,
        message: &'static str,
        error_type: Option<&'static str>,
    },
    /// A 429 that names a time half a minute ahead.
    RetryDate,
    /// A status whose body never comes.
    StalledRefusal(u16),
    /// A proxy's page with this status.
    Html(u16),
    /// A 401, and another key is in the secret by then.
    KeyReplaced,
    /// `message-end` with ERROR before any content, with this `error_type`.
    EndsInError(Option<&'static str>),
    /// An error body as an event.
    ErrorEvent,
    /// `[DONE]`, and no `message-end` before it.
    DoneEarly,
    Refused,
    NoName,
    ResetBeforeHead,
    ResetInBody,
    Truncated,
    WrongShape,
    HeadLate,
    Stalled,
    Drip,
    Garbage,
    /// A head over the limit: a megabyte, or the 40 kilobytes that are many over HTTP/2.
    LargeHead,
    Http2(Http2Fault),
    BadCertificate(Certificate),
    SilentHandshake,
}

impl Fault {
    pub const fn refusal(status: u16, message: &'static str) -> Self {
        Fault::Refusal { status, retry_after: None, message, error_type: None }
    }

    /// Returns the status of a refusal.
    pub fn status(self) -> Option<u16> {
        match self {
            Fault::Refusal { status, .. } | Fault::Html(status) => Some(status),
            Fault::RetryDate => Some(429),
            _ => None,
        }
    }

    pub fn needs(self) -> Needs {
        match self {
            Fault::Refused => Needs::ClosedPort,
            Fault::NoName => Needs::UnknownName,
            Fault::Http2(_) => Needs::Http2,
            Fault::BadCertificate(certificate) => Needs::Certificate(certificate),
            Fault::SilentHandshake => Needs::SilentHandshake,
            _ => Needs::Stub,
        }
    }

    /// Tells whether the stub sees every call.
    pub fn shows_calls(self) -> bool {
        let hides = [Fault::Http2(Http2Fault::NoWindow), Fault::Http2(Http2Fault::NoStreams)];
        matches!(self.needs(), Needs::Stub | Needs::Http2) && !hides.contains(&self)
    }

    /// Returns the body of a request that meets it.
    pub fn request_body(self, way: Way) -> String {
        match self {
            // More than the first window of HTTP/2 takes.
            Fault::Http2(Http2Fault::NoWindow) => {
                let mut body: serde_json::Value = serde_json::from_str(&way.body()).expect("JSON");
                let texts: Vec<_> = (0..90).map(|n| format!("{n} {}", "a ".repeat(500))).collect();
                match way {
                    Way::Embed => body["texts"] = json!(texts),
                    Way::Rerank => body["documents"] = json!(texts),
                    _ => body["messages"][0]["content"] = json!(texts.concat()),
                }
                body.to_string()
            }
            _ => way.body(),
        }
    }

    /// Returns what the upstream does about a request.
    pub fn steps(self, way: Way, seen: &Seen) -> Vec<Step> {
        match self {
            Fault::Refusal { status, retry_after, message, error_type } => {
                let mut headers = vec![("content-type", "application/json")];
                headers.extend(retry_after.map(|seconds| ("retry-after", seconds)));
                let mut body = json!({ "id": "cohere-id", "message": message });
                if let Some(error_type) = error_type {
                    body["error_type"] = json!(error_type);
                }
                write_answer(status, &headers, body.to_string().as_bytes())
            }
            Fault::RetryDate => {
                let date = httpdate::fmt_http_date(SystemTime::now() + HALF_A_MINUTE);
                let message = json!({ "message": "past the per minute request limit" });
                write_answer(429, &[("retry-after", &date)], message.to_string().as_bytes())
            }
            Fault::StalledRefusal(status) => {
                let refusal = write_json(status, &json!({ "message": "no" }));
                [cut_body(refusal, 5), vec![Step::Hang]].concat()
            }
            Fault::Html(status) => {
                write_answer(status, &[("content-type", "text/html")], b"<html>No</html>")
            }
            Fault::KeyReplaced => refuse_key(),
            Fault::EndsInError(error_type) => ends_in_error(error_type),
            Fault::ErrorEvent => {
                begin_and_end(way, b"event: error\ndata: {\"message\":\"no\"}\n\n")
            }
            Fault::DoneEarly => begin_and_end(way, DONE.as_bytes()),
            Fault::ResetBeforeHead => vec![Step::Reset],
            Fault::ResetInBody => begin_stream(way, vec![Step::Reset]),
            Fault::Truncated => begin_stream(way, vec![Step::Close]),
            Fault::WrongShape => wrong_shape(way),
            Fault::HeadLate => [vec![Step::Wait(LATE)], way.good_steps()].concat(),
            Fault::Stalled => begin_stream(way, vec![Step::Hang]),
            Fault::Drip => drip_bytes(way),
            Fault::Garbage => write_garbage(way),
            Fault::LargeHead => write_answer(
                200,
                &[("x-large", &"a".repeat(if seen.is_http2 { 40_000 } else { 1_000_000 }))],
                way.good_body().as_bytes(),
            ),
            Fault::Http2(fault) => fault.steps(way, seen),
            Fault::Refused | Fault::NoName | Fault::BadCertificate(_) | Fault::SilentHandshake => {
                unreachable!("{self:?} lets no request through")
            }
        }
    }
}

pub fn refuse_key() -> Vec<Step> {
    write_json(401, &json!({ "message": "invalid api token" }))
}

/// Writes an answer up to where the fault strikes.
fn begin_stream(way: Way, then: Vec<Step>) -> Vec<Step> {
    let opened = match way {
        Way::Stream => vec![write_stream_head(&[]), write_chunk(START.as_bytes())],
        Way::Opened => {
            vec![
                write_stream_head(&[]),
                write_chunk(START.as_bytes()),
                write_chunk(DELTA.as_bytes()),
            ]
        }
        Way::Chat | Way::Embed | Way::Rerank => cut_body(way.good_steps(), 5),
    };
    opened.into_iter().chain(then).collect()
}

/// Writes a stream up to where the fault strikes, and the event that is the fault.
fn begin_and_end(way: Way, event: &[u8]) -> Vec<Step> {
    begin_stream(way, vec![write_chunk(event), Step::End])
}

fn wrong_shape(way: Way) -> Vec<Step> {
    match way {
        Way::Opened => begin_stream(
            way,
            vec![
                write_chunk(b"data: {\"unexpected\":true}\n\n"),
                write_chunk(END.as_bytes()),
                write_chunk(DONE.as_bytes()),
                Step::End,
            ],
        ),
        _ => write_json(200, &json!({ "unexpected": true })),
    }
}

/// Never silent for long, and never done.
fn drip_bytes(way: Way) -> Vec<Step> {
    let pause = Step::Wait(Duration::from_millis(50));
    let drops: Vec<Step> = match way {
        Way::Stream => vec![write_chunk(b": a comment\n\n"); 60],
        Way::Opened => vec![write_chunk(DELTA.as_bytes()); 60],
        Way::Chat | Way::Embed | Way::Rerank => {
            let whole = write_answer(200, &[("content-type", "application/json")], &[b' '; 60]);
            let letters = std::iter::repeat_n(write_chunk(b" "), 59);
            whole.into_iter().take(1).chain(letters).collect()
        }
    };
    let head = if way.is_stream() { begin_stream(way, Vec::new()) } else { Vec::new() };
    head.into_iter().chain(drops.into_iter().flat_map(|drop| [drop, pause.clone()])).collect()
}

fn write_garbage(way: Way) -> Vec<Step> {
    match way {
        Way::Opened => begin_stream(
            way,
            vec![Step::Raw(Bytes::from_static(b"no chunk at all\r\n")), Step::Close],
        ),
        _ => vec![Step::Raw(Bytes::from_static(b"this is no HTTP\r\n\r\n")), Step::Close],
    }
}

fn ends_in_error(error_type: Option<&str>) -> Vec<Step> {
    let mut delta = json!({ "finish_reason": "ERROR", "error": "it went wrong" });
    if let Some(error_type) = error_type {
        delta["error_type"] = json!(error_type);
    }
    let end = format!(
        "event: message-end\ndata: {}\n\n",
        json!({ "type": "message-end", "delta": delta })
    );
    write_stream(&[], &[START.as_bytes(), end.as_bytes(), DONE.as_bytes()])
}
