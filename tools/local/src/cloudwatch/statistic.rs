//! What is made of a period's values: sum, average, a percentile.

use anyhow::{Context, bail, ensure};

/// A statistic that CloudWatch computes of the values of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// In percent, such as 95 for `p95`.
    Percentile(f64),
}

impl Statistic {
    /// Reads CloudWatch's word for it.
    pub fn parse(text: &str) -> anyhow::Result<Statistic> {
        Ok(match text {
            "SampleCount" => Statistic::SampleCount,
            "Sum" => Statistic::Sum,
            "Average" => Statistic::Average,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            _ => {
                let Some(percent) = text.strip_prefix('p') else { bail!("no statistic {text}") };
                let percent: f64 =
                    percent.parse().with_context(|| format!("no statistic {text}"))?;
                ensure!((0.0..=100.0).contains(&percent), "{text} is no percentile");
                Statistic::Percentile(percent)
            }
        })
    }
}

/// Count, sum and extremes of some values.
#[derive(Clone, Copy, Default)]
pub(super) struct Summary {
    count: u64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Summary {
    pub(super) fn add_value(&mut self, value: f64) {
        self.add_summary(&Summary { count: 1, sum: value, minimum: value, maximum: value });
    }

    pub(super) fn add_summary(&mut self, other: &Summary) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }

    /// Returns a statistic that needs no single values; `None` where there were none.
    pub(super) fn read(&self, statistic: Statistic) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        match statistic {
            Statistic::SampleCount => Some(self.count as f64),
            Statistic::Sum => Some(self.sum),
            Statistic::Average => Some(self.sum / self.count as f64),
            Statistic::Minimum => Some(self.minimum),
            Statistic::Maximum => Some(self.maximum),
            Statistic::Percentile(_) => None,
        }
    }
}

/// Returns the value that so many percent of the values lie below, between two of them in proportion.
///
/// CloudWatch says no more than that; its own computation is an estimate, within about a percent.
pub(super) fn find_percentile(values: &mut [f64], percent: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (values.len() - 1) as f64;
    let (below, share) = (place.floor() as usize, place.fract());
    let above = values.get(below + 1).copied().unwrap_or(values[below]);
    Some(values[below] + (above - values[below]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_cloudwatch_are_read() {
        for (text, statistic) in [
            ("Sum", Statistic::Sum),
            ("SampleCount", Statistic::SampleCount),
            ("p95", Statistic::Percentile(95.0)),
            ("p99.9", Statistic::Percentile(99.9)),
        ] {
            assert_eq!(Statistic::parse(text).unwrap(), statistic);
        }
        for unknown in ["sum", "tm95", "p", "p101", "IQM", ""] {
            assert!(Statistic::parse(unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn percentile_leaves_its_share_below() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let p95 = find_percentile(&mut values, 95.0).unwrap();
        assert_eq!(values.iter().filter(|value| **value < p95).count(), 95);
        assert_eq!(find_percentile(&mut values, 0.0), Some(1.0));
        assert_eq!(find_percentile(&mut values, 100.0), Some(100.0));
        assert_eq!(find_percentile(&mut [7.0], 95.0), Some(7.0));
        assert_eq!(find_percentile(&mut [], 95.0), None);
    }
}
