//! The cooldown of a throttled model: limits are per model, and calling into one only prolongs it.
//!
//! Scope: environment. It lasts as long as Cohere asks for, a minute at most, else as long as the rate
//! says (`rate.rs`), twice as long with every further 429 in a row. After it one call goes alone and looks whether
//! the limit is lifted. A throttled model is not broken: the breaker hears nothing of it.

use crate::clock::Instant;
use std::time::Duration;

/// Longest cooldown at Cohere's word: a wrong clock must not switch a model off for hours.
const LONGEST_REQUESTED: Duration = Duration::from_secs(60);
/// Most doublings, so that nothing overflows.
const MAX_DOUBLINGS: u32 = 10;

#[derive(Debug)]
pub struct Cooldown {
    /// Longest one where Cohere asks for none: a minute but in tests.
    longest: Duration,
    until: Option<Instant>,
    throttles_in_a_row: u32,
    /// A call is under way that looks whether the limit is lifted.
    is_looking: bool,
}

/// Why a throttled model is not called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resting {
    For(Duration),
    /// Until the call that looks has its answer.
    UntilAnswer,
}

impl Cooldown {
    pub fn new(longest: Duration) -> Self {
        Self { longest, until: None, throttles_in_a_row: 0, is_looking: false }
    }

    /// Returns the rest after a first 429 of a model without a rate.
    pub fn shortest(&self) -> Duration {
        self.longest / 60
    }

    /// Returns the time until the model may be called; zero when it may be called now.
    pub fn time_left(&self, now: Instant) -> Duration {
        match self.until {
            Some(until) => until.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    }

    /// Tells whether there is no cooldown, and the next one is the shortest.
    pub fn is_untroubled(&self, now: Instant) -> bool {
        self.throttles_in_a_row == 0 && self.time_left(now).is_zero()
    }

    /// Tells whether the last answer was a 429, so that one call has to look first.
    pub fn is_throttled(&self) -> bool {
        self.throttles_in_a_row > 0
    }

    /// Asks for a call, and returns whether it is the one that looks.
    ///
    /// # Errors
    /// The model rests, or another call looks.
    pub fn admit(&mut self, now: Instant) -> Result<bool, Resting> {
        let time_left = self.time_left(now);
        if !time_left.is_zero() {
            return Err(Resting::For(time_left));
        }
        if self.is_looking {
            return Err(Resting::UntilAnswer);
        }
        self.is_looking = self.is_throttled();
        Ok(self.is_looking)
    }

    /// Records that the call that looks has ended without an answer of Cohere.
    pub fn stop_looking(&mut self) {
        self.is_looking = false;
    }

    /// Records a 429 and returns the cooldown it brings: `requested` by Cohere, else `rest` and its doubles.
    pub fn record_throttle(
        &mut self,
        requested: Option<Duration>,
        rest: Duration,
        now: Instant,
    ) -> Duration {
        let doublings = self.throttles_in_a_row.min(MAX_DOUBLINGS);
        let own = rest.saturating_mul(2u32.saturating_pow(doublings)).min(self.longest);
        let time = requested.map_or(own, |requested| requested.min(LONGEST_REQUESTED));
        // Several 429s of calls that were under way together are one.
        if self.time_left(now).is_zero() {
            self.throttles_in_a_row = self.throttles_in_a_row.saturating_add(1);
        }
        // A longer cooldown that is already running is not cut short by a later, shorter one.
        self.until = self.until.max(Some(now + time));
        self.is_looking = false;
        time
    }

    /// Records an answer that was no 429.
    pub fn record_answer(&mut self) {
        self.throttles_in_a_row = 0;
        self.is_looking = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn cooldown_doubles_until_an_answer_resets_it() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        let later = |count: u64| start + Duration::from_secs(count * 100);
        let times: Vec<_> = (0..7)
            .map(|count| cooldown.record_throttle(None, SECOND, later(count)).as_secs())
            .collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 32, 60]);
        cooldown.record_answer();
        assert_eq!(cooldown.record_throttle(None, SECOND, later(7)).as_secs(), 1);
    }

    #[test]
    fn requested_cooldown_wins_up_to_a_minute() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        assert_eq!(
            cooldown.record_throttle(Some(Duration::from_secs(50)), SECOND, start).as_secs(),
            50
        );
        assert_eq!(cooldown.time_left(start + Duration::from_secs(40)).as_secs(), 10);
        cooldown.record_throttle(Some(Duration::from_secs(1)), SECOND, start);
        assert_eq!(cooldown.time_left(start).as_secs(), 50);
        assert_eq!(cooldown.time_left(start + Duration::from_secs(51)), Duration::ZERO);
        for absurd in [Duration::from_secs(61), Duration::MAX] {
            assert_eq!(cooldown.record_throttle(Some(absurd), SECOND, start).as_secs(), 60);
        }
        assert_eq!(cooldown.time_left(start).as_secs(), 60);
    }

    #[test]
    fn cooldown_troubles_by_its_time_or_by_its_count() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        assert!(cooldown.is_untroubled(start));
        cooldown.record_throttle(Some(Duration::from_secs(5)), SECOND, start);
        assert!(!cooldown.is_untroubled(start + Duration::from_secs(6)), "the next one is longer");
        cooldown.record_answer();
        assert!(!cooldown.is_untroubled(start), "its time still runs");
        assert!(cooldown.is_untroubled(start + Duration::from_secs(6)));
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Throttled(Option<Duration>),
        Answered,
        Wait(Duration),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let time = || (0..120_000u64).prop_map(Duration::from_millis);
        let event = prop_oneof![
            3 => prop::option::of(time()).prop_map(Event::Throttled),
            1 => Just(Event::Answered),
            2 => time().prop_map(Event::Wait),
        ];
        prop::collection::vec(event, 0..60)
    }

    proptest! {
        #[test]
        fn cooldown_lasts_as_long_as_the_longest_request(events in events()) {
            let (mut cooldown, mut now) = (Cooldown::new(MINUTE), now());
            let (mut until, mut in_a_row) = (now, 0);
            for event in events {
                match event {
                    Event::Wait(time) => now += time,
                    Event::Answered => {
                        in_a_row = 0;
                        cooldown.record_answer();
                    }
                    Event::Throttled(requested) => {
                        let own = [1, 2, 4, 8, 16, 32, 60][in_a_row.min(6)];
                        let expected = requested.unwrap_or(Duration::from_secs(own));
                        let expected = expected.min(LONGEST_REQUESTED);
                        if until <= now {
                            in_a_row += 1;
                        }
                        prop_assert_eq!(cooldown.record_throttle(requested, SECOND, now), expected);
                        until = until.max(now + expected);
                    }
                }
                prop_assert_eq!(cooldown.time_left(now), until.saturating_duration_since(now));
            }
        }
    }
}
