//! Reads a line in CloudWatch's embedded metric format, as strictly as CloudWatch does.
//!
//! A line without `_aws` is a line like any other. One whose `_aws` cannot be read, or which breaks a limit, makes
//! no metric; CloudWatch counts it in `AWS/Logs`, which an alarm can watch. It is not documented which defect is
//! counted as which: here what has not the form is an error of parsing, and what breaks a rule one of validation.
//! Source: CloudWatch user guide, "Specification: Embedded metric format".

use super::metric_store::MetricId;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

const MAX_METRICS: usize = 100;
const MAX_DIMENSIONS: usize = 30;
const MAX_VALUES: usize = 100;
const MAX_TEXT_CHARS: usize = 1_024;
const MAX_NAME_CHARS: usize = 255;

/// Units of CloudWatch that carry a rate end in this.
const RATE: &str = "/Second";
const UNITS: [&str; 16] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "None",
];

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    pub metric: MetricId,
    pub value: f64,
}

/// Why a line makes no metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    Parsing(String),
    Validation(String),
}

impl Defect {
    /// The metric in `AWS/Logs` that counts it.
    pub(super) fn metric(&self) -> &'static str {
        match self {
            Defect::Parsing(_) => "EMFParsingErrors",
            Defect::Validation(_) => "EMFValidationErrors",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Defect::Parsing(what) | Defect::Validation(what)) = self;
        f.write_str(what)
    }
}

/// Returns the values of a line; of one that names no metric there are none.
pub fn read_line(line: &str) -> Result<Vec<Datum>, Defect> {
    let is_embedded = line.starts_with('{') && line.contains("\"_aws\"");
    if !is_embedded {
        return Ok(Vec::new());
    }
    let parsed: Value =
        serde_json::from_str(line).map_err(|problem| Defect::Parsing(problem.to_string()))?;
    let Some(root) = parsed.as_object() else { return Ok(Vec::new()) };
    let Some(metadata) = root.get("_aws") else { return Ok(Vec::new()) };
    let directives = metadata["CloudWatchMetrics"]
        .as_array()
        .ok_or_else(|| Defect::Parsing("CloudWatchMetrics is no list".to_owned()))?;
    if !metadata["Timestamp"].is_u64() {
        return Err(Defect::Validation("Timestamp is no whole number".to_owned()));
    }
    let mut data = Vec::new();
    for directive in directives {
        read_directive(directive, root, &mut data)?;
    }
    Ok(data)
}

fn read_directive(
    directive: &Value,
    root: &Map<String, Value>,
    data: &mut Vec<Datum>,
) -> Result<(), Defect> {
    let parsing = |what: &str| Defect::Parsing(what.to_owned());
    let namespace = directive["Namespace"].as_str().ok_or_else(|| parsing("no Namespace"))?;
    check_name(namespace)?;
    let sets = directive["Dimensions"].as_array().ok_or_else(|| parsing("no Dimensions"))?;
    let metrics = directive["Metrics"].as_array().ok_or_else(|| parsing("no Metrics"))?;
    if metrics.len() > MAX_METRICS {
        return Err(Defect::Validation(format!("{} metrics", metrics.len())));
    }
    let mut dimension_sets = Vec::with_capacity(sets.len());
    for set in sets {
        let names = set.as_array().ok_or_else(|| parsing("a set of dimensions is no list"))?;
        dimension_sets.push(read_dimensions(names, root)?);
    }
    for metric in metrics {
        let name = metric["Name"].as_str().ok_or_else(|| parsing("a metric has no Name"))?;
        check_name(name)?;
        check_unit(name, metric)?;
        for value in read_values(name, root)? {
            for dimensions in &dimension_sets {
                let metric = MetricId {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    dimensions: dimensions.clone(),
                };
                data.push(Datum { metric, value });
            }
        }
    }
    Ok(())
}

fn read_dimensions(
    names: &[Value],
    root: &Map<String, Value>,
) -> Result<BTreeMap<String, String>, Defect> {
    if names.len() > MAX_DIMENSIONS {
        return Err(Defect::Validation(format!("{} dimensions", names.len())));
    }
    let mut dimensions = BTreeMap::new();
    for name in names {
        let Some(name) = name.as_str() else {
            return Err(Defect::Parsing("the name of a dimension is no text".to_owned()));
        };
        let value = root.get(name).and_then(Value::as_str).unwrap_or_default();
        if value.is_empty() || value.chars().count() > MAX_TEXT_CHARS {
            return Err(Defect::Validation(format!("the dimension {name} has no fitting text")));
        }
        dimensions.insert(name.to_owned(), value.to_owned());
    }
    Ok(dimensions)
}

