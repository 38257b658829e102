//! The cooldown of a throttled model: limits are per model, and calling into one only prolongs it.
//!
//! Scope: environment. It lasts as long as Cohere asks for, a minute at most, else a second that doubles
//! with every further 429 in a row. After it one call goes alone and looks. A throttled model is not broken: the breaker hears nothing of it.

use crate::clock::Instant;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// Longest cooldown that is taken at Cohere's word: a wrong clock must not switch a model off for hours.
const LONGEST_REQUESTED: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Cooldown {
    until: Option<Instant>,
    throttles_in_a_row: u32,
}

impl Cooldown {
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

    /// Records a 429 and returns the cooldown it brings.
    pub fn record_throttle(&mut self, requested: Option<Duration>, now: Instant) -> Duration {
        let doublings = self.throttles_in_a_row.min(10);
        let own = LONGEST.min(FIRST * 2u32.saturating_pow(doublings));
        let time = requested.unwrap_or(own).min(LONGEST_REQUESTED);
        // Several 429s of calls that were under way together are one.
        if self.time_left(now).is_zero() {
            self.throttles_in_a_row = self.throttles_in_a_row.saturating_add(1);
        }
        // A longer cooldown that is already running is not cut short by a later, shorter one.
        self.until = self.until.max(Some(now + time));
        time
    }

    /// Records an answer that was no 429.
    pub fn record_answer(&mut self) {
        self.throttles_in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use proptest::prelude::*;

    #[test]
    fn cooldown_doubles_until_an_answer_resets_it() {
        let (mut cooldown, start) = (Cooldown::default(), now());
        let later = |count: u64| start + Duration::from_secs(count * 100);
        let times: Vec<_> =
            (0..7).map(|count| cooldown.record_throttle(None, later(count)).as_secs()).collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 30, 30]);
        cooldown.record_answer();
        assert_eq!(cooldown.record_throttle(None, later(7)).as_secs(), 1);
    }

    #[test]
    fn requested_cooldown_wins_up_to_a_minute() {
        let (mut cooldown, start) = (Cooldown::default(), now());
        assert_eq!(cooldown.record_throttle(Some(Duration::from_secs(50)), start).as_secs(), 50);
        assert_eq!(cooldown.time_left(start + Duration::from_secs(40)).as_secs(), 10);
        cooldown.record_throttle(Some(Duration::from_secs(1)), start);
        assert_eq!(cooldown.time_left(start).as_secs(), 50);
        assert_eq!(cooldown.time_left(start + Duration::from_secs(51)), Duration::ZERO);
        for absurd in [Duration::from_secs(61), Duration::MAX] {
            assert_eq!(cooldown.record_throttle(Some(absurd), start).as_secs(), 60);
        }
        assert_eq!(cooldown.time_left(start).as_secs(), 60);
    }

    #[test]
    fn cooldown_troubles_by_its_time_or_by_its_count() {
        let (mut cooldown, start) = (Cooldown::default(), now());
        assert!(cooldown.is_untroubled(start));
        cooldown.record_throttle(Some(Duration::from_secs(5)), start);
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
            let (mut cooldown, mut now) = (Cooldown::default(), now());
            let (mut until, mut in_a_row) = (now, 0);
            for event in events {
                match event {
                    Event::Wait(time) => now += time,
                    Event::Answered => {
                        in_a_row = 0;
                        cooldown.record_answer();
                    }
                    Event::Throttled(requested) => {
                        let own = [1, 2, 4, 8, 16, 30][in_a_row.min(5)];
                        let expected = requested.unwrap_or(Duration::from_secs(own));
                        let expected = expected.min(LONGEST_REQUESTED);
                        if until <= now {
                            in_a_row += 1;
                        }
                        prop_assert_eq!(cooldown.record_throttle(requested, now), expected);
                        until = until.max(now + expected);
                    }
                }
                prop_assert_eq!(cooldown.time_left(now), until.saturating_duration_since(now));
            }
        }
    }
}
