//! The template's dashboard: its widgets show what lines have, and a rehearsal can be drawn.

use crate::queries::find_unknown_name;
use gateway_tests::gateway::build_functions;
use gateway_tests::source_files::ROOT;
use local::aws_metrics::write_one_of_each;
use local::build::Build;
use local::cloudwatch::{AlarmKind, MetricId, QuerySource, read_alarms, reference_values};
use local::dashboard::{Scale, Widget, WidgetContent, draw_dashboard, read_widgets, rehearse};
use local::template;
use serde_json::Value;
use shared::endpoint::Endpoint;
use shared::telemetry::metrics::{Metric, NAMESPACE};
use std::collections::BTreeSet;
use std::path::Path;

/// The most that the picture may have, in bytes.
const MAX_PICTURE_BYTES: usize = 400_000;

/// Namespace, name and names of dimensions.
type Kind = (String, String, BTreeSet<String>);

fn read_template_widgets() -> Vec<Widget> {
    read_widgets(template::TEXT, &[]).unwrap_or_else(|problem| panic!("{problem:#}"))
}

/// Returns the kinds of metrics that our lines and those of AWS's stand-in have.
fn known_kinds() -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    for metric in Metric::ALL {
        for set in metric.dimension_sets() {
            let names = set.iter().map(|dimension| dimension.name().to_string()).collect();
            kinds.insert((NAMESPACE.to_string(), metric.name().to_string(), names));
        }
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    for line in write_one_of_each() {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for set in directive["Dimensions"].as_array().unwrap() {
            let names: BTreeSet<_> = set.as_array().unwrap().iter().map(text).collect();
            for metric in directive["Metrics"].as_array().unwrap() {
                kinds.insert((text(&directive["Namespace"]), text(&metric["Name"]), names.clone()));
            }
        }
    }
    kinds
}

/// Tells what is wrong with a metric that a widget names.
fn find_problem(metric: &MetricId, kinds: &BTreeSet<Kind>) -> Option<String> {
    if !kinds.contains(&kind_of(metric)) {
        return Some(format!("no line has {metric}"));
    }
    for (name, value) in &metric.dimensions {
        let mut endpoints = Endpoint::ALL.into_iter().chain(Endpoint::PASSED_THROUGH);
        let is_known = match name.as_str() {
            "Service" => value == local::STACK_NAME,
            "Endpoint" => endpoints.any(|endpoint| endpoint.name() == value),
            "ApiName" => *value == format!("{}-api", local::STACK_NAME),
            "Stage" => value == "live",
            "FunctionName" => {
                let function = value.strip_prefix(local::STACK_NAME).unwrap_or_default();
                template::TEXT.contains(&format!("\n  {}:\n", function.trim_start_matches('-')))
            }
            "Resource" => *value == format!("{}:live", metric.dimensions["FunctionName"]),
            _ => false,
        };
        if !is_known {
            return Some(format!("{name} is never {value}: {metric}"));
        }
    }
    None
}

/// Returns every metric of every graph, and the schema of every search.
fn shown_metrics(widgets: &[Widget]) -> (Vec<MetricId>, Vec<Kind>) {
    let (mut metrics, mut searched) = (Vec::new(), Vec::new());
    for widget in widgets {
        let WidgetContent::Graph(graph) = &widget.content else { continue };
        for query in &graph.queries {
            match &query.source {
                QuerySource::Metric(stat) => metrics.push(stat.metric.clone()),
                QuerySource::Expression(expression) => {
                    searched.extend(read_search(expression.text()));
                }
            }
        }
    }
    (metrics, searched)
}

fn read_search(expression: &str) -> Option<Kind> {
    let (_, search) = expression.split_once("SEARCH('{")?;
    let (schema, terms) = search.split_once('}')?;
    let (namespace, dimensions) = schema.split_once(',')?;
    let (_, name) = terms.split_once("MetricName=\"")?;
    let (name, _) = name.split_once('"')?;
    let names = dimensions.split(',').map(str::to_string).collect();
    Some((namespace.to_string(), name.to_string(), names))
}

#[test]
fn widgets_show_metrics_that_exist() {
    let kinds = known_kinds();
    let (metrics, searched) = shown_metrics(&read_template_widgets());
    assert!(metrics.len() > 50 && searched.len() == 2, "{} and {searched:?}", metrics.len());
    for metric in &metrics {
        assert_eq!(find_problem(metric, &kinds), None);
    }
    for kind in searched {
        assert!(kinds.contains(&kind), "no line has {kind:?}");
    }
}

#[test]
fn misspelled_metric_or_dimension_is_found() {
    let kinds = known_kinds();
    for metric in shown_metrics(&read_template_widgets()).0 {
        let name = MetricId { name: format!("{}s", metric.name), ..metric.clone() };
        assert!(find_problem(&name, &kinds).is_some(), "{name}");
        for dimension in metric.dimensions.keys() {
            let mut other_value = metric.clone();
            other_value.dimensions.insert(dimension.clone(), "chats".to_string());
            let mut other_name = metric.clone();
            let value = other_name.dimensions.remove(dimension).unwrap();
            other_name.dimensions.insert(format!("{dimension}s"), value);
            for other in [other_value, other_name] {
                assert!(find_problem(&other, &kinds).is_some(), "{other}");
            }
        }
    }
}

/// Its other half, `FrontDoorFailed`, is what is read; this one says that there was a look at all.
const UNREAD: [&str; 1] = ["FrontDoorOk"];

