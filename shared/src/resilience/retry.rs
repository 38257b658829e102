//! Whether a failed call is worth another one, on the same model or on its fallback, and after what wait.

use crate::error::Kind;
use crate::resilience::backoff;
use std::time::Duration;

/// Longest time a request waits in the gateway for anything, all its waits together.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Most calls of the asked model; the fallback then gets one.
pub const MAX_ATTEMPTS: u32 = 3;

/// What a kind of failure calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Most calls of the asked model that end in this kind.
    pub attempts: u32,
    pub trips_breaker: bool,
    pub falls_back: bool,
}

/// Returns what a failure calls for.
pub fn disposition(kind: Kind) -> Disposition {
    let (attempts, trips_breaker, falls_back) = match kind {
        Kind::Connect | Kind::Timeout | Kind::Server => (MAX_ATTEMPTS, true, true),
        Kind::Throttled => (MAX_ATTEMPTS, false, true),
        Kind::Quota | Kind::Refused => (1, false, true),
        Kind::Transient | Kind::Auth => (2, false, false),
        Kind::Billing | Kind::Rejected | Kind::Own => (1, false, false),
    };
    Disposition { attempts, trips_breaker, falls_back }
}

/// A request before its next call of a model.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Calls of this model so far.
    pub made: u32,
    /// How long the model still rests.
    pub rest: Duration,
    /// What Cohere asked for with its last failure.
    pub asked: Option<Duration>,
    /// Time waited so far.
    pub waited: Duration,
    /// Time until the request's deadline.
    pub left: Duration,
}

impl Waiting {
    /// Returns the wait before the next call; `None` where it is longer than a request may wait, or has left.
    ///
    /// `random` lies in 0..1. Between attempts what Cohere asked for wins over the backoff.
    pub fn pause(&self, random: f64) -> Option<Duration> {
        let between = match self.made {
            0 => Duration::ZERO,
            made => {
                self.asked.filter(|asked| !asked.is_zero()).unwrap_or_else(|| backoff::wait(made, random))
            }
        };
        let pause = between.max(self.rest);
        let fits = self.waited.saturating_add(pause) <= MAX_WAIT && pause < self.left;
        (pause.is_zero() || fits).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time() -> impl Strategy<Value = Duration> {
        (0u64..5_000).prop_map(Duration::from_millis)
    }

    proptest! {
        #[test]
        fn no_wait_passes_two_seconds_or_the_deadline(
            made in 0u32..4, rest in time(), asked in proptest::option::of(time()), waited in time(), left in time(),
            random in 0.0..1.0,
        ) {
            let waiting = Waiting { made, rest, asked, waited, left };
            if let Some(pause) = waiting.pause(random).filter(|pause| !pause.is_zero()) {
                prop_assert!(waited + pause <= MAX_WAIT);
                prop_assert!(pause < left);
                prop_assert!(pause >= rest, "a resting model is called");
                if let Some(asked) = asked.filter(|_| made > 0) {
                    prop_assert!(pause >= asked, "what Cohere asked for is cut short");
                }
            }
        }
    }

    #[test]
    fn a_first_call_waits_for_a_rest_only() {
        let second = Duration::from_secs(1);
        let first =
            Waiting { made: 0, rest: Duration::ZERO, asked: None, waited: Duration::ZERO, left: second * 9 };
        assert_eq!(first.pause(0.9), Some(Duration::ZERO));
        assert_eq!(Waiting { rest: second, ..first }.pause(0.9), Some(second));
        assert_eq!(Waiting { rest: second * 3, ..first }.pause(0.9), None);
        assert_eq!(Waiting { rest: second, left: second, ..first }.pause(0.9), None);
    }

    #[test]
    fn only_what_speaks_of_coheres_health_trips_the_breaker() {
        let tripping = [Kind::Connect, Kind::Timeout, Kind::Server];
        let others =
            [Kind::Throttled, Kind::Quota, Kind::Transient, Kind::Auth, Kind::Billing, Kind::Rejected];
        assert!(tripping.iter().all(|kind| disposition(*kind).trips_breaker));
        assert!(others.iter().all(|kind| !disposition(*kind).trips_breaker));
    }

    #[test]
    fn what_another_model_cannot_mend_does_not_fall_back() {
        for kind in [Kind::Transient, Kind::Auth, Kind::Billing, Kind::Rejected, Kind::Own] {
            assert!(!disposition(kind).falls_back, "{kind:?}");
        }
    }
}
