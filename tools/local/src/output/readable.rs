//! What of a function's line is for a person: one short line a request, and no metric.
//!
//! Fields that a person reads are chosen here; all of them are in the line itself, by `--log json`.

use anstyle::{AnsiColor, Style};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// The directive of CloudWatch's embedded metric format.
const DIRECTIVE: &str = "_aws";
/// Fields that are shown in another way, or are there to find a line by.
const LEFT_OUT: [&str; 11] = [
    DIRECTIVE,
    "event",
    "function",
    "level",
    "marked",
    "message",
    "request_id",
    "target",
    "timestamp",
    "trace_id",
    "upstream_id",
];
const MUTED: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Returns what a person reads of a line, with styles of a terminal: nothing of a metric alone, nor of a caller
/// who was let in, whose request has a line of its own.
pub fn make_readable(function: &str, line: &str) -> Option<String> {
    let text = match serde_json::from_str::<Fields>(line) {
        Err(_) => line.to_owned(),
        Ok(fields) => match fields.text("event") {
            "caller_allowed" => return None,
            "request_ended" => describe_request(&fields),
            "request_refused" => describe_refusal(&fields),
            "breaker_changed" => describe_breaker(&fields),
            _ if fields.text("message").is_empty() && fields.get(DIRECTIVE).is_some() => {
                return None;
            }
            _ if fields.text("message").is_empty() => line.to_owned(),
            _ => describe_event(&fields),
        },
    };
    Some(format!("{MUTED}{function:>12}{MUTED:#}  {text}"))
}

/// Describes a request: its status, what went wrong, its model and time, and what was unusual.
fn describe_request(fields: &Fields) -> String {
    let mut text = describe_status(fields);
    for name in ["path", "code", "model"] {
        let value = fields.text(name);
        if !value.is_empty() {
            let _ = write!(text, "  {value}");
        }
    }
    let from = fields.text("fell_back_from");
    if !from.is_empty() {
        let _ = write!(text, " for {from}");
    }
    let _ = write!(text, "  {}", describe_time(fields.number("duration_ms")));
    let mut rest = Vec::new();
    if fields.get("stream") == Some(&Value::Bool(true)) {
        rest.push(match fields.get("first_event_ms").and_then(Value::as_f64) {
            Some(first) => format!("first event after {}", describe_time(first)),
            None => "stream".to_owned(),
        });
    }
    match fields.number("attempts") as u64 {
        0 | 1 => {}
        calls => rest.push(format!("{calls} calls")),
    }
    if fields.number("cache_hits") > 0.0 {
        rest.push(format!("{} of {} cached", fields.number("cache_hits"), fields.number("inputs")));
    }
    if fields.get("marked").is_some() {
        rest.push("the gateway's own".to_owned());
    }
    rest.extend(Some(fields.text("detail").to_owned()).filter(|detail| !detail.is_empty()));
    if !rest.is_empty() {
        let _ = write!(text, "  {MUTED}{}{MUTED:#}", rest.join(", "));
    }
    text
}

/// Describes a request that API Gateway has answered itself.
fn describe_refusal(fields: &Fields) -> String {
    let status = describe_status(fields);
    let [method, path, kind] = ["method", "path", "response_type"].map(|name| fields.text(name));
    format!("{status}  {method} {path}  {MUTED}{kind}{MUTED:#}")
}

/// Describes a breaker's change.
fn describe_breaker(fields: &Fields) -> String {
    let style = if fields.text("to") == "closed" { GOOD } else { WARNING };
    let whose = match fields.text("model") {
        "all" => "Cohere's host",
        model => model,
    };
    format!("breaker of {whose}: {style}{}{style:#}", fields.text("to"))
}

/// Describes any other event by its level, its message and its fields but for metrics.
fn describe_event(fields: &Fields) -> String {
    let level = fields.text("level");
    let style = match level {
        "ERROR" => BAD,
        "WARN" => WARNING,
        _ => MUTED,
    };
    let mut text = format!("{style}{level}{style:#}  {}", fields.text("message"));
    let metrics = fields.list_metric_names();
    for (name, value) in &fields.0 {
        if LEFT_OUT.contains(&name.as_str()) || metrics.contains(name.as_str()) {
            continue;
        }
        let _ = match value {
            Value::String(value) => write!(text, "  {MUTED}{name}{MUTED:#} {value}"),
            value => write!(text, "  {MUTED}{name}{MUTED:#} {value}"),
        };
    }
    text
}

fn describe_status(fields: &Fields) -> String {
    let status = fields.number("status");
    let style = match status {
        500.0.. => BAD,
        400.0.. => WARNING,
        // A stream that has begun keeps its status, however it ends.
        _ if !fields.text("code").is_empty() => BAD,
        _ => GOOD,
    };
    format!("{style}{status}{style:#}")
}

/// Milliseconds, or seconds where a second has passed.
fn describe_time(millis: f64) -> String {
    if millis < 1000.0 { format!("{millis:.0} ms") } else { format!("{:.1} s", millis / 1000.0) }
}

