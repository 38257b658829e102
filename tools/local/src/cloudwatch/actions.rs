//! When the actions of an alarm are carried out: at once, or once nothing suppresses them any more.
//!
//! A composite alarm with a suppressor acts only after a wait period, in which the suppressor may still go into
//! ALARM, and after an extension period once the suppressor has left ALARM. It then acts on the state that it
//! has at that time. Source: CloudWatch user guide, "Suppressing composite alarm actions", examples 1 to 6.

/// How long a composite alarm waits for its suppressor, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuppressionPeriods {
    /// `ActionsSuppressorWaitPeriod`.
    pub wait: u64,
    /// `ActionsSuppressorExtensionPeriod`.
    pub extension: u64,
}

/// Whether an alarm's actions wait, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeldActions {
    hold: Hold,
    /// The alarm has changed its state and has not acted on it.
    has_pending: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    #[default]
    Free,
    /// Until this second: a wait period, or an extension period.
    Until(u64),
    SuppressorInAlarm,
}

impl HeldActions {
    /// Takes note of a minute, and tells whether the alarm acts on its state now.
    pub(super) fn advance(
        &mut self,
        now: u64,
        has_changed: bool,
        periods: SuppressionPeriods,
        is_suppressor_in_alarm: bool,
    ) -> bool {
        self.has_pending |= has_changed;
        if is_suppressor_in_alarm {
            self.hold = Hold::SuppressorInAlarm;
            return false;
        }
        if self.hold == Hold::SuppressorInAlarm {
            self.hold = Hold::Until(now + periods.extension);
        }
        if has_changed {
            // It takes the place of an extension period, and of an earlier wait.
            self.hold = Hold::Until(now + periods.wait);
        }
        if let Hold::Until(end) = self.hold {
            if now < end {
                return false;
            }
            self.hold = Hold::Free;
        }
        std::mem::take(&mut self.has_pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times at which a composite alarm acts; a time unit is a minute, waiting takes two and extension three.
    ///
    /// `changes` are the times at which it changes its state, `in_alarm` those at which its suppressor is in ALARM.
    fn find_acts(changes: &[u64], in_alarm: std::ops::Range<u64>) -> Vec<u64> {
        let periods = SuppressionPeriods { wait: 120, extension: 180 };
        let mut held = HeldActions::default();
        let acts = (1..=12).filter(|time| {
            held.advance(time * 60, changes.contains(time), periods, in_alarm.contains(time))
        });
        acts.collect()
    }

    #[test]
    fn actions_wait_for_a_suppressor_that_does_not_come() {
        assert_eq!(find_acts(&[2], 0..0), [4]);
    }

    #[test]
    fn suppressor_within_the_wait_holds_actions() {
        assert!(find_acts(&[2], 3..99).is_empty());
    }

    #[test]
    fn change_within_the_wait_begins_it_anew() {
        assert_eq!(find_acts(&[2, 3], 0..0), [5]);
    }

    #[test]
    fn suppressor_in_alarm_holds_actions() {
        assert!(find_acts(&[2], 1..99).is_empty());
    }

    #[test]
    fn actions_come_after_the_extension() {
        assert_eq!(find_acts(&[2], 3..6), [9]);
    }

    #[test]
    fn change_within_the_extension_begins_a_wait() {
        assert_eq!(find_acts(&[2, 7], 3..6), [9]);
        assert_eq!(find_acts(&[2, 8], 3..6), [10]);
    }

    #[test]
    fn alarm_without_a_change_has_nothing_to_do() {
        assert!(find_acts(&[], 3..6).is_empty());
    }
}
