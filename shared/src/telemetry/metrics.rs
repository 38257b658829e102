//! Metrics in CloudWatch's embedded format: one JSON object a line on stdout, nothing around it.
//!
//! Model and client are fields and never dimensions: each value of a dimension is one more metric to pay.
//! Source: the embedded metric format specification.

use crate::clock::since_epoch;
use crate::endpoint::Endpoint;
use crate::telemetry::redact;
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

/// Writes a value of the whole service, with fields beside it.
pub fn gauge(metric: &str, value: f64, fields: serde_json::Value) {
    write(&of_service(metric, "None", value.into(), fields));
}

/// Writes that something happened once to the whole service, with fields beside it.
pub fn count_for_service(metric: &str, fields: serde_json::Value) {
    write(&of_service(metric, "Count", 1.into(), fields));
}

fn of_service(
    metric: &str,
    unit: &str,
    value: serde_json::Value,
    mut fields: serde_json::Value,
) -> serde_json::Value {
    fields["_aws"] = serde_json::json!({
        "Timestamp": since_epoch().as_millis() as u64,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [["Service"]],
            "Metrics": [{ "Name": metric, "Unit": unit }],
        }],
    });
    fields["Service"] = SERVICE.get().map_or("cohere-gateway", String::as_str).into();
    fields[metric] = value;
    fields
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
        "Model": redact::id(model),
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
        let of_service = of_service("KeyAgeDays", "None", 1.into(), serde_json::json!({ "KeyVersion": "v" }));
        assert_eq!(of_service["KeyVersion"], "v");
        for document in [document(Endpoint::Chat, "m", "BreakerOpened"), of_service] {
            assert_sound(&document);
        }
    }

    fn assert_sound(document: &serde_json::Value) {
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
