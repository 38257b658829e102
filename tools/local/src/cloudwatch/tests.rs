//! Alarms over time: from lines to notifications.

use super::metric_store::{DAY, HOUR};
use super::*;
use serde_json::json;

const START: u64 = 1_790_000_000 / DAY * DAY;

/// A time so many minutes after the start.
fn minute(minutes: u64) -> Duration {
    Duration::from_secs(START + minutes * MINUTE)
}

fn line(metric: &str, value: f64) -> String {
    json!({
        "_aws": {"Timestamp": 0, "CloudWatchMetrics": [
            {"Namespace": "N", "Dimensions": [["Service"]], "Metrics": [{"Name": metric}]},
        ]},
        "Service": "s", metric: value,
    })
    .to_string()
}

/// An alarm on the sum of a metric in a minute, over 5.
fn alarm_on(metric: &str, more: &[(&str, Json)]) -> Json {
    let mut properties = json!({
        "Namespace": "N", "MetricName": metric, "Dimensions": [{"Name": "Service", "Value": "s"}],
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
        "AlarmActions": ["Topic"], "OKActions": ["Topic"],
    });
    for (name, value) in more {
        properties[*name] = value.clone();
    }
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}

fn composite_of(rule: &str, more: &[(&str, Json)]) -> Json {
    let mut properties =
        json!({ "AlarmRule": rule, "AlarmActions": ["Pages"], "OKActions": ["Pages"] });
    for (name, value) in more {
        properties[*name] = value.clone();
    }
    json!({ "Type": "AWS::CloudWatch::CompositeAlarm", "Properties": properties })
}

fn start(alarms: &[(&str, Json)]) -> CloudWatch {
    let resources: serde_json::Map<_, _> =
        alarms.iter().map(|(name, alarm)| (name.to_string(), alarm.clone())).collect();
    CloudWatch::from_template(&json!({ "Resources": resources }), minute(0)).unwrap()
}

/// Times in minutes, states and topics of what was told about one alarm.
fn told(cloudwatch: &CloudWatch, alarm: &str) -> Vec<(u64, State)> {
    let of_alarm = cloudwatch.notifications().iter().filter(|told| told.alarm == alarm);
    of_alarm.map(|told| ((told.at.as_secs() - START) / MINUTE, told.state)).collect()
}

#[test]
fn alarm_sees_a_minute_once_it_is_over() {
    let mut cloudwatch = start(&[("Many", alarm_on("M", &[]))]);
    assert_eq!(cloudwatch.state("Many"), State::InsufficientData);
    cloudwatch.record_line(minute(10), &line("M", 6.0)).unwrap();
    cloudwatch.advance_to(minute(10) + Duration::from_secs(59));
    assert_eq!(cloudwatch.state("Many"), State::Ok);
    cloudwatch.advance_to(minute(11));
    assert_eq!(cloudwatch.state("Many"), State::Alarm);
    assert_eq!(cloudwatch.reason("Many"), "1 of 1 datapoints > 5: - - 6");
    let told = told(&cloudwatch, "Many");
    assert_eq!(told, [(1, State::Ok), (11, State::Alarm)]);
    assert_eq!(cloudwatch.history()[1].reason, "1 of 1 datapoints > 5: - - 6");
}

#[test]
fn last_datapoint_counts_while_it_is_in_range() {
    let mut cloudwatch = start(&[("Many", alarm_on("M", &[]))]);
    cloudwatch.record_line(minute(10), &line("M", 6.0)).unwrap();
    cloudwatch.advance_to(minute(30));
    assert_eq!(told(&cloudwatch, "Many")[1..], [(11, State::Alarm), (14, State::Ok)]);
}

#[test]
fn period_slides_by_the_minute() {
    let of_five = [("Period", json!(300))];
    let mut cloudwatch = start(&[("Many", alarm_on("M", &of_five))]);
    cloudwatch.record_line(minute(8), &line("M", 3.0)).unwrap();
    cloudwatch.record_line(minute(12), &line("M", 3.0)).unwrap();
    cloudwatch.advance_to(minute(14));
    assert_eq!(told(&cloudwatch, "Many")[1..], [(13, State::Alarm), (14, State::Ok)]);
}

