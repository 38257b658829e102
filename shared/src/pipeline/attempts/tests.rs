mod recovery;

use super::*;
use crate::pipeline::tests::scripted::{ScriptedAnswer, new_call, start_app, start_default_app};

const MODEL: &str = "command-a-03-2025";

/// Longest time that a breaker is open.
const OPEN_AT_MOST: Duration = Duration::from_secs(66);

/// What became of a call: its code or `ok`, and how many times it was made.
type Outcome = (&'static str, u32);

/// Makes the attempts of a call whose model has a fallback, or has none.
async fn attempt(app: &'static App, call: &Call, is_replaceable: bool) -> (Result<()>, Outcome) {
    let has_fallback = || is_replaceable;
    let role = ModelRole::Primary { has_fallback: &has_fallback };
    let mut stats = CallStats::default();
    let rounds = SharedRounds::default();
    let answer = make_attempts::<ScriptedAnswer>(app, call, role, &rounds, &mut stats).await;
    let word = answer.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
    (answer.map(|_| ()), (word, stats.attempts))
}

async fn play(app: &'static App, model: &str, script: &str) -> Outcome {
    attempt(app, &new_call(model, script, 100), false).await.1
}

#[tokio::test(start_paused = true)]
async fn attempts_depend_on_the_cause_of_each_failure() {
    for (script, versions, outcome) in [
        ("ok", ["v1", "v1"], ("ok", 1)),
        ("server ok", ["v1", "v1"], ("ok", 2)),
        ("connect timeout ok", ["v1", "v1"], ("ok", 3)),
        ("broken connect ok", ["v1", "v1"], ("ok", 3)),
        ("server server server ok", ["v1", "v1"], ("upstream_error", 3)),
        ("throttled:100 ok", ["v1", "v1"], ("ok", 2)),
        // After a cooldown one call looks.
        ("throttled:100 server ok", ["v1", "v1"], ("upstream_error", 2)),
        ("quota ok", ["v1", "v1"], ("quota_exhausted", 1)),
        ("transient ok", ["v1", "v1"], ("ok", 2)),
        ("transient transient ok", ["v1", "v1"], ("invalid_request", 2)),
        ("invalid ok", ["v1", "v1"], ("invalid_request", 1)),
        ("billing ok", ["v1", "v2"], ("upstream_billing", 1)),
        ("auth ok", ["v1", "v1"], ("upstream_auth", 1)),
        ("auth ok", ["v1", "v2"], ("ok", 2)),
        ("auth auth ok", ["v1", "v2"], ("upstream_auth", 2)),
        ("server auth ok", ["v1", "v2"], ("upstream_auth", 2)),
    ] {
        let app = start_app(("GATEWAY_BREAKER_FAILURES", "5"), &versions);
        assert_eq!(play(app, MODEL, script).await, outcome, "{script} {versions:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_wait_for_backoff_or_cooldown() {
    fastrand::seed(7);
    let (app, started) = (start_default_app(), now());
    assert_eq!(play(app, MODEL, "server server ok").await, ("ok", 3));
    let backoff = started.elapsed();
    assert!(!backoff.is_zero() && backoff <= Duration::from_millis(750), "{backoff:?}");
    let started = now();
    assert_eq!(play(app, MODEL, "throttled:1500 ok").await, ("ok", 2));
    assert_eq!(started.elapsed(), Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn model_in_a_long_cooldown_is_not_called() {
    let app = start_default_app();
    assert_eq!(play(app, MODEL, "throttled:5000 ok").await, ("rate_limited", 1));
    let (answer, outcome) = attempt(app, &new_call(MODEL, "ok", 100), false).await;
    assert_eq!(outcome, ("rate_limited", 0));
    assert_eq!(answer.unwrap_err().retry_after, Some(Duration::from_secs(5)));
    assert_eq!(play(app, "another-model", "ok").await, ("ok", 1));
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_the_breaker_and_one_probe_looks() {
    let app = start_default_app();
    for _ in 0..3 {
        assert_eq!(play(app, MODEL, "server server ok").await, ("ok", 3), "a success resets");
    }
    assert_eq!(play(app, MODEL, "server").await, ("upstream_error", 3));
    // The fifth failure opens it, and the request ends with its own.
    assert_eq!(play(app, MODEL, "server").await, ("upstream_error", 2));
    let (answer, outcome) = attempt(app, &new_call(MODEL, "ok", 100), false).await;
    assert_eq!(outcome, ("circuit_open", 0));
    let retry_after = answer.unwrap_err().retry_after.unwrap();
    assert!(retry_after > Duration::from_secs(53), "{retry_after:?}");
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, MODEL, "server ok").await, ("upstream_error", 1), "a probe goes alone");
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, MODEL, "ok").await, ("ok", 1));
    assert_eq!(play(app, MODEL, "server ok").await, ("ok", 2));
}

#[tokio::test(start_paused = true)]
async fn dead_host_is_found_out_once_for_every_model() {
    let app = start_default_app();
    // Five failures in all, whatever the models, and whether or not another one could answer.
    assert_eq!(play(app, "m1", "connect").await, ("upstream_unreachable", 3));
    let replaceable = attempt(app, &new_call("m2", "connect", 100), true).await.1;
    assert_eq!(replaceable, ("upstream_unreachable", 2));
    for model in ["m1", "m2", "m3"] {
        let (answer, outcome) = attempt(app, &new_call(model, "ok", 100), false).await;
        assert_eq!(outcome, ("circuit_open", 0), "{model}");
        let error = answer.unwrap_err();
        assert_eq!(error.cause(), Cause::HostOpen);
        assert_eq!(error.message, "Cohere cannot be reached, and is not called for a while");
    }
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, "m3", "connect ok").await, ("upstream_unreachable", 1), "a probe");
    assert_eq!(play(app, "m1", "ok").await, ("circuit_open", 0));
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, "m2", "invalid").await, ("invalid_request", 1));
    assert_eq!(play(app, "m1", "server ok").await, ("ok", 2), "any answer closes it");
}

