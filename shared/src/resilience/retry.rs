//! Whether a failed call is worth another one, on the same model or on its fallback, and after what wait.

use crate::error::Cause;
use crate::resilience::backoff;
use std::time::Duration;

/// Longest time a request of one part waits in the gateway for anything, all its waits together.
pub const MAX_WAIT: Duration = Duration::from_secs(2);

/// Most calls of the requested model; the fallback then gets one.
pub const MAX_ATTEMPTS: u32 = 3;

/// What a failure calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Most calls of the requested model that end in this cause.
    pub attempts: u32,
    /// Whose breaker counts it as a failure.
    pub trips: Trips,
    pub falls_back: bool,
}

/// Whose breaker a failure counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trips {
    Nothing,
    Model,
    /// That of Cohere's host, which all models share.
    Host,
}

impl From<Cause> for Disposition {
    fn from(cause: Cause) -> Self {
        let (attempts, trips, falls_back) = match cause {
            // Another model lives on the same host.
            Cause::Connect => (MAX_ATTEMPTS, Trips::Host, false),
            Cause::Broken | Cause::Timeout | Cause::Server => (MAX_ATTEMPTS, Trips::Model, true),
            Cause::Throttled => (MAX_ATTEMPTS, Trips::Nothing, true),
            Cause::Quota | Cause::CircuitOpen | Cause::HeldBack => (1, Trips::Nothing, true),
            Cause::Transient | Cause::Auth => (2, Trips::Nothing, false),
            Cause::Billing | Cause::BadRequest | Cause::Gateway | Cause::HostOpen => {
                (1, Trips::Nothing, false)
            }
        };
        Self { attempts, trips, falls_back }
    }
}

/// A request before its next call of a model.
#[derive(Clone, Copy, Debug)]
pub struct NextAttempt {
    /// Calls of this model so far.
    pub attempts_made: u32,
    /// How long the model's cooldown still lasts.
    pub cooldown: Duration,
    /// Longest time that all waits may take together.
    pub longest_wait: Duration,
    /// What Cohere requested for with its last failure.
    pub retry_after: Option<Duration>,
    /// How long the model's breaker holds the call back.
    pub hold: Duration,
    /// Time waited so far.
    pub waited: Duration,
    /// Time until the request's deadline.
    pub time_left: Duration,
}

impl NextAttempt {
    /// Returns the wait before the next call; `None` where it is longer than a request may wait, or has left.
    ///
    /// `random` lies in 0..1. Between attempts what Cohere requested for wins over the backoff.
    pub fn choose_wait(&self, random: f64) -> Option<Duration> {
        let wait = self.choose_backoff(random).max(self.cooldown);
        let fits = self.waited.saturating_add(wait) <= self.longest_wait && wait < self.time_left;
        if wait.is_zero() || fits { Some(wait.max(self.shorten_hold())) } else { None }
    }

    /// Returns as much of the hold as the request can wait: it spares Cohere and refuses nobody.
    fn shorten_hold(&self) -> Duration {
        let hold = self.hold.min(MAX_WAIT.saturating_sub(self.waited));
        if hold < self.time_left { hold } else { Duration::ZERO }
    }

    fn choose_backoff(&self, random: f64) -> Duration {
        if self.attempts_made == 0 {
            return Duration::ZERO;
        }
        match self.retry_after {
            Some(requested) if !requested.is_zero() => requested,
            _ => backoff::choose_wait(self.attempts_made, random),
        }
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
        fn wait_stays_within_two_seconds_and_deadline(
            made in 0u32..4, cooldown in time(), hold in time(), requested in proptest::option::of(time()), waited in time(), left in time(),
            random in 0.0..1.0,
        ) {
            let next = NextAttempt { attempts_made: made, cooldown, hold, longest_wait: MAX_WAIT, retry_after: requested, waited, time_left: left };
            if let Some(wait) = next.choose_wait(random).filter(|wait| !wait.is_zero()) {
                prop_assert!(waited + wait <= MAX_WAIT);
                prop_assert!(wait < left);
                prop_assert!(wait >= cooldown, "a model in cooldown is called");
                if let Some(requested) = requested.filter(|_| made > 0) {
                    prop_assert!(wait >= requested, "what Cohere requested for is cut short");
                }
            }
        }
    }