#[test]
fn silence_may_breach() {
    let silent = [("TreatMissingData", json!("breaching")), ("EvaluationPeriods", json!(5))];
    let mut cloudwatch = start(&[("Silent", alarm_on("M", &silent))]);
    for at in 0..30 {
        cloudwatch.record_line(minute(at), &line("M", 1.0)).unwrap();
    }
    cloudwatch.advance_to(minute(60));
    // Seven minutes are looked at for five datapoints, so that five in a row are missing two minutes later.
    assert_eq!(told(&cloudwatch, "Silent"), [(1, State::Ok), (37, State::Alarm)]);
}

#[test]
fn long_window_is_evaluated_at_full_hours() {
    let days = [("Period", json!(3 * DAY)), ("EvaluationPeriods", json!(1))];
    let mut cloudwatch = start(&[("Slow", alarm_on("M", &days))]);
    cloudwatch.record_line(minute(70), &line("M", 6.0)).unwrap();
    cloudwatch.advance_to(minute(119));
    assert_eq!(cloudwatch.state("Slow"), State::Ok);
    cloudwatch.advance_to(minute(120));
    assert_eq!(told(&cloudwatch, "Slow"), [(60, State::Ok), (120, State::Alarm)]);
}

#[test]
fn wall_clock_counts_a_day_once_it_is_over() {
    let window = ("EvaluationWindow", json!({ "WallClockWindow": { "Timezone": "UTC" } }));
    let day = ("Period", json!(DAY));
    let sliding = alarm_on("M", std::slice::from_ref(&day));
    let mut cloudwatch = start(&[("Day", alarm_on("M", &[day, window])), ("Sliding", sliding)]);
    cloudwatch.record_line(minute(1_000), &line("M", 6.0)).unwrap();
    cloudwatch.advance_to(minute(1_500));
    assert_eq!(told(&cloudwatch, "Sliding")[1..], [(1_001, State::Alarm)]);
    assert_eq!(told(&cloudwatch, "Day")[1..], [(1_440, State::Alarm)]);
}

#[test]
fn warm_up_keeps_an_alarm_quiet() {
    let silent = ("TreatMissingData", json!("breaching"));
    let warm_up = |is_whole: bool| {
        let fields = json!({
            "WarmUpPeriodDurationInMinutes": 5, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": is_whole,
        });
        alarm_on("M", &[silent.clone(), ("WarmUpConfiguration", fields)])
    };
    let mut cloudwatch = start(&[("Short", warm_up(false)), ("Whole", warm_up(true))]);
    cloudwatch.advance_to(minute(2));
    assert_eq!(cloudwatch.state("Short"), State::InsufficientData);
    cloudwatch.record_line(minute(2), &line("M", 1.0)).unwrap();
    cloudwatch.advance_to(minute(3));
    assert_eq!(
        (cloudwatch.state("Short"), cloudwatch.state("Whole")),
        (State::Ok, State::InsufficientData)
    );
    cloudwatch.advance_to(minute(20));
    assert_eq!(told(&cloudwatch, "Whole"), [(5, State::Ok), (6, State::Alarm)]);
}

#[test]
fn composite_pages_once_for_two_members() {
    let mut cloudwatch = start(&[
        ("Outage", composite_of("ALARM(One) OR ALARM(\"Two\")", &[])),
        ("One", alarm_on("M", &[("AlarmActions", json!([])), ("OKActions", json!([]))])),
        ("Two", alarm_on("L", &[("ActionsEnabled", json!(false))])),
    ]);
    for at in 10..20 {
        cloudwatch.record_line(minute(at), &line("M", 6.0)).unwrap();
        cloudwatch.record_line(minute(at + 5), &line("L", 6.0)).unwrap();
    }
    cloudwatch.advance_to(minute(60));
    assert_eq!(told(&cloudwatch, "Outage"), [(1, State::Ok), (11, State::Alarm), (28, State::Ok)]);
    assert_eq!(cloudwatch.notifications().len(), 3, "members have no actions");
    assert_eq!(cloudwatch.reason("Outage"), "One is OK, Two is OK");
}