#[tokio::test(start_paused = true)]
async fn dead_host_is_not_held_against_a_model() {
    let app = start_default_app();
    assert_eq!(play(app, MODEL, "server connect server").await, ("upstream_error", 3));
    assert_eq!(play(app, MODEL, "server connect ok").await, ("ok", 3), "three in a row, not five");
    assert_eq!(play(app, MODEL, "server connect server").await, ("upstream_error", 3));
    assert_eq!(play(app, MODEL, "connect connect ok").await, ("ok", 3));
}

#[tokio::test(start_paused = true)]
async fn broken_connection_is_held_against_its_model_alone() {
    let app = start_default_app();
    assert_eq!(play(app, MODEL, "broken").await, ("upstream_unreachable", 3));
    assert_eq!(play(app, MODEL, "broken").await, ("upstream_unreachable", 2));
    let (answer, outcome) = attempt(app, &new_call(MODEL, "ok", 100), false).await;
    assert_eq!(outcome, ("circuit_open", 0));
    assert_eq!(answer.unwrap_err().cause(), Cause::CircuitOpen);
    assert_eq!(play(app, "m2", "ok").await, ("ok", 1));
}

#[tokio::test(start_paused = true)]
async fn refused_key_is_not_used_for_half_a_minute() {
    for (script, code) in [("auth", "upstream_auth"), ("billing", "upstream_billing")] {
        let app = start_default_app();
        assert_eq!(play(app, MODEL, script).await, (code, 1));
        assert_eq!(play(app, MODEL, "ok").await, (code, 0));
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert_eq!(play(app, MODEL, "ok").await, ("ok", 1));
        assert_eq!(play(app, MODEL, "ok").await, ("ok", 1));
    }
}

