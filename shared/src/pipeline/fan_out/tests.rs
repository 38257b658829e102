use super::*;
use crate::batch::embed::EmbedBatch;
use crate::clock::now;
use crate::endpoint::Endpoint;
use crate::pipeline::tests::scripted::{
    ScriptedAnswer, most_under_way, new_call, start_app, start_default_app,
};
use crate::resilience::models::TurnEnd;
use crate::wire::embed::KNOWN;
use crate::wire::object::RequestObject;
use bytes::Bytes;
use std::time::Duration;

const PRIMARY: ModelRole<'_> = ModelRole::Primary { has_fallback: &|| false };

/// A batch whose every text is the script of a call of its own.
fn new_batch(scripts: &[&str]) -> (EmbedBatch, Vec<SubRequest>) {
    let body = serde_json::json!({ "texts": scripts }).to_string();
    let object = RequestObject::parse(Bytes::from(body), KNOWN).unwrap();
    let batch = EmbedBatch::new(&object, false);
    let sub_requests =
        (0..scripts.len()).map(|element| SubRequest { elements: vec![element], is_whole: false });
    (batch, sub_requests.collect())
}

fn new_fan_out<'a>(
    app: &'static App,
    call: &'a Call,
    batch: &'a EmbedBatch,
    role: ModelRole<'a>,
) -> FanOut<'a> {
    FanOut { app, call, batch, role, priority: None, units_per_element: None }
}

