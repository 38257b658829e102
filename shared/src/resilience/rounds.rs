//! The rounds of attempts of one request: failures within one round count as one.
//!
//! A split request calls Cohere many times at once. One bad moment fails all its sub-requests, and many
//! that fail together know no more than one. Their retries come at moments of their own but belong
//! together as well. So a request counts at most one failure for the first attempts of all its
//! sub-requests, one for their second, and one for their third: as many as a request of one call. Each
//! further round is likewise charged once to the retry budget, else a single large request that was
//! throttled would take the retries of everybody, and still not have enough for itself. Whether a request is
//! held back after an outage is likewise decided once.

use crate::clock::Instant;
use std::time::Duration;

/// What one request's calls of a model have told the breaker, and been charged. Scope: invocation.
#[derive(Debug, Default)]
pub struct RetryRounds {
    /// The latest round of which a failure of the model has been counted.
    counted: LatestRound,
    /// The same of a failure of Cohere's host.
    counted_for_host: LatestRound,
    /// The latest round that has been charged; the first one is free.
    charged: LatestRound,
    /// Until when all its calls are held back, once that is decided.
    held_until: Option<Instant>,
}

/// The number of a round, from 1; 0 is none.
#[derive(Debug, Default)]
struct LatestRound(u32);

impl LatestRound {
    /// Comes to the round of an n-th attempt; `false` where it has been reached already.
    fn reach(&mut self, attempt: u32) -> bool {
        let is_new = attempt > self.0;
        self.0 = self.0.max(attempt);
        is_new
    }
}

impl RetryRounds {
    /// Counts the failure of a sub-request's n-th attempt, from 1; `false` where its round is counted already.
    #[must_use]
    pub fn count_failure(&mut self, attempt: u32) -> bool {
        self.counted.reach(attempt)
    }

    /// Counts a failure of Cohere's host likewise.
    #[must_use]
    pub fn count_host_failure(&mut self, attempt: u32) -> bool {
        self.counted_for_host.reach(attempt)
    }

    /// Returns how long a call is held back: as its first one was, whatever would be `chosen` now.
    pub fn keep_hold(&mut self, chosen: Duration, now: Instant) -> Duration {
        let until = *self.held_until.get_or_insert(now + chosen);
        until.saturating_duration_since(now)
    }

    /// Charges the round of an n-th attempt, from 1; `false` where it is free or charged already.
    #[must_use]
    pub fn charge_round(&mut self, attempt: u32) -> bool {
        attempt > 1 && self.charged.reach(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use crate::config::BreakerConfig;
    use crate::resilience::breaker::{Breaker, BreakerState};
    use proptest::prelude::*;
    use std::time::Duration;

    const OPEN_FOR: Duration = Duration::from_secs(60);

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(BreakerConfig { failures, open_for: OPEN_FOR })
    }

    #[test]
    fn request_of_one_call_counts_each_attempt() {
        let mut rounds = RetryRounds::default();
        assert!((1..=3).all(|attempt| rounds.count_failure(attempt)));
        assert!((1..=3).all(|attempt| rounds.count_host_failure(attempt)));
        assert!(!rounds.count_host_failure(3));
    }

    #[test]
    fn request_is_held_back_as_its_first_call_was() {
        let (start, second) = (now(), Duration::from_secs(1));
        let (mut held, mut free) = (RetryRounds::default(), RetryRounds::default());
        assert_eq!(held.keep_hold(second, start), second);
        assert_eq!(held.keep_hold(Duration::ZERO, start), second);
        assert_eq!(held.keep_hold(second * 2, start + second), Duration::ZERO);
        assert_eq!(free.keep_hold(Duration::ZERO, start), Duration::ZERO);
        assert_eq!(free.keep_hold(second, start), Duration::ZERO, "its first call was let through");
    }

    #[test]
    fn further_rounds_are_charged_once() {
        let mut rounds = RetryRounds::default();
        let attempts = [1, 1, 2, 1, 2, 3, 2, 3];
        let paid: Vec<_> =
            attempts.into_iter().map(|attempt| rounds.charge_round(attempt)).collect();
        assert_eq!(paid, [false, false, true, false, false, true, false, false]);
    }

    proptest! {
        /// Any number of parts, their attempts failing in any order that keeps each part's own.
        #[test]
        fn split_request_fails_no_more_than_one_call(
            order in prop::collection::vec(0..20usize, 0..120)
        ) {
            let at = now();
            let (mut split, mut alone) = (breaker(1_000), breaker(1_000));
            let mut rounds = RetryRounds::default();
            let mut attempts = [0u32; 20];
            let (mut counted, mut last_round) = (0, 0);
            for part in order {
                if attempts[part] == 3 {
                    continue;
                }
                attempts[part] += 1;
                last_round = last_round.max(attempts[part]);
                let permit = split.admit(at).unwrap();
                if rounds.count_failure(attempts[part]) {
                    counted += 1;
                    split.record_failure(permit, at, 0.5);
                } else {
                    split.return_permit(permit);
                }
            }
            // Alone, the part that came furthest would have failed as often.
            for _ in 0..last_round {
                let permit = alone.admit(at).unwrap();
                alone.record_failure(permit, at, 0.5);
            }
            prop_assert_eq!(counted, last_round);
            prop_assert_eq!(format!("{split:?}"), format!("{alone:?}"));
        }

        #[test]
        fn failing_requests_open_breaker_whatever_their_parts(
            parts in prop::collection::vec(1..20u32, 5)
        ) {
            let at = now();
            let mut breaker = breaker(5);
            for (number, parts) in parts.into_iter().enumerate() {
                prop_assert_eq!(breaker.state(), BreakerState::Closed, "before request {}", number);
                let mut rounds = RetryRounds::default();
                let permits: Vec<_> = (0..parts).map(|_| breaker.admit(at).unwrap()).collect();
                for permit in permits {
                    match rounds.count_failure(1) {
                        true => breaker.record_failure(permit, at, 0.5),
                        false => breaker.return_permit(permit),
                    }
                }
            }
            prop_assert_eq!(breaker.state(), BreakerState::Open);
        }

        #[test]
        fn split_request_is_one_probe(
            parts in 2..40usize, cohere_is_well in any::<bool>()
        ) {
            let at = now();
            let mut breaker = breaker(1);
            let first = breaker.admit(at).unwrap();
            breaker.record_failure(first, at, 0.5);
            let later = at + OPEN_FOR;
            let (mut admitted, refused): (Vec<_>, Vec<_>) =
                (0..parts).map(|_| breaker.admit(later)).partition(Result::is_ok);
            prop_assert_eq!((admitted.len(), refused.len()), (1, parts - 1));
            let probe = admitted.pop().unwrap().unwrap();
            prop_assert!(probe.is_probe());
            match cohere_is_well {
                true => breaker.record_success(probe, None),
                false => breaker.record_failure(probe, later, 0.5),
            }
            for _ in 1..parts {
                let verdict = breaker.admit(later);
                prop_assert_eq!(verdict.is_ok_and(|permit| !permit.is_probe()), cohere_is_well);
            }
        }
    }
}
