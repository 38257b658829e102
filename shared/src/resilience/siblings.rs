//! The calls of one request: those that fail at one time count as one failure.
//!
//! A split request calls Cohere many times at once. One bad moment fails them all, and five parts that
//! fail together know no more than one. A failure is therefore counted unless another one of the same
//! request has been counted since its call began; the next round of attempts counts again.

/// What one request's calls have told the breaker. Scope: invocation.
#[derive(Debug, Default)]
pub struct Siblings {
    /// Calls begun so far.
    begun: u64,
    /// Calls that had begun when a failure was last counted; their failures are the same one.
    spoken_for: u64,
}

impl Siblings {
    /// Notes that a call begins, and returns its number.
    pub fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Tells whether the failure of a call is one of its own, which is then counted.
    #[must_use]
    pub fn failure_counts(&mut self, call: u64) -> bool {
        let counts = call > self.spoken_for;
        if counts {
            self.spoken_for = self.begun;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use crate::config::BreakerConfig;
    use crate::resilience::breaker::{Breaker, Permit, State};
    use proptest::prelude::*;
    use std::time::Duration;

    const OPEN_FOR: Duration = Duration::from_secs(60);

    #[test]
    fn calls_that_fail_together_count_once_and_each_round_counts_again() {
        let mut siblings = Siblings::default();
        for _ in 0..3 {
            let round: Vec<_> = (0..16).map(|_| siblings.begin()).collect();
            let counted = round.into_iter().filter(|call| siblings.failure_counts(*call)).count();
            assert_eq!(counted, 1);
        }
    }

    #[test]
    fn calls_one_after_the_other_count_each() {
        let mut siblings = Siblings::default();
        for _ in 0..5 {
            let call = siblings.begin();
            assert!(siblings.failure_counts(call));
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// One of three requests begins a call.
        Begin(usize),
        /// One of the calls under way, chosen modulo their count, fails.
        Fail(usize),
    }

    /// A call under way, as the model sees it.
    struct Call {
        request: usize,
        number: u64,
        permit: Permit,
        /// A failure of its request has been counted since it began.
        overlapped: bool,
    }

    proptest! {
        /// The model knows no numbers: it marks the calls that live while a failure of theirs is counted.
        #[test]
        fn a_request_is_one_failure_at_a_time_and_the_breaker_opens_by_requests_not_by_calls(
            steps in prop::collection::vec(
                prop_oneof![(0..3usize).prop_map(Step::Begin), any::<usize>().prop_map(Step::Fail)],
                1..200,
            )
        ) {
            let at = now();
            let mut breaker = Breaker::new(BreakerConfig { failures: 5, open_for: OPEN_FOR });
            let mut requests: [Siblings; 3] = Default::default();
            let (mut calls, mut counted) = (Vec::<Call>::new(), 0u32);
            for step in steps {
                match step {
                    Step::Begin(request) => {
                        let Ok(permit) = breaker.admit(at) else { continue };
                        let number = requests[request].begin();
                        calls.push(Call { request, number, permit, overlapped: false });
                    }
                    Step::Fail(_) if calls.is_empty() => {}
                    Step::Fail(which) => {
                        let call = calls.swap_remove(which % calls.len());
                        let counts = requests[call.request].failure_counts(call.number);
                        prop_assert_eq!(counts, !call.overlapped);
                        if counts {
                            counted += 1;
                            calls.iter_mut().filter(|other| other.request == call.request)
                                .for_each(|other| other.overlapped = true);
                            breaker.failed(call.permit, at);
                        } else {
                            breaker.cancelled(call.permit);
                        }
                    }
                }
                prop_assert_eq!(breaker.state() == State::Open, counted >= 5);
            }
        }

        #[test]
        fn a_split_request_is_one_probe_whose_verdict_all_its_parts_share(
            parts in 2..40usize, cohere_is_well in any::<bool>()
        ) {
            let at = now();
            let mut breaker = Breaker::new(BreakerConfig { failures: 1, open_for: OPEN_FOR });
            let first = breaker.admit(at).unwrap();
            breaker.failed(first, at);
            let later = at + OPEN_FOR;
            let (mut admitted, refused): (Vec<_>, Vec<_>) =
                (0..parts).map(|_| breaker.admit(later)).partition(Result::is_ok);
            prop_assert_eq!((admitted.len(), refused.len()), (1, parts - 1));
            let probe = admitted.pop().unwrap().unwrap();
            prop_assert!(probe.is_probe());
            match cohere_is_well {
                true => breaker.succeeded(probe),
                false => breaker.failed(probe, later),
            }
            for _ in 1..parts {
                let verdict = breaker.admit(later);
                prop_assert_eq!(verdict.is_ok_and(|permit| !permit.is_probe()), cohere_is_well);
            }
        }
    }
}
