//! `AWS::CloudWatch::Alarm`, on one metric or on an expression over several.

use super::properties::{Properties, read_text};
use crate::cloudwatch::evaluation::{Comparison, Criterion, MissingData};
use crate::cloudwatch::expression::Expression;
use crate::cloudwatch::metric_store::{DAY, HOUR, MINUTE, MetricId, WEEK};
use crate::cloudwatch::query::{MetricQuery, MetricStat, QuerySource, check_ids, order_queries};
use crate::cloudwatch::statistic::Statistic;
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most metrics that one alarm's expressions may read.
const MAX_METRICS: usize = 10;

#[derive(Clone, Debug, PartialEq)]
pub struct MetricAlarm {
    /// In seconds, the same of all its metrics.
    pub period: u64,
    pub criterion: Criterion,
    pub comparison: Comparison,
    pub threshold: f64,
    pub window: Window,
    pub warm_up: Option<WarmUp>,
    pub queries: Vec<MetricQuery>,
    /// The query whose values are compared.
    pub watched: usize,
    /// Places of the queries in the order in which they are computed.
    pub(crate) order: Vec<usize>,
}

/// Where the periods of an alarm begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// They end at the minute of the evaluation.
    Sliding,
    /// They are those of the clock and the calendar in UTC, and only whole ones are looked at: a day's values
    /// count once the day is over.
    WallClock,
}

/// A time after its creation in which an alarm stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmUp {
    pub minutes: u64,
    /// Whether it lasts so long even where there is enough data earlier.
    pub is_whole: bool,
}

impl MetricAlarm {
    pub(super) fn read(properties: &mut Properties) -> anyhow::Result<Self> {
        let periods: usize = properties.require_number("EvaluationPeriods")?;
        let criterion = Criterion {
            to_alarm: properties.take_number("DatapointsToAlarm")?.unwrap_or(periods),
            periods,
            missing_data: read_missing_data(properties)?,
        };
        ensure!(
            criterion.to_alarm >= 1 && criterion.to_alarm <= periods,
            "DatapointsToAlarm is not between 1 and EvaluationPeriods"
        );
        let low_samples = properties.take_text("EvaluateLowSampleCountPercentile")?;
        ensure!(
            low_samples.as_deref().is_none_or(|text| text == "evaluate"),
            "EvaluateLowSampleCountPercentile is known as evaluate only"
        );
        let comparison = read_comparison(&properties.require_text("ComparisonOperator")?)?;
        let threshold = properties.require_number("Threshold")?;
        let (queries, watched) = read_queries(properties)?;
        let period = read_common_period(&queries)?;
        let alarm = MetricAlarm {
            period,
            criterion,
            comparison,
            threshold,
            window: read_window(properties)?,
            warm_up: read_warm_up(properties)?,
            order: order_queries(&queries)?,
            queries,
            watched,
        };
        alarm.check_times()?;
        Ok(alarm)
    }

    /// Seconds that the datapoints of one evaluation span.
    pub fn span(&self) -> u64 {
        self.period * self.criterion.periods as u64
    }

    fn check_times(&self) -> anyhow::Result<()> {
        let limit = if self.period < HOUR { DAY } else { WEEK };
        ensure!(self.span() <= limit, "Period times EvaluationPeriods is over {limit} seconds");
        let is_of_the_clock = [MINUTE, 5 * MINUTE, HOUR, DAY, WEEK].contains(&self.period);
        ensure!(
            self.window == Window::Sliding || is_of_the_clock,
            "a WallClockWindow takes periods of 60, 300, 3600, 86400 and 604800 seconds"
        );
        Ok(())
    }
}

fn read_missing_data(properties: &mut Properties) -> anyhow::Result<MissingData> {
    Ok(match properties.take_text("TreatMissingData")?.as_deref() {
        None | Some("missing") => MissingData::Missing,
        Some("notBreaching") => MissingData::NotBreaching,
        Some("breaching") => MissingData::Breaching,
        Some("ignore") => MissingData::Ignore,
        Some(other) => bail!("TreatMissingData is {other}"),
    })
}

fn read_comparison(text: &str) -> anyhow::Result<Comparison> {
    Ok(match text {
        "GreaterThanThreshold" => Comparison::Greater,
        "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
        "LessThanThreshold" => Comparison::Less,
        "LessThanOrEqualToThreshold" => Comparison::LessOrEqual,
        other => bail!("ComparisonOperator {other} is unknown here"),
    })
}

fn read_window(properties: &mut Properties) -> anyhow::Result<Window> {
    let Some(mut window) = properties.take_inner("EvaluationWindow")? else {
        return Ok(Window::Sliding);
    };
    let is_sliding = window.take("SlidingWindow").is_some();
    let kind = match window.take_inner("WallClockWindow")? {
        Some(_) if is_sliding => bail!("EvaluationWindow is either of two windows"),
        Some(mut wall_clock) => {
            let zone = wall_clock.take_text("Timezone")?;
            ensure!(zone.is_none_or(|zone| zone == "UTC"), "only UTC is known as Timezone");
            wall_clock.check_all_taken()?;
            Window::WallClock
        }
        None => Window::Sliding,
    };
    window.check_all_taken()?;
    Ok(kind)
}

