//! One minute of all alarms: metric alarms first, then composites after their members, then actions.

use super::expression::Value;
use super::metric_store::{DAY, HOUR, MINUTE, WEEK};
use super::query::{Periods, evaluate_queries};
use super::{
    Alarm, AlarmKind, Change, CloudWatch, CompositeAlarm, MetricAlarm, Notification, State, Window,
};
use std::time::Duration;

/// The epoch was a Thursday; CloudWatch's weeks begin on Mondays.
const FIRST_MONDAY: u64 = 4 * DAY;

impl CloudWatch {
    pub(super) fn evaluate_minute(&mut self, now: u64) {
        let mut has_changed = vec![false; self.alarms.len()];
        for (place, has_changed) in has_changed.iter_mut().enumerate() {
            let definition = self.alarms[place].definition.clone();
            let state = match &definition.kind {
                AlarmKind::Metric(alarm) => self.judge_metrics(place, alarm, now),
                AlarmKind::Composite(composite) => Some(self.judge_rule(composite)),
            };
            if let Some(state) = state {
                *has_changed = self.set_state(place, now, state);
            }
        }
        for (place, has_changed) in has_changed.into_iter().enumerate() {
            self.carry_out_actions(place, now, has_changed);
        }
    }

    /// Returns the new state of an alarm; `None` where it is not evaluated, or keeps its state.
    fn judge_metrics(&mut self, place: usize, alarm: &MetricAlarm, now: u64) -> Option<State> {
        if alarm.span() > DAY && !now.is_multiple_of(HOUR) {
            return None;
        }
        let end = match alarm.window {
            Window::Sliding => now,
            Window::WallClock => find_wall_clock_end(now, alarm.period),
        };
        let window = Periods { end, period: alarm.period, length: alarm.criterion.range() };
        let points = self.read_watched(alarm, window);
        if !self.alarms[place].is_warm && !self.is_warm_now(alarm, &points, now) {
            return None;
        }
        let is_breached = |value: f64| alarm.comparison.is_breached_by(value, alarm.threshold);
        let breaches: Vec<_> = points.iter().rev().map(|point| point.map(is_breached)).collect();
        self.alarms[place].is_warm = true;
        self.alarms[place].points = points;
        alarm.criterion.judge(&breaches)
    }

    fn read_watched(&self, alarm: &MetricAlarm, window: Periods) -> Vec<Option<f64>> {
        let no_search = |_: &str, _| Ok(Vec::new());
        let values =
            evaluate_queries(&self.store, &alarm.queries, &alarm.order, window, &no_search);
        // An expression was checked when it was read; what still fails has no datapoint, as in CloudWatch.
        let Ok(mut values) = values else { return vec![None; window.length] };
        match values[alarm.watched].take() {
            Some(Value::Series(points)) => points,
            _ => vec![None; window.length],
        }
    }

    fn is_warm_now(&self, alarm: &MetricAlarm, points: &[Option<f64>], now: u64) -> bool {
        let Some(warm_up) = alarm.warm_up else { return true };
        let is_over = now >= self.started + warm_up.minutes * MINUTE;
        let found = points.iter().rev().take(alarm.criterion.periods).flatten().count();
        is_over || (!warm_up.is_whole && found == alarm.criterion.periods)
    }

    fn judge_rule(&self, composite: &CompositeAlarm) -> State {
        let holds = composite.rule.holds(&|alarm| self.state_of(alarm));
        if holds { State::Alarm } else { State::Ok }
    }

    /// Sets the state of an alarm and tells whether it is another one.
    fn set_state(&mut self, place: usize, now: u64, state: State) -> bool {
        let from = std::mem::replace(&mut self.alarms[place].state, state);
        if from == state {
            return false;
        }
        let alarm = &self.alarms[place];
        let change = Change {
            at: Duration::from_secs(now),
            alarm: alarm.definition.name.clone(),
            from,
            to: state,
            reason: self.describe_state(alarm),
        };
        self.history.push(change);
        true
    }

    pub(super) fn describe_state(&self, alarm: &Alarm) -> String {
        match &alarm.definition.kind {
            AlarmKind::Metric(metric) => describe_points(metric, &alarm.points),
            AlarmKind::Composite(composite) => {
                let members = composite.rule.members();
                let describe = |alarm: &&str| format!("{alarm} is {}", self.state_of(alarm));
                members.iter().map(describe).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn carry_out_actions(&mut self, place: usize, now: u64, has_changed: bool) {
        let definition = self.alarms[place].definition.clone();
        let acts = match &definition.kind {
            AlarmKind::Composite(CompositeAlarm { suppressor: Some(suppressor), .. }) => {
                let is_in_alarm = self.state_of(&suppressor.alarm) == State::Alarm;
                let held = &mut self.alarms[place].held;
                held.advance(now, has_changed, suppressor.periods, is_in_alarm)
            }
            _ => has_changed,
        };
        if !acts {
            return;
        }
        let state = self.alarms[place].state;
        for topic in definition.actions.on(state) {
            self.notifications.push(Notification {
                at: Duration::from_secs(now),
                alarm: definition.name.clone(),
                state,
                topic: topic.clone(),
            });
        }
    }
}

/// Returns the end of the last whole period of the clock, or of the calendar in UTC.
fn find_wall_clock_end(now: u64, period: u64) -> u64 {
    let offset = if period == WEEK { FIRST_MONDAY } else { 0 };
    (now - offset) / period * period + offset
}

/// Says which datapoints were looked at, the oldest first, and what is expected of them.
fn describe_points(alarm: &MetricAlarm, points: &[Option<f64>]) -> String {
    let shown: Vec<_> = points.iter().map(describe_point).collect();
    let (criterion, symbol) = (alarm.criterion, alarm.comparison.symbol());
    let (to_alarm, periods, threshold) = (criterion.to_alarm, criterion.periods, alarm.threshold);
    format!("{to_alarm} of {periods} datapoints {symbol} {threshold}: {}", shown.join(" "))
}

fn describe_point(point: &Option<f64>) -> String {
    // Four digits are enough for a person.
    point.map_or("-".to_owned(), |value| ((value * 1e4).round() / 1e4).to_string())
}
