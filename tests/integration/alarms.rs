//! Each alarm of the template fires on the fault it names, and on nothing else.
//!
//! What happens is recorded once from running binaries and the local front (`recordings.rs`); a scenario writes these lines into
//! minutes of its own, as often as they would come, and the evaluator judges the template's own alarms by them. Time
//! is scaled, not slept: six hours are 360 evaluations.

mod happening;
mod page;
mod recordings;
mod scenarios;
mod stories;
mod timeline;

use local::cloudwatch::{AlarmKind, State};
use scenarios::all_scenarios;
use std::collections::BTreeSet;
use timeline::Timeline;

/// The page that an alarm's description names.
const PAGE: &str = "docs/runbooks/alarms.md#";

#[test]
fn each_alarm_fires_on_its_fault() {
    let mut failures = Vec::new();
    for scenario in all_scenarios() {
        let mut timeline = Timeline::begin(&[]);
        (scenario.fire)(&mut timeline);
        let has_fired = timeline.has_fired(&scenario.alarm);
        let teller = timeline.teller(&scenario.alarm);
        let told = timeline.told(&teller);
        if !has_fired || told.is_empty() {
            let reason = timeline.cloudwatch.reason(&scenario.alarm);
            failures
                .push(format!("{}: {} ({reason}), told {told:?}", scenario.alarm, scenario.fires));
        }
    }
    assert_eq!(failures, [""; 0]);
}

#[test]
fn no_alarm_fires_on_a_near_miss() {
    let mut failures = Vec::new();
    for scenario in all_scenarios() {
        let mut timeline = Timeline::begin(&[]);
        (scenario.stay_quiet)(&mut timeline);
        let unexpected: Vec<_> = timeline
            .fired()
            .into_iter()
            .filter(|alarm| !scenario.beside.contains(&alarm.as_str()))
            .collect();
        if !unexpected.is_empty() {
            failures.push(format!("{}: {}: {unexpected:?}", scenario.alarm, scenario.quiet));
        }
    }
    assert_eq!(failures, [""; 0]);
}

/// What stays quiet in a near miss must be watched by then, or it would be quiet whatever happens.
#[test]
fn every_alarm_has_a_scenario() {
    let timeline = Timeline::begin(&[]);
    // What tells of a rollout is described in docs/rollout.md, and gates tell nobody.
    let alarms = timeline.cloudwatch.alarms().filter(|alarm| alarm.description.contains(PAGE));
    let metric_alarms: BTreeSet<_> = alarms
        .filter(|alarm| matches!(alarm.kind, AlarmKind::Metric(_)))
        .map(|alarm| alarm.name.as_str())
        .collect();
    let scenarios = all_scenarios();
    let with_scenario: BTreeSet<_> =
        scenarios.iter().map(|scenario| scenario.alarm.as_str()).collect();
    assert_eq!(with_scenario, metric_alarms);
}

#[test]
fn first_state_of_every_alarm_tells_nobody() {
    let mut timeline = Timeline::begin(&[]);
    timeline.pass(9);
    assert_eq!(timeline.pages(), [""; 0]);
    for alarm in timeline.cloudwatch.alarms() {
        assert_ne!(timeline.cloudwatch.state(&alarm.name), State::Alarm, "{}", alarm.name);
    }
}
