//! What is read of an alarm, and what is refused.

use super::*;
use serde_json::json;

fn read(kind: &str, properties: Value) -> anyhow::Result<AlarmDefinition> {
    let alarm = json!({ "Type": format!("AWS::CloudWatch::{kind}"), "Properties": properties });
    let mut alarms = read_alarms(&json!({ "Resources": { "Watched": alarm } }))?;
    Ok(alarms.remove(0))
}

/// An alarm on one metric.
fn plain_alarm() -> Value {
    json!({
        "AlarmDescription": "Too many.", "AlarmActions": ["P1Topic"], "OKActions": ["P1Topic"],
        "Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "A", "Value": "a"}],
        "Statistic": "Sum", "Period": "300", "EvaluationPeriods": 3, "DatapointsToAlarm": 2,
        "Threshold": "5", "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    })
}

fn math_alarm() -> Value {
    let metric = |id: &str, name: &str| {
        json!({
            "Id": id, "ReturnData": false,
            "MetricStat": {"Stat": "Sum", "Period": 300, "Metric": {"Namespace": "N", "MetricName": name}},
        })
    };
    let rate = json!({ "Id": "rate", "Expression": "IF(n >= 20, 100 * e / n, 0)" });
    json!({
        "Metrics": [rate, metric("n", "Requests"), metric("e", "Errors")], "Threshold": 5,
        "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold",
    })
}

/// A copy in which the value at a pointer is another, or is added.
fn with(mut alarm: Value, name: &str, value: Value) -> Value {
    if name.starts_with('/') {
        *alarm.pointer_mut(name).unwrap() = value;
    } else {
        alarm[name] = value;
    }
    alarm
}

#[test]
fn plain_alarm_is_read() {
    let alarm = read("Alarm", plain_alarm()).unwrap();
    assert_eq!((alarm.name.as_str(), alarm.description.as_str()), ("Watched", "Too many."));
    assert_eq!(alarm.actions.on(State::Alarm), ["P1Topic"]);
    let AlarmKind::Metric(metric) = alarm.kind else { panic!("no metric alarm") };
    let criterion = metric.criterion;
    assert_eq!((metric.period, criterion.periods, criterion.to_alarm), (300, 3, 2));
    assert_eq!((metric.threshold, metric.window, metric.warm_up), (5.0, Window::Sliding, None));
}

#[test]
fn expression_follows_what_it_reads() {
    let AlarmKind::Metric(metric) = read("Alarm", math_alarm()).unwrap().kind else { panic!() };
    assert_eq!((metric.watched, metric.order, metric.period), (0, vec![1, 2, 0], 300));
}

#[test]
fn new_features_are_read() {
    let alarm =
        with(plain_alarm(), "WarmUpConfiguration", json!({"WarmUpPeriodDurationInMinutes": 5}));
    let zone = json!({ "WallClockWindow": { "Timezone": "UTC" } });
    let AlarmKind::Metric(metric) =
        read("Alarm", with(alarm, "EvaluationWindow", zone)).unwrap().kind
    else {
        panic!()
    };
    assert_eq!(metric.warm_up, Some(WarmUp { minutes: 5, is_whole: false }));
    assert_eq!(metric.window, Window::WallClock);
}

#[test]
fn composite_names_its_members() {
    let composite = json!({
        "AlarmRule": "ALARM(\"A\") OR ALARM(\"B\")", "ActionsSuppressor": "C",
        "ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": "120",
    });
    let alarm = read("CompositeAlarm", composite).unwrap();
    assert_eq!(alarm.members(), ["A", "B"]);
    let AlarmKind::Composite(composite) = alarm.kind else { panic!() };
    assert_eq!(composite.suppressor.unwrap().periods.extension, 120);
}

#[test]
fn unknown_property_is_named() {
    let problem = read("Alarm", with(plain_alarm(), "Unit", json!("Count"))).unwrap_err();
    assert_eq!(format!("{problem:#}"), "in the alarm Watched: unknown here: Unit");
}

#[test]
fn what_cloudwatch_refuses_is_refused() {
    for (alarm, name, value) in [
        (plain_alarm(), "Period", json!(90)),
        (plain_alarm(), "Statistic", json!("p95")),
        (plain_alarm(), "ExtendedStatistic", json!("p95")),
        (plain_alarm(), "ComparisonOperator", json!("GreaterThanUpperThreshold")),
        (plain_alarm(), "DatapointsToAlarm", json!(4)),
        (plain_alarm(), "EvaluationPeriods", json!(289)),
        (plain_alarm(), "TreatMissingData", json!("Ignore")),
        (
            plain_alarm(),
            "EvaluationWindow",
            json!({"WallClockWindow": {"Timezone": "Europe/Paris"}}),
        ),
        (plain_alarm(), "/Dimensions/0/Value", json!({"Fn::GetAtt": "F.Version.Version"})),
        (math_alarm(), "/Metrics/0/Expression", json!("SQRT(n)")),
        (math_alarm(), "/Metrics/0/Expression", json!("MAX(n)")),
        (math_alarm(), "/Metrics/0/Expression", json!("rate + n")),
        (math_alarm(), "/Metrics/0/Id", json!("Rate")),
        (math_alarm(), "/Metrics/1/ReturnData", json!(true)),
        (math_alarm(), "/Metrics/1/MetricStat/Period", json!(60)),
        (math_alarm(), "Namespace", json!("N")),
    ] {
        assert!(read("Alarm", with(alarm, name, value.clone())).is_err(), "{name} {value}");
    }
    read("Alarm", plain_alarm()).and(read("Alarm", math_alarm())).unwrap();
}
