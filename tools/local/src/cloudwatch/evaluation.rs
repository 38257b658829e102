//! From the datapoints of an alarm to its state: M of N, and what a missing datapoint means.
//!
//! CloudWatch looks at more periods than `EvaluationPeriods`, so that a gap does not hide what was before it,
//! and uses `TreatMissingData` only where it finds fewer datapoints than it needs. How many more it looks at is
//! documented by its examples alone, which have 5 for 3: here always two more.
//! Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data".

use super::State;

/// Periods that CloudWatch looks at beyond those it needs.
pub(super) const FURTHER_PERIODS: usize = 2;

/// What stands in for a datapoint that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingData {
    Missing,
    NotBreaching,
    Breaching,
    Ignore,
}

/// How a datapoint is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    pub(super) fn is_breached_by(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Greater => value > threshold,
            Comparison::GreaterOrEqual => value >= threshold,
            Comparison::Less => value < threshold,
            Comparison::LessOrEqual => value <= threshold,
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
        }
    }
}

/// How many of how many datapoints must breach, and what a missing one counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// `DatapointsToAlarm`, M.
    pub to_alarm: usize,
    /// `EvaluationPeriods`, N.
    pub periods: usize,
    pub missing_data: MissingData,
}

impl Criterion {
    /// How many datapoints are looked at.
    pub(super) fn range(&self) -> usize {
        self.periods + FURTHER_PERIODS
    }

    /// Returns the state; `breaches` has the newest datapoint first, `None` where it is missing.
    ///
    /// `None` keeps the state as it is.
    pub(super) fn judge(&self, breaches: &[Option<bool>]) -> Option<State> {
        let found: Vec<bool> = breaches.iter().copied().flatten().take(self.periods).collect();
        let breaching = found.iter().filter(|breach| **breach).count();
        let to_fill = self.periods - found.len();
        if to_fill == 0 || breaching >= self.to_alarm {
            return Some(self.compare(breaching));
        }
        match self.missing_data {
            MissingData::Breaching => Some(self.compare(breaching + to_fill)),
            MissingData::NotBreaching => Some(State::Ok),
            MissingData::Missing if found.is_empty() => Some(State::InsufficientData),
            MissingData::Ignore if found.is_empty() => None,
            MissingData::Missing if self.is_due(breaches) => Some(State::Alarm),
            MissingData::Ignore if self.is_due(breaches) => None,
            MissingData::Missing | MissingData::Ignore => Some(State::Ok),
        }
    }

    fn compare(&self, breaching: usize) -> State {
        if breaching >= self.to_alarm { State::Alarm } else { State::Ok }
    }

    /// Whether too few datapoints are an alarm nevertheless: all that there are breach, and the oldest of them has
    /// waited for others as long as an alarm takes ("premature alarm state" in the user guide).
    fn is_due(&self, breaches: &[Option<bool>]) -> bool {
        let oldest = breaches.iter().rposition(Option::is_some);
        let all_breach = breaches.iter().flatten().all(|breach| *breach);
        all_breach && oldest.is_some_and(|age| age + 1 >= self.to_alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datapoints in the words of the user guide, newest last: `0` is within, `X` breaches, `-` is missing.
    fn read_breaches(text: &str) -> Vec<Option<bool>> {
        let one = |word: &str| match word {
            "0" => Some(false),
            "X" => Some(true),
            _ => None,
        };
        text.split(' ').rev().map(one).collect()
    }

    fn judge(to_alarm: usize, text: &str, missing_data: MissingData) -> Option<State> {
        Criterion { to_alarm, periods: 3, missing_data }.judge(&read_breaches(text))
    }

    const ALARM: Option<State> = Some(State::Alarm);
    const OK: Option<State> = Some(State::Ok);
    const INSUFFICIENT: Option<State> = Some(State::InsufficientData);
    const KEPT: Option<State> = None;
    const TREATMENTS: [MissingData; 4] = [
        MissingData::Missing,
        MissingData::Ignore,
        MissingData::Breaching,
        MissingData::NotBreaching,
    ];

    #[test]
    fn three_of_three_is_judged_as_documented() {
        for (text, states) in [
            ("0 - X - X", [OK, OK, OK, OK]),
            ("0 - - - -", [OK, OK, OK, OK]),
            ("- - - - -", [INSUFFICIENT, KEPT, ALARM, OK]),
            ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
            ("- - X - -", [ALARM, KEPT, ALARM, OK]),
        ] {
            assert_eq!(TREATMENTS.map(|treatment| judge(3, text, treatment)), states, "{text}");
        }
    }

    #[test]
    fn two_of_three_is_judged_as_documented() {
        for (text, states) in [
            ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
            ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
            ("0 - X - -", [OK, OK, ALARM, OK]),
            ("- - - - 0", [OK, OK, ALARM, OK]),
            ("- - - X -", [ALARM, KEPT, ALARM, OK]),
        ] {
            assert_eq!(TREATMENTS.map(|treatment| judge(2, text, treatment)), states, "{text}");
        }
    }

    #[test]
    fn first_breach_after_a_gap_is_no_alarm_yet() {
        for text in ["- - - - X", "- - - X -"] {
            assert_ne!(judge(3, text, MissingData::Missing), ALARM, "{text}");
        }
        assert_eq!(judge(3, "- - - X 0", MissingData::Missing), OK);
        assert_eq!(judge(3, "- - X - 0", MissingData::Missing), OK);
    }

    #[test]
    fn comparisons_differ_at_the_threshold() {
        let at_threshold = [
            (Comparison::Greater, false),
            (Comparison::GreaterOrEqual, true),
            (Comparison::Less, false),
            (Comparison::LessOrEqual, true),
        ];
        for (comparison, is_breached) in at_threshold {
            assert_eq!(comparison.is_breached_by(5.0, 5.0), is_breached, "{comparison:?}");
        }
        assert!(Comparison::Greater.is_breached_by(5.1, 5.0));
        assert!(Comparison::Less.is_breached_by(4.9, 5.0));
    }
}