/// Fails requests until no retry is left; a model of its own for each keeps the breakers closed.
async fn drain_budget(app: &'static App) {
    for number in 0..5 {
        play(app, &format!("drain-{number}"), "server").await;
    }
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_budget() {
    let app = start_default_app();
    for number in 0..4 {
        assert_eq!(play(app, &format!("m{number}"), "server").await, ("upstream_error", 3));
    }
    let (answer, outcome) = attempt(app, &new_call("m4", "server", 100), false).await;
    assert_eq!(outcome, ("upstream_error", 2));
    assert_eq!(answer.unwrap_err().detail.as_deref(), Some("the retry budget is empty"));
    assert_eq!(play(app, "m5", "server ok").await, ("upstream_error", 1));
    assert_eq!(play(app, "m6", "transient ok").await, ("ok", 2), "these have their own budget");
}

#[tokio::test(start_paused = true)]
async fn call_with_a_new_key_is_free() {
    let app = start_app(("GATEWAY_BREAKER_FAILURES", "5"), &["v1", "v2"]);
    drain_budget(app).await;
    assert_eq!(play(app, MODEL, "auth ok").await, ("ok", 2));
}

#[tokio::test(start_paused = true)]
async fn round_that_another_sub_request_was_charged_for_is_free() {
    let (app, rounds) = (start_default_app(), SharedRounds::default());
    let has_fallback = || false;
    let role = ModelRole::Primary { has_fallback: &has_fallback };
    for (script, is_answered) in [("server", false), ("server server ok", true)] {
        let call = new_call(MODEL, script, 100);
        let mut stats = CallStats::default();
        let answer = make_attempts::<ScriptedAnswer>(app, &call, role, &rounds, &mut stats).await;
        assert_eq!((answer.is_ok(), stats.attempts), (is_answered, 3), "{script}");
        drain_budget(app).await;
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_model_leaves_its_fallback_a_whole_call() {
    for (script, secs, is_replaceable, outcome) in [
        ("hang ok", 25, true, ("upstream_timeout", 1)),
        ("hang ok", 25, false, ("ok", 2)),
        // Two more calls have just room.
        ("hang ok", 30, true, ("ok", 2)),
        ("hang ok", 40, true, ("ok", 2)),
        // What failed at once has not hung.
        ("timeout ok", 15, true, ("ok", 2)),
        ("server ok", 15, true, ("ok", 2)),
    ] {
        fastrand::seed(7);
        let call = new_call(MODEL, script, secs);
        let (_, made) = attempt(start_default_app(), &call, is_replaceable).await;
        assert_eq!(made, outcome, "{script} within {secs} s, {is_replaceable}");
    }
}

/// Makes the attempt of a fallback after so many calls of the requested model.
async fn fall_back(app: &'static App, script: &str, calls: u32) -> (Result<()>, Outcome) {
    let failure = GatewayError::new(Code::UpstreamError, "the first").with_detail("why");
    let call = new_call("command-r-plus-08-2024", &format!("ok | {script}"), 100);
    let mut stats = CallStats::default();
    stats.attempts = calls;
    let (role, rounds) = (ModelRole::Fallback(&failure), SharedRounds::default());
    let answer = make_attempts::<ScriptedAnswer>(app, &call, role, &rounds, &mut stats).await;
    let word = answer.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
    (answer.map(|_| ()), (word, stats.attempts - calls))
}

#[tokio::test(start_paused = true)]
async fn fallback_has_one_attempt_and_respects_its_cooldown() {
    let app = start_default_app();
    assert_eq!(fall_back(app, "ok", 3).await.1, ("ok", 1));
    assert_eq!(fall_back(app, "quota", 3).await.1, ("quota_exhausted", 1));
    assert_eq!(fall_back(app, "throttled:5000", 3).await.1, ("rate_limited", 1));
    let (answer, outcome) = fall_back(app, "ok", 3).await;
    assert_eq!(outcome, ("upstream_error", 0));
    assert_eq!(answer.unwrap_err().message, "the first");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fall_back(app, "auth", 3).await.1, ("upstream_auth", 1));
    assert_eq!(play(app, MODEL, "ok").await, ("upstream_auth", 0), "the key is known as refused");
}

#[tokio::test(start_paused = true)]
async fn fallback_is_charged_unless_it_is_the_first_call() {
    let app = start_default_app();
    while app.upstream_state.charge_fallback(Cause::Server).is_some() {}
    let (answer, outcome) = fall_back(app, "ok", 1).await;
    assert_eq!(outcome, ("upstream_error", 0));
    let detail = answer.unwrap_err().detail;
    assert_eq!(detail.as_deref(), Some("why; the retry budget is empty"));
    assert_eq!(fall_back(app, "ok", 0).await.1, ("ok", 1));
}
