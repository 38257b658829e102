//! How long to wait before the next attempt: exponential, with full jitter.
//!
//! Full jitter spreads the retries of many environments over the whole interval, which is what keeps a
//! struggling upstream from being hit in waves.

use std::time::Duration;

const BASE: Duration = Duration::from_millis(250);
const FACTOR: u32 = 2;
/// Highest power, so that a wait stays a few seconds whatever the number of attempts.
const MAX_POWER: u32 = 3;

/// Returns the wait before the attempt after `attempts` failed ones; `random` lies in 0..1.
pub fn choose_wait(attempts: u32, random: f64) -> Duration {
    let power = attempts.saturating_sub(1).min(MAX_POWER);
    (BASE * FACTOR.pow(power)).mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::retry::MAX_ATTEMPTS;
    use proptest::prelude::*;

    #[test]
    fn longest_wait_doubles_with_each_attempt() {
        let longest: Vec<_> =
            (1..=4).map(|attempts| choose_wait(attempts, 1.0).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1_000, 2_000]);
        assert_eq!(choose_wait(3, 0.0), Duration::ZERO);
        assert_eq!(choose_wait(u32::MAX, 1.0), Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn wait_is_the_drawn_share_of_the_longest(attempts in any::<u32>(), random in 0.0..1.0f64) {
            let share = choose_wait(attempts, random).as_secs_f64() / choose_wait(attempts, 1.0).as_secs_f64();
            prop_assert!((share - random).abs() < 1e-6);
            prop_assert!(choose_wait(attempts, 1.0) <= Duration::from_secs(4));
        }

        #[test]
        fn no_attempt_waits_over_two_seconds(attempts in 0..=MAX_ATTEMPTS, random: f64) {
            prop_assert!(choose_wait(attempts, random) <= Duration::from_secs(2));
        }
    }
}
