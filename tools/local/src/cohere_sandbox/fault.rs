//! Faults on request: what an upstream can do wrong, and the small language that names it.
//!
//! A fault is a line of parts separated by spaces, such as `status=429 header=retry-after:2` or
//! `delay_ms=200 cut_after_events=3`. Several parts work together; `body=` takes the rest of the
//! line. What a part does: [`Fault`].

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::chat;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::{Content, Reply};

/// One request's fault; the default is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    /// `status=N`: this status; from 400 on with an error as the API words it.
    pub status: Option<StatusCode>,
    /// `header=name:value`, any number: added to the answer, replacing what was there.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `body=…`: this body, as it is.
    pub body: Option<String>,
    /// `delay_ms=N`: nothing at all is sent before that time.
    pub delay: Duration,
    /// `stall_after_…=N`, `cut_after_…=N`: how the body ends early.
    pub ending: Option<(Ending, BodyPosition)>,
    /// `malformed`: broken JSON, in a stream in the event after `message-start`.
    pub malformed: bool,
    /// `html`: a proxy's HTML page, status 502 unless another is given.
    pub html: bool,
    /// `stream_error=TYPE`: the API's own failure, a `message-end` with ERROR; not streamed, a 422.
    pub stream_error: Option<String>,
    /// `after_events=N`: how many events go before it; 1 (`message-start`) if not given.
    pub after_events: Option<usize>,
    /// `split_utf8`: every multi-byte character is sent in two writes.
    pub split_utf8: bool,
    /// `model=ID`: only requests for this model meet the fault; it goes with another part.
    pub model: Option<String>,
    /// `trickle_ms=N`: the pause between events or pieces.
    pub trickle: Option<Duration>,
}

/// What happens where a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing more is sent; the connection stays.
    Stall,
    /// The connection is closed in the middle of the body.
    Cut,
}

/// Where a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPosition {
    Events(usize),
    Bytes(usize),
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut fault = Fault::default();
        let mut remaining = line.trim();
        while !remaining.is_empty() {
            if let Some(body) = remaining.strip_prefix("body=") {
                fault.body = Some(body.to_owned());
                break;
            }
            let (part, after) = remaining.split_once(' ').unwrap_or((remaining, ""));
            fault.add_part(part)?;
            remaining = after.trim_start();
        }
        if (Fault { model: None, ..fault.clone() }) == Fault::default() {
            return Err("a fault needs at least one part, such as status=503".to_owned());
        }
        if fault.after_events.is_some() && fault.stream_error.is_none() {
            return Err("after_events= needs stream_error=".to_owned());
        }
        Ok(fault)
    }
}

