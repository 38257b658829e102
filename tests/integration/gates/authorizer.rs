//! One rollout of the authorizer, minute by minute: verdicts alone, as many as API Gateway asks for and the driver makes.

use super::simulation::{BEFORE, CANARY, PAIRS, SHARE, SHIFTED, find_alarm, metric_of};
use super::{LIVE, NEW};
use local::cloudwatch::{CloudWatch, SeriesId};
use shared::telemetry::metrics::Metric;
use std::time::Duration;

/// What the verdicts are like.
#[derive(Clone, Copy, Debug)]
pub struct Verdicts {
    pub name: &'static str,
    /// Share of callers whom any version refuses.
    pub refused: f64,
    /// The new version refuses all.
    pub denies_everybody: bool,
}

pub const HEALTHY: Verdicts = Verdicts {
    name: "healthy authorizer, a fifth of all callers are unknown",
    refused: 0.2,
    denies_everybody: false,
};

pub const DENYING: Verdicts =
    Verdicts { name: "authorizer that denies everybody", refused: 0.005, denies_everybody: true };

/// Draws what happens in one rollout.
struct Run {
    verdicts: Verdicts,
    random: fastrand::Rng,
    cloudwatch: CloudWatch,
    at: Duration,
    /// Of each version's denials and failures, the new one's first.
    series: [[SeriesId; 2]; 2],
}

impl Run {
    fn judge(&mut self, is_new: bool, refused: f64) {
        let [denied, failed] = self.series[usize::from(!is_new)];
        let denies_everybody = is_new && self.verdicts.denies_everybody;
        let is_denied = denies_everybody || self.random.f64() < refused;
        self.cloudwatch.record_value(self.at, denied, f64::from(u8::from(is_denied)));
        self.cloudwatch.record_value(self.at, failed, 0.0);
    }
}

/// Plays a rollout; returns the minute of the canary in which a gate stopped it.
pub fn play(gates: &CloudWatch, verdicts: Verdicts, rate: u64, seed: u64) -> Option<u64> {
    let random = fastrand::Rng::with_seed(seed);
    let mut cloudwatch = gates.clone();
    let series = [NEW, LIVE].map(|version| {
        let metric = |metric| metric_of("authorizer", metric, version);
        [Metric::GateDenied, Metric::GateFailed].map(|one| cloudwatch.place_metric(&metric(one)))
    });
    let mut run = Run { verdicts, random, cloudwatch, at: Duration::ZERO, series };
    for minute in 0..SHIFTED + CANARY {
        run.at = Duration::from_secs(minute * 60);
        for _ in 0..rate {
            let is_new = minute >= SHIFTED && run.random.f64() < SHARE;
            run.judge(is_new, verdicts.refused);
        }
        let pairs = if minute >= BEFORE { PAIRS } else { 0 };
        for _ in 0..pairs {
            run.judge(true, 0.0);
            run.judge(false, 0.0);
        }
        run.cloudwatch.advance_to(Duration::from_secs((minute + 1) * 60));
        if minute >= BEFORE && find_alarm(&run.cloudwatch).is_some() {
            return Some((minute + 1).saturating_sub(SHIFTED));
        }
    }
    None
}
