//! Alarms of the template watch metrics that exist, under dimensions and values that they have: those of the gateway's own
//! lines and those that AWS publishes of functions, API and logs.

use gateway_tests::source_files::ROOT;
use local::aws_metrics::write_one_of_each;
use serde_json::Value;
use shared::endpoint::Endpoint;
use shared::telemetry::metrics::{Metric, NAMESPACE};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A metric as an alarm names it.
#[derive(Clone, Debug, PartialEq)]
struct Watched {
    alarm: String,
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, String>,
}

/// What a name of a metric may stand for.
struct Known {
    /// Namespace, name and names of dimensions.
    metrics: BTreeSet<(String, String, BTreeSet<String>)>,
    /// By the name of a dimension.
    values: BTreeMap<&'static str, BTreeSet<String>>,
}

fn read_template() -> Value {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    cloudformation::read_template(&text).unwrap()
}

/// Returns every metric that an alarm of the template names.
fn watched_metrics(template: &Value) -> Vec<Watched> {
    let mut found = Vec::new();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        if resource["Type"] == "AWS::CloudWatch::Alarm" {
            collect_metrics(name, &resource["Properties"], &mut found);
        }
    }
    found
}

fn collect_metrics(alarm: &str, node: &Value, found: &mut Vec<Watched>) {
    if let (Some(namespace), Some(name)) = (node["Namespace"].as_str(), node["MetricName"].as_str())
    {
        let dimensions = node["Dimensions"].as_array().into_iter().flatten();
        let dimensions = dimensions.map(|one| (text_of(&one["Name"]), text_of(&one["Value"])));
        let (namespace, name) = (namespace.to_string(), name.to_string());
        let dimensions = dimensions.collect();
        found.push(Watched { alarm: alarm.to_string(), namespace, name, dimensions });
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|one| collect_metrics(alarm, one, found)),
        Value::Array(items) => items.iter().for_each(|one| collect_metrics(alarm, one, found)),
        _ => {}
    }
}

/// A text, or the function of CloudFormation that makes it, as JSON.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

impl Known {
    fn from_template(template: &Value) -> Self {
        let mut metrics = BTreeSet::new();
        for metric in Metric::ALL {
            for set in metric.dimension_sets() {
                let names = set.iter().map(|one| one.name().to_string()).collect();
                metrics.insert((NAMESPACE.to_string(), metric.name().to_string(), names));
            }
        }
        for line in write_one_of_each() {
            add_published(&line, &mut metrics);
        }
        for name in ["EMFParsingErrors", "EMFValidationErrors"] {
            let by_group = BTreeSet::from(["LogGroupName".to_string()]);
            metrics.insert(("AWS/Logs".to_string(), name.to_string(), by_group));
        }
        Known { metrics, values: read_values(template) }
    }

    /// Tells what is wrong with a metric that an alarm names.
    fn find_problem(&self, watched: &Watched) -> Option<String> {
        let names: BTreeSet<_> = watched.dimensions.keys().cloned().collect();
        let metric = (watched.namespace.clone(), watched.name.clone(), names);
        if !self.metrics.contains(&metric) {
            return Some(format!("no line has {watched:?}"));
        }
        for (name, value) in &watched.dimensions {
            if !self.values[name.as_str()].contains(value) {
                return Some(format!("{name} is never {value}: {watched:?}"));
            }
        }
        None
    }
}

/// Adds the metrics of a line that AWS's stand-in writes; what is wider than a route or an alias counts others too.
fn add_published(line: &Value, metrics: &mut BTreeSet<(String, String, BTreeSet<String>)>) {
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    for set in directive["Dimensions"].as_array().unwrap() {
        let names: BTreeSet<_> = set.as_array().unwrap().iter().map(text_of).collect();
        if !names.contains("Resource") {
            continue;
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let namespace = text_of(&directive["Namespace"]);
            metrics.insert((namespace, text_of(&metric["Name"]), names.clone()));
        }
    }
}

/// Returns the values that each dimension can have, as the template writes them.
fn read_values(template: &Value) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut values: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    let mut add = |name, value: String| values.entry(name).or_default().insert(value);
    add("Service", r#"{"Ref":"AWS::StackName"}"#.to_string());
    // A rollout compares functions without an endpoint too, under their names.
    for name in Endpoint::ALL.map(Endpoint::name).into_iter().chain([
        "authorizer",
        "health",
        "pass-through",
    ]) {
        add("Endpoint", name.to_string());
    }
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        if resource["Type"] == "AWS::Serverless::Api" {
            add("ApiName", text_of(&properties["Name"]));
            add("Stage", text_of(&properties["StageName"]));
        }
        if resource["Type"] != "AWS::Serverless::Function" {
            continue;
        }
        let version = format!("{name}.Version.Version");
        let live = format!("Live{}Version", name.trim_end_matches("Function"));
        for dimension in ["FunctionVersion", "ExecutedVersion"] {
            add(dimension, format!(r#"{{"Fn::GetAtt":"{version}"}}"#));
            if template["Parameters"].get(&live).is_some() {
                add(dimension, format!(r#"{{"Ref":"{live}"}}"#));
            }
        }
        add("Resource", format!(r#"{{"Fn::Sub":"${{{name}}}:${{{version}}}"}}"#));
        add("FunctionName", format!(r#"{{"Ref":"{name}"}}"#));
        let alias = text_of(&properties["AutoPublishAlias"]);
        add("Resource", format!(r#"{{"Fn::Sub":"${{{name}}}:{alias}"}}"#));
        add("LogGroupName", text_of(&properties["LoggingConfig"]["LogGroup"]));
        for event in properties["Events"].as_object().into_iter().flatten() {
            add("Resource", text_of(&event.1["Properties"]["Path"]));
            add("Method", text_of(&event.1["Properties"]["Method"]));
        }
    }
    values
}

#[test]
fn alarms_watch_metrics_that_exist() {
    let template = read_template();
    let (known, watched) = (Known::from_template(&template), watched_metrics(&template));
    assert!(watched.len() > 40, "only {} metrics are watched", watched.len());
    let problems: Vec<_> = watched.iter().filter_map(|one| known.find_problem(one)).collect();
    assert_eq!(problems, [""; 0]);
}

#[test]
fn every_misspelled_metric_and_dimension_is_found() {
    let template = read_template();
    let known = Known::from_template(&template);
    for right in watched_metrics(&template) {
        for wrong in misspell(&right) {
            assert!(known.find_problem(&wrong).is_some(), "{wrong:?} is taken");
        }
    }
}

/// Returns a metric with each of its words misspelled in turn, and one of AWS's with each dimension left out.
fn misspell(right: &Watched) -> Vec<Watched> {
    let mut wrong = vec![
        Watched { namespace: format!("{}s", right.namespace), ..right.clone() },
        Watched { name: format!("{}s", right.name), ..right.clone() },
    ];
    for (name, value) in &right.dimensions {
        let changes = [
            None,
            Some((format!("{name}s"), value.clone())),
            Some((name.clone(), format!("{value}s"))),
        ];
        // Of the gateway's own metrics some are kept for all endpoints too, and AWS counts an alias as a whole too.
        let has_wider = right.namespace == NAMESPACE || name == "ExecutedVersion";
        let first = usize::from(has_wider);
        for changed in changes.into_iter().skip(first) {
            let mut dimensions = right.dimensions.clone();
            dimensions.remove(name);
            dimensions.extend(changed);
            wrong.push(Watched { dimensions, ..right.clone() });
        }
    }
    wrong
}
