//! Each gate stops a rollout by itself where its limit is passed, and none does just below it or once the rollout is over.

use super::simulation::{lambda_metric_of, metric_of};
use super::{LIVE, NEW, read_gates};
use local::cloudwatch::{CloudWatch, MetricId, State};
use shared::telemetry::metrics::Metric;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// Minutes that are played.
const MINUTES: u64 = 10;
/// Requests of each version in a minute.
const REQUESTS: usize = 12;
const OF_REQUESTS: [&str; 4] = ["Chat", "Embed", "Rerank", "PassThrough"];
const ALL: [&str; 6] = ["Chat", "Embed", "Rerank", "PassThrough", "Health", "Authorizer"];
/// Those whose gate of latency rests up to five seconds.
const STREAMING: [&str; 2] = ["Chat", "PassThrough"];

/// The values of each metric in one minute.
type Minute = BTreeMap<MetricId, Vec<f64>>;

/// What one metric is in some minutes: over its gate's limit, and just not.
struct Case {
    gate: &'static str,
    metric: MetricId,
    minutes: [Range<u64>; 2],
    fires: Vec<f64>,
    rests: Vec<f64>,
}

fn gate_metric(function: &str, metric: Metric, version: &str) -> MetricId {
    metric_of(&folder_name(function), metric, version)
}

/// Returns the metric dimension of a function: `pass-through` of `PassThrough`.
fn folder_name(function: &str) -> String {
    local::template::folder_name(&format!("{function}Function")).expect("a function's name")
}

/// Returns a minute of a rollout in which both versions do well.
fn good_minute(function: &str) -> Minute {
    let mut minute = Minute::new();
    for version in [NEW, LIVE] {
        for (name, value) in [("Invocations", 1.0), ("Errors", 0.0)] {
            let places = [("live", Some(version)), (version, None)];
            for (qualifier, executed) in places {
                let metric = lambda_metric_of(function, name, qualifier, executed);
                minute.insert(metric, vec![value; REQUESTS]);
            }
        }
        let usual: &[(Metric, f64)] = match function {
            "Health" => &[],
            "Authorizer" => {
                &[(Metric::GateAllowed, 1.0), (Metric::GateDenied, 0.0), (Metric::GateFailed, 0.0)]
            }
            _ => &[
                (Metric::GateRequests, 1.0),
                (Metric::GateServerError, 0.0),
                (Metric::GateRateLimited, 0.0),
                (Metric::GateLatency, 100.0),
                (Metric::GateGatewayTime, 1.0),
            ],
        };
        for (metric, value) in usual {
            minute.insert(gate_metric(function, *metric, version), vec![*value; REQUESTS]);
        }
    }
    minute.insert(gate_metric(function, Metric::GateMismatch, NEW), vec![0.0; REQUESTS]);
    minute
}

/// Returns so many ones among the values of a minute.
fn ones(count: usize) -> Vec<f64> {
    let mut values = vec![0.0; REQUESTS.max(count)];
    values[..count].fill(1.0);
    values
}

fn cases(function: &str) -> Vec<Case> {
    let of_new = |metric| gate_metric(function, metric, NEW);
    let once = [3..4, 3..4];
    let count = |gate, metric, fires, rests| Case {
        gate,
        metric,
        minutes: once.clone(),
        fires: ones(fires),
        rests: ones(rests),
    };
    let time = |gate, metric, fires, rests| Case {
        gate,
        metric: of_new(metric),
        minutes: once.clone(),
        fires: vec![fires; REQUESTS],
        rests: vec![rests; REQUESTS],
    };
    let shared = lambda_metric_of(function, "Errors", "live", Some(NEW));
    let driven = lambda_metric_of(function, "Errors", NEW, None);
    let mut cases = vec![
        count("Crashes", shared, 3, 2),
        count("DrivenCrashes", driven, 3, 2),
        count("Mismatch", of_new(Metric::GateMismatch), 3, 2),
        Case {
            gate: "Silent",
            metric: of_new(Metric::GateMismatch),
            minutes: [3..8, 3..7],
            fires: Vec::new(),
            rests: Vec::new(),
        },
    ];
    let limit = if STREAMING.contains(&function) { 5_000.0 } else { 500.0 };
    match function {
        "Health" => {}
        "Authorizer" => cases.extend([
            count("Denials", of_new(Metric::GateDenied), 4, 3),
            count("Failures", of_new(Metric::GateFailed), 4, 3),
        ]),
        _ => cases.extend([
            count("Errors", of_new(Metric::GateServerError), 4, 3),
            count("RateLimited", of_new(Metric::GateRateLimited), 51, 50),
            time("Latency", Metric::GateLatency, limit + 1.0, limit),
            time("GatewayTime", Metric::GateGatewayTime, 51.0, 50.0),
        ]),
    }
    cases
}

fn record(cloudwatch: &mut CloudWatch, number: u64, minute: &Minute) {
    for (metric, values) in minute {
        let series = cloudwatch.place_metric(metric);
        for value in values {
            cloudwatch.record_value(Duration::from_secs(number * 60), series, *value);
        }
    }
    cloudwatch.advance_to(Duration::from_secs((number + 1) * 60));
}

fn find_alarms(cloudwatch: &CloudWatch) -> BTreeSet<String> {
    let names = cloudwatch.alarms().map(|alarm| alarm.name.clone());
    names.filter(|name| cloudwatch.state(name) == State::Alarm).collect()
}

