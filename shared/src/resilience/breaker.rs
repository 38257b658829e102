//! Circuit breaker for one upstream: closed passes, open refuses, half-open passes one probe.
//!
//! Scope: environment. A breaker ends with its environment and knows nothing of other environments, so
//! the threshold is small on purpose. The answer to a call that was admitted before the
//! breaker opened never closes it. There is no clock and no chance here: callers pass `now` and random numbers.

use super::ramp;
use crate::clock::Instant;
use crate::config::BreakerConfig;
use std::time::Duration;

/// How much longer or shorter than it should a breaker is open, so that not all environments probe together.
const OPEN_SPREAD: f64 = 0.1;

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl BreakerState {
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
        }
    }
}

/// The right to make one call; it must be given back with what became of the call.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    /// The period of the breaker's life in which the call was admitted.
    period: u64,
    probe: bool,
}

impl Permit {
    /// Tells whether the call is the one that decides whether the breaker closes.
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

/// A refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When a probe may be admitted.
    pub until: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed {
        failures: u32,
        /// Since when calls are held back, if they are.
        ramp_from: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    /// `probing` while the probe is on its way.
    HalfOpen {
        probing: bool,
    },
}

#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    /// Counts the transitions, so that a permit tells in which period it was given.
    period: u64,
}

impl Breaker {
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, phase: Phase::Closed { failures: 0, ramp_from: None }, period: 0 }
    }

    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Tells whether it is closed and has nothing held against the upstream.
    pub fn is_untroubled(&self) -> bool {
        matches!(self.phase, Phase::Closed { failures: 0, .. })
    }

    /// Tells whether a call would be admitted, without changing anything.
    ///
    /// # Errors
    /// As `admit`.
    pub fn check(&self, now: Instant) -> Result<(), Refused> {
        match self.phase {
            Phase::Open { until } if now < until => Err(Refused { until }),
            Phase::HalfOpen { probing: true } => Err(Refused { until: now }),
            Phase::Closed { .. } | Phase::Open { .. } | Phase::HalfOpen { probing: false } => {
                Ok(())
            }
        }
    }

    /// Asks for a call.
    ///
    /// # Errors
    /// The breaker is open, or its one probe is on its way.
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Refused> {
        self.check(now)?;
        let probe = self.state() != BreakerState::Closed;
        if probe {
            self.phase = Phase::HalfOpen { probing: true };
        }
        Ok(Permit { period: self.period, probe })
    }

    /// Returns how long an admitted call is held back, since the breaker has closed a moment ago.
    ///
    /// `random` lies in 0..1.
    pub fn choose_hold(&self, now: Instant, random: f64) -> Duration {
        match self.phase {
            Phase::Closed { ramp_from: Some(closed), .. } => {
                ramp::choose_hold(now.saturating_duration_since(closed), random)
            }
            Phase::Closed { ramp_from: None, .. } | Phase::Open { .. } | Phase::HalfOpen { .. } => {
                Duration::ZERO
            }
        }
    }

    /// Records that a call succeeded; where that closes the breaker, calls are held back from `ramp_from` on.
    pub fn record_success(&mut self, permit: Permit, ramp_from: Option<Instant>) {
        if permit.period != self.period {
            return;
        }
        match self.phase {
            Phase::Closed { ramp_from, .. } => {
                self.phase = Phase::Closed { failures: 0, ramp_from };
            }
            Phase::HalfOpen { .. } => self.enter_phase(Phase::Closed { failures: 0, ramp_from }),
            Phase::Open { .. } => {}
        }
    }

    /// Records that a call failed by the upstream's fault.
    ///
    /// `random` lies in 0..1 and decides how long the breaker is open, if it opens: 0.5 is the time that is set.
    pub fn record_failure(&mut self, permit: Permit, now: Instant, random: f64) {
        if permit.period != self.period {
            return;
        }
        let spread = 1.0 + OPEN_SPREAD * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        let open = Phase::Open { until: now + self.config.open_for.mul_f64(spread) };
        match self.phase {
            Phase::Closed { failures, ramp_from } if failures + 1 < self.config.failures => {
                self.phase = Phase::Closed { failures: failures + 1, ramp_from };
            }
            Phase::Closed { .. } | Phase::HalfOpen { .. } => self.enter_phase(open),
            Phase::Open { .. } => {}
        }
    }

    /// Records that a call ended without saying anything about the upstream; a probe may be sent again.
    pub fn return_permit(&mut self, permit: Permit) {
        if permit.probe && permit.period == self.period {
            self.phase = Phase::HalfOpen { probing: false };
        }
    }

    fn enter_phase(&mut self, phase: Phase) {
        self.phase = phase;
        self.period += 1;
    }
}

#[cfg(test)]
mod tests;
