//! A model that comes back after an outage, and one that becomes slow.

use super::*;
use crate::resilience::ramp::{LONGEST_HOLD, RAMP};
use futures_util::future::join_all;

/// Lets the model fail, and asks for it twice a second until a probe has closed its breaker.
async fn recover(app: &'static App) {
    play(app, MODEL, "server").await;
    play(app, MODEL, "server").await;
    for _ in 0..140 {
        if play(app, MODEL, "ok").await == ("ok", 1) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("no probe has closed the breaker");
}

/// Asks a thousand times at once; returns how many were called for at once, in thousandths.
async fn count_at_once(app: &'static App, is_replaceable: bool) -> usize {
    let calls: Vec<_> = (0..1_000).map(|_| new_call(MODEL, "ok", 100)).collect();
    let asked = calls.iter().map(|call| async move {
        let started = now();
        let (_, outcome) = attempt(app, call, is_replaceable).await;
        let waited = started.elapsed();
        assert!(waited <= LONGEST_HOLD, "{waited:?}");
        match is_replaceable {
            // Without another model nobody is refused, but some wait.
            false => assert_eq!(outcome, ("ok", 1)),
            true => {
                assert!(waited.is_zero() && [("ok", 1), ("circuit_open", 0)].contains(&outcome))
            }
        }
        waited.is_zero() && outcome == ("ok", 1)
    });
    join_all(asked).await.into_iter().filter(|is_at_once| *is_at_once).count()
}

#[tokio::test(start_paused = true)]
async fn busy_model_gets_a_tenth_then_half_then_all() {
    for is_replaceable in [false, true] {
        fastrand::seed(7);
        let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
        recover(app).await;
        let recovered = now();
        let tenth = count_at_once(app, is_replaceable).await;
        tokio::time::sleep_until(recovered + RAMP / 2).await;
        let half = count_at_once(app, is_replaceable).await;
        tokio::time::sleep_until(recovered + RAMP).await;
        let all = count_at_once(app, is_replaceable).await;
        assert!((70..=130).contains(&tenth), "{tenth}");
        assert!((450..=550).contains(&half), "{half}");
        assert_eq!(all, 1_000);
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_model_gets_all_its_calls_at_once() {
    let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
    play(app, MODEL, "server").await;
    play(app, MODEL, "server").await;
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, MODEL, "ok").await, ("ok", 1));
    assert_eq!(count_at_once(app, true).await, 1_000);
}

#[tokio::test(start_paused = true)]
async fn host_that_comes_back_holds_back_and_never_refuses() {
    fastrand::seed(7);
    let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
    play(app, MODEL, "connect").await;
    play(app, MODEL, "connect").await;
    recover(app).await;
    // Another model would not spare the host.
    let calls: Vec<_> = (0..100).map(|_| new_call("another", "ok", 100)).collect();
    let started = now();
    let asked = join_all(calls.iter().map(|call| attempt(app, call, true))).await;
    assert!(asked.iter().all(|(_, outcome)| *outcome == ("ok", 1)));
    assert!(started.elapsed() > LONGEST_HOLD / 2 && started.elapsed() <= LONGEST_HOLD);
}

#[tokio::test(start_paused = true)]
async fn held_request_waits_once_and_has_its_attempts() {
    fastrand::seed(7);
    let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
    recover(app).await;
    let started = now();
    let asked = (0..20).map(|_| play(app, MODEL, "throttled:1 ok"));
    let outcomes = join_all(asked).await;
    assert!(outcomes.contains(&("ok", 2)), "{outcomes:?}");
    assert!(started.elapsed() <= Duration::from_secs(2), "a hold is part of the two seconds");
}

/// Teaches the environment that the model answers in a tenth of a second.
async fn teach(app: &'static App) {
    for _ in 0..10 {
        assert_eq!(play(app, MODEL, "ok:100").await, ("ok", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn five_slow_answers_in_a_row_open_the_breaker() {
    let app = start_app(("GATEWAY_SLOW_CALL_TIMES", "3"), &["v1"]);
    teach(app).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(play(app, MODEL, "ok:400").await, ("ok", 1), "it is answered all the same");
        }
        assert_eq!(play(app, MODEL, "ok:100").await, ("ok", 1), "and forgiven");
        teach(app).await;
    }
    for _ in 0..5 {
        assert_eq!(play(app, MODEL, "ok:400").await, ("ok", 1));
    }
    assert_eq!(play(app, MODEL, "ok").await, ("circuit_open", 0));
    assert_eq!(play(app, "another-model", "ok:400").await, ("ok", 1), "it is the model's");
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, MODEL, "ok:900").await, ("ok", 1), "a slow probe is used");
    assert_eq!(play(app, MODEL, "ok").await, ("circuit_open", 0), "and opens it again");
    tokio::time::sleep(OPEN_AT_MOST).await;
    assert_eq!(play(app, MODEL, "ok:100").await, ("ok", 1));
    assert_eq!(play(app, MODEL, "ok:100").await, ("ok", 1));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_count_for_nothing_by_default() {
    let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
    teach(app).await;
    for _ in 0..20 {
        assert_eq!(play(app, MODEL, "ok:9000").await, ("ok", 1));
    }
}
