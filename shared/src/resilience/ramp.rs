//! After an outage: a tenth of a busy model's calls at once, then half of them, then all.
//!
//! Thousands of environments see the end of an outage in the same minute, and what has waited comes with
//! them. So for ten seconds after a probe has closed a breaker only a share of the requests calls at once;
//! the others go to a fallback, or a little later, and none is refused. An environment that sees a
//! call a second or less is no surge and holds nobody back. There is no clock and no chance here: callers
//! pass `now` and a random number in 0..1.

use crate::clock::Instant;
use std::time::Duration;

/// How long calls are held back after a breaker has closed.
pub const RAMP: Duration = Duration::from_secs(10);
/// Longest time a call is held back.
pub const LONGEST_HOLD: Duration = Duration::from_secs(2);
/// Of the calls of the first and of the second half of the ramp, those that are not held back.
const SHARES: [f64; 2] = [0.1, 0.5];

/// Returns how long a call is held back, so long after the breaker has closed.
///
/// `random` lies in 0..1. The lower numbers are the share that goes at once, the others are spread evenly.
pub fn choose_hold(since_closed: Duration, random: f64) -> Duration {
    let half = if since_closed < RAMP / 2 { 0 } else { 1 };
    let share = SHARES[half];
    if since_closed >= RAMP || random < share {
        return Duration::ZERO;
    }
    LONGEST_HOLD.mul_f64(((random - share) / (1.0 - share)).clamp(0.0, 1.0))
}

/// More calls than this in `WINDOW` make a model busy: one a second.
const CALLS: usize = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// When a model was last called for, by requests that were refused too. Scope: environment.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    latest: [Option<Instant>; CALLS],
    /// Where the next one goes, which is where the oldest one is.
    next: usize,
}

impl Traffic {
    pub fn record_call(&mut self, now: Instant) {
        self.latest[self.next] = Some(now);
        self.next = (self.next + 1) % CALLS;
    }

    /// Tells whether there is more than one call a second.
    pub fn is_busy(&self, now: Instant) -> bool {
        match self.latest[self.next] {
            Some(oldest) => now.saturating_duration_since(oldest) < WINDOW,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use proptest::prelude::*;

    const MOMENT: Duration = Duration::from_millis(1);

    /// Returns the share of calls that go at once, so long after the breaker has closed.
    fn measure_share(since_closed: Duration) -> f64 {
        let randoms = (0..1_000).map(|number| f64::from(number) / 1_000.0);
        randoms.filter(|random| choose_hold(since_closed, *random).is_zero()).count() as f64 / 1e3
    }

    #[test]
    fn ramp_lets_a_tenth_then_half_then_all_through() {
        for (millis, share) in
            [(0, 0.1), (4_999, 0.1), (5_000, 0.5), (9_999, 0.5), (10_000, 1.0), (99_999, 1.0)]
        {
            let found = measure_share(Duration::from_millis(millis));
            assert!((found - share).abs() < 0.002, "{found} after {millis} ms");
        }
    }

    #[test]
    fn more_than_a_call_a_second_is_busy() {
        let (mut traffic, start) = (Traffic::default(), now());
        let is_busy_after = |traffic: &mut Traffic, every: Duration, from: Instant| {
            let calls = (0..60).map(|number| from + every * number);
            let found: Vec<_> = calls
                .map(|at| {
                    traffic.record_call(at);
                    traffic.is_busy(at)
                })
                .collect();
            found[59]
        };
        assert!(!traffic.is_busy(start), "nobody has called");
        assert!(!is_busy_after(&mut traffic, Duration::from_millis(1_200), start));
        assert!(is_busy_after(&mut traffic, Duration::from_millis(900), start + RAMP * 20));
        assert!(!traffic.is_busy(start + RAMP * 200), "that was long ago");
    }

    #[test]
    fn nine_calls_at_once_are_no_traffic() {
        let (mut traffic, start) = (Traffic::default(), now());
        for number in 1..=10 {
            traffic.record_call(start);
            assert_eq!(traffic.is_busy(start + MOMENT), number == 10, "{number}");
        }
    }

    proptest! {
        #[test]
        fn no_call_is_held_back_over_two_seconds(millis in 0..20_000u64, random in 0.0..1.0f64) {
            let hold = choose_hold(Duration::from_millis(millis), random);
            prop_assert!(hold <= LONGEST_HOLD);
            prop_assert!(hold.is_zero() || millis < 10_000);
        }

        #[test]
        fn higher_number_is_held_back_longer(
            millis in 0..10_000u64, low in 0.0..1.0f64, high in 0.0..1.0f64
        ) {
            let since = Duration::from_millis(millis);
            prop_assume!(low <= high);
            prop_assert!(choose_hold(since, low) <= choose_hold(since, high));
        }
    }
}
