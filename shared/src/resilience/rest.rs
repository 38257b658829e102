//! How long a throttled model rests: limits are per model, and calling into one only prolongs it.
//!
//! Scope: environment. The rest is what Cohere asks for, else a second that doubles with every
//! further 429 in a row. A throttled model is not broken: the breaker hears nothing of it.

use crate::clock::Instant;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Rest {
    until: Option<Instant>,
    in_a_row: u32,
}

impl Rest {
    /// Returns how long the model still rests; zero when it does not.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Notes a 429 and returns the rest it brings.
    pub fn throttled(&mut self, asked: Option<Duration>, now: Instant) -> Duration {
        let doubled = FIRST * 2u32.saturating_pow(self.in_a_row.min(10));
        let rest = asked.unwrap_or(doubled).min(LONGEST.max(asked.unwrap_or_default()));
        self.in_a_row = self.in_a_row.saturating_add(1);
        // A longer rest that is already running is not cut short by a later, shorter one.
        self.until = self.until.max(now.checked_add(rest));
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

    #[test]
    fn rests_double_up_to_half_a_minute_and_start_anew_after_an_answer() {
        let (mut rest, start) = (Rest::default(), now());
        let rests: Vec<_> = (0..7).map(|_| rest.throttled(None, start).as_secs()).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 30, 30]);
        rest.answered();
        assert_eq!(rest.throttled(None, start).as_secs(), 1);
    }

    #[test]
    fn what_cohere_asks_for_wins() {
        let (mut rest, start) = (Rest::default(), now());
        assert_eq!(rest.throttled(Some(Duration::from_secs(90)), start).as_secs(), 90);
        assert_eq!(rest.remaining(start + Duration::from_secs(80)).as_secs(), 10);
        rest.throttled(Some(Duration::from_secs(1)), start);
        assert_eq!(rest.remaining(start).as_secs(), 90);
        assert_eq!(rest.remaining(start + Duration::from_secs(91)), Duration::ZERO);
    }
}
