//! How long a model usually takes, so that one that has become slow is seen before it is dead.
//!
//! A slow answer teaches little, or five of them in a row would be the usual time before they open a breaker;
//! but it does teach, so that a model which stays slow is slow no longer after about thirty answers. Ordinary
//! and streamed answers are two kinds: of a stream it is the time to the first content. Scope: environment.

use std::time::Duration;

/// Answers by which a model is known; until then none is slow.
const NEEDED: u32 = 10;
/// What part of its difference from the mean an answer brings in.
const WEIGHT: f64 = 1.0 / 16.0;
/// The same of a slow one, divided by the times that make it slow: five in a row stay slow.
const WEIGHT_IF_SLOW: f64 = 1.0 / 32.0;

/// The mean time of one kind of answers, in which later ones count more.
#[derive(Clone, Debug, Default)]
pub struct UsualTime {
    mean_secs: f64,
    answers: u32,
}

impl UsualTime {
    /// Tells whether an answer took over `times` the usual time; `times` 0 finds nothing slow.
    pub fn is_slow(&self, took: Duration, times: u32) -> bool {
        times > 0
            && self.answers >= NEEDED
            && took.as_secs_f64() > self.mean_secs * f64::from(times)
    }

    /// Learns from an answer, and tells whether it was slow.
    pub fn judge(&mut self, took: Duration, times: u32) -> bool {
        let is_slow = self.is_slow(took, times);
        self.answers = self.answers.saturating_add(1);
        let weight = match is_slow {
            true => WEIGHT_IF_SLOW / f64::from(times),
            // The first ones count alike.
            false => WEIGHT.max(1.0 / f64::from(self.answers)),
        };
        self.mean_secs += (took.as_secs_f64() - self.mean_secs) * weight;
        is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: Duration = Duration::from_millis(200);

    fn known() -> UsualTime {
        let mut time = UsualTime::default();
        for _ in 0..NEEDED {
            assert!(!time.judge(USUAL, 3));
        }
        time
    }

    #[test]
    fn answer_over_so_many_times_the_usual_is_slow() {
        let time = known();
        assert!(!time.is_slow(USUAL * 3, 3));
        assert!(time.is_slow(USUAL * 3 + Duration::from_millis(1), 3));
        assert!(!time.is_slow(USUAL * 3 + Duration::from_millis(1), 4));
        assert!(!time.is_slow(USUAL * 1_000, 0), "it is off");
    }

    #[test]
    fn nothing_is_slow_before_the_model_is_known() {
        let mut time = UsualTime::default();
        time.judge(USUAL, 2);
        for _ in 2..NEEDED {
            assert!(!time.judge(USUAL * 100, 2));
        }
    }

    #[test]
    fn five_slow_answers_in_a_row_are_all_slow() {
        for times in [2, 3, 10] {
            let mut time = known();
            let slow = USUAL * times * 5 / 4;
            assert!((0..5).all(|_| time.judge(slow, times)), "{times}");
        }
    }

    #[test]
    fn model_that_stays_slow_is_usual_in_the_end() {
        for times in [2, 3, 10] {
            let mut time = known();
            let slow = USUAL * 1_000;
            let count = (0..100).take_while(|_| time.judge(slow, times)).count();
            assert!((30..=45).contains(&count), "{count} slow answers, {times} times");
        }
    }

    proptest! {
        #[test]
        fn usual_time_stays_among_the_times_seen(
            millis in prop::collection::vec(1..10_000u64, 1..80), times in 0..10u32
        ) {
            let mut time = UsualTime::default();
            let (mut least, mut most) = (f64::MAX, 0.0f64);
            for millis in millis {
                let took = Duration::from_millis(millis);
                time.judge(took, times);
                least = least.min(took.as_secs_f64());
                most = most.max(took.as_secs_f64());
                prop_assert!(time.mean_secs >= least - 1e-9 && time.mean_secs <= most + 1e-9);
            }
        }
    }
}
