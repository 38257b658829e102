use super::*;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;

/// Most metrics that CloudWatch takes from one directive; it drops more in silence.
const MAX_METRICS: usize = 100;

/// The names at the root of a line, as they are written.
#[derive(Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a line")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Names, M::Error> {
                let mut names = Names::default();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.0.push(name);
                }
                Ok(names)
            }
        }
        deserializer.deserialize_map(NamesVisitor)
    }
}

pub(in crate::telemetry) fn read(line: EventLine) -> Value {
    let text = line.finish();
    assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "{text}");
    let Names(mut names) = serde_json::from_str(&text).unwrap();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice in {text}");
    serde_json::from_str(&text).unwrap()
}

/// Checks what CloudWatch reads of a line; it tells nobody what it does not take.
pub(in crate::telemetry) fn check_embedded_format(line: &Value) {
    let aws = &line["_aws"];
    assert!(aws["Timestamp"].is_u64());
    let mut names = BTreeSet::new();
    for directive in aws["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], NAMESPACE);
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=MAX_METRICS).contains(&metrics.len()));
        for metric in metrics {
            let name = metric["Name"].as_str().unwrap();
            assert!(["Count", "Milliseconds", "None"].contains(&metric["Unit"].as_str().unwrap()));
            assert!(line[name].is_number(), "{name} has no value at the root");
            assert!(names.insert(name.to_string()), "{name} stands in two directives");
        }
        for set in directive["Dimensions"].as_array().unwrap() {
            for name in set.as_array().unwrap() {
                let value = &line[name.as_str().unwrap()];
                assert!(value.is_string(), "the dimension {name} is {value}");
            }
        }
    }
}

#[test]
fn line_of_all_metrics_is_one_cloudwatch_takes() {
    let mut line = EventLine::new(Level::Info, "everything", "all of it");
    line.set_endpoint(Endpoint::Chat);
    for metric in Metric::ALL {
        line.measure(*metric, 1.5);
    }
    let line = read(line);
    check_embedded_format(&line);
    let counted = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().iter();
    let counted: usize = counted.map(|one| one["Metrics"].as_array().unwrap().len()).sum();
    assert_eq!(counted, Metric::ALL.len());
    assert_eq!((&line["event"], &line["level"]), (&json!("everything"), &json!("INFO")));
}

#[test]
fn line_names_only_dimensions_that_its_metrics_have() {
    let mut line = EventLine::of_metrics(0);
    line.count(Metric::AuthorizerFailed, 1);
    let line = read(line);
    check_embedded_format(&line);
    assert!(line.get("Endpoint").is_none() && line.get("FunctionVersion").is_none(), "{line}");
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Service"]]));
}

#[test]
fn line_without_metrics_is_no_metric_line() {
    let mut line = EventLine::new(Level::Warn, "an_event", "words");
    line.add("quoted", "a \"b\"\n\u{1}é");
    line.add("absent", None::<u64>);
    line.add("unknown", f64::NAN);
    line.add("time", Duration::from_micros(12_034));
    line.add("amounts", 2.5);
    line.add("whole", 7.0);
    let line = read(line);
    assert_eq!(line["quoted"], "a \"b\"\n\u{1}é");
    assert_eq!((&line["time"], &line["amounts"]), (&json!(12.034), &json!(2.5)));
    assert_eq!(line["whole"], 7);
    for absent in ["_aws", "absent", "unknown", "Service"] {
        assert!(line.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn line_about_another_function_names_that_one() {
    let mut line = EventLine::of_metrics(0);
    line.set_function("authorizer", "12");
    line.count(Metric::GateMismatch, 0);
    let line = read(line);
    check_embedded_format(&line);
    assert_eq!((&line["Endpoint"], &line["FunctionVersion"]), (&json!("authorizer"), &json!("12")));
    assert_eq!(line["GateMismatch"], 0);
}
