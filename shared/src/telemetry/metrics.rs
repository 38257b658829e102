//! Metrics in CloudWatch's embedded format: one JSON object a line on stdout, nothing around it.
//!
//! Model and client are fields and never dimensions: each value of a dimension is one more metric to pay.
//! Source: the embedded metric format specification.

use crate::clock::since_epoch;
use crate::endpoint::Endpoint;
use std::io::Write;
use std::sync::OnceLock;

const NAMESPACE: &str = "CohereGateway";

/// The stack's name, set once at the start.
static SERVICE: OnceLock<String> = OnceLock::new();

/// Sets the value of the dimension `Service`.
pub fn init(service: &str) {
    let _ = SERVICE.set(service.to_string());
}

/// Writes that something happened once to a model.
pub fn count(metric: &str, endpoint: Endpoint, model: &str) {
    write(&document(endpoint, model, metric));
}

fn document(endpoint: Endpoint, model: &str, metric: &str) -> serde_json::Value {
    serde_json::json!({
        "_aws": {
            "Timestamp": since_epoch().as_millis() as u64,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Service"], ["Service", "Endpoint"]],
                "Metrics": [{ "Name": metric, "Unit": "Count" }],
            }],
        },
        "Service": SERVICE.get().map_or("cohere-gateway", String::as_str),
        "Endpoint": endpoint.name(),
        "Model": model,
        metric: 1,
    })
}

fn write(document: &serde_json::Value) {
    // A closed stdout is no reason to fail a request.
    let _ = writeln!(std::io::stdout().lock(), "{document}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_names_its_dimensions_and_holds_its_value_at_the_root() {
        let document = document(Endpoint::Chat, "m", "BreakerOpened");
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        for set in directive["Dimensions"].as_array().unwrap() {
            for name in set.as_array().unwrap() {
                assert!(document[name.as_str().unwrap()].is_string(), "{name}");
            }
        }
        assert_eq!(document[directive["Metrics"][0]["Name"].as_str().unwrap()], 1);
        assert!(document["_aws"]["Timestamp"].is_u64());
    }
}
