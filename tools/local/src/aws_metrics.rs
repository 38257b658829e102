//! What AWS publishes of an API and its functions by itself, as lines like those that functions write.
//!
//! Namespaces, names and dimensions are CloudWatch's own, so that whatever evaluates an alarm on the
//! lines of this run reads both kinds in one way. A line is about one request or one invocation, and
//! has zeros where AWS publishes them: an average is then a rate, as it is there.

use crate::lambda::Qualifier;
use crate::output::Output;
use serde_json::{Value, json};
use shared::clock::since_epoch;
use std::time::Duration;

const BY_STAGE: &[&[&str]] = &[&["ApiName"], &["ApiName", "Stage"]];
const BY_METHOD: &[&[&str]] =
    &[&["ApiName"], &["ApiName", "Stage"], &["ApiName", "Stage", "Resource", "Method"]];
const BY_FUNCTION: &[&[&str]] = &[&[], &["FunctionName"], &["FunctionName", "Resource"]];
/// Lambda names the executed version only where an alias has chosen it.
const BY_ALIAS: &[&[&str]] = &[
    &[],
    &["FunctionName"],
    &["FunctionName", "Resource"],
    &["FunctionName", "Resource", "ExecutedVersion"],
];

/// An API as its metrics name it.
pub struct MeasuredApi {
    pub name: String,
    pub stage: String,
    pub output: Output,
}

impl MeasuredApi {
    /// Writes that a request was answered; one without a route has no method's metrics.
    pub fn count_request(&self, route: Option<(&str, &str)>, status: u16) {
        self.output.write_line("gateway", &self.describe_request(route, status).to_string());
    }

    fn describe_request(&self, route: Option<(&str, &str)>, status: u16) -> Value {
        let metrics = [
            ("Count", "Count", 1.0),
            ("4XXError", "Count", count(matches!(status, 400..=499))),
            ("5XXError", "Count", count(matches!(status, 500..=599))),
        ];
        let sets = if route.is_some() { BY_METHOD } else { BY_STAGE };
        let mut line = write_metrics("AWS/ApiGateway", sets, &metrics);
        line["ApiName"] = json!(self.name);
        line["Stage"] = json!(self.stage);
        if let Some((method, path)) = route {
            line["Method"] = json!(method);
            line["Resource"] = json!(path);
        }
        line
    }
}

/// A function as it was invoked.
pub struct Invoked {
    /// The name that it is deployed under.
    pub function: String,
    pub qualifier: Qualifier,
    /// The version that has run.
    pub executed: u32,
}

/// Describes an invocation that has ended.
pub fn describe_invocation(invoked: &Invoked, has_failed: bool, duration: Duration) -> Value {
    let metrics = [
        ("Invocations", "Count", 1.0),
        ("Errors", "Count", count(has_failed)),
        ("Throttles", "Count", 0.0),
        ("Duration", "Milliseconds", duration.as_secs_f64() * 1000.0),
    ];
    write_of_function(invoked, &metrics)
}

/// Describes an invocation that was not taken, which AWS counts as nothing else.
pub fn describe_throttle(invoked: &Invoked) -> Value {
    write_of_function(invoked, &[("Throttles", "Count", 1.0)])
}

/// Returns a line of each kind, for whoever compares alarms with what there is.
pub fn write_one_of_each() -> [Value; 3] {
    let api = MeasuredApi {
        name: "an-api".to_owned(),
        stage: "live".to_owned(),
        output: Output::Terminal,
    };
    let invoked =
        Invoked { function: "a-function".to_owned(), qualifier: Qualifier::Alias, executed: 1 };
    [
        api.describe_request(Some(("POST", "/v2/chat")), 200),
        describe_invocation(&invoked, false, Duration::ZERO),
        describe_throttle(&invoked),
    ]
}

