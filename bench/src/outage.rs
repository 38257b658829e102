//! Ten minutes without Cohere, and its return: the gateway's own breakers, ramp and retries, in virtual time.
//!
//! Each environment gets requests evenly; a request makes its attempts as the request path does, without a fallback.
//! A caller whose request failed may come again, five seconds later each time, as Cohere's clients do twice. What
//! happens follows from the seed.

use shared::clock::{Instant, now};
use shared::config::BreakerConfig;
use shared::error::Cause;
use shared::resilience::backoff;
use shared::resilience::breaker::{Breaker, BreakerState, Permit};
use shared::resilience::budget::RetryBudget;
use shared::resilience::ramp::Traffic;
use shared::resilience::retry::MAX_ATTEMPTS;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// When Cohere fails, in seconds.
const FAILS_AT: u64 = 60;
/// When it is back.
pub const BACK_AT: u64 = FAILS_AT + 600;
/// When the play ends.
const END: u64 = BACK_AT + 140;
/// How long Cohere takes, whatever it answers.
const ANSWER: Duration = Duration::from_millis(100);
/// After this a client comes again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    pub environments: usize,
    /// Requests of one environment, in a second.
    pub per_second: u32,
    /// How often a caller comes again.
    pub client_retries: u32,
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Calls in each second, of all environments.
    pub calls: Vec<u32>,
    /// Calls that failed, and calls that would have failed without a breaker.
    pub wasted: u64,
    pub without_breaker: u64,
    /// Requests that a breaker refused once Cohere was back.
    pub refused_afterwards: u64,
}

impl Recovery {
    /// Returns the calls of an average second before the outage.
    pub fn steady(&self) -> f64 {
        let before = &self.calls[10..FAILS_AT as usize];
        f64::from(before.iter().sum::<u32>()) / before.len() as f64
    }

