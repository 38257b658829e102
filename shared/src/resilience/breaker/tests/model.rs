//! The breaker against the written machine, for any calls, answers and times.
//!
//! The model says the machine in other terms than the breaker: it knows no permits and counts no
//! periods, it lists the calls whose answers still matter and forgets them at each transition.

use super::super::*;
use super::{Answer, MOMENT, tell};
use crate::clock::now;
use proptest::prelude::*;
use std::time::Duration;

const OPEN_FOR: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit,
    /// Ends one of the calls that are out, chosen by the number modulo their count; what opens, opens by chance.
    End(usize, Answer, f64),
    Wait(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Call,
    Probe,
    Refused { until: Instant },
}

struct Model {
    threshold: u32,
    state: BreakerState,
    in_a_row: u32,
    /// When a probe is due.
    until: Instant,
    /// When a busy model's probe closed it.
    ramp_from: Option<Instant>,
    /// Calls admitted since the last transition; when half-open, the probe.
    heard: Vec<usize>,
}

impl Model {
    fn admit(&mut self, call: usize, now: Instant) -> Verdict {
        let until = self.until;
        match self.state {
            BreakerState::Closed => {
                self.heard.push(call);
                return Verdict::Call;
            }
            BreakerState::Open if now < until => return Verdict::Refused { until },
            BreakerState::Open => self.turn(BreakerState::HalfOpen),
            BreakerState::HalfOpen if self.heard.is_empty() => {}
            BreakerState::HalfOpen => return Verdict::Refused { until: now },
        }
        self.heard.push(call);
        Verdict::Probe
    }

    fn end(&mut self, call: usize, answer: Answer, now: Instant, random: f64) {
        let Some(at) = self.heard.iter().position(|heard| *heard == call) else { return };
        self.heard.remove(at);
        match (self.state, answer) {
            (_, Answer::Cancelled) => {}
            (BreakerState::Closed, Answer::Success | Answer::BusySuccess) => self.in_a_row = 0,
            (BreakerState::HalfOpen, Answer::Success) => self.turn(BreakerState::Closed),
            (BreakerState::HalfOpen, Answer::BusySuccess) => {
                self.turn(BreakerState::Closed);
                self.ramp_from = Some(now);
            }
            (_, Answer::Failure | Answer::Slow) => {
                self.in_a_row += 1;
                if self.state == BreakerState::HalfOpen || self.in_a_row == self.threshold {
                    let (shortest, longest) = (54_000.0, 66_000.0);
                    let millis: f64 = shortest + (longest - shortest) * random;
                    self.until = now + Duration::from_secs_f64(millis / 1e3);
                    self.turn(BreakerState::Open);
                }
            }
            (BreakerState::Open, _) => unreachable!("an open breaker hears nobody"),
        }
    }

    fn turn(&mut self, state: BreakerState) {
        self.state = state;
        self.in_a_row = 0;
        self.ramp_from = None;
        self.heard.clear();
    }

    /// Tells whether a call with this number is held back.
    fn holds(&self, now: Instant, random: f64) -> bool {
        let Some(closed) = self.ramp_from else { return false };
        match now.duration_since(closed).as_millis() {
            0..5_000 => random > 0.1,
            5_000..10_000 => random > 0.5,
            _ => false,
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![
        2 => Just(Answer::Success),
        3 => Just(Answer::BusySuccess),
        4 => Just(Answer::Failure),
        1 => Just(Answer::Slow),
        2 => Just(Answer::Cancelled),
    ];
    let wait = prop_oneof![
        3 => Just(MOMENT),
        2 => Just(OPEN_FOR - MOMENT),
        3 => Just(OPEN_FOR),
        2 => Just(OPEN_FOR * 11 / 10),
        3 => Just(OPEN_FOR / 12),
        2 => (0..120_000u64).prop_map(Duration::from_millis),
    ];
    let step = prop_oneof![
        5 => Just(Step::Admit),
        4 => (any::<usize>(), answer, 0..=20u8)
            .prop_map(|(which, answer, random)| Step::End(which, answer, f64::from(random) / 20.0)),
        2 => wait.prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn breaker_follows_the_written_machine(
        threshold in 1..=5u32, steps in steps(), drawn in 0.0..1.0f64
    ) {
        let mut now = now();
        let mut breaker = Breaker::new(BreakerConfig { failures: threshold, open_for: OPEN_FOR });
        let (state, heard) = (BreakerState::Closed, Vec::new());
        let mut model =
            Model { threshold, state, in_a_row: 0, until: now, ramp_from: None, heard };
        let mut out = Vec::new();
        for (call, step) in steps.into_iter().enumerate() {
            match step {
                Step::Admit => {
                    let admitted = breaker.admit(now);
                    let verdict = match &admitted {
                        Ok(permit) if permit.is_probe() => Verdict::Probe,
                        Ok(_) => Verdict::Call,
                        Err(Refused { until }) => Verdict::Refused { until: *until },
                    };
                    prop_assert_eq!(verdict, model.admit(call, now));
                    out.extend(admitted.ok().map(|permit| (call, permit)));
                }
                Step::End(which, answer, random) if !out.is_empty() => {
                    let (call, permit) = out.swap_remove(which % out.len());
                    model.end(call, answer, now, random);
                    tell(&mut breaker, permit, answer, now, random);
                }
                Step::End(..) => {}
                Step::Wait(time) => now += time,
            }
            prop_assert_eq!(breaker.state(), model.state);
            let is_held = !breaker.choose_hold(now, drawn).is_zero();
            prop_assert_eq!(is_held, model.holds(now, drawn));
        }
    }
}
