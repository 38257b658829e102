//! The right to make one call, and what became of it: for the model's breaker and for the host's.

use super::{SharedRounds, UpstreamState};
use crate::clock::{Instant, now};
use crate::endpoint::Endpoint;
use crate::error::{Cause, GatewayError};
use crate::resilience::breaker::{Breaker, Permit};
use crate::resilience::retry::{Disposition, Trips};

/// What became of an admitted call, for each of the two breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    pub(super) model: Verdict,
    pub(super) host: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
    /// Nothing was learnt: it neither counts as a failure nor forgives one.
    Unknown,
}

impl CallOutcome {
    pub const SUCCESS: Self = Self { model: Verdict::Success, host: Verdict::Success };
    const CANCELLED: Self = Self { model: Verdict::Unknown, host: Verdict::Unknown };
}

impl From<&GatewayError> for CallOutcome {
    /// Returns what a failed call says. A refusal of the request, the key or the account says nothing of
    /// the model, but any answer says that the host can be reached.
    fn from(error: &GatewayError) -> Self {
        let cause = error.cause();
        let is_answered = cause == Cause::Server || error.upstream.is_some();
        let unreached = if is_answered { Verdict::Success } else { Verdict::Unknown };
        match Disposition::from(cause).trips {
            Trips::Host => Self { model: Verdict::Unknown, host: Verdict::Failure },
            Trips::Model => Self { model: Verdict::Failure, host: unreached },
            Trips::Nothing => Self { model: Verdict::Unknown, host: unreached },
        }
    }
}

/// A call that a breaker has refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusedCall {
    /// When a probe may be admitted.
    pub until: Instant,
    pub is_by_host: bool,
}

/// The right to make one call. It returns itself: a call that is dropped was cancelled.
pub struct CallPermit {
    pub(super) state: &'static UpstreamState,
    pub(super) endpoint: Endpoint,
    pub(super) model: String,
    pub(super) permits: Option<Permits>,
    pub(super) rounds: SharedRounds,
    /// Which of its sub-request's attempts the call is, from 1.
    pub(super) attempt: u32,
}

pub(super) struct Permits {
    pub(super) host: Permit,
    pub(super) model: Permit,
}

impl CallPermit {
    /// Tells whether the call is one that decides whether a breaker closes.
    pub fn is_probe(&self) -> bool {
        match &self.permits {
            Some(permits) => permits.host.is_probe() || permits.model.is_probe(),
            None => false,
        }
    }

    /// Tells the breakers what became of the call.
    pub fn report(mut self, outcome: CallOutcome) {
        self.return_permits(outcome);
    }

    fn return_permits(&mut self, outcome: CallOutcome) {
        let Some(Permits { host: of_host, model: of_model }) = self.permits.take() else { return };
        let mut rounds = self.rounds.lock_rounds();
        let CallOutcome { mut host, mut model } = outcome;
        // A probe speaks for itself, whatever failed before it.
        if host == Verdict::Failure
            && !rounds.count_host_failure(self.attempt)
            && !of_host.is_probe()
        {
            host = Verdict::Unknown;
        }
        if model == Verdict::Failure && !rounds.count_failure(self.attempt) && !of_model.is_probe()
        {
            model = Verdict::Unknown;
        }
        drop(rounds);
        let now = now();
        self.state.with_breakers(self.endpoint, &self.model, |host_breaker, state| {
            tell_breaker(host_breaker, of_host, host, now);
            tell_breaker(&mut state.breaker, of_model, model, now);
        });
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.return_permits(CallOutcome::CANCELLED);
    }
}

fn tell_breaker(breaker: &mut Breaker, permit: Permit, verdict: Verdict, now: Instant) {
    match verdict {
        Verdict::Success => breaker.record_success(permit),
        Verdict::Failure => breaker.record_failure(permit, now),
        Verdict::Unknown => breaker.return_permit(permit),
    }
}
