//! The values of every metric, kept by the minute.

use super::statistic::{Statistic, Summary, find_percentile};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 24 * HOUR;
pub(super) const WEEK: u64 = 7 * DAY;

/// What tells one metric from every other: another value of a dimension is another metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimensions: Vec<_> =
            self.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{} {} {{{}}}", self.namespace, self.name, dimensions.join(", "))
    }
}

/// The place of a metric in the store, for those who write or read it often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesId(usize);

/// All metrics, with their values.
#[derive(Clone, Default)]
pub(super) struct MetricStore {
    places: HashMap<MetricId, usize>,
    series: Vec<MetricValues>,
}

#[derive(Clone, Default)]
struct MetricValues {
    /// By the second at which the minute begins.
    minutes: BTreeMap<u64, MinuteValues>,
    /// The same by the hour, so that a window of days is summed up fast.
    hours: BTreeMap<u64, Summary>,
}

#[derive(Clone, Default)]
struct MinuteValues {
    summary: Summary,
    /// Each value, because a percentile needs them.
    values: Vec<f64>,
}

impl MetricStore {
    /// Returns the place of a metric, which need not have a value yet.
    pub(super) fn place_metric(&mut self, metric: &MetricId) -> SeriesId {
        if let Some(place) = self.places.get(metric) {
            return SeriesId(*place);
        }
        self.places.insert(metric.clone(), self.series.len());
        self.series.push(MetricValues::default());
        SeriesId(self.series.len() - 1)
    }

    pub(super) fn find_metric(&self, metric: &MetricId) -> Option<SeriesId> {
        self.places.get(metric).copied().map(SeriesId)
    }

    /// Returns every metric that has a value, in no order.
    pub(super) fn metrics(&self) -> impl Iterator<Item = &MetricId> {
        let with_values = |(_, place): &(_, &usize)| !self.series[**place].minutes.is_empty();
        self.places.iter().filter(with_values).map(|(metric, _)| metric)
    }

    /// Adds a value at a time, in seconds since the epoch.
    pub(super) fn add_value(&mut self, id: SeriesId, at: u64, value: f64) {
        let series = &mut self.series[id.0];
        let minute = series.minutes.entry(at - at % MINUTE).or_default();
        minute.summary.add_value(value);
        minute.values.push(value);
        series.hours.entry(at - at % HOUR).or_default().add_value(value);
    }

    /// Returns the statistic of the values from one minute until before another; `None` where there are none.
    pub(super) fn read_statistic(
        &self,
        id: SeriesId,
        statistic: Statistic,
        from: u64,
        until: u64,
    ) -> Option<f64> {
        let series = &self.series[id.0];
        if let Statistic::Percentile(percent) = statistic {
            let minutes = series.minutes.range(from..until);
            let mut values: Vec<f64> =
                minutes.flat_map(|(_, minute)| &minute.values).copied().collect();
            return find_percentile(&mut values, percent);
        }
        series.sum_up(from, until).read(statistic)
    }
}

impl MetricValues {
    /// Sums up whole hours where the window has them, and minutes at its ends.
    fn sum_up(&self, from: u64, until: u64) -> Summary {
        let first_hour = from.div_ceil(HOUR) * HOUR;
        let last_hour = until - until % HOUR;
        let mut summary = Summary::default();
        if first_hour >= last_hour {
            self.add_minutes(&mut summary, from, until);
            return summary;
        }
        self.add_minutes(&mut summary, from, first_hour);
        for (_, hour) in self.hours.range(first_hour..last_hour) {
            summary.add_summary(hour);
        }
        self.add_minutes(&mut summary, last_hour, until);
        summary
    }

    fn add_minutes(&self, summary: &mut Summary, from: u64, until: u64) {
        for (_, minute) in self.minutes.range(from..until) {
            summary.add_summary(&minute.summary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_with(values: impl IntoIterator<Item = (u64, f64)>) -> (MetricStore, SeriesId) {
        let mut store = MetricStore::default();
        let id = store.place_metric(&MetricId {
            namespace: "N".to_owned(),
            name: "M".to_owned(),
            dimensions: BTreeMap::new(),
        });
        for (at, value) in values {
            store.add_value(id, at, value);
        }
        (store, id)
    }

    #[test]
    fn long_window_has_every_minute_once() {
        let (store, id) = store_with((0..600).map(|minute| (minute * 60 + 17, minute as f64)));
        for (from, until) in [(0, 600), (59, 61), (30, 150), (61, 62), (60, 120), (1, 599)] {
            let expected: u64 = (from..until).sum();
            let found = store.read_statistic(id, Statistic::Sum, from * 60, until * 60);
            assert_eq!(found, Some(expected as f64), "{from} to {until}");
            let count = store.read_statistic(id, Statistic::SampleCount, from * 60, until * 60);
            assert_eq!(count, Some((until - from) as f64));
        }
        assert_eq!(store.read_statistic(id, Statistic::Sum, 700 * 60, 800 * 60), None);
    }

    #[test]
    fn percentile_takes_all_values_of_its_window() {
        let (store, id) = store_with((0..101).map(|n| (n * 6, n as f64)));
        let p90 = Statistic::Percentile(90.0);
        assert_eq!(store.read_statistic(id, p90, 0, 660), Some(90.0));
        let of_a_minute = store.read_statistic(id, p90, 0, 60).unwrap();
        assert!((of_a_minute - 8.1).abs() < 1e-9, "{of_a_minute}");
        assert_eq!(store.read_statistic(id, p90, 6_000, 12_000), None);
    }
}