#[test]
fn every_metric_is_read_by_an_alarm_or_a_widget() {
    let names = reference_values(template::TEXT).unwrap();
    let resolved = cloudformation::resolve_template(template::TEXT, names).unwrap();
    let (shown, searched) = shown_metrics(&read_template_widgets());
    let mut read: BTreeSet<Kind> = searched.into_iter().collect();
    read.extend(shown.iter().map(kind_of));
    for alarm in read_alarms(&resolved).unwrap() {
        let AlarmKind::Metric(metric) = &alarm.kind else { continue };
        for query in &metric.queries {
            if let QuerySource::Metric(stat) = &query.source {
                read.insert(kind_of(&stat.metric));
            }
        }
    }
    // A rollout's gates read theirs where there is a live version to compare with.
    let is_expected = |name: &str| !UNREAD.contains(&name) && !name.starts_with("Gate");
    for metric in Metric::ALL.iter().filter(|metric| is_expected(metric.name())) {
        for set in metric.dimension_sets() {
            let names = set.iter().map(|dimension| dimension.name().to_string()).collect();
            let kind = (NAMESPACE.to_string(), metric.name().to_string(), names);
            assert!(read.contains(&kind), "{kind:?} costs and is read by nobody");
        }
    }
}

fn kind_of(metric: &MetricId) -> Kind {
    let names = metric.dimensions.keys().cloned().collect();
    (metric.namespace.clone(), metric.name.clone(), names)
}

#[test]
fn log_widgets_name_fields_that_exist() {
    let widgets = read_template_widgets();
    let queries: Vec<_> = widgets
        .iter()
        .filter_map(|widget| match &widget.content {
            WidgetContent::LogTable(query) => Some(query.replace('\'', "\"")),
            _ => None,
        })
        .collect();
    assert_eq!(queries.len(), 3);
    for query in queries {
        assert_eq!(find_unknown_name(&query), None, "{query}");
        let misspelled = query.replace("request_ended\"", "request_ended\" and statuses > 1");
        assert_eq!(find_unknown_name(&misspelled).as_deref(), Some("statuses"));
    }
}

#[test]
fn every_alarm_that_tells_somebody_is_shown() {
    let without = [("ProbeSchedule", "off"), ("AllowTrialKey", "on"), ("DailyBudgetUsd", "0")];
    for parameters in [&[][..], &without[..1], &without[1..2], &without[2..], &without] {
        let mut names = reference_values(template::TEXT).unwrap();
        let given = parameters.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        names.extend(given);
        let resolved = cloudformation::resolve_template(template::TEXT, names).unwrap();
        let alarms = read_alarms(&resolved).unwrap();
        let shown = shown_alarms(&read_widgets(template::TEXT, parameters).unwrap());
        for alarm in &alarms {
            let tells = alarm.actions.is_enabled && !alarm.actions.on_alarm.is_empty();
            assert!(!tells || shown.contains(&alarm.name), "{} is not shown", alarm.name);
        }
        let exists = |name: &String| alarms.iter().any(|alarm| alarm.name == *name);
        let missing: Vec<_> = shown.iter().filter(|name| !exists(name)).collect();
        assert!(missing.is_empty(), "{missing:?} are shown and not made with {parameters:?}");
    }
}

fn shown_alarms(widgets: &[Widget]) -> Vec<String> {
    let mut shown = Vec::new();
    for widget in widgets {
        if let WidgetContent::Alarms(alarms) = &widget.content {
            shown.extend(alarms.iter().map(|alarm| alarm.trim_end_matches(".Arn").to_string()));
        }
    }
    shown
}

#[test]
fn widgets_do_not_overlap() {
    let widgets = read_template_widgets();
    let mut taken = BTreeSet::new();
    for widget in &widgets {
        for x in widget.x..widget.x + widget.width {
            for y in widget.y..widget.y + widget.height {
                assert!(taken.insert((x, y)), "{} stands on another widget", widget.title);
            }
        }
    }
    let height = widgets.iter().map(|widget| widget.y + widget.height).max().unwrap();
    assert_eq!(taken.len() as u32, 24 * height, "there is a hole");
}

#[tokio::test]
async fn rehearsal_fills_every_widget() {
    tokio::task::spawn_blocking(|| build_functions(Build::Debug)).await.unwrap();
    let recording = rehearse(Build::Debug, Scale::SMALL).await;
    let recording = recording.unwrap_or_else(|problem| panic!("{problem:#}"));
    for widget in read_template_widgets() {
        let picture = draw_dashboard(std::slice::from_ref(&widget), &recording);
        let picture = picture.unwrap_or_else(|problem| panic!("{problem:#}"));
        assert!(!picture.contains("nothing in this time"), "{} is empty", widget.title);
        assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
    }
    let changes = recording.cloudwatch.history();
    assert!(changes.iter().any(|change| change.alarm == "HighErrorRate"), "{changes:#?}");
}

#[test]
fn page_has_the_picture_of_this_dashboard() {
    let picture = std::fs::read_to_string(Path::new(ROOT).join("docs/dashboard.svg")).unwrap();
    assert!(picture.len() <= MAX_PICTURE_BYTES, "{} bytes", picture.len());
    for widget in read_template_widgets() {
        let title = widget.title.replace('\'', "&apos;");
        assert!(
            picture.contains(&title) || picture.contains(&widget.title),
            "{title} is not in docs/dashboard.svg: cargo run -- dashboard --out docs/dashboard.svg"
        );
    }
}