fn write_of_function(invoked: &Invoked, metrics: &[(&str, &str, f64)]) -> Value {
    let Invoked { function, qualifier, executed } = invoked;
    let by_alias = *qualifier == Qualifier::Alias;
    let sets = if by_alias { BY_ALIAS } else { BY_FUNCTION };
    let mut line = write_metrics("AWS/Lambda", sets, metrics);
    line["FunctionName"] = json!(function);
    line["Resource"] = json!(qualifier.qualify(function));
    if by_alias {
        line["ExecutedVersion"] = json!(executed.to_string());
    }
    line
}

fn count(happened: bool) -> f64 {
    f64::from(u8::from(happened))
}

/// A line without the values of its dimensions.
fn write_metrics(namespace: &str, sets: &[&[&str]], metrics: &[(&str, &str, f64)]) -> Value {
    let named: Vec<_> =
        metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let directive = json!({ "Namespace": namespace, "Dimensions": sets, "Metrics": named });
    let timestamp = since_epoch().as_millis() as u64;
    let mut line = json!({ "_aws": { "Timestamp": timestamp, "CloudWatchMetrics": [directive] } });
    for (name, _, value) in metrics {
        line[*name] = json!(value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(route: Option<(&str, &str)>, status: u16) -> Value {
        let api = MeasuredApi {
            name: "an-api".to_owned(),
            stage: "live".to_owned(),
            output: Output::Terminal,
        };
        api.describe_request(route, status)
    }

    /// Every dimension of a line has a text, and every metric a number, at the root.
    fn assert_whole(line: &Value) {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for set in directive["Dimensions"].as_array().unwrap() {
            for name in set.as_array().unwrap() {
                assert!(line[name.as_str().unwrap()].is_string(), "{name} in {line}");
            }
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric} in {line}");
        }
    }

    #[test]
    fn request_counts_by_the_class_of_its_status() {
        for (status, client, server) in
            [(200, 0.0, 0.0), (401, 1.0, 0.0), (429, 1.0, 0.0), (503, 0.0, 1.0)]
        {
            let line = describe(Some(("POST", "/v2/chat")), status);
            assert_whole(&line);
            let counted = (&line["Count"], &line["4XXError"], &line["5XXError"]);
            assert_eq!(counted, (&json!(1.0), &json!(client), &json!(server)), "{status}");
        }
        let elsewhere = describe(None, 404);
        assert_whole(&elsewhere);
        assert!(elsewhere.get("Resource").is_none(), "{elsewhere}");
    }

    fn invoke_by(qualifier: Qualifier) -> Invoked {
        Invoked { function: "a-function".to_owned(), qualifier, executed: 7 }
    }

    #[test]
    fn throttle_is_neither_invocation_nor_error() {
        let throttle = describe_throttle(&invoke_by(Qualifier::Alias));
        assert_whole(&throttle);
        assert_eq!(throttle["Resource"], "a-function:live");
        assert!(throttle.get("Invocations").is_none() && throttle.get("Errors").is_none());
        let time = Duration::from_millis(1500);
        let failed = describe_invocation(&invoke_by(Qualifier::Alias), true, time);
        assert_whole(&failed);
        assert_eq!((&failed["Errors"], &failed["Duration"]), (&json!(1.0), &json!(1500.0)));
    }

    #[test]
    fn executed_version_is_named_of_an_alias_alone() {
        for (qualifier, resource, executed, sets) in [
            (Qualifier::Alias, "a-function:live", json!("7"), 4),
            (Qualifier::Version(7), "a-function:7", Value::Null, 3),
            (Qualifier::None, "a-function", Value::Null, 3),
        ] {
            let line = describe_invocation(&invoke_by(qualifier), false, Duration::ZERO);
            assert_whole(&line);
            assert_eq!(
                (&line["Resource"], &line["ExecutedVersion"]),
                (&json!(resource), &executed)
            );
            let counted = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].as_array().unwrap();
            assert_eq!(counted.len(), sets, "{line}");
        }
    }
}