fn read_values(name: &str, root: &Map<String, Value>) -> Result<Vec<f64>, Defect> {
    let values = match root.get(name) {
        Some(Value::Array(values)) if values.len() <= MAX_VALUES => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    match numbers {
        Some(numbers) if !numbers.is_empty() => Ok(numbers),
        _ => Err(Defect::Validation(format!("the metric {name} has no number"))),
    }
}

fn check_name(name: &str) -> Result<(), Defect> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(Defect::Validation(format!("{name:?} is no fitting name")));
    }
    Ok(())
}

fn check_unit(name: &str, metric: &Value) -> Result<(), Defect> {
    let unit = metric.get("Unit").map_or(Some("None"), Value::as_str).unwrap_or_default();
    let plain = unit.strip_suffix(RATE).unwrap_or(unit);
    let resolution = metric.get("StorageResolution").map_or(Some(60), Value::as_u64);
    if !UNITS.contains(&plain) || !matches!(resolution, Some(1 | 60)) {
        return Err(Defect::Validation(format!("{name} has an unknown unit or resolution")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line() -> Value {
        json!({
            "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
                "Namespace": "N", "Dimensions": [["A"], ["A", "B"], []],
                "Metrics": [{"Name": "M", "Unit": "Count"}, {"Name": "L"}],
            }]},
            "A": "a", "B": "b", "M": 3, "L": [1, 2.5],
        })
    }

    #[test]
    fn each_set_of_dimensions_is_a_metric() {
        let data = read_line(&line().to_string()).unwrap();
        let shown: Vec<_> =
            data.iter().map(|datum| format!("{} = {}", datum.metric, datum.value)).collect();
        let expected = ["N M {A=a} = 3", "N M {A=a, B=b} = 3", "N M {} = 3", "N L {A=a} = 1"];
        assert_eq!(shown[..4], expected);
        assert_eq!(shown.len(), 9, "both values of a list count");
    }

    #[test]
    fn other_lines_make_no_metric() {
        for plain in ["", "a sentence", "{\"level\":\"INFO\"}", "{\"text\":\"\\\"_aws\\\"\"}"] {
            assert_eq!(read_line(plain).unwrap(), [], "{plain}");
        }
    }

    #[test]
    fn form_that_is_broken_is_a_parsing_error() {
        for pointer in [
            "/_aws/CloudWatchMetrics",
            "/_aws/CloudWatchMetrics/0",
            "/_aws/CloudWatchMetrics/0/Namespace",
            "/_aws/CloudWatchMetrics/0/Dimensions/1",
            "/_aws/CloudWatchMetrics/0/Metrics",
        ] {
            let mut line = line();
            *line.pointer_mut(pointer).unwrap() = json!(7);
            let defect = read_line(&line.to_string()).unwrap_err();
            assert_eq!(defect.metric(), "EMFParsingErrors", "{pointer}");
        }
        let cut = &line().to_string()[..60];
        assert_eq!(read_line(cut).unwrap_err().metric(), "EMFParsingErrors");
    }

    #[test]
    fn limits_that_are_broken_are_validation_errors() {
        let many_metrics: Vec<_> = (0..101).map(|_| json!({ "Name": "M" })).collect();
        let many_dimensions: Vec<_> = (0..31).map(|_| "A").collect();
        for (pointer, value) in [
            ("/_aws/CloudWatchMetrics/0/Metrics", json!(many_metrics)),
            ("/_aws/CloudWatchMetrics/0/Dimensions/1", json!(many_dimensions)),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("count")),
            ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
            ("/_aws/Timestamp", json!("1")),
            ("/A", json!(1)),
            ("/A", json!("")),
            ("/B", json!("x".repeat(1_025))),
            ("/M", json!("3")),
            ("/L", json!(vec![1; 101])),
            ("/L", json!([])),
        ] {
            let mut line = line();
            *line.pointer_mut(pointer).unwrap() = value;
            let defect = read_line(&line.to_string()).unwrap_err();
            assert_eq!(defect.metric(), "EMFValidationErrors", "{pointer}");
        }
    }
}
