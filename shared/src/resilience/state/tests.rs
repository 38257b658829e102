mod host;

use super::permit::Finding;
use super::*;
use crate::config::{BreakerConfig, Config};
use crate::error::Code;
use crate::resilience::models::TurnEnd;
use crate::resilience::rate::RateCost;

const MODEL: &str = "fake-model";
const OPEN_FOR: Duration = Duration::from_secs(60);
const BAD_KEY: Duration = Duration::from_secs(30);

/// State of a breaker that opens after this many failures. Calls hold it for the life of an environment.
fn new_state(failures: u32) -> &'static UpstreamState {
    start_state(failures, 0)
}

/// The same, where a call of so many times the usual time is slow.
fn start_state(failures: u32, slow_call_times: u32) -> &'static UpstreamState {
    let breaker = BreakerConfig { failures, open_for: OPEN_FOR };
    let rates = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap().rates;
    let config = ResilienceConfig { breaker, slow_call_times, bad_key: BAD_KEY };
    Box::leak(Box::new(UpstreamState::new(config, rates, |_, _| 1_000)))
}

const FAILURE: CallOutcome = CallOutcome { model: Finding::Failure, host: Finding::Success };
const UNKNOWN: CallOutcome = CallOutcome { model: Finding::Unknown, host: Finding::Success };

fn admit(state: &'static UpstreamState, rounds: &SharedRounds, attempt: u32) -> CallPermit {
    state.admit(Endpoint::Chat, MODEL, rounds, attempt).unwrap()
}

fn is_refused(state: &'static UpstreamState) -> bool {
    state.admit(Endpoint::Chat, MODEL, &SharedRounds::default(), 1).is_err()
}

#[tokio::test(start_paused = true)]
async fn failures_of_one_round_count_once() {
    let (state, rounds) = (new_state(2), SharedRounds::default());
    let permits: Vec<_> = (0..5).map(|_| admit(state, &rounds, 1)).collect();
    for permit in permits {
        permit.report(FAILURE);
    }
    assert!(!is_refused(state), "five failures of one round opened the breaker");
    admit(state, &rounds, 2).report(FAILURE);
    assert!(is_refused(state));
}

#[tokio::test(start_paused = true)]
async fn success_forgives_failures_before_it() {
    let state = new_state(2);
    for outcome in [FAILURE, CallOutcome::SUCCESS, FAILURE] {
        admit(state, &SharedRounds::default(), 1).report(outcome);
    }
    assert!(!is_refused(state));
    for outcome in [UNKNOWN, FAILURE] {
        admit(state, &SharedRounds::default(), 1).report(outcome);
    }
    assert!(is_refused(state), "what says nothing forgave a failure");
}

#[tokio::test(start_paused = true)]
async fn dropped_probe_makes_room_for_the_next() {
    let state = new_state(1);
    let rounds = SharedRounds::default();
    let first = admit(state, &rounds, 1);
    assert!(!first.is_probe());
    first.report(FAILURE);
    assert!(is_refused(state) && state.needs_probe(Endpoint::Chat, MODEL));
    tokio::time::advance(OPEN_FOR * 2).await;
    let probe = admit(state, &rounds, 1);
    assert!(probe.is_probe() && is_refused(state));
    drop(probe);
    let probe = admit(state, &rounds, 1);
    // A failure in the same round was counted before; a probe decides all the same.
    probe.report(FAILURE);
    assert!(is_refused(state));
    tokio::time::advance(OPEN_FOR * 2).await;
    admit(state, &rounds, 1).report(CallOutcome::SUCCESS);
    assert!(!state.needs_probe(Endpoint::Chat, MODEL) && !is_refused(state));
}

fn take_turn(state: &'static UpstreamState) -> CallTurn {
    state.take_turn(Endpoint::Chat, MODEL, RateCost::ONE).unwrap()
}

fn throttle(state: &'static UpstreamState, requested: Option<Duration>) {
    take_turn(state).end(TurnEnd::Throttled { requested });
}

#[tokio::test(start_paused = true)]
async fn streams_and_whole_answers_have_times_of_their_own() {
    let (state, second) = (start_state(1, 3), Duration::from_secs(1));
    let judge = |is_stream, took| state.judge_time(Endpoint::Chat, MODEL, is_stream, took);
    for _ in 0..10 {
        assert!(!judge(true, second) && !judge(false, second * 30));
    }
    assert!(judge(true, second * 4) && !judge(false, second * 4));
    assert!(!judge(true, second * 2) && judge(false, second * 95));
    assert!(!state.judge_time(Endpoint::Embed, MODEL, true, second * 4), "another endpoint");
}

