//! How long a throttled model rests: limits are per model, and calling into one only prolongs it.
//!
//! Scope: environment. The rest is what Cohere asks for, else a second that doubles with every
//! further 429 in a row. A throttled model is not broken: the breaker hears nothing of it.

use crate::clock::Instant;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// Longest rest that Cohere may ask for; an instance does not live longer than some hours.
const FURTHEST: Duration = Duration::from_secs(86_400);

#[derive(Debug, Default)]
pub struct Cooldown {
    until: Option<Instant>,
    in_a_row: u32,
}

impl Cooldown {
    /// Returns how long the model still rests; zero when it does not.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Notes a 429 and returns the rest it brings.
    pub fn throttled(&mut self, asked: Option<Duration>, now: Instant) -> Duration {
        let rest = asked.unwrap_or_else(|| LONGEST.min(FIRST * 2u32.saturating_pow(self.in_a_row.min(10))));
        // Several 429s of calls that were under way together are one.
        if self.remaining(now).is_zero() {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        // A longer rest that is already running is not cut short by a later, shorter one.
        self.until = self.until.max(Some(now + rest.min(FURTHEST)));
        rest
    }

    /// Notes an answer that was no 429.
    pub fn answered(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use proptest::prelude::*;

    #[test]
    fn rests_double_up_to_half_a_minute_and_start_anew_after_an_answer() {
        let (mut rest, start) = (Cooldown::default(), now());
        let later = |count: u64| start + Duration::from_secs(count * 100);
        let rests: Vec<_> = (0..7).map(|count| rest.throttled(None, later(count)).as_secs()).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 30, 30]);
        rest.answered();
        assert_eq!(rest.throttled(None, later(7)).as_secs(), 1);
    }

    #[test]
    fn what_cohere_asks_for_wins() {
        let (mut rest, start) = (Cooldown::default(), now());
        assert_eq!(rest.throttled(Some(Duration::from_secs(90)), start).as_secs(), 90);
        assert_eq!(rest.remaining(start + Duration::from_secs(80)).as_secs(), 10);
        rest.throttled(Some(Duration::from_secs(1)), start);
        assert_eq!(rest.remaining(start).as_secs(), 90);
        assert_eq!(rest.remaining(start + Duration::from_secs(91)), Duration::ZERO);
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
        fn a_rest_lasts_as_long_as_the_longest_that_was_called_for(events in events()) {
            let (mut rest, mut now) = (Cooldown::default(), now());
            let (mut until, mut in_a_row) = (now, 0);
            for event in events {
                match event {
                    Event::Wait(time) => now += time,
                    Event::Answered => {
                        in_a_row = 0;
                        rest.answered();
                    }
                    Event::Throttled(asked) => {
                        let own = [1, 2, 4, 8, 16, 30][in_a_row.min(5)];
                        let expected = asked.unwrap_or(Duration::from_secs(own));
                        if until <= now {
                            in_a_row += 1;
                        }
                        prop_assert_eq!(rest.throttled(asked, now), expected);
                        until = until.max(now + expected);
                    }
                }
                prop_assert_eq!(rest.remaining(now), until.saturating_duration_since(now));
            }
        }
    }
}
