//! Metrics in CloudWatch's embedded format: one JSON object a line on stdout, nothing around it.
//!
//! A metric exists only as a row of `metrics!`, so that no raw name can be written and
//! `docs/metrics.md` is printed from all of them. Model and client are fields and never dimensions:
//! each value of a dimension is one more metric to pay. Source: the embedded metric format
//! specification.

use crate::clock::since_epoch;
use crate::config::DEFAULT_SERVICE;
use crate::endpoint::Endpoint;
use crate::telemetry::model_names::name_model;
use crate::telemetry::redact;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::OnceLock;

/// Where CloudWatch shows the metrics.
pub const NAMESPACE: &str = "CohereGateway";

/// The stack's name, set once at the start.
static SERVICE: OnceLock<String> = OnceLock::new();

/// Declares the metrics: a row has the unit in CloudWatch's word, the sets of dimensions under which
/// CloudWatch keeps the metric, and the fields beside its value. `docs/metrics.md` is printed from the rows.
macro_rules! metrics {
    ($($(#[doc = $about:literal])+ $name:ident: $unit:literal, $sets:expr, $fields:expr;)+) => {
        /// Everything that is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[doc = $about])+ $name,)+
        }

        impl Metric {
            pub const ALL: &[Metric] = &[$(Metric::$name),+];

            /// Returns the name in CloudWatch.
            pub fn name(self) -> &'static str {
                match self { $(Metric::$name => stringify!($name),)+ }
            }

            /// Says what is counted or measured.
            pub fn about(self) -> &'static str {
                match self { $(Metric::$name => concat!($($about),+).trim_ascii(),)+ }
            }

            /// Returns the unit, in CloudWatch's word.
            pub fn unit(self) -> &'static str {
                match self { $(Metric::$name => $unit,)+ }
            }

            /// Returns the sets of dimensions under which CloudWatch keeps the metric.
            pub fn dimension_sets(self) -> &'static [&'static [&'static str]] {
                match self { $(Metric::$name => $sets,)+ }
            }

            /// Returns what stands beside the value, to be searched in the log.
            pub fn fields(self) -> &'static [&'static str] {
                match self { $(Metric::$name => $fields,)+ }
            }
        }
    };
}

const BY_SERVICE: &[&[&str]] = &[&["Service"]];
const BY_SERVICE_AND_ENDPOINT: &[&[&str]] = &[&["Service"], &["Service", "Endpoint"]];

metrics! {
    /// A circuit breaker has opened: calls of one model are refused for a while.
    BreakerOpened: "Count", BY_SERVICE_AND_ENDPOINT, &["Model"];
    /// An open circuit breaker has let one call through, to probe the model.
    BreakerHalfOpened: "Count", BY_SERVICE_AND_ENDPOINT, &["Model"];
    /// A circuit breaker has closed: the model answers again.
    BreakerClosed: "Count", BY_SERVICE_AND_ENDPOINT, &["Model"];
    /// A step of the key's rotation has failed; the log line beside it says why.
    RotationFailed: "Count", BY_SERVICE, &["Step", "Code"];
    // CloudWatch has no days.
    /// Age of the Cohere key in use, written whenever it is read.
    KeyAgeDays: "None", BY_SERVICE, &["KeyVersion"];
}

/// Sets the value of the dimension `Service`.
pub fn set_service(service: &str) {
    let _ = SERVICE.set(service.to_string());
}

/// Writes that something happened once to a model.
pub fn count_for_model(metric: Metric, endpoint: Endpoint, model: &str) {
    write_line(&for_model(metric, endpoint, model));
}

/// Writes that something happened once to the whole service.
pub fn count_for_service(metric: Metric, fields: Value) {
    write_line(&build_document(metric, 1.into(), fields));
}

/// Writes a value of the whole service.
pub fn gauge_for_service(metric: Metric, value: f64, fields: Value) {
    write_line(&build_document(metric, value.into(), fields));
}

fn for_model(metric: Metric, endpoint: Endpoint, model: &str) -> Value {
    let fields =
        json!({ "Endpoint": endpoint.name(), "Model": redact::redact_id(&name_model(model)) });
    build_document(metric, 1.into(), fields)
}

fn build_document(metric: Metric, value: Value, fields: Value) -> Value {
    let mut document = fields;
    document["_aws"] = json!({
        "Timestamp": since_epoch().as_millis() as u64,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": metric.dimension_sets(),
            "Metrics": [{ "Name": metric.name(), "Unit": metric.unit() }],
        }],
    });
    document["Service"] = SERVICE.get().map(String::as_str).unwrap_or(DEFAULT_SERVICE).into();
    document[metric.name()] = value;
    for name in metric.dimension_sets().iter().copied().flatten().chain(metric.fields()) {
        debug_assert!(document[name].is_string(), "{metric:?} has no {name}");
    }
    document
}

fn write_line(document: &Value) {
    // A closed stdout is no reason to fail a request.
    let _ = writeln!(std::io::stdout().lock(), "{document}");
}

/// Prints the page `docs/metrics.md`.
pub fn print_markdown() -> String {
    let endpoints = Endpoint::ALL.map(|endpoint| format!("`{}`", endpoint.name())).join(", ");
    let mut page = format!(
        "# Metrics\n\n\
         Every function writes its metrics into its log, in CloudWatch's embedded format, from which \
         CloudWatch makes\nmetrics in the namespace `{NAMESPACE}`. `Service` is the stack's name, \
         `Endpoint` one of {endpoints}.\n\
         Fields stand beside a value in the log line and cost nothing; they are searched with Logs \
         Insights.\n\n\
         | metric | unit | dimensions | fields | what |\n|---|---|---|---|---|\n"
    );
    for metric in Metric::ALL {
        let sets: Vec<_> = metric.dimension_sets().iter().map(|set| set.join(", ")).collect();
        let (name, unit, about) = (metric.name(), metric.unit(), metric.about());
        let fields = metric.fields().join("`, `");
        page += &format!("| `{name}` | {unit} | {} | `{fields}` | {about} |\n", sets.join("; "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_hold_dimensions_and_value_at_the_root() {
        let age = build_document(Metric::KeyAgeDays, 1.into(), json!({ "KeyVersion": "v" }));
        for document in [for_model(Metric::BreakerOpened, Endpoint::Chat, "m"), age] {
            let directive = &document["_aws"]["CloudWatchMetrics"][0];
            for name in directive["Dimensions"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|set| set.as_array().unwrap())
            {
                assert!(document[name.as_str().unwrap()].is_string(), "{name}");
            }
            assert_eq!(document[directive["Metrics"][0]["Name"].as_str().unwrap()], 1);
            assert!(document["_aws"]["Timestamp"].is_u64());
        }
    }

    #[test]
    fn page_is_printed_from_the_metrics() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, print_markdown()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == print_markdown(), "docs/metrics.md is stale: run with UPDATE_DOCS=1");
    }
}
