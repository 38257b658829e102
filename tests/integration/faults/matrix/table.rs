//! The table: what each fault must come to.

mod connection;

use super::fault::Fault;
use super::outcome::{Expected, Outcome, Then, Within};
use gateway_tests::ways::Way;

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Expect(Expected),
    /// Cannot be, and why.
    Never(&'static str),
}

pub struct Row {
    pub name: &'static str,
    pub fault: Fault,
    /// Chat, embed and rerank.
    whole: Cell,
    /// A stream before its first content.
    stream: Cell,
    opened: Cell,
}

impl Row {
    pub fn cell(&self, way: Way) -> &Cell {
        match way {
            Way::Chat | Way::Embed | Way::Rerank => &self.whole,
            Way::Stream => &self.stream,
            Way::Opened => &self.opened,
        }
    }
}

const STATUS_SENT: &str = "the status has come";
const CONNECTED: &str = "there is a connection";
const NO_STREAM: &str = "not a stream";

fn expect(answer: &str, calls: usize, within: Within) -> Expected {
    let (fallback, then) = ("–".to_string(), Then::Called);
    let outcome = Outcome { answer: answer.into(), calls, retry_after: None, fallback, then };
    Expected { outcome, within }
}

impl Expected {
    fn asks_to_wait(mut self, seconds: u64) -> Self {
        self.outcome.retry_after = Some(seconds);
        self
    }

    fn falls_back(mut self) -> Self {
        self.outcome.fallback = "answers".into();
        self
    }

    fn fallback_fails(mut self) -> Self {
        self.outcome.fallback = "fails too".into();
        self
    }

    /// Cohere's host is at fault, and with it every model.
    fn has_no_fallback(mut self) -> Self {
        self.outcome.fallback = "–".into();
        self
    }

    fn then(mut self, then: Then) -> Self {
        self.outcome.then = then;
        self
    }
}

/// A fault that comes to the same however it is asked, but for a stream that has opened.
fn row(name: &'static str, fault: Fault, expected: Expected, opened: Cell) -> Row {
    let cell = Cell::Expect(expected);
    Row { name, fault, whole: cell.clone(), stream: cell, opened }
}

/// A refusal: it has a status, so it cannot come to a stream that has opened.
fn refusal(name: &'static str, fault: Fault, expected: Expected) -> Row {
    row(name, fault, expected, Cell::Never(STATUS_SENT))
}

/// A failure that is tried three times, counts for the breaker, and falls back.
fn failing(answer: &str) -> Expected {
    expect(answer, 3, Within::Waits).falls_back().then(Then::BreakerOpen)
}

/// A connection that breaks after the request was sent.
fn broken() -> Expected {
    failing("503 upstream_unreachable").asks_to_wait(1)
}

/// No connection at all: nothing was sent.
fn unreachable() -> Expected {
    broken().has_no_fallback()
}

fn slow() -> Expected {
    Expected { within: Within::Attempts, ..failing("504 upstream_timeout") }
}

/// A stream that fails after content: nothing can be tried again, and the failure still counts.
fn ends_in(code: &str, within: Within) -> Expected {
    expect(&format!("200, ends in {code}"), 1, within).then(Then::BreakerOpen)
}

fn throttled(retry_after: Option<&'static str>) -> Fault {
    Fault::Refusal {
        status: 429,
        retry_after,
        message: "past the per minute request limit",
        error_type: None,
    }
}

fn unprocessable(error_type: Option<&'static str>) -> Fault {
    Fault::Refusal { status: 422, retry_after: None, message: "no", error_type }
}