/// Makes the calls, and returns how they end with the time they take.
async fn fetch(
    app: &'static App,
    model: &str,
    role: ModelRole<'_>,
    scripts: &[&str],
    stats: &mut CallStats,
) -> (Result<usize>, Duration) {
    let (batch, sub_requests) = new_batch(scripts);
    let call = new_call(model, "", 100);
    let (fan_out, started) = (new_fan_out(app, &call, &batch, role), now());
    let mut seen = 0;
    let fetched = fan_out.fetch_all::<ScriptedAnswer>(sub_requests, stats, |_, _| seen += 1).await;
    if let Ok(answers) = &fetched {
        let elements: Vec<_> = answers.iter().flat_map(|(sub, _)| sub.elements.clone()).collect();
        assert_eq!(elements, (0..scripts.len()).collect::<Vec<_>>());
        assert_eq!(seen, answers.len());
    }
    (fetched.map(|answers| answers.len()), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn sixteen_calls_are_under_way_at_a_time() {
    let mut stats = CallStats::default();
    let scripts = ["ok:100"; 40];
    let (fetched, time) = fetch(start_default_app(), "m", PRIMARY, &scripts, &mut stats).await;
    assert_eq!((fetched, time.as_millis()), (Ok(40), 300));
    assert_eq!((stats.attempts, most_under_way()), (40, 16));
    assert_eq!(stats.upstream_id.as_deref(), Some("m"));
}

#[tokio::test(start_paused = true)]
async fn no_sub_request_is_no_call() {
    let mut stats = CallStats::default();
    let (fetched, _) = fetch(start_default_app(), "m", PRIMARY, &[], &mut stats).await;
    assert_eq!((fetched, stats.attempts), (Ok(0), 0));
}

#[tokio::test(start_paused = true)]
async fn first_call_goes_alone_after_a_cooldown_and_on_a_fallback() {
    let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
    let mut stats = CallStats::default();
    let scripts = ["ok:100 | ok:100"; 3];
    let (_, together) = fetch(app, "m", PRIMARY, &scripts, &mut stats).await;
    assert_eq!(together.as_millis(), 100);
    let failure = GatewayError::new(Code::UpstreamError, "down");
    let role = ModelRole::Fallback(&failure);
    let (_, led) = fetch(app, "command-r-plus-08-2024", role, &scripts, &mut stats).await;
    assert_eq!(led.as_millis(), 200);
    let turn = app.upstream_state.take_turn(Endpoint::Chat, "m", RateCost::ONE).unwrap();
    turn.end(TurnEnd::Throttled { requested: None });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (_, led) = fetch(app, "m", PRIMARY, &scripts, &mut stats).await;
    assert_eq!(led.as_millis(), 200);
    assert_eq!(stats.attempts, 9);
}

#[tokio::test(start_paused = true)]
async fn throttled_parts_wait_for_their_turn_while_the_request_has_time() {
    let app = start_app(("GATEWAY_RATES", "chat=0"), &["v1"]);
    let mut stats = CallStats::default();
    let scripts = ["throttled:20000 ok:100", "throttled:20000 throttled:20000 ok:100", "ok:100"];
    let (fetched, time) = fetch(app, "m", PRIMARY, &scripts, &mut stats).await;
    assert_eq!(fetched.unwrap(), 3);
    assert!((60..62).contains(&time.as_secs()), "{time:?}");
    assert_eq!(stats.attempts, 6);
    let rest = "throttled:60000";
    let (fetched, time) = fetch(app, "n", PRIMARY, &[rest, rest], &mut stats).await;
    assert_eq!(fetched.unwrap_err().code, Code::RateLimited);
    assert!((60..62).contains(&time.as_secs()), "a second rest is longer than its 100 s: {time:?}");
}

#[tokio::test(start_paused = true)]
async fn request_without_room_in_its_time_sends_nothing() {
    let app = start_app(("GATEWAY_RATES", "chat=10"), &["v1"]);
    let mut stats = CallStats::default();
    let (fetched, time) = fetch(app, "m", PRIMARY, &["ok:10"; 20], &mut stats).await;
    assert_eq!(fetched.unwrap(), 20, "the second ten wait for a minute");
    assert!((60..62).contains(&time.as_secs()), "{time:?}");
    assert!(stats.waiting_time.as_secs() >= 60, "{:?}", stats.waiting_time);
    let (fetched, time) = fetch(app, "m", PRIMARY, &["ok:10"; 30], &mut stats).await;
    let error = fetched.unwrap_err();
    assert_eq!((error.code, time), (Code::RateLimited, Duration::ZERO));
    assert!(error.message.contains("the request has 100 s: nothing was sent"), "{}", error.message);
    assert!(error.retry_after.unwrap().as_secs() >= 120, "{:?}", error.retry_after);
    assert_eq!(stats.attempts, 20);
}

#[tokio::test(start_paused = true)]
async fn failure_is_told_as_the_caller_counts() {
    for (script, message) in [
        ("invalid", "text at index 1 is bad"),
        ("late", "out of time at index 1"),
        ("server", "down (texts 1 of 3, counted from 0)"),
        ("connect", "no connection (texts 1 of 3, counted from 0)"),
        ("timeout", "too late (texts 1 of 3, counted from 0)"),
        ("transient", "text at index 1 is bad"),
        ("quota", "no more this month"),
        ("billing", "not paid"),
        ("keyless", "no key at index 0"),
    ] {
        let mut stats = CallStats::default();
        let scripts = ["ok:9000", script, "ok:9000"];
        let (fetched, time) = fetch(start_default_app(), "m", PRIMARY, &scripts, &mut stats).await;
        assert_eq!(fetched.unwrap_err().message, message, "{script}");
        assert!(time < Duration::from_secs(9), "the others are dropped: {time:?}");
        assert_eq!(stats.upstream_id.as_deref(), Some("m"), "{script}");
        assert!(stats.response_headers.contains_key("x-debug-trace-id"), "{script}");
    }
    let (app, mut stats) = (start_default_app(), CallStats::default());
    let (fetched, _) = fetch(app, "m", PRIMARY, &["invalid"], &mut stats).await;
    assert_eq!(fetched.unwrap_err().message, "text at index 0 is bad");
}

#[test]
fn sub_request_expects_as_many_results_as_inputs() {
    let (batch, _) = new_batch(&["a", "b", "c"]);
    let expected = ExpectedResults { inputs: 3, results: 1, types: vec!["float"] };
    let call = Call { expected_results: Some(expected), ..new_call("m", "{}", 9) };
    let fan_out = new_fan_out(start_default_app(), &call, &batch, PRIMARY);
    for (elements, is_whole, counts) in [(vec![0, 1], false, (2, 2)), (vec![0, 1, 2], true, (3, 1))]
    {
        let sub_call = fan_out.sub_call(&SubRequest { elements, is_whole }, true);
        let expected = sub_call.expected_results.unwrap();
        assert_eq!((expected.inputs, expected.results), counts);
        assert_eq!(expected.types, ["float"]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_part_goes_whatever_became_of_the_look_after_a_throttle() {
    // A refused single request, a look that is refused as wrong, one that hangs, a short part that is throttled.
    for first in
        ["throttled:100 ok", "throttled:100 invalid", "throttled:100 hang", "throttled:100"]
    {
        let app = start_app(("GATEWAY_BREAKER_FAILURES", "100"), &["v1"]);
        let mut stats = CallStats::default();
        for _ in 0..2 {
            let _ = fetch(app, "m", PRIMARY, &[first], &mut stats).await;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (fetched, time) = fetch(app, "m", PRIMARY, &["ok:100"; 3], &mut stats).await;
        assert_eq!(fetched, Ok(3), "{first}");
        assert!(time < Duration::from_secs(30), "{first}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_parts_leave_the_retries_to_others() {
    let (app, mut stats) = (start_default_app(), CallStats::default());
    let (fetched, _) = fetch(app, "m", PRIMARY, &["throttled:10"; 2], &mut stats).await;
    assert_eq!(fetched.unwrap_err().code, Code::RateLimited);
    assert!(!stats.found_budget_empty, "parts are bounded by their turns");
    assert!(stats.attempts < 100, "{} calls in 100 s", stats.attempts);
    let (fetched, _) = fetch(app, "n", PRIMARY, &["throttled:10 ok"], &mut stats).await;
    assert_eq!(fetched, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn throttled_part_shuts_no_query_out() {
    let (app, mut stats) = (start_default_app(), CallStats::default());
    let turn =
        app.upstream_state.take_turn(Endpoint::Chat, "m", RateCost { units: 1, is_bulk: true });
    turn.unwrap().end(TurnEnd::Throttled { requested: None });
    let (fetched, time) = fetch(app, "m", PRIMARY, &["ok:100"], &mut stats).await;
    assert_eq!(fetched, Ok(1));
    assert!(time <= Duration::from_millis(1_100), "{time:?}");
}
