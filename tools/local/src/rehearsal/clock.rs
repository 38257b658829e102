//! The clock of a rehearsal: its minutes are seconds or less of the real one.

use std::time::Duration;
use tokio::time::Instant;

/// The first minute of a rehearsal, in seconds since 1970; a full hour.
const FIRST: Duration = Duration::from_secs(1_767_225_600);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Tells the time of a rehearsal.
#[derive(Clone, Copy)]
pub(super) struct ScaledClock {
    start: Instant,
    /// How long one of its minutes really takes.
    minute: Duration,
}

impl ScaledClock {
    /// Starts a clock now.
    pub(super) fn start(minute: Duration) -> Self {
        ScaledClock { start: Instant::now(), minute }
    }

    /// The time since 1970.
    pub(super) fn now(self) -> Duration {
        let passed = self.start.elapsed().as_secs_f64() / self.minute.as_secs_f64();
        FIRST + MINUTE.mul_f64(passed)
    }

    /// The minutes since the start.
    pub(super) fn minutes_of(self, time: Duration) -> f64 {
        (time.saturating_sub(FIRST)).as_secs_f64() / MINUTE.as_secs_f64()
    }

    pub(super) fn first(self) -> Duration {
        FIRST
    }

    /// What some of its time really takes.
    pub(super) fn scale(self, time: Duration) -> Duration {
        self.minute.mul_f64(time.as_secs_f64() / MINUTE.as_secs_f64())
    }

    /// How much of its time passes while something really takes so long.
    pub(super) fn stretch(self, real: Duration) -> Duration {
        MINUTE.mul_f64(real.as_secs_f64() / self.minute.as_secs_f64())
    }

    /// Waits for some of its time.
    pub(super) async fn sleep(self, time: Duration) {
        tokio::time::sleep(self.scale(time)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn minute_passes_in_the_time_it_is_given() {
        let clock = ScaledClock::start(Duration::from_millis(500));
        assert_eq!((clock.now(), FIRST.as_secs() % 3_600), (FIRST, 0));
        tokio::time::sleep(Duration::from_millis(1_250)).await;
        assert_eq!(clock.minutes_of(clock.now()), 2.5);
        clock.sleep(MINUTE).await;
        assert_eq!(clock.minutes_of(clock.now()), 3.5);
        assert_eq!(clock.stretch(clock.scale(MINUTE * 2)), MINUTE * 2);
    }
}