impl Fault {
    fn add_part(&mut self, part: &str) -> Result<(), String> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "status" => self.status = Some(parse_status(part, value)?),
            "header" => self.headers.push(parse_header(part, value)?),
            "delay_ms" => self.delay = parse_milliseconds(part, value)?,
            "trickle_ms" => self.trickle = Some(parse_milliseconds(part, value)?),
            "stall_after_events" => {
                let position = BodyPosition::Events(parse_number(part, value)?);
                self.ending = Some((Ending::Stall, position));
            }
            "stall_after_bytes" => {
                let position = BodyPosition::Bytes(parse_number(part, value)?);
                self.ending = Some((Ending::Stall, position));
            }
            "cut_after_events" => {
                let position = BodyPosition::Events(parse_number(part, value)?);
                self.ending = Some((Ending::Cut, position));
            }
            "cut_after_bytes" => {
                let position = BodyPosition::Bytes(parse_number(part, value)?);
                self.ending = Some((Ending::Cut, position));
            }
            "after_events" => self.after_events = Some(parse_number(part, value)?),
            "stream_error" if !value.is_empty() => self.stream_error = Some(value.to_owned()),
            "stream_error" => return Err(format!("`{part}`: an error type is expected")),
            "model" if !value.is_empty() => self.model = Some(value.to_owned()),
            "model" => return Err(format!("`{part}`: a model's id is expected")),
            "malformed" | "html" | "split_utf8" if part.contains('=') => {
                return Err(format!("`{part}`: `{name}` takes no value"));
            }
            "malformed" => self.malformed = true,
            "html" => self.html = true,
            "split_utf8" => self.split_utf8 = true,
            _ => {
                return Err(format!(
                    "`{part}` is no fault; known are status= header= delay_ms= trickle_ms= \
                     stall_after_events= stall_after_bytes= cut_after_events= cut_after_bytes= \
                     stream_error= after_events= model= malformed html split_utf8 body="
                ));
            }
        }
        Ok(())
    }

    /// Tells whether a request meets this fault: one that names a model is met by that model's requests alone.
    pub(super) fn is_met_by(&self, request: &ReceivedRequest) -> bool {
        let Some(model) = &self.model else { return true };
        match serde_json::from_slice::<NamedModel>(&request.body) {
            Ok(named) => named.model == *model,
            Err(_) => false,
        }
    }

    /// The answer that this fault gives in place of the real one, if it does.
    pub(super) fn replacement_reply(&self, request: &ReceivedRequest) -> Option<Reply> {
        if let Some(body) = &self.body {
            let status = self.status.unwrap_or(StatusCode::OK);
            return Some(Reply::from_json(body.clone()).with_status(status));
        }
        if self.html {
            let page = "<html><head><title>502 Server Error</title></head>\n\
                        <body><h1>Error: Server Error</h1></body></html>\n";
            let status = self.status.unwrap_or(StatusCode::BAD_GATEWAY);
            let page = Reply::from_text(status, page);
            return Some(page.with_header("content-type", "text/html; charset=UTF-8"));
        }
        let status = self.status.filter(|status| status.as_u16() >= 400)?;
        let error = ApiError::new(status.as_u16(), default_message(status));
        let typed = status == StatusCode::UNPROCESSABLE_ENTITY;
        let error = if typed { error.with_type("NO_VALID_RESPONSE_GENERATED") } else { error };
        Some(error.into_reply(request))
    }

    /// Changes an answer's content and head; how it is sent is up to `delivery.rs`.
    pub(super) fn apply_to(&self, mut reply: Reply, request: &ReceivedRequest) -> Reply {
        if let Some(error_type) = &self.stream_error {
            let message = chat::stream_error_message(error_type);
            match &mut reply.content {
                Content::Events(form, events) => {
                    events.truncate(self.after_events.unwrap_or(1));
                    let ending = form.error_ending(&message, error_type);
                    events.extend(ending.into_iter().map(Bytes::from));
                }
                Content::Whole(_) => {
                    reply = ApiError::new(422, message).with_type(error_type).into_reply(request)
                }
            }
        }
        if self.malformed {
            break_json(&mut reply.content);
        }
        if let Some(status) = self.status {
            reply.status = status;
        }
        for (name, value) in &self.headers {
            reply.headers.insert(name, value.clone());
        }
        reply
    }
}

/// What of a request says which model is meant.
#[derive(serde::Deserialize)]
struct NamedModel {
    model: String,
}

fn break_json(content: &mut Content) {
    match content {
        Content::Whole(body) => body.truncate(body.len() / 2),
        Content::Events(form, events) => {
            events.insert(1.min(events.len()), Bytes::from(form.broken_event()));
        }
    }
}

fn parse_number(part: &str, value: &str) -> Result<usize, String> {
    value.parse().map_err(|_| format!("`{part}`: a whole number is expected"))
}

fn parse_milliseconds(part: &str, value: &str) -> Result<Duration, String> {
    Ok(Duration::from_millis(parse_number(part, value)? as u64))
}

fn parse_status(part: &str, value: &str) -> Result<StatusCode, String> {
    let status = value.parse().ok().filter(|status| (200..=599).contains(status));
    status
        .and_then(|status: u16| StatusCode::from_u16(status).ok())
        .ok_or_else(|| format!("`{part}`: a status from 200 to 599 is expected"))
}

fn parse_header(part: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = value
        .split_once(':')
        .and_then(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    parsed.ok_or_else(|| format!("`{part}`: header=name:value is expected"))
}

/// The API's words for a status.
fn default_message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => {
            "invalid request: message must be at least 1 token long or tool results must be \
             specified."
        }
        401 => "invalid api token",
        402 => {
            "Please add or update your payment method at \
             https://dashboard.cohere.com/billing?tab=payment to continue"
        }
        403 => "you do not have access to this resource",
        404 => {
            "model 'xyz' not found, make sure the correct model ID was used and that you have \
             access to the model."
        }
        422 => "No valid response generated. Try updating messages",
        429 => "You are past the per minute request limit, please wait and try again later.",
        498 => "blocked input: please adjust your prompt and try again",
        499 => "request cancelled",
        503 => "service unavailable",
        504 => "gateway timeout",
        _ => "internal server error",
    }
}
