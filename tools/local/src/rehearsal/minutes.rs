//! What happened in each minute to the function that is looked at, by version, read from its metrics.

use super::clock::MINUTE;
use super::gates::Pair;
use crate::cloudwatch::{CloudWatch, MetricId, MetricStat, Statistic};
use crate::stack::STACK_NAME;
use std::collections::BTreeMap;
use std::time::Duration;

/// One version in one minute, the driver's calls of it too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct VersionMinute {
    pub(super) calls: f64,
    /// Answers of ours from 500 on, crashes, and denials of an authorizer.
    pub(super) failed: f64,
    /// 95th percentile in milliseconds: to a chat's first event, of embed's and rerank's slowest call of Cohere, and
    /// of other functions' whole invocation.
    pub(super) p95: Option<f64>,
}

/// Both versions in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Minute {
    pub(super) live: VersionMinute,
    pub(super) new: VersionMinute,
}

/// Reads the minute that begins at a time.
pub(super) fn read_minute(cloudwatch: &CloudWatch, pair: &Pair, begin: Duration) -> Minute {
    let reader = Reader { cloudwatch, pair, begin };
    Minute { live: reader.read_version(pair.live), new: reader.read_version(pair.new) }
}

struct Reader<'a> {
    cloudwatch: &'a CloudWatch,
    pair: &'a Pair,
    begin: Duration,
}

impl Reader<'_> {
    fn read_version(&self, version: u32) -> VersionMinute {
        let by_alias = self.name_function(&format!("{}:live", self.deployed()), Some(version));
        let by_number = self.name_function(&format!("{}:{version}", self.deployed()), None);
        let lambda = |name: &str| {
            self.read_sum("AWS/Lambda", name, &by_alias)
                + self.read_sum("AWS/Lambda", name, &by_number)
        };
        let (own, failed, latency) = self.name_own(version);
        let p95 = Statistic::Percentile(95.0);
        VersionMinute {
            calls: lambda("Invocations"),
            failed: lambda("Errors") + self.read_sum("CohereGateway", failed, &own),
            p95: match latency {
                Some(latency) => self.read("CohereGateway", latency, &own, p95),
                None => self.read("AWS/Lambda", "Duration", &by_alias, p95),
            },
        }
    }

    fn deployed(&self) -> String {
        format!("{STACK_NAME}-{}", self.pair.resource)
    }

    /// The dimensions of a function's own metrics, and their names: of failures, and of times where it has one.
    fn name_own(
        &self,
        version: u32,
    ) -> (BTreeMap<String, String>, &'static str, Option<&'static str>) {
        let mut own = BTreeMap::from([
            ("Service".to_owned(), STACK_NAME.to_owned()),
            ("FunctionVersion".to_owned(), version.to_string()),
        ]);
        if self.pair.function == "authorizer" {
            return (own, "GateDenied", None);
        }
        own.insert("Endpoint".to_owned(), self.pair.function.clone());
        (own, "GateServerError", (self.pair.function != "health").then_some("GateLatency"))
    }

    fn name_function(&self, resource: &str, executed: Option<u32>) -> BTreeMap<String, String> {
        let mut dimensions = BTreeMap::from([
            ("FunctionName".to_owned(), self.deployed()),
            ("Resource".to_owned(), resource.to_owned()),
        ]);
        if let Some(version) = executed {
            dimensions.insert("ExecutedVersion".to_owned(), version.to_string());
        }
        dimensions
    }

    fn read_sum(&self, namespace: &str, name: &str, dimensions: &BTreeMap<String, String>) -> f64 {
        self.read(namespace, name, dimensions, Statistic::Sum).unwrap_or_default()
    }

    fn read(
        &self,
        namespace: &str,
        name: &str,
        dimensions: &BTreeMap<String, String>,
        statistic: Statistic,
    ) -> Option<f64> {
        let metric = MetricId {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.clone(),
        };
        let stat = MetricStat { metric, statistic, period: MINUTE.as_secs() };
        let values = self.cloudwatch.values(&stat, self.begin, self.begin + MINUTE);
        values.first().and_then(|(_, value)| *value)
    }
}
