//! The events of requests, as the functions write them, and the metrics that CloudWatch makes of them.

use crate::gateway::Running;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most metrics that CloudWatch takes from one directive; it drops more in silence.
const MAX_METRICS: usize = 100;

/// Values by metric.
pub type Metrics = BTreeMap<String, f64>;

/// Reads a function's line, which stands after the function's name.
pub fn parse_line(line: &str) -> Option<Value> {
    serde_json::from_str(&line[line.find('{')?..]).ok()
}

/// Returns all events of one name, in the order in which they were written.
pub fn read_events(running: &Running, name: &str) -> Vec<Value> {
    let lines = running.read_lines();
    let events = lines.iter().filter_map(|line| parse_line(line));
    events.filter(|event| event["event"] == name).collect()
}

/// Waits for the next event of a name after the first `known`, at most 5 seconds.
pub async fn wait_for_event(running: &Running, name: &str, known: usize) -> Value {
    for _ in 0..500 {
        let events = read_events(running, name);
        if let Some(event) = events.get(known) {
            return event.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no new event {name} in {:#?}", running.read_lines());
}

/// Returns what CloudWatch makes of a line, and checks what it would drop without telling.
pub fn read_metrics(line: &Value) -> Metrics {
    let aws = &line["_aws"];
    assert!(aws["Timestamp"].is_u64(), "no time in {line}");
    let mut metrics = Metrics::new();
    for directive in aws["CloudWatchMetrics"].as_array().expect("directives") {
        assert_eq!(directive["Namespace"], shared::telemetry::metrics::NAMESPACE);
        for set in directive["Dimensions"].as_array().expect("sets of dimensions") {
            for name in set.as_array().expect("names").iter().filter_map(Value::as_str) {
                let value = line[name].as_str().unwrap_or_else(|| panic!("{name} in {line}"));
                assert!((1..=1_024).contains(&value.len()), "{name} is {value:?}");
            }
        }
        let named = directive["Metrics"].as_array().expect("metrics");
        assert!(named.len() <= MAX_METRICS);
        for metric in named {
            let name = metric["Name"].as_str().expect("a name");
            let value = line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
            assert!(metrics.insert(name.to_string(), value).is_none(), "{name} stands twice");
        }
    }
    metrics
}

/// Returns the names of those metrics that are not 0.
pub fn names_of_counted<'a>(metrics: &'a Metrics, among: &[&str]) -> BTreeSet<&'a str> {
    let counted =
        metrics.iter().filter(|(name, value)| among.contains(&name.as_str()) && **value > 0.0);
    counted.map(|(name, _)| name.as_str()).collect()
}
