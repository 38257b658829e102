//! What of a function's line is for a person: metrics are for CloudWatch.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// The directive of CloudWatch's embedded metric format.
const DIRECTIVE: &str = "_aws";

/// Returns what a person reads of a line: of a log line that is a metric too the log line, of a metric
/// alone nothing, and any other line as it is.
pub fn make_readable(line: &str) -> Option<Cow<'_, str>> {
    let Some(fields) = read_fields(line) else { return Some(line.into()) };
    let Some((_, directive)) = fields.0.iter().find(|(name, _)| name == DIRECTIVE) else {
        return Some(line.into());
    };
    if !fields.0.iter().any(|(name, _)| name == "message") {
        return None;
    }
    let metrics = list_metric_names(directive.get());
    let mut shown = Vec::new();
    for (name, value) in &fields.0 {
        if name != DIRECTIVE && !metrics.contains(name) {
            shown.push(format!("{}:{}", json!(name), value.get()));
        }
    }
    Some(format!("{{{}}}", shown.join(",")).into())
}

/// Names of the metrics of a directive, and of their dimensions.
fn list_metric_names(directive: &str) -> BTreeSet<String> {
    let directive: Value = serde_json::from_str(directive).unwrap_or_default();
    let mut names = BTreeSet::new();
    for metrics in directive["CloudWatchMetrics"].as_array().into_iter().flatten() {
        for metric in metrics["Metrics"].as_array().into_iter().flatten() {
            names.extend(metric["Name"].as_str().map(str::to_owned));
        }
        for set in metrics["Dimensions"].as_array().into_iter().flatten() {
            let dimensions = set.as_array().into_iter().flatten();
            names.extend(dimensions.filter_map(Value::as_str).map(str::to_owned));
        }
    }
    names
}

/// Most lines are no metric and need no second look.
fn read_fields(line: &str) -> Option<Fields<'_>> {
    if !line.starts_with('{') || !line.contains("\"_aws\"") {
        return None;
    }
    serde_json::from_str(line).ok()
}

/// The fields of a line in their order, with their values as they are written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_alone_is_not_shown() {
        assert_eq!(make_readable(r#"{"KeyAgeDays":0.1,"_aws":{"CloudWatchMetrics":[]}}"#), None);
    }

    #[test]
    fn line_without_metrics_is_shown_as_it_is() {
        let own = r#"{"level":"WARN", "message":"breaker"}"#;
        for line in [own, r#"panic at "_aws":{"#, r#"{"_aws": broken"#, ""] {
            assert_eq!(make_readable(line).as_deref(), Some(line));
        }
        let mention = r#"{"message":"told of \"_aws\":{"}"#;
        assert_eq!(make_readable(mention).as_deref(), Some(mention));
    }

    #[test]
    fn log_line_is_shown_without_its_metrics() {
        let line = r#"{"timestamp":"t","message":"request","status":200,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["Service"]],"Metrics":[{"Name":"Requests"}]}]},"Service":"s","Requests":1,"cost":1.50}"#;
        let shown = r#"{"timestamp":"t","message":"request","status":200,"cost":1.50}"#;
        assert_eq!(make_readable(line).as_deref(), Some(shown));
    }
}
