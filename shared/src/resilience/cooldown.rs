//! The cooldown of a throttled model: limits are per model, and calling into one only prolongs it.
//!
//! Scope: environment. It lasts as long as Cohere asks for, a minute at most, else as long as the rate
//! says (`rate.rs`), twice as long with every further 429 in a row. After it one call goes alone and looks whether
//! the limit is lifted. A throttled model is not broken: the breaker hears nothing of it.

use super::rate::Rests;
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
    /// For requests of one part, and for parts of split requests.
    until: [Option<Instant>; 2],
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
        Self { longest, until: [None; 2], throttles_in_a_row: 0, is_looking: false }
    }

    /// Returns the rests after a first 429 of a model without a rate.
    pub fn shortest(&self) -> Rests {
        Rests { of_singles: self.longest / 60, of_parts: self.longest / 60 }
    }

    /// Returns the time until the model may be called by a part, or by another request; zero when it may be now.
    pub fn time_left(&self, is_bulk: bool, now: Instant) -> Duration {
        match self.until[usize::from(is_bulk)] {
            Some(until) => until.saturating_duration_since(now),
            None => Duration::ZERO,
        }
    }

    /// Tells whether there is no cooldown, and the next one is the shortest.
    pub fn is_untroubled(&self, now: Instant) -> bool {
        self.throttles_in_a_row == 0 && self.time_left(true, now).is_zero()
    }

    /// Tells whether the last answer was a 429, so that one call has to look first.
    pub fn is_throttled(&self) -> bool {
        self.throttles_in_a_row > 0
    }

    /// Asks for a call, and returns whether it is the one that looks.
    ///
    /// # Errors
    /// The model rests, or another call looks.
    pub fn admit(&mut self, is_bulk: bool, now: Instant) -> Result<bool, Resting> {
        let time_left = self.time_left(is_bulk, now);
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

    /// Records a 429, which brings a cooldown: `requested` by Cohere, else `rests` and their doubles.
    pub fn record_throttle(&mut self, requested: Option<Duration>, rests: Rests, now: Instant) {
        let doublings = self.throttles_in_a_row.min(MAX_DOUBLINGS);
        // Several 429s of calls that were under way together are one.
        if self.time_left(false, now).is_zero() {
            self.throttles_in_a_row = self.throttles_in_a_row.saturating_add(1);
        }
        for (until, rest) in self.until.iter_mut().zip([rests.of_singles, rests.of_parts]) {
            let own = rest.saturating_mul(2u32.saturating_pow(doublings)).min(self.longest);
            let time = requested.map_or(own, |requested| requested.min(LONGEST_REQUESTED));
            // A longer cooldown that is already running is not cut short by a later, shorter one.
            *until = (*until).max(Some(now + time));
        }
        self.is_looking = false;
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

    /// Records a 429 and returns the cooldown that it brings.
    fn throttle(cooldown: &mut Cooldown, requested: Option<Duration>, now: Instant) -> Duration {
        let mut alone = Cooldown::new(MINUTE);
        alone.throttles_in_a_row = cooldown.throttles_in_a_row;
        let rests = Rests { of_singles: SECOND, of_parts: SECOND * 20 };
        cooldown.record_throttle(requested, rests, now);
        alone.record_throttle(requested, rests, now);
        alone.time_left(false, now)
    }

    #[test]
    fn parts_rest_longer_than_single_requests() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        throttle(&mut cooldown, None, start);
        assert_eq!(cooldown.time_left(true, start), SECOND * 20);
        assert_eq!(cooldown.admit(true, start + SECOND), Err(Resting::For(SECOND * 19)));
        assert_eq!(cooldown.admit(false, start + SECOND), Ok(true), "a query looks");
        assert_eq!(cooldown.admit(true, start + MINUTE), Err(Resting::UntilAnswer));
        throttle(&mut cooldown, Some(SECOND * 5), start + MINUTE);
        for is_bulk in [false, true] {
            assert_eq!(cooldown.time_left(is_bulk, start + MINUTE), SECOND * 5, "as Cohere asks");
        }
    }

    #[test]
    fn cooldown_doubles_until_an_answer_resets_it() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        let later = |count: u64| start + Duration::from_secs(count * 100);
        let times: Vec<_> =
            (0..7).map(|count| throttle(&mut cooldown, None, later(count)).as_secs()).collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 32, 60]);
        cooldown.record_answer();
        assert_eq!(throttle(&mut cooldown, None, later(7)).as_secs(), 1);
    }

    #[test]
    fn requested_cooldown_wins_up_to_a_minute() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        assert_eq!(throttle(&mut cooldown, Some(Duration::from_secs(50)), start).as_secs(), 50);
        assert_eq!(cooldown.time_left(false, start + Duration::from_secs(40)).as_secs(), 10);
        throttle(&mut cooldown, Some(Duration::from_secs(1)), start);
        assert_eq!(cooldown.time_left(false, start).as_secs(), 50);
        assert_eq!(cooldown.time_left(false, start + Duration::from_secs(51)), Duration::ZERO);
        for absurd in [Duration::from_secs(61), Duration::MAX] {
            assert_eq!(throttle(&mut cooldown, Some(absurd), start).as_secs(), 60);
        }
        assert_eq!(cooldown.time_left(false, start).as_secs(), 60);
    }

    #[test]
    fn cooldown_troubles_by_its_time_or_by_its_count() {
        let (mut cooldown, start) = (Cooldown::new(MINUTE), now());
        assert!(cooldown.is_untroubled(start));
        throttle(&mut cooldown, Some(Duration::from_secs(5)), start);
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
                        prop_assert_eq!(throttle(&mut cooldown, requested, now), expected);
                        until = until.max(now + expected);
                    }
                }
                prop_assert_eq!(cooldown.time_left(false, now), until.saturating_duration_since(now));
            }
        }
    }
}