/// Returns the whole table.
pub fn rows() -> Vec<Row> {
    let transient = Some("NO_VALID_RESPONSE_GENERATED");
    let in_cooldown = |calls, within, seconds| {
        expect("429 rate_limited", calls, within)
            .asks_to_wait(seconds)
            .falls_back()
            .then(Then::ModelInCooldown)
    };
    let bad_key = |answer| expect(answer, 1, Within::AtOnce).then(Then::KeyRefused);
    let rejected = |answer| expect(answer, 1, Within::AtOnce);
    let cut = || Cell::Expect(ends_in("upstream_malformed", Within::AtOnce));
    // The request's own time says nothing about Cohere.
    let out_of_time = ends_in("deadline", Within::Total).then(Then::Called);
    let never = Cell::Never;
    let mut rows = vec![
        refusal("429, `Retry-After: 1`", throttled(Some("1")), in_cooldown(2, Within::Cooldown, 1)),
        refusal("429, `Retry-After: 60`", throttled(Some("60")), in_cooldown(1, Within::AtOnce, 5)),
        refusal("429, `Retry-After` a date", Fault::RetryDate, in_cooldown(1, Within::AtOnce, 5)),
        refusal("429", throttled(None), in_cooldown(2, Within::Cooldown, 2)),
        refusal(
            "429, its body stalls",
            Fault::StalledRefusal(429),
            Expected { within: Within::Attempts, ..in_cooldown(2, Within::Cooldown, 2) },
        ),
        refusal(
            "429 that names a month",
            Fault::refusal(429, "limited to 1000 API calls / month"),
            expect("429 quota_exhausted", 1, Within::AtOnce).asks_to_wait(1).falls_back(),
        ),
        refusal("500", Fault::refusal(500, "oh"), failing("500 upstream_error")),
        refusal("502, a page of HTML", Fault::Html(502), failing("502 upstream_error")),
        refusal("503", Fault::refusal(503, "busy"), failing("503 upstream_error").asks_to_wait(1)),
        refusal(
            "503, `Retry-After: 60`",
            Fault::Refusal {
                status: 503,
                retry_after: Some("60"),
                message: "busy",
                error_type: None,
            },
            expect("503 upstream_error", 1, Within::AtOnce).asks_to_wait(5).falls_back(),
        ),
        refusal(
            "503, its body stalls",
            Fault::StalledRefusal(503),
            Expected { within: Within::Attempts, ..failing("503 upstream_error").asks_to_wait(1) },
        ),
        refusal("504", Fault::refusal(504, "slow"), failing("504 upstream_error")),
        refusal("408", Fault::refusal(408, "too slow"), failing("504 upstream_timeout")),
        refusal("403, a page of HTML", Fault::Html(403), failing("502 upstream_malformed")),
        refusal("407, a page of HTML", Fault::Html(407), failing("502 upstream_malformed")),
        refusal(
            "499",
            Fault::refusal(499, "cancelled"),
            failing("503 upstream_error").asks_to_wait(1),
        ),
        row("connection refused", Fault::Refused, unreachable(), never(CONNECTED)),
        row(
            "name unknown to DNS",
            Fault::NoName,
            Expected { within: Within::Attempts, ..unreachable() },
            never(CONNECTED),
        ),
        row("reset before the head", Fault::ResetBeforeHead, broken(), never(STATUS_SENT)),
        row("reset in the body", Fault::ResetInBody, failing("502 upstream_malformed"), cut()),
        row("body cut short", Fault::Truncated, failing("502 upstream_malformed"), cut()),
        row(
            "JSON of another shape",
            Fault::WrongShape,
            failing("502 upstream_malformed"),
            Cell::Expect(expect("200", 1, Within::AtOnce)),
        ),
        row("head too late", Fault::HeadLate, slow(), never(STATUS_SENT)),
        row(
            "body stalls",
            Fault::Stalled,
            slow(),
            Cell::Expect(ends_in("upstream_timeout", Within::Idle)),
        ),
        row("body drips", Fault::Drip, slow(), Cell::Expect(out_of_time)),
        row("no HTTP at all", Fault::Garbage, broken(), cut()),
        refusal("a head over the limit", Fault::LargeHead, broken()),
        refusal(
            "401, another key in the secret",
            Fault::KeyReplaced,
            expect("200", 2, Within::Wait),
        ),
        refusal("401", Fault::refusal(401, "invalid api token"), bad_key("502 upstream_auth")),
        refusal(
            "401, its body stalls",
            Fault::StalledRefusal(401),
            Expected { within: Within::Attempts, ..bad_key("502 upstream_auth") },
        ),
        refusal("402", Fault::refusal(402, "pay"), bad_key("502 upstream_billing")),
        refusal("498", Fault::refusal(498, "blocked input"), rejected("498 invalid_request")),
        refusal("403", Fault::refusal(403, "no access"), rejected("403 invalid_request")),
        refusal(
            "404, model unknown",
            Fault::refusal(404, "model not found"),
            rejected("404 invalid_request"),
        ),
        refusal(
            "422 `NO_VALID_RESPONSE_GENERATED`",
            unprocessable(transient),
            expect("422 invalid_request", 2, Within::Wait),
        ),
        refusal("422", unprocessable(None), rejected("422 invalid_request")),
        Row {
            whole: never(NO_STREAM),
            ..row(
                "`message-end` with ERROR first",
                Fault::EndsInError(None),
                failing("500 upstream_error"),
                never("it is an ordinary ending, and passes"),
            )
        },
        Row {
            whole: never(NO_STREAM),
            ..row(
                "the same, `NO_VALID_RESPONSE_GENERATED`",
                Fault::EndsInError(transient),
                expect("422 invalid_request", 2, Within::Wait),
                never("it is an ordinary ending, and passes"),
            )
        },
        Row {
            whole: never(NO_STREAM),
            ..row(
                "an error in an event's place",
                Fault::ErrorEvent,
                failing("500 upstream_error"),
                Cell::Expect(ends_in("upstream_error", Within::AtOnce)),
            )
        },
        Row {
            whole: never(NO_STREAM),
            ..row(
                "`[DONE]` without `message-end`",
                Fault::DoneEarly,
                failing("502 upstream_malformed"),
                cut(),
            )
        },
    ];
    rows.extend(connection::rows_of_tls());
    rows.extend(connection::rows_of_http2());
    rows
}
