//! Alarms of the template watch metrics that exist, under dimensions that they have.

use gateway_tests::source_files::ROOT;
use saphyr::{LoadableYamlNode, Yaml};
use shared::telemetry::metrics::{Metric, NAMESPACE};
use std::collections::BTreeSet;
use std::path::Path;

/// A metric as an alarm names it, with the names of its dimensions.
type Watched = (String, BTreeSet<String>);

#[test]
fn alarms_watch_metrics_that_exist() {
    let template = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    let watched = watched_metrics(&template);
    if watched.is_empty() {
        eprintln!("no alarm of template.yaml watches a metric of {NAMESPACE} yet");
    }
    for watched in watched {
        assert!(exists(&watched), "an alarm watches {watched:?}, which is not in docs/metrics.md");
    }
}

#[test]
fn unknown_metrics_and_wrong_dimensions_are_found() {
    let template = "
Resources:
  Known:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: CohereGateway
      MetricName: KeyAgeDays
      Dimensions: [{Name: Service, Value: !Ref AWS::StackName}]
  Unknown:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: CohereGateway, MetricName: KeyAge}
  ByModel:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - Id: m1
          MetricStat:
            Stat: Sum
            Metric: !If
              - IsLive
              - Namespace: CohereGateway
                MetricName: BreakerOpened
                Dimensions: [{Name: Service, Value: x}, {Name: Model, Value: y}]
              - !Ref AWS::NoValue
  Foreign:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: AWS/Lambda, MetricName: Errors}
  NoAlarm:
    Type: AWS::CloudWatch::Dashboard
    Properties: {Namespace: CohereGateway, MetricName: Other}
";
    let watched = watched_metrics(template);
    let unknown: Vec<_> = watched.iter().filter(|watched| !exists(watched)).collect();
    let names: Vec<_> = unknown.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((watched.len(), names), (3, vec!["KeyAge", "BreakerOpened"]));
}

fn exists((name, dimensions): &Watched) -> bool {
    let has_set = |metric: &&Metric| {
        let mut sets = metric.dimension_sets().iter();
        sets.any(|set| {
            set.iter().map(|dimension| dimension.name().to_string()).collect::<BTreeSet<_>>()
                == *dimensions
        })
    };
    Metric::ALL.iter().filter(|metric| metric.name() == name).any(|metric| has_set(&metric))
}

/// Returns every metric of ours that an alarm of the template names.
fn watched_metrics(template: &str) -> Vec<Watched> {
    let documents = Yaml::load_from_str(template).expect("YAML");
    let resources =
        field(&documents[0], "Resources").and_then(Yaml::as_mapping).expect("resources");
    let alarms = resources
        .values()
        .filter(|resource| text(resource, "Type") == Some("AWS::CloudWatch::Alarm"));
    let mut found = Vec::new();
    for alarm in alarms {
        collect_metrics(alarm, &mut found);
    }
    found
}

fn collect_metrics(node: &Yaml, found: &mut Vec<Watched>) {
    if text(node, "Namespace") == Some(NAMESPACE)
        && let Some(name) = text(node, "MetricName")
    {
        let dimensions = field(node, "Dimensions").and_then(Yaml::as_sequence);
        let dimensions = dimensions.into_iter().flatten().filter_map(|one| text(one, "Name"));
        found.push((name.to_string(), dimensions.map(str::to_string).collect()));
    }
    match node {
        Yaml::Mapping(fields) => fields.values().for_each(|value| collect_metrics(value, found)),
        Yaml::Sequence(items) => items.iter().for_each(|item| collect_metrics(item, found)),
        Yaml::Tagged(_, inner) => collect_metrics(inner, found),
        _ => {}
    }
}

fn field<'a>(node: &'a Yaml<'a>, name: &str) -> Option<&'a Yaml<'a>> {
    node.as_mapping_get(name)
}

fn text<'a>(node: &'a Yaml<'a>, name: &str) -> Option<&'a str> {
    field(node, name).and_then(Yaml::as_str)
}
