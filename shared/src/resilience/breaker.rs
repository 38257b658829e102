//! Circuit breaker for one upstream: closed passes, open refuses, half-open passes one probe.
//!
//! Scope: environment. A breaker is forgotten when Lambda retires its sandbox and knows nothing of its
//! rounds, so the threshold is small on purpose. The answer to a call that was admitted before the
//! breaker opened never closes it. There is no clock here: callers pass `now`.

use crate::clock::Instant;
use crate::config::BreakerConfig;

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    HalfOpen,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half-open",
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
enum Inner {
    Closed {
        failures: u32,
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
    inner: Inner,
    /// Counts the transitions, so that a permit tells in which period it was given.
    period: u64,
}

impl Breaker {
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, inner: Inner::Closed { failures: 0 }, period: 0 }
    }

    pub fn state(&self) -> State {
        match self.inner {
            Inner::Closed { .. } => State::Closed,
            Inner::Open { .. } => State::Open,
            Inner::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Asks for a call.
    ///
    /// # Errors
    /// The breaker is open, or its one probe is on its way.
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Refused> {
        match self.inner {
            Inner::Closed { .. } => Ok(Permit { period: self.period, probe: false }),
            Inner::Open { until } if now < until => Err(Refused { until }),
            Inner::HalfOpen { probing: true } => Err(Refused { until: now }),
            Inner::Open { .. } | Inner::HalfOpen { probing: false } => {
                self.inner = Inner::HalfOpen { probing: true };
                Ok(Permit { period: self.period, probe: true })
            }
        }
    }

    /// Notes that a call succeeded.
    pub fn succeeded(&mut self, permit: Permit) {
        if permit.period != self.period {
            return;
        }
        match self.inner {
            Inner::Closed { .. } => self.inner = Inner::Closed { failures: 0 },
            Inner::HalfOpen { .. } => self.enter(Inner::Closed { failures: 0 }),
            Inner::Open { .. } => {}
        }
    }

    /// Notes that a call failed by the upstream's fault.
    pub fn failed(&mut self, permit: Permit, now: Instant) {
        if permit.period != self.period {
            return;
        }
        let open = Inner::Open { until: now + self.config.open_for };
        match self.inner {
            Inner::Closed { failures } if failures + 1 < self.config.failures => {
                self.inner = Inner::Closed { failures: failures + 1 };
            }
            Inner::Closed { .. } | Inner::HalfOpen { .. } => self.enter(open),
            Inner::Open { .. } => {}
        }
    }

    /// Notes that a call ended without saying anything about the upstream; a probe may be sent again.
    pub fn cancelled(&mut self, permit: Permit) {
        if permit.probe && permit.period == self.period {
            self.inner = Inner::HalfOpen { probing: false };
        }
    }

    fn enter(&mut self, inner: Inner) {
        self.inner = inner;
        self.period += 1;
    }
}

#[cfg(test)]
mod tests;
