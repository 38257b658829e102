//! The breaker's rules, each with its ugly twin; `model` and `explorer` look where sentences do not.

mod explorer;
mod model;

use super::*;
use crate::clock::now;
use crate::resilience::ramp::{LONGEST_HOLD, RAMP};
use crate::resilience::usual_time::UsualTime;
use std::time::Duration;

const FIVE_FAILURES: BreakerConfig =
    BreakerConfig { failures: 5, open_for: Duration::from_secs(60) };
const OPEN_FOR: Duration = FIVE_FAILURES.open_for;
const MOMENT: Duration = Duration::from_millis(1);

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Success,
    /// A success while there is more than a call a second.
    BusySuccess,
    Failure,
    /// A success that took more than three times as long as is usual.
    Slow,
    Cancelled,
}

/// Tells the breaker; `random` is for an opening one.
fn tell(breaker: &mut Breaker, permit: Permit, answer: Answer, now: Instant, random: f64) {
    match answer {
        Answer::Success => breaker.record_success(permit, None),
        Answer::BusySuccess => breaker.record_success(permit, Some(now)),
        Answer::Failure => breaker.record_failure(permit, now, random),
        Answer::Slow if is_slow(USUAL * 4) => breaker.record_failure(permit, now, random),
        Answer::Slow => panic!("four times the usual time is not slow"),
        Answer::Cancelled => breaker.return_permit(permit),
    }
}

const USUAL: Duration = Duration::from_millis(100);

/// Judges an answer of a model that is known.
fn is_slow(took: Duration) -> bool {
    let mut time = UsualTime::default();
    for _ in 0..20 {
        time.judge(USUAL, 3);
    }
    time.is_slow(took, 3)
}

fn closed() -> Breaker {
    Breaker::new(FIVE_FAILURES)
}

fn fail(breaker: &mut Breaker, times: u32, now: Instant) {
    for _ in 0..times {
        let permit = breaker.admit(now).unwrap();
        breaker.record_failure(permit, now, 0.5);
    }
}

fn succeed(breaker: &mut Breaker, now: Instant) {
    let permit = breaker.admit(now).unwrap();
    breaker.record_success(permit, None);
}

fn opened(now: Instant) -> Breaker {
    let mut breaker = closed();
    fail(&mut breaker, 5, now);
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

/// Returns a half-open breaker that opened at `now`, and its probe.
fn half_open(now: Instant) -> (Breaker, Permit) {
    let mut breaker = opened(now);
    let probe = breaker.admit(now + OPEN_FOR).unwrap();
    assert!(probe.is_probe());
    (breaker, probe)
}

/// Returns a breaker that opened while a call was on its way, and that late call.
fn opened_behind_a_call(now: Instant) -> (Breaker, Permit) {
    let mut breaker = closed();
    let late = breaker.admit(now).unwrap();
    fail(&mut breaker, 5, now);
    (breaker, late)
}

#[test]
fn five_failures_in_a_row_open_it() {
    let (mut breaker, start) = (closed(), now());
    fail(&mut breaker, 4, start);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&mut breaker, 1, start);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn four_failures_and_a_success_count_for_nothing() {
    let (mut breaker, start) = (closed(), now());
    for _ in 0..3 {
        fail(&mut breaker, 4, start);
        succeed(&mut breaker, start);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    fail(&mut breaker, 5, start);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn five_failures_of_calls_under_way_together_open_it() {
    let (mut breaker, start) = (closed(), now());
    let permits: Vec<_> = (0..7).map(|_| breaker.admit(start).unwrap()).collect();
    for (before, permit) in permits.into_iter().enumerate() {
        assert_eq!(
            breaker.state(),
            if before < 5 { BreakerState::Closed } else { BreakerState::Open }
        );
        breaker.record_failure(permit, start, 0.5);
    }
}

#[test]
fn open_breaker_refuses_until_its_time_ends() {
    let start = now();
    let mut breaker = opened(start);
    let until = start + OPEN_FOR;
    for time in [start, start + OPEN_FOR / 2, until - MOMENT] {
        assert_eq!(breaker.admit(time), Err(Refused { until }));
    }
    assert!(breaker.admit(until).unwrap().is_probe());
}

#[test]
fn of_two_callers_in_half_open_one_is_the_probe_and_the_other_is_refused() {
    let start = now();
    let (mut breaker, probe) = half_open(start);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    for later in [OPEN_FOR, OPEN_FOR * 10] {
        assert!(breaker.admit(start + later).is_err());
    }
    breaker.record_success(probe, None);
    assert!(breaker.admit(start + OPEN_FOR).is_ok());
}

#[test]
fn probe_success_closes_and_resets_the_count() {
    let start = now();
    let (mut breaker, probe) = half_open(start);
    breaker.record_success(probe, None);
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(!breaker.admit(start + OPEN_FOR).unwrap().is_probe());
    fail(&mut breaker, 4, start + OPEN_FOR);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn probe_failure_opens_for_the_full_time() {
    let start = now();
    let (mut breaker, probe) = half_open(start);
    let failed = start + OPEN_FOR + Duration::from_secs(7);
    breaker.record_failure(probe, failed, 0.5);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(
        breaker.admit(failed + OPEN_FOR - MOMENT),
        Err(Refused { until: failed + OPEN_FOR })
    );
    assert!(breaker.admit(failed + OPEN_FOR).unwrap().is_probe());
}

#[test]
fn breaker_is_open_for_its_time_give_or_take_a_tenth() {
    let start = now();
    for (random, secs) in [(0.0, 54), (0.25, 57), (0.5, 60), (1.0, 66)] {
        let mut breaker = closed();
        fail(&mut breaker, 4, start);
        let permit = breaker.admit(start).unwrap();
        breaker.record_failure(permit, start, random);
        let until = start + Duration::from_secs(secs);
        assert_eq!(breaker.admit(until - MOMENT), Err(Refused { until }), "{random}");
        assert!(breaker.admit(until).unwrap().is_probe());
    }
}

#[test]
fn busy_model_is_held_back_after_its_probe() {
    let start = now();
    let (mut breaker, probe) = half_open(start);
    assert_eq!(breaker.choose_hold(start + OPEN_FOR, 1.0), Duration::ZERO);
    let closed = start + OPEN_FOR;
    breaker.record_success(probe, Some(closed));
    // A tenth, half, all.
    for (after, lowest_held) in [(Duration::ZERO, 0.11), (RAMP / 2, 0.51), (RAMP, 2.0)] {
        for random in [0.0, 0.09, 0.11, 0.49, 0.51, 1.0] {
            let hold = breaker.choose_hold(closed + after, random);
            assert_eq!(!hold.is_zero(), random >= lowest_held, "{after:?} {random}");
        }
    }
    assert_eq!(breaker.choose_hold(closed, 1.0), LONGEST_HOLD);
    // Later answers neither end nor begin it.
    for ramp_from in [None, Some(closed + RAMP)] {
        let permit = breaker.admit(closed).unwrap();
        breaker.record_success(permit, ramp_from);
        assert!(!breaker.choose_hold(closed, 1.0).is_zero());
        assert!(breaker.choose_hold(closed + RAMP, 1.0).is_zero());
    }
}

#[test]
fn quiet_model_is_not_held_back() {
    let start = now();
    let (mut breaker, probe) = half_open(start);
    breaker.record_success(probe, None);
    assert_eq!(breaker.choose_hold(start + OPEN_FOR, 1.0), Duration::ZERO);
}

#[test]
fn open_breaker_ignores_late_success() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    breaker.record_success(late, None);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.admit(start), Err(Refused { until: start + OPEN_FOR }));
}

#[test]
fn half_open_breaker_ignores_late_success() {
    let start = now();
    for probe_is_out in [true, false] {
        let (mut breaker, late) = opened_behind_a_call(start);
        let probe = breaker.admit(start + OPEN_FOR).unwrap();
        if !probe_is_out {
            breaker.return_permit(probe);
        }
        breaker.record_success(late, None);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(start + OPEN_FOR).is_err(), probe_is_out);
    }
}

#[test]
fn closed_breaker_ignores_late_success() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    succeed(&mut breaker, start + OPEN_FOR);
    fail(&mut breaker, 4, start + OPEN_FOR);
    breaker.record_success(late, None);
    fail(&mut breaker, 1, start + OPEN_FOR);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn open_breaker_ignores_late_failure() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    breaker.record_failure(late, start + OPEN_FOR / 2, 0.5);
    assert!(breaker.admit(start + OPEN_FOR).unwrap().is_probe());
}

