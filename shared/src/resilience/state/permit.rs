//! The right to make one call, and what became of it: for the model's breaker and for the host's.

use super::{SharedRounds, UpstreamState};
use crate::clock::{Instant, now};
use crate::endpoint::Endpoint;
use crate::error::{Cause, GatewayError};
use crate::resilience::breaker::{Breaker, Permit};
use crate::resilience::ramp::Traffic;
use crate::resilience::retry::{Disposition, Trips};
use std::time::Duration;

/// What became of an admitted call, for each of the two breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    pub(super) model: Finding,
    pub(super) host: Finding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Success,
    Failure,
    /// Nothing was learnt: it neither counts as a failure nor forgives one.
    Unknown,
}

impl CallOutcome {
    pub const SUCCESS: Self = Self { model: Finding::Success, host: Finding::Success };
    pub(super) const SLOW: Self = Self { model: Finding::Failure, host: Finding::Success };
    const CANCELLED: Self = Self { model: Finding::Unknown, host: Finding::Unknown };
}

impl From<&GatewayError> for CallOutcome {
    /// Returns what a failed call says. A refusal of the request, the key or the account says nothing of
    /// the model, but any answer says that the host can be reached.
    fn from(error: &GatewayError) -> Self {
        let cause = error.cause();
        let is_answered = cause == Cause::Server || error.upstream.is_some();
        let unreached = if is_answered { Finding::Success } else { Finding::Unknown };
        match Disposition::from(cause).trips {
            Trips::Host => Self { model: Finding::Unknown, host: Finding::Failure },
            Trips::Model => Self { model: Finding::Failure, host: unreached },
            Trips::Nothing => Self { model: Finding::Unknown, host: unreached },
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
    /// How long the call is to be held back.
    pub(super) hold: Duration,
    /// It is the model that is to be spared, and not the whole host.
    pub(super) is_models_hold: bool,
    pub(super) is_slow: bool,
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

    /// Returns how long the call is to be held back.
    pub fn hold(&self) -> Duration {
        self.hold
    }

    /// Tells whether another model may be called in the place of one that is to be spared.
    pub fn prefers_fallback(&self) -> bool {
        self.is_models_hold
    }

    /// Learns how long the answer took; a slow one is a failure of the model, whatever is reported.
    pub fn judge_time(&mut self, is_stream: bool, took: Duration) {
        self.is_slow = self.state.judge_time(self.endpoint, &self.model, is_stream, took);
    }

    /// Tells the breakers what became of the call.
    pub fn report(mut self, outcome: CallOutcome) {
        let is_slow = self.is_slow && outcome == CallOutcome::SUCCESS;
        self.return_permits(if is_slow { CallOutcome::SLOW } else { outcome });
    }

    fn return_permits(&mut self, outcome: CallOutcome) {
        let Some(Permits { host: of_host, model: of_model }) = self.permits.take() else { return };
        let mut rounds = self.rounds.lock_rounds();
        let CallOutcome { mut host, mut model } = outcome;
        // A probe speaks for itself, whatever failed before it.
        if host == Finding::Failure
            && !rounds.count_host_failure(self.attempt)
            && !of_host.is_probe()
        {
            host = Finding::Unknown;
        }
        if model == Finding::Failure && !rounds.count_failure(self.attempt) && !of_model.is_probe()
        {
            model = Finding::Unknown;
        }
        drop(rounds);
        let now = now();
        self.state.with_breakers(self.endpoint, &self.model, |host_state, state| {
            tell_breaker(&mut host_state.breaker, &host_state.traffic, of_host, host, now);
            tell_breaker(&mut state.breaker, &state.traffic, of_model, model, now);
        });
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.return_permits(CallOutcome::CANCELLED);
    }
}

fn tell_breaker(
    breaker: &mut Breaker,
    traffic: &Traffic,
    permit: Permit,
    verdict: Finding,
    now: Instant,
) {
    match verdict {
        Finding::Success => {
            let ramp_from = if traffic.is_busy(now) { Some(now) } else { None };
            breaker.record_success(permit, ramp_from);
        }
        Finding::Failure => breaker.record_failure(permit, now, fastrand::f64()),
        Finding::Unknown => breaker.return_permit(permit),
    }
}
