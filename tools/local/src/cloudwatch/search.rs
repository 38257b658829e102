//! `SEARCH`: every metric of some dimensions, such as one line for each version of a function.
//!
//! Of CloudWatch's search language this knows the schema with its exact dimensions and terms `Name="value"`, all of
//! which must hold: `{CohereGateway,Service,FunctionVersion} Service="a" MetricName="Requests"`.

use super::expression::Series;
use super::metric_store::{MetricId, MetricStore};
use super::query::{MetricStat, Periods, read_points};
use super::statistic::Statistic;
use anyhow::{Context, ensure};

/// A search, read.
#[derive(Debug, PartialEq)]
struct MetricSearch<'a> {
    namespace: &'a str,
    dimensions: Vec<&'a str>,
    terms: Vec<(&'a str, &'a str)>,
}

/// Returns the series that a search finds, in the order of their dimensions' values.
pub(super) fn find_series(
    store: &MetricStore,
    text: &str,
    statistic: Statistic,
    periods: Periods,
) -> anyhow::Result<Vec<Series>> {
    let search = MetricSearch::parse(text).with_context(|| format!("in the search {text}"))?;
    let mut found: Vec<_> =
        store.metrics().filter(|metric| search.finds(metric)).cloned().collect();
    found.sort();
    let read = |metric: MetricId| {
        let stat = MetricStat { metric, statistic, period: periods.period };
        let points = read_points(store, &stat, periods);
        Series { metric: Some(stat.metric), points }
    };
    Ok(found.into_iter().map(read).collect())
}

impl<'a> MetricSearch<'a> {
    fn parse(text: &'a str) -> anyhow::Result<Self> {
        let schema = text.trim().strip_prefix('{').context("a schema in braces comes first")?;
        let (schema, mut rest) = schema.split_once('}').context("the schema has no end")?;
        let mut names = schema.split(',').map(str::trim);
        let namespace = names.next().unwrap_or_default();
        let mut terms = Vec::new();
        while !rest.trim().is_empty() {
            let (name, tail) = rest.split_once("=\"").context("Name=\"value\" is expected")?;
            let (value, after) = tail.split_once('"').context("a value has no end")?;
            let name = name.trim();
            ensure!(name.chars().all(char::is_alphanumeric), "{name:?} is no name of a dimension");
            terms.push((name, value));
            rest = after;
        }
        Ok(MetricSearch { namespace, dimensions: names.collect(), terms })
    }

    fn finds(&self, metric: &MetricId) -> bool {
        let has_dimensions = metric.dimensions.len() == self.dimensions.len()
            && self.dimensions.iter().all(|name| metric.dimensions.contains_key(*name));
        let holds = |(name, value): &(&str, &str)| match *name {
            "MetricName" => metric.name == *value,
            dimension => metric.dimensions.get(dimension).is_some_and(|found| found == value),
        };
        metric.namespace == self.namespace && has_dimensions && self.terms.iter().all(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn metric(name: &str, dimensions: &[(&str, &str)]) -> MetricId {
        let pairs = dimensions.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        MetricId {
            namespace: "N".to_owned(),
            name: name.to_owned(),
            dimensions: pairs.collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn search_finds_exact_dimensions_and_values() {
        let text = "{N,Service,Version} Service=\"a b\" MetricName=\"M\"";
        let search = MetricSearch::parse(text).unwrap();
        assert!(search.finds(&metric("M", &[("Service", "a b"), ("Version", "7")])));
        for other in [
            metric("L", &[("Service", "a b"), ("Version", "7")]),
            metric("M", &[("Service", "c"), ("Version", "7")]),
            metric("M", &[("Service", "a b")]),
            metric("M", &[("Service", "a b"), ("Version", "7"), ("Endpoint", "chat")]),
        ] {
            assert!(!search.finds(&other), "{other}");
        }
    }

    #[test]
    fn unknown_search_is_refused() {
        for text in
            ["N Service=\"a\"", "{N,A", "{N,A} A=b", "{N,A} A=(\"b\" OR \"c\")", "{N} A=\"b"]
        {
            assert!(MetricSearch::parse(text).is_err(), "{text}");
        }
    }
}
