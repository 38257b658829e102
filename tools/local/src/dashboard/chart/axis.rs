//! Times below a graph and levels beside it, in a person's units.

use crate::dashboard::picture::show_number;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use shared::clock::format_iso8601;
use std::ops::Range;
use std::time::Duration;

/// Seconds since the epoch, named at full hours, or every ten minutes where there are few of those.
pub(super) struct TimeAxis {
    pub inner: RangedCoordf64,
}

impl Ranged for TimeAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.inner.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let Range { start, end } = self.inner.range();
        let step = if end - start > 7_200.0 { 3_600.0 } else { 600.0 };
        let (first, last) = ((start / step).ceil() as u64, (end / step).floor() as u64);
        (first..=last).map(|place| place as f64 * step).collect()
    }

    fn range(&self) -> Range<f64> {
        self.inner.range()
    }
}

impl ValueFormatter<f64> for TimeAxis {
    fn format(seconds: &f64) -> String {
        let text = format_iso8601(Duration::from_secs(*seconds as u64)).to_string();
        text.get(11..16).unwrap_or_default().to_owned()
    }
}

/// A level with its unit: thousands of milliseconds are seconds.
pub(super) fn show_level(value: f64, unit: &str) -> String {
    match unit {
        "$" => format!("${}", show_number(value)),
        "ms" if value >= 1_000.0 => format!("{} s", show_number(value / 1_000.0)),
        "" => show_number(value),
        unit => format!("{} {unit}", show_number(value)),
    }
}