#[test]
fn suppressed_alarm_tells_nobody() {
    let waits = [
        ("ActionsSuppressor", json!("Outage")),
        ("ActionsSuppressorWaitPeriod", json!(120)),
        ("ActionsSuppressorExtensionPeriod", json!(180)),
    ];
    let mut cloudwatch = start(&[
        ("Slow", composite_of("ALARM(Latency)", &waits)),
        ("Latency", alarm_on("L", &[("AlarmActions", json!([])), ("OKActions", json!([]))])),
        ("Outage", alarm_on("M", &[])),
    ]);
    for at in 10..20 {
        cloudwatch.record_line(minute(at), &line("L", 6.0)).unwrap();
        cloudwatch.record_line(minute(at + 1), &line("M", 6.0)).unwrap();
    }
    for at in 100..105 {
        cloudwatch.record_line(minute(at), &line("L", 6.0)).unwrap();
    }
    cloudwatch.advance_to(minute(200));
    let slow = told(&cloudwatch, "Slow");
    assert_eq!(slow, [(3, State::Ok), (27, State::Ok), (103, State::Alarm), (110, State::Ok)]);
}

#[test]
fn broken_line_counts_for_its_log_group() {
    let watch = alarm_on(
        "EMFValidationErrors",
        &[
            ("Namespace", json!("AWS/Logs")),
            (
                "Dimensions",
                json!([{"Name": "LogGroupName", "Value": log_group_name("rotate-key")}]),
            ),
            ("Threshold", json!(0)),
        ],
    );
    let mut cloudwatch = start(&[("Broken", watch)]);
    let broken = line("M", 1.0).replace("\"s\"", "7");
    assert!(cloudwatch.record_line(minute(1), &broken).is_err());
    cloudwatch.record_output(minute(1), "chat", &broken);
    cloudwatch.advance_to(minute(2));
    assert_eq!(cloudwatch.state("Broken"), State::Ok);
    cloudwatch.record_output(minute(2), "rotate-key", &broken);
    cloudwatch.advance_to(minute(3));
    assert_eq!(cloudwatch.state("Broken"), State::Alarm);
}

#[test]
fn unknown_member_and_circle_are_errors() {
    let resources = |rule: &str| json!({ "Resources": { "A": composite_of(rule, &[]), "B": composite_of("ALARM(A)", &[]) } });
    for (rule, told) in [("ALARM(C)", "A names C"), ("OK(B)", "depends on itself")] {
        let problem = CloudWatch::from_template(&resources(rule), minute(0)).err().unwrap();
        assert!(problem.to_string().contains(told), "{problem}");
    }
}

#[test]
fn hour_of_many_values_is_evaluated_fast() {
    let p95 = [
        ("ExtendedStatistic", json!("p95")),
        ("Period", json!(300)),
        ("EvaluationPeriods", json!(3)),
    ];
    let mut alarms = Vec::new();
    for name in ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"] {
        let mut alarm = alarm_on("M", &p95);
        alarm["Properties"].as_object_mut().unwrap().remove("Statistic");
        alarms.push((name, alarm));
    }
    let mut cloudwatch = start(&alarms);
    let data = read_line(&line("M", 1.0)).unwrap();
    let id = cloudwatch.place_metric(&data[0].metric);
    let began = std::time::Instant::now();
    for second in 0..HOUR {
        cloudwatch.record_value(minute(0) + Duration::from_secs(second), id, second as f64);
    }
    cloudwatch.advance_to(minute(60));
    let took = began.elapsed();
    assert_eq!(cloudwatch.state("A"), State::Alarm);
    // Some hundred times what it takes: only a scan of everything at each minute is found here.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