#[test]
fn half_open_breaker_ignores_late_failure() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    let probe = breaker.admit(start + OPEN_FOR).unwrap();
    breaker.record_failure(late, start + OPEN_FOR, 0.5);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.record_success(probe, None);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn closed_breaker_ignores_late_failure() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    succeed(&mut breaker, start + OPEN_FOR);
    fail(&mut breaker, 4, start + OPEN_FOR);
    breaker.record_failure(late, start + OPEN_FOR, 0.5);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&mut breaker, 1, start + OPEN_FOR);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn cancelled_probe_admits_the_next_caller() {
    let start = now();
    let (mut breaker, probe) = half_open(start);
    breaker.return_permit(probe);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let next = breaker.admit(start + OPEN_FOR).unwrap();
    assert!(next.is_probe());
    assert!(breaker.admit(start + OPEN_FOR).is_err());
    breaker.record_success(next, None);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn cancelled_call_changes_no_count() {
    let (mut breaker, start) = (closed(), now());
    fail(&mut breaker, 4, start);
    for _ in 0..10 {
        let permit = breaker.admit(start).unwrap();
        breaker.return_permit(permit);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    fail(&mut breaker, 1, start);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn half_open_breaker_ignores_late_cancelled_call() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    let _probe = breaker.admit(start + OPEN_FOR).unwrap();
    breaker.return_permit(late);
    assert!(breaker.admit(start + OPEN_FOR).is_err());
}

#[test]
fn open_breaker_ignores_late_cancelled_call() {
    let start = now();
    let (mut breaker, late) = opened_behind_a_call(start);
    breaker.return_permit(late);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.admit(start + OPEN_FOR - MOMENT).is_err());
}

#[test]
fn earlier_probe_permit_is_ignored() {
    let start = now();
    let (mut breaker, first) = half_open(start);
    // A half-open period ends with its probe, so that no caller can hold this copy today.
    let stale = || Permit { period: first.period, probe: true };
    let (earlier, again) = (stale(), [stale(), stale(), stale()]);
    breaker.record_failure(earlier, start + OPEN_FOR, 0.5);
    let _present = breaker.admit(start + OPEN_FOR * 2).unwrap();
    let [cancelled, succeeded, failed] = again;
    breaker.return_permit(cancelled);
    breaker.record_success(succeeded, None);
    breaker.record_failure(failed, start + OPEN_FOR * 2, 0.5);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(breaker.admit(start + OPEN_FOR * 2).is_err());
}