    #[test]
    fn first_call_waits_for_cooldown_only() {
        let second = Duration::from_secs(1);
        let first = NextAttempt {
            attempts_made: 0,
            cooldown: Duration::ZERO,
            hold: Duration::ZERO,
            longest_wait: MAX_WAIT,
            retry_after: None,
            waited: Duration::ZERO,
            time_left: second * 9,
        };
        assert_eq!(first.choose_wait(0.9), Some(Duration::ZERO));
        assert_eq!(NextAttempt { cooldown: second, ..first }.choose_wait(0.9), Some(second));
        assert_eq!(NextAttempt { cooldown: second * 3, ..first }.choose_wait(0.9), None);
        assert_eq!(
            NextAttempt { cooldown: second, time_left: second, ..first }.choose_wait(0.9),
            None
        );
    }

    #[test]
    fn hold_is_waited_for_as_far_as_there_is_time() {
        let (second, none) = (Duration::from_secs(1), Duration::ZERO);
        let held = NextAttempt {
            attempts_made: 0,
            cooldown: none,
            longest_wait: MAX_WAIT,
            hold: second,
            retry_after: None,
            waited: none,
            time_left: second * 9,
        };
        assert_eq!(held.choose_wait(0.9), Some(second));
        assert_eq!(
            NextAttempt { waited: second * 3 / 2, ..held }.choose_wait(0.9),
            Some(second / 2)
        );
        assert_eq!(NextAttempt { waited: second * 2, ..held }.choose_wait(0.9), Some(none));
        assert_eq!(NextAttempt { time_left: second, ..held }.choose_wait(0.9), Some(none));
    }

    #[test]
    fn later_call_waits_as_asked_or_else_backs_off() {
        let second = Duration::from_secs(1);
        let later = |retry_after| NextAttempt {
            attempts_made: 2,
            cooldown: Duration::ZERO,
            hold: Duration::ZERO,
            longest_wait: MAX_WAIT,
            retry_after,
            waited: Duration::ZERO,
            time_left: second * 9,
        };
        assert_eq!(later(Some(second)).choose_wait(0.0), Some(second));
        let half = Some(backoff::choose_wait(2, 0.5));
        assert_eq!(later(None).choose_wait(0.5), half);
        assert_eq!(later(Some(Duration::ZERO)).choose_wait(0.5), half, "no time is no wish");
    }

    #[test]
    fn only_cohere_failures_trip_a_breaker() {
        let trips = |cause| Disposition::from(cause).trips;
        assert_eq!(trips(Cause::Connect), Trips::Host);
        let models = [Cause::Broken, Cause::Timeout, Cause::Server];
        let others = [
            Cause::Throttled,
            Cause::Quota,
            Cause::Transient,
            Cause::Auth,
            Cause::Billing,
            Cause::BadRequest,
            Cause::CircuitOpen,
            Cause::HostOpen,
            Cause::HeldBack,
            Cause::Gateway,
        ];
        assert!(models.iter().all(|cause| trips(*cause) == Trips::Model));
        assert!(others.iter().all(|cause| trips(*cause) == Trips::Nothing));
    }

    #[test]
    fn failures_common_to_all_models_never_fall_back() {
        for cause in [
            Cause::Connect,
            Cause::HostOpen,
            Cause::Transient,
            Cause::Auth,
            Cause::Billing,
            Cause::BadRequest,
            Cause::Gateway,
        ] {
            assert!(!Disposition::from(cause).falls_back, "{cause:?}");
        }
    }
}