/// The fields of a line in their order.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Returns a text, or an empty one.
    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns a number, or 0.
    fn number(&self, name: &str) -> f64 {
        self.get(name).and_then(Value::as_f64).unwrap_or_default()
    }

    /// Names of the line's metrics, and of their dimensions.
    fn list_metric_names(&self) -> BTreeSet<&str> {
        let metrics =
            self.get(DIRECTIVE).and_then(|directive| directive["CloudWatchMetrics"].as_array());
        let mut names = BTreeSet::new();
        for metrics in metrics.into_iter().flatten() {
            for metric in metrics["Metrics"].as_array().into_iter().flatten() {
                names.extend(metric["Name"].as_str());
            }
            for set in metrics["Dimensions"].as_array().into_iter().flatten() {
                names.extend(set.as_array().into_iter().flatten().filter_map(Value::as_str));
            }
        }
        names
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

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

    /// Returns the line without styles and without the function's column.
    fn show(line: &str) -> Option<String> {
        let shown = anstream::adapter::strip_str(&make_readable("chat", line)?).to_string();
        Some(shown.strip_prefix("        chat  ").expect("the function's name").to_owned())
    }

    #[test]
    fn metric_alone_is_not_shown() {
        assert_eq!(show(r#"{"KeyAgeDays":0.1,"_aws":{"CloudWatchMetrics":[]}}"#), None);
    }

    #[test]
    fn what_is_no_event_is_shown_as_it_is() {
        for line in
            ["thread panicked", r#"{"_aws": broken"#, "", "[1]", "{}", r#"{"a":"\"_aws\""}"#]
        {
            assert_eq!(show(line).as_deref(), Some(line));
        }
    }

    #[test]
    fn request_is_one_short_line() {
        let line = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","message":"request","event":"request_ended","request_id":"r","endpoint":"chat","client":"c","model":"command-a","stream":false,"status":200,"duration_ms":12.6,"attempts":1,"_aws":{"CloudWatchMetrics":[]},"Requests":1}"#;
        assert_eq!(show(line).unwrap(), "200  command-a  13 ms");
        let fallen = r#"{"message":"request","event":"request_ended","model":"b","fell_back_from":"a","stream":true,"first_event_ms":80,"status":200,"duration_ms":2449,"attempts":4}"#;
        assert_eq!(show(fallen).unwrap(), "200  b for a  2.4 s  first event after 80 ms, 4 calls");
        let failed = r#"{"message":"request","event":"request_ended","model":"a","status":503,"code":"circuit_open","detail":"d","duration_ms":1,"attempts":0}"#;
        assert_eq!(show(failed).unwrap(), "503  circuit_open  a  1 ms  d");
        let cached = r#"{"message":"request","event":"request_ended","model":"e","status":200,"duration_ms":1,"inputs":3,"cache_hits":2,"attempts":1}"#;
        assert_eq!(show(cached).unwrap(), "200  e  1 ms  2 of 3 cached");
    }

    #[test]
    fn refusal_of_api_gateway_is_shown_and_leave_is_not() {
        let refused = r#"{"message":"refused","event":"request_refused","request_id":"r","method":"POST","path":"/v2/chat","status":401,"response_type":"UNAUTHORIZED"}"#;
        assert_eq!(show(refused).unwrap(), "401  POST /v2/chat  UNAUTHORIZED");
        assert_eq!(show(r#"{"message":"allowed","event":"caller_allowed","client":"c"}"#), None);
    }

    #[test]
    fn other_event_is_shown_with_its_fields_and_no_metric() {
        let line = r#"{"timestamp":"t","level":"WARN","message":"a rate is lowered","event":"rate_lowered","model":"a","target":"shared::x","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Service"]],"Metrics":[{"Name":"Lowered"}]}]},"Service":"s","Lowered":1,"per_minute":5}"#;
        assert_eq!(show(line).unwrap(), "WARN  a rate is lowered  model a  per_minute 5");
    }

    #[test]
    fn breaker_is_a_sentence() {
        let line = r#"{"level":"WARN","message":"breaker","event":"breaker_changed","model":"a","from":"closed","to":"open"}"#;
        assert_eq!(show(line).unwrap(), "breaker of a: open");
        let host = line.replace(r#""a""#, r#""all""#);
        assert_eq!(show(&host).unwrap(), "breaker of Cohere's host: open");
    }

    #[test]
    fn status_has_the_colour_of_its_class() {
        for (status, style) in [(200, GOOD), (404, WARNING), (503, BAD)] {
            let line = format!(r#"{{"event":"request_ended","status":{status}}}"#);
            let shown = make_readable("chat", &line).unwrap();
            assert!(shown.contains(&format!("{style}{status}")), "{shown:?}");
        }
        let broken = r#"{"event":"request_ended","status":200,"code":"upstream_malformed"}"#;
        assert!(make_readable("chat", broken).unwrap().contains(&format!("{BAD}200")));
    }
}
