//! What an alarm or a widget asks of the store: metrics, and expressions over them.

use super::expression::{Expression, Scope, Series, Value};
use super::metric_store::{MetricId, MetricStore};
use super::statistic::Statistic;
use anyhow::{Context, ensure};

/// A metric's statistic over periods of some seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricStat {
    pub metric: MetricId,
    pub statistic: Statistic,
    pub period: u64,
}

/// One of the queries that belong together; expressions name the others by their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricQuery {
    pub id: String,
    pub source: QuerySource,
}

/// Where a query's values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum QuerySource {
    Metric(MetricStat),
    Expression(Expression),
}

/// Queries in the order in which they are computed, each after those that it reads.
pub(super) fn order_queries(queries: &[MetricQuery]) -> anyhow::Result<Vec<usize>> {
    let is_metric = |place: &usize| matches!(queries[*place].source, QuerySource::Metric(_));
    let mut order: Vec<usize> = (0..queries.len()).filter(is_metric).collect();
    while order.len() < queries.len() {
        let is_ready = |place: &usize| match &queries[*place].source {
            QuerySource::Expression(expression) if !order.contains(place) => {
                expression.queries().iter().all(|read| order.contains(read))
            }
            _ => false,
        };
        let next = (0..queries.len()).find(is_ready);
        order.push(next.context("expressions name each other in a circle")?);
    }
    Ok(order)
}

/// The times that are looked at: `length` periods, the last of which ends at `end`.
#[derive(Clone, Copy)]
pub(super) struct Periods {
    pub end: u64,
    pub period: u64,
    pub length: usize,
}

impl Periods {
    /// Returns the beginnings and ends of the periods, the oldest first.
    pub(super) fn each(self) -> impl Iterator<Item = (u64, u64)> {
        (0..self.length).rev().map(move |age| {
            let end = self.end.saturating_sub(self.period * age as u64);
            (end.saturating_sub(self.period), end)
        })
    }
}

/// Computes all queries over a periods.
pub(super) fn evaluate_queries(
    store: &MetricStore,
    queries: &[MetricQuery],
    order: &[usize],
    periods: Periods,
    search: &dyn Fn(&str, Statistic) -> anyhow::Result<Vec<Series>>,
) -> anyhow::Result<Vec<Option<Value>>> {
    let is_metric = |place: &usize| matches!(queries[*place].source, QuerySource::Metric(_));
    let metrics: Vec<usize> = (0..queries.len()).filter(is_metric).collect();
    let mut values: Vec<Option<Value>> = vec![None; queries.len()];
    for place in order {
        let value = match &queries[*place].source {
            QuerySource::Metric(stat) => Value::Series(read_points(store, stat, periods)),
            QuerySource::Expression(expression) => expression.evaluate(&Scope {
                values: &values,
                metrics: &metrics,
                period: periods.period,
                length: periods.length,
                search,
            })?,
        };
        values[*place] = Some(value);
    }
    Ok(values)
}

/// Returns a metric's datapoints over a periods.
pub(super) fn read_points(
    store: &MetricStore,
    stat: &MetricStat,
    periods: Periods,
) -> Vec<Option<f64>> {
    let Some(id) = store.find_metric(&stat.metric) else { return vec![None; periods.length] };
    let read = |(from, until)| store.read_statistic(id, stat.statistic, from, until);
    periods.each().map(read).collect()
}

/// Fails on ids that CloudWatch does not take: they begin with a small letter and are unique.
pub(super) fn check_ids(ids: &[&str]) -> anyhow::Result<()> {
    for (place, id) in ids.iter().enumerate() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_id = id.starts_with(|c: char| c.is_ascii_lowercase()) && id.chars().all(is_part);
        ensure!(is_id, "{id:?} is no id: a small letter comes first");
        ensure!(!ids[..place].contains(id), "two queries have the id {id}");
    }
    Ok(())
}
