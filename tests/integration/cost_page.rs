//! `docs/cost.md`: its prices are those of the code, and what the stack costs is computed from the code's own
//! metrics and the template's own resources.

mod requests;

use crate::queries::assert_names_exist;
use gateway_tests::source_files::ROOT;
use serde_json::Value;
use shared::cost::{AS_OF, CATALOGUE};
use shared::endpoint::Endpoint;
use shared::telemetry::metrics::{Dimension, Metric};
use std::path::Path;

/// The most that a stack which nobody calls may cost in a month, in dollars.
const MAX_USD: f64 = 40.0;

/// AWS's list prices in us-east-1, in dollars a month, as of 2026-11. Sources: aws.amazon.com/cloudwatch/pricing,
/// /secrets-manager/pricing and /kms/pricing.
const METRIC_USD: f64 = 0.30;
/// What API Gateway writes of a route with detailed metrics: Count, 4XXError, 5XXError, Latency, IntegrationLatency.
const API_GATEWAY_METRICS: usize = 5;
const RESOURCES: [(&str, &str, f64); 5] = [
    ("AWS::CloudWatch::Alarm", "alarms, for each metric they watch", 0.10),
    ("AWS::CloudWatch::CompositeAlarm", "composite alarms", 0.50),
    ("AWS::CloudWatch::Dashboard", "dashboards", 3.00),
    ("AWS::SecretsManager::Secret", "secrets", 0.40),
    ("AWS::KMS::Key", "keys", 1.00),
];

#[test]
fn page_has_the_prices_and_costs_of_the_code() {
    let path = Path::new(ROOT).join("docs/cost.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let fresh = replace_part(&page, "prices", &print_prices());
    let fresh = replace_part(&fresh, "stack", &print_stack());
    let fresh = replace_part(&fresh, "requests", &requests::print_requests());
    page_check::check_page(&path, &fresh);
}

#[test]
fn idle_stack_costs_no_more_than_its_limit() {
    let series = count_idle_series();
    let idle = METRIC_USD * series as f64 + resource_rows().1;
    assert!(idle <= MAX_USD, "an idle stack costs ${idle:.2} a month");
}

#[test]
fn queries_name_fields_and_metrics_that_exist() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/cost.md")).unwrap();
    assert_names_exist(&page, 4);
}

fn replace_part(page: &str, name: &str, part: &str) -> String {
    let (start, end) = (format!("<!-- {name}:start -->\n"), format!("<!-- {name}:end -->\n"));
    let (before, rest) = page.split_once(&start).expect("a start");
    let (_, after) = rest.split_once(&end).expect("an end");
    format!("{before}{start}{part}{end}{after}")
}

fn print_prices() -> String {
    let mut table = format!(
        "List prices as of {AS_OF}, in dollars for a million units:\n\n| model | prices |\n|---|---|\n"
    );
    for (model, prices) in CATALOGUE {
        let prices = prices
            .iter()
            .map(|(unit, micro_usd)| format!("`{unit}` {}", *micro_usd as f64 / 1_000_000.0));
        table += &format!("| `{model}` | {} |\n", prices.collect::<Vec<_>>().join(", "));
    }
    table
}

fn print_stack() -> String {
    let (rows, resources) = resource_rows();
    let (idle, busy) = (count_idle_series(), count_busy_series());
    let metrics = |count: usize| METRIC_USD * count as f64;
    format!(
        "| what | count | $ a month |\n|---|---|---|\n{rows}\
         | metrics of an idle stack with its probe, $0.30 each | {idle} | {:.2} |\n\
         | metrics of a busy stack | {busy} | {:.2} |\n\
         | **idle, in all** | | **{:.2}** |\n\
         | **busy, in all** | | **{:.2}** |\n",
        metrics(idle),
        metrics(busy),
        resources + metrics(idle),
        resources + metrics(busy),
    )
}

/// Counts the metrics of a stack that only its probe calls: the look's own, those of its one marked request and of the
/// authorizer, and API Gateway's of the one route that is not the health check's, which has none.
fn count_idle_series() -> usize {
    let of_request = Metric::ALL.iter().filter(|metric| is_written_by_a_look(**metric));
    let of_request: usize = of_request.map(|metric| metric.dimension_sets().len()).sum();
    count_series(is_written_without_requests) + of_request + API_GATEWAY_METRICS
}

/// Counts the metrics of a stack whose routes are all called: three of v2, two of v1, and four that are passed through.
fn count_busy_series() -> usize {
    count_series(|_| true) + 9 * API_GATEWAY_METRICS
}

/// Counts the metrics that CloudWatch bills: each set of values of dimensions is one.
fn count_series(is_counted: impl Fn(Metric) -> bool) -> usize {
    let metrics = Metric::ALL.iter().filter(|metric| is_counted(**metric));
    metrics
        .map(|metric| {
            metric.dimension_sets().iter().map(|set| count_values(*metric, set)).sum::<usize>()
        })
        .sum()
}

fn count_values(metric: Metric, set: &[Dimension]) -> usize {
    let of_one = |dimension: &Dimension| match dimension {
        // While a rollout is on there are two versions, for minutes.
        Dimension::Service | Dimension::FunctionVersion => 1,
        Dimension::Endpoint => match metric {
            Metric::FirstEventLatency | Metric::StreamDuration | Metric::OutputTokenTime => 2,
            Metric::CacheInputs | Metric::CacheHits => 2,
            // What is passed through has one name.
            _ => Endpoint::ALL.len() + 1,
        },
    };
    set.iter().map(of_one).product()
}

fn is_written_by_a_look(metric: Metric) -> bool {
    let is_gate = metric.name().starts_with("Gate") && metric != Metric::GateMismatch;
    is_gate || [Metric::CostMicroUsd, Metric::AuthorizerAllowed].contains(&metric)
}

fn is_written_without_requests(metric: Metric) -> bool {
    let name = metric.name();
    name.starts_with("Probe") || name.starts_with("FrontDoor") || metric == Metric::KeyAgeDays
}

/// Returns a row for each kind of resource that has a price, and what they cost together.
fn resource_rows() -> (String, f64) {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    let template = cloudformation::read_template(&text).unwrap();
    let resources: Vec<_> = template["Resources"].as_object().unwrap().values().collect();
    let (mut rows, mut total) = (String::new(), 0.0);
    for (kind, name, price) in RESOURCES {
        let of_kind = resources.iter().filter(|resource| resource["Type"] == kind);
        let count: usize = of_kind.map(|resource| count_billed(resource)).sum();
        total += price * count as f64;
        rows += &format!("| {name}, ${price:.2} each | {count} | {:.2} |\n", price * count as f64);
    }
    (rows, total)
}

/// Returns how many times a resource is billed: an alarm for each metric in it, on whatever condition it is there.
fn count_billed(resource: &Value) -> usize {
    match &resource["Properties"]["Metrics"] {
        Value::Null => 1,
        metrics => count_metrics(metrics),
    }
}

fn count_metrics(value: &Value) -> usize {
    match value {
        Value::Object(entries) if entries.contains_key("MetricStat") => 1,
        Value::Object(entries) => entries.values().map(count_metrics).sum(),
        Value::Array(items) => items.iter().map(count_metrics).sum(),
        _ => 0,
    }
}
