//! Hours with more than one alarm in them: who is told, and how often.

use super::happening::{Happening, OF_FUNCTIONS};
use super::timeline::Timeline;
use shared::endpoint::Endpoint;

const GOOD: Happening = Happening::Good(Endpoint::Chat);
const FAILED: Happening = Happening::Failed(Endpoint::Chat);
const NOBODY: [&str; 0] = [];

/// An hour of what happens every day, of all endpoints, with the few failures that no service lacks.
fn pass_a_healthy_hour(time: &mut Timeline) {
    for minute in 0..60 {
        for endpoint in OF_FUNCTIONS {
            time.write(Happening::Good(endpoint), 20);
        }
        let rare = [
            (Happening::Limited, 2),
            (Happening::Denied, 3),
            (Happening::Blocked, 1),
            (Happening::CallersDeadline, 1),
            (Happening::CallerLeft, 1),
            (Happening::LongAnswer, 1),
            (Happening::Fallback, usize::from(minute % 10 == 0)),
            (FAILED, usize::from(minute % 20 == 0)),
        ];
        time.pass_with(1, &rare);
    }
}

#[test]
fn healthy_hour_fires_no_alarm() {
    let mut time = Timeline::begin(&[]);
    pass_a_healthy_hour(&mut time);
    assert_eq!(time.fired().into_iter().collect::<Vec<_>>(), NOBODY);
}

#[test]
fn callers_own_times_fire_no_alarm() {
    let mut time = Timeline::begin(&[]);
    let own = [(Happening::CallersDeadline, 10), (Happening::CallerLeft, 10)];
    time.pass_with(30, &own);
    assert_eq!(time.fired().into_iter().collect::<Vec<_>>(), NOBODY);
}

#[test]
fn marked_calls_fire_no_alarm() {
    let mut time = Timeline::begin(&[]);
    time.pass_with(30, &[(Happening::MarkedFailure, 30)]);
    assert_eq!(time.fired().into_iter().collect::<Vec<_>>(), NOBODY);
}

#[test]
fn outage_is_one_page_and_nothing_beside() {
    let mut time = Timeline::begin(&[]);
    pass_a_healthy_hour(&mut time);
    time.probe_finds(Some(Happening::LookUnreachable));
    // First the limits and the slowness of a Cohere that goes down, then nothing but failures.
    time.pass_with(3, &[(GOOD, 60), (Happening::Limited, 30), (Happening::Fallback, 30)]);
    time.pass_with(
        40,
        &[(FAILED, 60), (Happening::Fallback, 30), (Happening::RetryBudgetEmpty, 10)],
    );
    assert_eq!(time.pages(), ["CohereOutage"]);
    time.probe_finds(Some(Happening::LookOk));
    time.pass_with(120, &[(GOOD, 60)]);
    assert_eq!(time.pages(), ["CohereOutage"]);
    // Three days' failures are told beside, in the morning.
    let beside: Vec<_> = time.told_to("P2Topic");
    assert!(beside.iter().all(|alarm| alarm == "SlowBurn") && beside.len() <= 1, "{beside:?}");
}

#[test]
fn end_of_an_outage_is_told() {
    let mut time = Timeline::begin(&[]);
    time.pass_with(10, &[(GOOD, 60)]);
    time.pass_with(10, &[(FAILED, 60)]);
    time.pass_with(420, &[(GOOD, 60)]);
    let told: Vec<_> = time
        .cloudwatch
        .notifications()
        .iter()
        .filter(|told| told.alarm == "CohereOutage" && told.topic == "P1Topic")
        .map(|told| told.state.to_string())
        .collect();
    assert_eq!(told[told.len() - 2..], ["ALARM", "OK"]);
    assert_eq!(told.iter().filter(|state| *state == "ALARM").count(), 1);
}

#[test]
fn limits_without_an_outage_are_told() {
    let mut time = Timeline::begin(&[]);
    time.pass_with(30, &[(GOOD, 60), (Happening::Limited, 30)]);
    assert_eq!((time.pages(), time.told_to("P2Topic")), (vec![], vec!["RateLimited".to_string()]));
}