/// Plays a rollout in which one metric has other values for some minutes; returns the gates that would stop it.
fn play(
    function: &str,
    metric: &MetricId,
    minutes: &Range<u64>,
    values: &[f64],
) -> BTreeSet<String> {
    let mut cloudwatch = read_gates(function, LIVE);
    let mut fired = BTreeSet::new();
    for number in 0..MINUTES {
        let mut minute = good_minute(function);
        if minutes.contains(&number) {
            minute.insert(metric.clone(), values.to_vec());
        }
        record(&mut cloudwatch, number, &minute);
        fired.extend(find_alarms(&cloudwatch));
    }
    fired
}

#[test]
fn each_gate_fires_alone_above_its_limit() {
    let mut tried = BTreeSet::new();
    for function in ALL {
        for case in cases(function) {
            let gate = format!("{function}Gate{}", case.gate);
            let [firing, resting] = &case.minutes;
            let fired = play(function, &case.metric, firing, &case.fires);
            assert_eq!(fired, BTreeSet::from([gate.clone()]), "above the limit of {gate}");
            let fired = play(function, &case.metric, resting, &case.rests);
            assert_eq!(fired, BTreeSet::new(), "at the limit of {gate}");
            tried.insert(gate);
        }
    }
    for function in ALL {
        let gates = read_gates(function, LIVE);
        let names: BTreeSet<_> = gates.alarms().map(|alarm| alarm.name.clone()).collect();
        let untried: Vec<_> = names.difference(&tried).collect();
        assert_eq!(untried, [&format!("{function}RolloutUnproven")], "gates without a case");
    }
}

#[test]
fn what_the_live_version_does_too_stops_nothing() {
    for function in OF_REQUESTS {
        let limit = if STREAMING.contains(&function) { 5_001.0 } else { 501.0 };
        for (metric, values) in [
            (Metric::GateServerError, ones(6)),
            (Metric::GateRateLimited, ones(REQUESTS)),
            (Metric::GateLatency, vec![limit; REQUESTS]),
            (Metric::GateGatewayTime, vec![60.0; REQUESTS]),
        ] {
            let mut cloudwatch = read_gates(function, LIVE);
            for number in 0..MINUTES {
                let mut minute = good_minute(function);
                for version in [NEW, LIVE] {
                    minute.insert(gate_metric(function, metric, version), values.clone());
                }
                record(&mut cloudwatch, number, &minute);
                assert_eq!(find_alarms(&cloudwatch), BTreeSet::new(), "{function} {metric:?}");
            }
        }
    }
}

/// Returns a minute in which the new version serves all callers, and nobody drives or compares.
fn minute_after_a_rollout(function: &str, is_bad: bool) -> Minute {
    let mut minute = good_minute(function);
    minute.retain(|metric, _| {
        metric.name != "GateMismatch" && metric.dimensions.values().any(|value| value == NEW)
    });
    for (metric, values) in [
        (Metric::GateServerError, ones(6)),
        (Metric::GateDenied, ones(6)),
        (Metric::GateFailed, ones(6)),
        (Metric::GateRateLimited, ones(REQUESTS)),
        (Metric::GateLatency, vec![9_000.0; REQUESTS]),
        (Metric::GateGatewayTime, vec![90.0; REQUESTS]),
    ] {
        let metric = gate_metric(function, metric, NEW);
        if is_bad && minute.contains_key(&metric) {
            minute.insert(metric, values);
        }
    }
    minute
}

#[test]
fn gates_rest_once_the_rollout_is_over() {
    for function in ALL {
        let mut cloudwatch = read_gates(function, LIVE);
        for number in 0..MINUTES {
            record(&mut cloudwatch, number, &good_minute(function));
        }
        for number in MINUTES..40 {
            // What fails while the live version's last minutes are looked at is still compared.
            let is_bad = number >= MINUTES + 5;
            record(&mut cloudwatch, number, &minute_after_a_rollout(function, is_bad));
            assert_eq!(find_alarms(&cloudwatch), BTreeSet::new(), "{function}, minute {number}");
        }
    }
}

#[test]
fn limit_alone_decides_without_a_live_version() {
    for function in OF_REQUESTS {
        for (errors, fires) in [(4, true), (3, false)] {
            let mut cloudwatch = read_gates(function, "");
            let mut minute = good_minute(function);
            minute.insert(gate_metric(function, Metric::GateServerError, NEW), ones(errors));
            record(&mut cloudwatch, 0, &minute);
            let gate = format!("{function}GateErrors");
            assert_eq!(cloudwatch.state(&gate) == State::Alarm, fires, "{function} {errors}");
        }
    }
}

#[test]
fn rollout_without_requests_is_told_once_it_has_ended() {
    for function in ALL {
        for (requests, is_told) in [(19, true), (20, false)] {
            let mut cloudwatch = read_gates(function, LIVE);
            let counted = match function {
                "Health" => lambda_metric_of(function, "Invocations", NEW, None),
                "Authorizer" => gate_metric(function, Metric::GateDenied, NEW),
                _ => gate_metric(function, Metric::GateRequests, NEW),
            };
            let zero_or_one = if function == "Authorizer" { 0.0 } else { 1.0 };
            let step = |metric| gate_metric(function, metric, NEW);
            let started = Minute::from([(step(Metric::RolloutStarted), vec![1.0])]);
            record(&mut cloudwatch, 0, &started);
            record(&mut cloudwatch, 5, &Minute::from([(counted, vec![zero_or_one; requests])]));
            assert!(cloudwatch.notifications().is_empty(), "{function} has not ended");
            let ended = Minute::from([(step(Metric::RolloutEnded), vec![1.0])]);
            record(&mut cloudwatch, 11, &ended);
            cloudwatch.advance_to(Duration::from_secs(3_600));
            let told: Vec<_> = cloudwatch.notifications().iter().map(|one| &one.topic).collect();
            let expected = if is_told { vec!["P2Topic"] } else { Vec::new() };
            assert_eq!(told, expected, "{function} with {requests}");
        }
    }
}