#[tokio::test(start_paused = true)]
async fn cooldown_lasts_its_time_and_belongs_to_one_endpoint() {
    let (state, second) = (new_state(1), Duration::from_secs(1));
    assert_eq!(state.cooldown_left(Endpoint::Chat, MODEL), Duration::ZERO);
    throttle(state, Some(second * 3));
    tokio::time::advance(second).await;
    assert_eq!(state.cooldown_left(Endpoint::Chat, MODEL), second * 2);
    assert_eq!(state.cooldown_left(Endpoint::Embed, MODEL), Duration::ZERO);
    // Without a time from Cohere the second 429 in a row brings the longer time, unless an answer came.
    tokio::time::advance(second * 2).await;
    throttle(state, None);
    let left = state.cooldown_left(Endpoint::Chat, MODEL);
    assert!(left > second * 17 / 10 && left <= second * 2, "{left:?}");
    tokio::time::advance(left).await;
    take_turn(state).end(TurnEnd::Served);
    throttle(state, None);
    let left = state.cooldown_left(Endpoint::Chat, MODEL);
    assert!(left > second * 8 / 10 && left <= second, "{left:?}");
}

/// Charges until the budget is empty.
fn drain(charge: impl Fn() -> Option<ExtraCharge>) -> Vec<ExtraCharge> {
    std::iter::from_fn(charge).take(1_000).collect()
}

#[tokio::test(start_paused = true)]
async fn transient_retries_draw_on_a_budget_of_their_own() {
    let state = new_state(1);
    let transient = drain(|| state.charge_retry(Cause::Transient));
    assert!(!transient.is_empty() && transient.len() < 1_000);
    let others = drain(|| state.charge_retry(Cause::Server));
    assert_eq!(others.len(), transient.len());
    // Each refund goes back to where it came from.
    state.record_success(MODEL, CallCharge::Extra(transient[0]));
    assert!(state.charge_retry(Cause::Server).is_none());
    assert!(state.charge_retry(Cause::Transient).is_some());
    state.record_success(MODEL, CallCharge::Extra(others[0]));
    assert!(state.charge_retry(Cause::Transient).is_none());
    assert!(state.charge_retry(Cause::Server).is_some());
}

#[tokio::test(start_paused = true)]
async fn first_success_refills_and_free_call_does_not() {
    let state = new_state(1);
    let fallbacks = drain(|| state.charge_fallback(Cause::Server));
    assert!(!fallbacks.is_empty() && state.charge_retry(Cause::Server).is_none());
    for _ in 0..200 {
        state.record_success(MODEL, CallCharge::Free);
    }
    assert!(state.charge_fallback(Cause::Server).is_none());
    for _ in 0..200 {
        state.record_success(MODEL, CallCharge::FirstCall);
    }
    assert_eq!(drain(|| state.charge_fallback(Cause::Server)).len(), fallbacks.len());
}

#[test]
fn round_is_charged_once_by_all_its_calls() {
    let rounds = SharedRounds::default();
    let charged: Vec<_> =
        [1, 2, 2, 3, 3].map(|attempt| rounds.clone().charge_round(attempt)).into();
    assert_eq!(charged, [false, true, false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn refused_key_is_known_by_version_and_for_its_time() {
    let (state, version) = (new_state(1), Some("v1".to_string()));
    assert!(!state.has_refused_key() && state.key_refusal(Some("v1")).is_none());
    let error = GatewayError::new(Code::UpstreamAuth, "refused");
    state.record_refused_key(version, &error);
    assert!(state.has_refused_key());
    assert_eq!(state.key_refusal(Some("v1")).unwrap().code, Code::UpstreamAuth);
    assert!(state.key_refusal(Some("v2")).is_none() && state.key_refusal(None).is_none());
    tokio::time::advance(BAD_KEY).await;
    assert!(state.key_refusal(Some("v1")).is_none(), "it is never asked for again");
    state.record_refused_key(Some("v1".into()), &error);
    state.record_success(MODEL, CallCharge::FirstCall);
    assert!(!state.has_refused_key(), "a key that works was refused");
}

#[test]
fn transitions_have_a_metric_each() {
    assert_eq!(metric_of(BreakerState::Open).name(), "BreakerOpened");
    assert_eq!(metric_of(BreakerState::HalfOpen).name(), "BreakerHalfOpened");
    assert_eq!(metric_of(BreakerState::Closed).name(), "BreakerClosed");
}
