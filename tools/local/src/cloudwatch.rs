//! What CloudWatch would do with the lines of a run: keep metrics, evaluate the template's alarms, tell of them.
//!
//! There is no clock, no waiting and no I/O here. Whoever feeds it says when each line was written, so that days
//! pass in milliseconds, and asks it to go on to a time: every whole minute on the way is evaluated, as CloudWatch
//! evaluates a minute; an alarm that spans more than a day is evaluated at full hours. What was recorded
//! until before that minute is looked at; a line that comes late changes later evaluations only.
//!
//! ```text
//! line ─ embedded_format ─► metric_store ─► query, expression ─► evaluation ─► state ─► rule ─► actions
//!                                           └ definition: the template's alarms ┘
//! ```
//! Sources: CloudWatch user guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data",
//! "Alarm evaluation window", "Alarm warm-up periods", "Suppressing composite alarm actions".

mod actions;
mod definition;
mod embedded_format;
mod evaluation;
mod expression;
mod metric_store;
mod minute;
mod order;
mod query;
mod reference_values;
mod rule;
mod search;
mod statistic;
#[cfg(test)]
mod tests;

pub use actions::SuppressionPeriods;
pub use definition::{
    Actions, AlarmDefinition, AlarmKind, CompositeAlarm, MetricAlarm, Suppressor, WarmUp, Window,
    read_alarms,
};
pub use embedded_format::{Datum, Defect, read_line};
pub use evaluation::{Comparison, Criterion, MissingData};
pub use expression::{Expression, Series};
pub use metric_store::{MetricId, SeriesId};
pub use query::{MetricQuery, MetricStat, QuerySource};
pub use reference_values::{log_group_name, reference_values};
pub use rule::AlarmRule;
pub use statistic::Statistic;

use actions::HeldActions;
use anyhow::anyhow;

use expression::Value;
use metric_store::{MINUTE, MetricStore};
use order::order_alarms;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// State of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    Alarm,
    InsufficientData,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Ok => "OK",
            State::Alarm => "ALARM",
            State::InsufficientData => "INSUFFICIENT_DATA",
        })
    }
}

/// An alarm that has gone from one state into another.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub at: Duration,
    pub alarm: String,
    pub from: State,
    pub to: State,
    pub reason: String,
}

/// An action that was carried out: one topic was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    pub at: Duration,
    pub alarm: String,
    pub state: State,
    pub topic: String,
}

/// Metrics and alarms of one account; cheap to copy, to begin several runs with the same alarms.
#[derive(Clone)]
pub struct CloudWatch {
    store: MetricStore,
    /// Each after those that its rule names.
    alarms: Vec<Alarm>,
    places: BTreeMap<String, usize>,
    started: u64,
    /// The minute that was evaluated last.
    evaluated: u64,
    history: Vec<Change>,
    notifications: Vec<Notification>,
}

#[derive(Clone)]
struct Alarm {
    definition: Arc<AlarmDefinition>,
    state: State,
    /// What was looked at last, the oldest first.
    points: Vec<Option<f64>>,
    is_warm: bool,
    held: HeldActions,
}

impl CloudWatch {
    /// Reads the alarms of a template whose references have their values; all begin without data.
    pub fn from_template(resolved: &Json, start: Duration) -> anyhow::Result<CloudWatch> {
        let definitions = order_alarms(read_alarms(resolved)?)?;
        let started = start.as_secs() - start.as_secs() % MINUTE;
        let mut cloudwatch = CloudWatch {
            store: MetricStore::default(),
            alarms: Vec::new(),
            places: BTreeMap::new(),
            started,
            evaluated: started,
            history: Vec::new(),
            notifications: Vec::new(),
        };
        for definition in definitions {
            let place = cloudwatch.alarms.len();
            cloudwatch.places.insert(definition.name.clone(), place);
            if let Some(name) = &definition.given_name {
                cloudwatch.places.insert(name.clone(), place);
            }
            cloudwatch.alarms.push(Alarm {
                definition: Arc::new(definition),
                state: State::InsufficientData,
                points: Vec::new(),
                is_warm: false,
                held: HeldActions::default(),
            });
        }
        Ok(cloudwatch)
    }

    /// Takes a line of a function or of AWS itself; one that names no metric is ignored, a broken one is an error.
    pub fn record_line(&mut self, at: Duration, line: &str) -> anyhow::Result<()> {
        let data = read_line(line).map_err(|defect| anyhow!("{defect}: {line}"))?;
        self.record(at, &data);
        Ok(())
    }

