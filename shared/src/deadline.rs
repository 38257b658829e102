//! How long a request may take, and who set the limit.
//!
//! The deadline of a request is the earliest of three: the endpoint's total time, the caller's own
//! `x-gateway-timeout-ms`, and Lambda's deadline less a margin in which the answer is written.

use crate::clock::Instant;
use crate::error::{Code, GatewayError};
use std::time::Duration;

/// Who set the limit that a request runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    Gateway,
    Caller,
    Invocation,
}

/// The moment by which a request must be answered. Scope: invocation.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    pub at: Instant,
    pub set_by: SetBy,
    total: Duration,
}

impl Deadline {
    /// Chooses the earliest limit. `invocation` is what Lambda leaves, margin already taken off.
    pub fn new(
        now: Instant,
        total: Duration,
        caller: Option<Duration>,
        invocation: Duration,
    ) -> Self {
        let mut chosen = (total, SetBy::Gateway);
        if invocation < chosen.0 {
            chosen = (invocation, SetBy::Invocation);
        }
        if let Some(caller) = caller.filter(|caller| *caller < chosen.0) {
            chosen = (caller, SetBy::Caller);
        }
        Self { at: now + chosen.0, set_by: chosen.1, total: chosen.0 }
    }

    /// Returns the earlier of this deadline and `limit` from now.
    pub fn or_after(&self, now: Instant, limit: Duration) -> Instant {
        self.at.min(now + limit)
    }

    /// Creates the error of a request whose time ran out.
    pub fn error(&self) -> GatewayError {
        let limit = self.total.as_millis();
        let by = match self.set_by {
            SetBy::Gateway => "the gateway's limit for such a request",
            SetBy::Caller => "the request's own x-gateway-timeout-ms",
            SetBy::Invocation => "the time the function had left",
        };
        GatewayError::new(Code::Deadline, format!("no answer within {limit} ms, {by}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_limit_wins_and_is_named() {
        let (now, ms) = (crate::clock::now(), Duration::from_millis);
        let cases = [
            ((500, None, 900), (500, SetBy::Gateway)),
            ((500, Some(200), 900), (200, SetBy::Caller)),
            ((500, Some(800), 900), (500, SetBy::Gateway)),
            ((500, Some(300), 100), (100, SetBy::Invocation)),
        ];
        for ((total, caller, invocation), (millis, set_by)) in cases {
            let deadline = Deadline::new(now, ms(total), caller.map(ms), ms(invocation));
            assert_eq!((deadline.at - now, deadline.set_by), (ms(millis), set_by));
        }
    }
}
