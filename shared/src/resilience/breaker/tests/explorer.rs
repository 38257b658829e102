//! Every interleaving of three callers and the clock, to a bounded length.
//!
//! Breadth first, so that a broken promise is shown by a shortest way to it. Worlds that differ only in
//! the callers' names or in how long ago everything happened are visited once, which is what makes
//! lengths of interest affordable; the promises themselves know nothing of periods.

use super::super::*;
use super::{Answer, MOMENT, tell};
use crate::clock::now;
use crate::resilience::ramp::{LONGEST_HOLD, RAMP};
use std::collections::HashSet;
use std::time::Duration;

const CALLERS: usize = 3;
const LENGTH: usize = 40;
const CONFIG: BreakerConfig = BreakerConfig { failures: 2, open_for: Duration::from_secs(60) };

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit,
    End(usize, Answer),
    Wait(Duration),
}

/// A call under way.
#[derive(Debug)]
struct Call {
    permit: Permit,
    /// The breaker has not changed its state since the call was admitted.
    current: bool,
}

struct World {
    breaker: Breaker,
    calls: Vec<Call>,
    now: Instant,
    /// When the breaker was last seen to open.
    opened: Instant,
    /// Failures of current calls since the last success or transition.
    in_a_row: u32,
    /// When a probe of a busy model closed the breaker, if nothing has changed since.
    ramp_from: Option<Instant>,
    way: Vec<Step>,
}

impl World {
    fn copy(&self) -> Self {
        let Breaker { config, phase, period } = self.breaker;
        let call = |Call { permit: Permit { period, probe }, current }: &Call| Call {
            permit: Permit { period: *period, probe: *probe },
            current: *current,
        };
        Self {
            breaker: Breaker { config, phase, period },
            calls: self.calls.iter().map(call).collect(),
            way: self.way.clone(),
            ..*self
        }
    }

    /// Returns all that can bear on the future.
    fn essence(&self) -> impl Eq + std::hash::Hash + use<> {
        let phase = match self.breaker.phase {
            Phase::Closed { failures, ramp_from } => {
                (BreakerState::Closed as u8, failures, self.age_of_ramp(ramp_from))
            }
            Phase::Open { until } => {
                (BreakerState::Open as u8, 0, until.saturating_duration_since(self.now))
            }
            Phase::HalfOpen { probing } => {
                (BreakerState::HalfOpen as u8, probing.into(), Duration::ZERO)
            }
        };
        let age = |call: &Call| {
            (self.breaker.period - call.permit.period, call.permit.probe, call.current)
        };
        let mut calls: Vec<_> = self.calls.iter().map(age).collect();
        calls.sort_unstable();
        let open = self.breaker.state() == BreakerState::Open;
        let opens =
            open.then(|| (self.opened + CONFIG.open_for).saturating_duration_since(self.now));
        (phase, calls, opens, self.in_a_row, self.age_of_ramp(self.ramp_from))
    }

    /// Returns how far a ramp has come; one that is over is like none.
    fn age_of_ramp(&self, from: Option<Instant>) -> Duration {
        match from {
            Some(from) => RAMP.min(self.now.saturating_duration_since(from)),
            None => RAMP,
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Wait(MOMENT), Step::Wait(CONFIG.open_for - MOMENT)];
        if self.age_of_ramp(self.ramp_from) < RAMP {
            steps.push(Step::Wait(RAMP / 2));
        }
        if self.calls.len() < CALLERS {
            steps.push(Step::Admit);
        }
        for call in 0..self.calls.len() {
            let answers = [
                Answer::Success,
                Answer::BusySuccess,
                Answer::Failure,
                Answer::Slow,
                Answer::Cancelled,
            ];
            steps.extend(answers.map(|answer| Step::End(call, answer)));
        }
        steps
    }