    /// Returns the calls of the busiest second after the outage, as a multiple of a steady one.
    pub fn surge(&self) -> f64 {
        let after = &self.calls[BACK_AT as usize..];
        f64::from(*after.iter().max().unwrap_or(&0)) / self.steady()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A request comes in, for the n-th time.
    Request {
        repeated: u32,
    },
    /// It makes its next attempt, which may be held back once.
    Attempt {
        repeated: u32,
        made: u32,
        was_held: bool,
    },
    Answer {
        call: usize,
    },
}

struct Environment {
    breaker: Breaker,
    traffic: Traffic,
    budget: RetryBudget,
}

/// A call that is under way.
struct Call {
    permit: Option<Permit>,
    repeated: u32,
    made: u32,
    is_served: bool,
}

/// Plays an outage.
pub fn play(outage: Outage) -> Recovery {
    fastrand::seed(outage.seed);
    let start = now();
    let second = |at: Instant| (at - start).as_secs();
    let config = BreakerConfig { failures: 5, open_for: Duration::from_secs(60) };
    let mut environments: Vec<_> = (0..outage.environments)
        .map(|_| Environment {
            breaker: Breaker::new(config),
            traffic: Traffic::default(),
            budget: RetryBudget::default(),
        })
        .collect();
    let gap = Duration::from_secs(1) / outage.per_second;
    let mut events = BinaryHeap::new();
    for number in 0..outage.environments {
        let at = start + gap.mul_f64(fastrand::f64());
        events.push(Reverse((at, number, Step::Request { repeated: 0 })));
    }
    let mut calls: Vec<Call> = Vec::new();
    let mut recovery = Recovery {
        calls: vec![0; END as usize],
        wasted: 0,
        without_breaker: 0,
        refused_afterwards: 0,
    };
    while let Some(Reverse((at, number, step))) = events.pop() {
        if second(at) >= END {
            break;
        }
        let is_out = (FAILS_AT..BACK_AT).contains(&second(at));
        let environment = &mut environments[number];
        match step {
            Step::Request { repeated } => {
                if repeated == 0 {
                    events.push(Reverse((at + gap, number, step)));
                }
                recovery.without_breaker += u64::from(is_out) * u64::from(MAX_ATTEMPTS);
                environment.traffic.record_call(at);
                let first = Step::Attempt { repeated, made: 0, was_held: false };
                events.push(Reverse((at, number, first)));
            }
            Step::Attempt { repeated, made, was_held } => {
                if !was_held {
                    let hold = environment.breaker.choose_hold(at, fastrand::f64());
                    if !hold.is_zero() {
                        let held = Step::Attempt { repeated, made, was_held: true };
                        events.push(Reverse((at + hold, number, held)));
                        continue;
                    }
                }
                let Ok(permit) = environment.breaker.admit(at) else {
                    recovery.refused_afterwards += u64::from(second(at) >= BACK_AT);
                    if repeated < outage.client_retries {
                        let again = Step::Request { repeated: repeated + 1 };
                        events.push(Reverse((at + RETRY_AFTER, number, again)));
                    }
                    continue;
                };
                recovery.calls[second(at) as usize] += 1;
                let (permit, made) = (Some(permit), made + 1);
                calls.push(Call { permit, repeated, made, is_served: !is_out });
                events.push(Reverse((at + ANSWER, number, Step::Answer { call: calls.len() - 1 })));
            }
            Step::Answer { call } => {
                let call = &mut calls[call];
                let Some(permit) = call.permit.take() else { continue };
                let is_probe = permit.is_probe();
                if call.is_served {
                    let ramp_from = if environment.traffic.is_busy(at) { Some(at) } else { None };
                    environment.breaker.record_success(permit, ramp_from);
                    continue;
                }
                recovery.wasted += 1;
                environment.breaker.record_failure(permit, at, fastrand::f64());
                let may_retry = call.made < MAX_ATTEMPTS
                    && !is_probe
                    && environment.breaker.state() == BreakerState::Closed
                    && environment.budget.charge_retry(Cause::Server).is_some();
                if may_retry {
                    let wait = backoff::choose_wait(call.made, fastrand::f64());
                    let (repeated, made) = (call.repeated, call.made);
                    let next = Step::Attempt { repeated, made, was_held: true };
                    events.push(Reverse((at + wait, number, next)));
                } else if call.repeated < outage.client_retries {
                    let again = Step::Request { repeated: call.repeated + 1 };
                    events.push(Reverse((at + RETRY_AFTER, number, again)));
                }
            }
        }
    }
    recovery
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_wastes_little_and_its_end_is_no_surge() {
        for environments in [10, 70] {
            let recovery = play(Outage { environments, per_second: 4, client_retries: 0, seed: 1 });
            let (wasted, without) = (recovery.wasted, recovery.without_breaker);
            assert!(wasted * 100 < without, "{environments}: {wasted} of {without}");
            let surge = recovery.surge();
            assert!(surge <= 1.2, "{environments}: {surge:.2} times a steady second");
        }
    }

    #[test]
    fn callers_who_come_again_are_spread() {
        let outage = Outage { environments: 70, per_second: 4, client_retries: 2, seed: 1 };
        let recovery = play(outage);
        // Three times as many come in as in a steady second.
        assert!(recovery.surge() <= 1.7, "{:.2}", recovery.surge());
    }

    #[test]
    fn breakers_do_not_all_come_back_in_one_second() {
        let recovery =
            play(Outage { environments: 500, per_second: 2, client_retries: 0, seed: 1 });
        let back = BACK_AT as usize;
        let steady = recovery.steady();
        assert!(f64::from(recovery.calls[back]) < steady / 2.0, "{:?}", &recovery.calls[back..]);
        assert!(recovery.surge() <= 1.2, "{:?}", &recovery.calls[back..back + 80]);
        assert!(f64::from(recovery.calls[END as usize - 2]) > steady * 0.9);
    }
}