#[test]
fn what_outlasts_an_outage_is_told_after_it() {
    let mut time = Timeline::begin(&[]);
    time.pass_with(10, &[(FAILED, 10), (Happening::Limited, 30)]);
    assert_eq!(time.told_to("P2Topic").iter().filter(|alarm| *alarm == "RateLimited").count(), 0);
    time.pass_with(150, &[(GOOD, 60), (Happening::Limited, 30)]);
    assert_eq!(time.told_to("P2Topic").iter().filter(|alarm| *alarm == "RateLimited").count(), 1);
}

#[test]
fn blip_of_four_minutes_pages_nobody_twice() {
    for requests in [3, 60] {
        let mut time = Timeline::begin(&[]);
        time.pass_with(120, &[(GOOD, requests)]);
        time.pass_with(4, &[(FAILED, requests)]);
        time.pass_with(400, &[(GOOD, requests)]);
        assert!(time.pages().len() <= 1, "{requests} in a minute: {:?}", time.pages());
    }
}

#[test]
fn second_p1_pages_in_an_outage() {
    let mut time = Timeline::begin(&[]);
    time.pass_with(15, &[(FAILED, 60)]);
    time.pass_with(5, &[(FAILED, 60), (Happening::NotJudged, 1)]);
    assert_eq!(time.pages(), ["CohereOutage", "AuthorizerFailures"]);
    time.pass_with(5, &[(FAILED, 60), (Happening::KeyRefused, 1)]);
    assert_eq!(time.pages()[2..], ["AuthFailure"]);
}

#[test]
fn four_percent_page_by_the_burn_rate_alone() {
    let mut time = Timeline::begin(&[]);
    time.pass_with(360, &[(GOOD, 24), (FAILED, 1)]);
    assert_eq!(time.pages(), ["CohereOutage"]);
    let fired = time.fired();
    assert!(fired.contains("FastBurnLong") && fired.contains("FastBurnShort"), "{fired:?}");
    assert!(!fired.contains("HighErrorRate") && !fired.contains("EveryRequestFails"), "{fired:?}");
}

#[test]
fn first_deployment_has_ten_minutes_for_its_key() {
    for warm_up in ["on", "off"] {
        let mut time = Timeline::begin(&[("AlarmWarmUp", warm_up)]);
        time.probe_finds(Some(Happening::LookKeyMissing));
        time.pass(10);
        time.probe_finds(Some(Happening::LookOk));
        time.pass(50);
        assert_eq!(time.fired().into_iter().collect::<Vec<_>>(), NOBODY, "{warm_up}");
    }
}

#[test]
fn silent_probe_is_told_without_a_warm_up_too() {
    let mut time = Timeline::begin(&[("AlarmWarmUp", "off")]);
    time.pass(30);
    time.probe_finds(None);
    time.pass(60);
    assert_eq!(time.pages(), ["ProbeSilent"]);
    // A probe that has never looked is silent as well.
    let mut time = Timeline::begin(&[("AlarmWarmUp", "on")]);
    time.probe_finds(None);
    time.pass(60);
    assert_eq!(time.pages(), ["ProbeSilent"]);
}

#[test]
fn trial_key_is_quiet_where_it_is_allowed() {
    let mut time = Timeline::begin(&[("AllowTrialKey", "on")]);
    time.pass_with(5, &[(Happening::TrialKey, 5)]);
    assert_eq!(time.fired().into_iter().collect::<Vec<_>>(), NOBODY);
}

#[test]
fn stack_without_a_probe_or_a_budget_has_no_such_alarms() {
    let mut time = Timeline::begin(&[("ProbeSchedule", "off"), ("DailyBudgetUsd", "0")]);
    time.probe_finds(None);
    time.pass_with(60, &[(Happening::TenDollars, 1), (GOOD, 30)]);
    assert_eq!(time.fired().into_iter().collect::<Vec<_>>(), NOBODY);
    time.pass_with(5, &[(FAILED, 60)]);
    assert_eq!(time.pages(), ["CohereOutage"]);
}