fn read_warm_up(properties: &mut Properties) -> anyhow::Result<Option<WarmUp>> {
    let Some(mut fields) = properties.take_inner("WarmUpConfiguration")? else { return Ok(None) };
    let minutes = fields.require_number("WarmUpPeriodDurationInMinutes")?;
    ensure!((1..=2_880).contains(&minutes), "WarmUpPeriodDurationInMinutes is 1 to 2880");
    let is_whole = fields.take_flag("OnlyStartEvaluatingAfterWarmUpPeriodEnds")?.unwrap_or(false);
    fields.check_all_taken()?;
    Ok(Some(WarmUp { minutes, is_whole }))
}

/// Returns the queries, and the place of the one that is watched.
fn read_queries(properties: &mut Properties) -> anyhow::Result<(Vec<MetricQuery>, usize)> {
    match properties.take("Metrics") {
        Some(metrics) => read_metrics(metrics.as_array().context("Metrics is no list")?),
        None => {
            let metric = read_metric(properties)?;
            let statistic = read_statistic(properties)?;
            let period = properties.require_number("Period")?;
            let source = QuerySource::Metric(MetricStat { metric, statistic, period });
            Ok((vec![MetricQuery { id: "m1".to_owned(), source }], 0))
        }
    }
}

fn read_statistic(properties: &mut Properties) -> anyhow::Result<Statistic> {
    let plain = properties.take_text("Statistic")?;
    let extended = properties.take_text("ExtendedStatistic")?;
    match (plain, extended) {
        (Some(text), None) if !text.starts_with('p') => Statistic::parse(&text),
        (None, Some(text)) if text.starts_with('p') => Statistic::parse(&text),
        other => bail!("one fitting Statistic or ExtendedStatistic is expected: {other:?}"),
    }
}

fn read_metric(properties: &mut Properties) -> anyhow::Result<MetricId> {
    let mut dimensions = BTreeMap::new();
    let listed = properties.take("Dimensions").unwrap_or(Value::Array(Vec::new()));
    for dimension in listed.as_array().context("Dimensions is no list")? {
        let mut fields = Properties::new(dimension).context("in Dimensions")?;
        let name = fields.require_text("Name")?;
        let value = fields.take("Value").with_context(|| format!("{name} has no value"))?;
        ensure!(
            !value.is_object(),
            "the dimension {name} is {value}, which needs a reference value here"
        );
        fields.check_all_taken()?;
        let value = read_text(&value)?;
        ensure!(dimensions.insert(name.clone(), value).is_none(), "{name} stands twice");
    }
    Ok(MetricId {
        namespace: properties.require_text("Namespace")?,
        name: properties.require_text("MetricName")?,
        dimensions,
    })
}

fn read_metrics(listed: &[Value]) -> anyhow::Result<(Vec<MetricQuery>, usize)> {
    let ids: Vec<&str> =
        listed.iter().map(|query| query["Id"].as_str().unwrap_or_default()).collect();
    check_ids(&ids)?;
    let mut queries = Vec::new();
    let mut watched = Vec::new();
    for (place, (id, query)) in ids.iter().zip(listed).enumerate() {
        let (source, is_returned) =
            read_query(query, &ids).with_context(|| format!("in the query {id}"))?;
        queries.push(MetricQuery { id: (*id).to_owned(), source });
        if is_returned {
            watched.push(place);
        }
    }
    let is_metric = |query: &&MetricQuery| matches!(query.source, QuerySource::Metric(_));
    let count = queries.iter().filter(is_metric).count();
    ensure!((1..=MAX_METRICS).contains(&count), "{count} metrics; 1 to {MAX_METRICS} are taken");
    let [watched] = watched.as_slice() else {
        bail!("exactly one query has ReturnData, here {}", watched.len());
    };
    Ok((queries, *watched))
}

fn read_query(query: &Value, ids: &[&str]) -> anyhow::Result<(QuerySource, bool)> {
    let mut fields = Properties::new(query)?;
    for name in ["Id", "Label"] {
        fields.ignore(name);
    }
    let is_returned = fields.take_flag("ReturnData")?.unwrap_or(true);
    let expression = fields.take_text("Expression")?;
    let source = match (expression, fields.take_inner("MetricStat")?) {
        (Some(text), None) => {
            let expression = Expression::parse(&text, ids)?;
            expression.check_for_alarm()?;
            QuerySource::Expression(expression)
        }
        (None, Some(stat)) => QuerySource::Metric(read_metric_stat(stat)?),
        _ => bail!("either an Expression or a MetricStat is expected"),
    };
    fields.check_all_taken()?;
    Ok((source, is_returned))
}

fn read_metric_stat(mut stat: Properties) -> anyhow::Result<MetricStat> {
    let mut metric = stat.take_inner("Metric")?.context("Metric is missing")?;
    let found = MetricStat {
        metric: read_metric(&mut metric)?,
        statistic: Statistic::parse(&stat.require_text("Stat")?)?,
        period: stat.require_number("Period")?,
    };
    metric.check_all_taken()?;
    stat.check_all_taken()?;
    Ok(found)
}

fn read_common_period(queries: &[MetricQuery]) -> anyhow::Result<u64> {
    let mut common = None;
    for query in queries {
        if let QuerySource::Metric(stat) = &query.source {
            let period = stat.period;
            ensure!(period > 0 && period % MINUTE == 0, "Period {period} is no multiple of 60");
            ensure!(common.is_none_or(|common| common == period), "metrics differ in their Period");
            common = Some(period);
        }
    }
    common.context("no metric")
}