    /// Takes a line as [`crate::Output`] tells it; a broken one of a function is counted for its log group.
    pub fn record_output(&mut self, at: Duration, writer: &str, line: &str) {
        match read_line(line) {
            Ok(data) => self.record(at, &data),
            Err(defect) => {
                let group = ("LogGroupName".to_owned(), log_group_name(writer));
                let id = self.place_metric(&MetricId {
                    namespace: "AWS/Logs".to_owned(),
                    name: defect.metric().to_owned(),
                    dimensions: BTreeMap::from([group]),
                });
                self.record_value(at, id, 1.0);
            }
        }
    }

    /// Takes the values of a line that was read before.
    pub fn record(&mut self, at: Duration, data: &[Datum]) {
        for datum in data {
            let id = self.place_metric(&datum.metric);
            self.record_value(at, id, datum.value);
        }
    }

    /// Returns the place of a metric, for [`Self::record_value`]; it need not have a value yet.
    pub fn place_metric(&mut self, metric: &MetricId) -> SeriesId {
        self.store.place_metric(metric)
    }

    /// Takes one value of a metric.
    pub fn record_value(&mut self, at: Duration, id: SeriesId, value: f64) {
        self.store.add_value(id, at.as_secs(), value);
    }

    /// Evaluates every alarm at each whole minute up to a time.
    pub fn advance_to(&mut self, now: Duration) {
        while self.evaluated + MINUTE <= now.as_secs() {
            self.evaluated += MINUTE;
            self.evaluate_minute(self.evaluated);
        }
    }

    /// Returns the state of an alarm; a name that is no alarm's is a mistake of the caller.
    pub fn state(&self, alarm: &str) -> State {
        self.find_alarm(alarm).state
    }

    /// Returns the datapoints that were looked at last against the threshold, the oldest first; of a composite
    /// alarm its members' states.
    pub fn reason(&self, alarm: &str) -> String {
        self.describe_state(self.find_alarm(alarm))
    }

    /// Returns every change of a state, the oldest first.
    pub fn history(&self) -> &[Change] {
        &self.history
    }

    /// Returns every action that was carried out, the oldest first.
    pub fn notifications(&self) -> &[Notification] {
        &self.notifications
    }

    /// Returns the alarms, each after those that its rule names.
    pub fn alarms(&self) -> impl Iterator<Item = &AlarmDefinition> {
        self.alarms.iter().map(|alarm| alarm.definition.as_ref())
    }

    /// Returns every metric that has a value, in no order.
    pub fn metrics(&self) -> impl Iterator<Item = &MetricId> {
        self.store.metrics()
    }

    /// Returns a metric's datapoints by the ends of their periods, from one time to another.
    pub fn values(
        &self,
        stat: &MetricStat,
        from: Duration,
        to: Duration,
    ) -> Vec<(Duration, Option<f64>)> {
        let length = to.saturating_sub(from).as_secs() / stat.period;
        let window =
            query::Periods { end: to.as_secs(), period: stat.period, length: length as usize };
        let ends = window.each().map(|(_, end)| Duration::from_secs(end));
        ends.zip(query::read_points(&self.store, stat, window)).collect()
    }

    /// Returns the lines of each query of a graph, whose periods are those of the clock.
    pub fn read_graph(
        &self,
        queries: &[MetricQuery],
        period: u64,
        from: Duration,
        to: Duration,
    ) -> anyhow::Result<Vec<Vec<Series>>> {
        let end = to.as_secs().div_ceil(period) * period;
        let length = (end - from.as_secs() / period * period) / period;
        let window = query::Periods { end, period, length: length as usize };
        let search =
            |text: &str, statistic| search::find_series(&self.store, text, statistic, window);
        let order = query::order_queries(queries)?;
        let values = query::evaluate_queries(&self.store, queries, &order, window, &search)?;
        let into_list = |value: Option<Value>| {
            value.map(|value| value.into_list(window.length)).unwrap_or_default()
        };
        Ok(values.into_iter().map(into_list).collect())
    }

    fn find_alarm(&self, alarm: &str) -> &Alarm {
        let place = self.places.get(alarm).unwrap_or_else(|| panic!("there is no alarm {alarm}"));
        &self.alarms[*place]
    }

    fn state_of(&self, alarm: &str) -> State {
        self.places.get(alarm).map_or(State::InsufficientData, |place| self.alarms[*place].state)
    }
}