    /// Takes a step and demands every promise of it; returns the transition that it brought.
    fn take(&mut self, step: Step) -> Option<(BreakerState, BreakerState)> {
        self.way.push(step);
        let before = self.breaker.state();
        let entitled = match step {
            Step::Admit => self.admit(before),
            Step::Wait(time) => {
                self.now += time;
                false
            }
            Step::End(call, answer) => self.end(call, answer),
        };
        let after = self.breaker.state();
        let transition = (before != after).then_some((before, after));
        self.demand(
            entitled == transition.is_some(),
            "a probe or enough failures in a row change the state, and nothing else",
        );
        if transition.is_some() {
            self.in_a_row = 0;
            for call in &mut self.calls {
                call.current = call.permit.is_probe() && matches!(step, Step::Admit);
            }
            self.ramp_from = None;
            if after == BreakerState::Open {
                self.opened = self.now;
            }
            if after == BreakerState::Closed && matches!(step, Step::End(_, Answer::BusySuccess)) {
                self.ramp_from = Some(self.now);
            }
        }
        self.demand_ramp();
        let probes = self.calls.iter().filter(|call| call.permit.is_probe()).count();
        self.demand(probes <= 1, "one probe at a time");
        self.demand(
            probes == 0 || after == BreakerState::HalfOpen,
            "a half-open period ends with its probe",
        );
        if probes == 0 {
            let mut later = self.copy();
            let admitted = later.breaker.admit(self.now + CONFIG.open_for).is_ok();
            self.demand(admitted, "never stuck: somebody is admitted after the open time");
        }
        transition
    }

    /// Demands that calls are held back after a busy model's probe, ever fewer of them, and never else.
    fn demand_ramp(&self) {
        let is_early = self.age_of_ramp(self.ramp_from) < RAMP / 2;
        let is_over = self.age_of_ramp(self.ramp_from) >= RAMP;
        for (random, held) in [(0.05, false), (0.3, is_early), (0.6, !is_over), (0.99, !is_over)] {
            let hold = self.breaker.choose_hold(self.now, random);
            self.demand(hold <= LONGEST_HOLD, "nobody is held back for long");
            self.demand(hold.is_zero() != held, "a tenth goes at once, then half, then all");
        }
    }

    /// Admits a call if the breaker does; tells whether that should have changed the breaker's state.
    fn admit(&mut self, before: BreakerState) -> bool {
        let over = self.now >= self.opened + CONFIG.open_for;
        let probing = self.calls.iter().any(|call| call.permit.is_probe());
        let admitted = self.breaker.admit(self.now);
        let (due, probe) = match before {
            BreakerState::Closed => (true, false),
            BreakerState::Open => (over, true),
            BreakerState::HalfOpen => (!probing, true),
        };
        self.demand(
            admitted.is_ok() == due,
            "open admits after its time only, half-open one probe only",
        );
        if let Ok(permit) = admitted {
            self.demand(permit.is_probe() == probe, "a probe unless closed");
            self.calls.push(Call { permit, current: true });
        }
        before == BreakerState::Open && over
    }

    /// Ends a call; tells whether that should have changed the breaker's state.
    fn end(&mut self, call: usize, answer: Answer) -> bool {
        let Call { permit, current } = self.calls.remove(call);
        let probe = permit.is_probe();
        tell(&mut self.breaker, permit, answer, self.now, 0.5);
        match answer {
            _ if !current => false,
            Answer::Cancelled => false,
            Answer::Success | Answer::BusySuccess => {
                self.in_a_row = 0;
                probe
            }
            Answer::Failure | Answer::Slow => {
                self.in_a_row += 1;
                probe || self.in_a_row == CONFIG.failures
            }
        }
    }

    #[track_caller]
    fn demand(&self, kept: bool, promise: &str) {
        assert!(kept, "{promise}; broken by {:?}, which left {:?}", self.way, self.breaker);
    }
}

#[test]
fn every_interleaving_of_three_callers_keeps_every_promise() {
    let start = now();
    let breaker = Breaker::new(CONFIG);
    let (calls, way) = (Vec::new(), Vec::new());
    let first =
        World { breaker, calls, now: start, opened: start, in_a_row: 0, ramp_from: None, way };
    let mut front = vec![first];
    let (mut seen, mut transitions) = (HashSet::new(), HashSet::new());
    for _ in 0..LENGTH {
        let mut next = Vec::new();
        for world in &front {
            for step in world.steps() {
                let mut after = world.copy();
                transitions.extend(after.take(step).map(|(from, to)| (from.as_str(), to.as_str())));
                if seen.insert(after.essence()) {
                    next.push(after);
                }
            }
        }
        front = next;
    }
    let legal =
        [("closed", "open"), ("open", "half-open"), ("half-open", "closed"), ("half-open", "open")];
    assert_eq!(transitions, HashSet::from(legal));
}
