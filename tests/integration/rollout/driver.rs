//! The driver: every kind of call to both versions, a metric for each pair, and an end.

use super::{FUNCTIONS, pair, publish_like, start, with_failing_calls, without_request_id};
use faulty::Fault;
use gateway_tests::event::{read_events, read_metrics};
use gateway_tests::faulty_version::publish_faulty;
use gateway_tests::gateway::Running;
use local::Routing;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Drives for a moment and returns what was compared.
async fn drive(running: &Running, functions: Vec<Value>) -> Vec<Value> {
    let known = read_events(running, "versions_compared").len();
    let event = json!({ "functions": functions, "seconds": 3 }).to_string();
    let driven = running.gateway.invoke("driver", event).await.unwrap();
    let driven: Value = serde_json::from_slice(&driven).unwrap();
    running.wait_for_line("\"event\":\"driver_ended\"").await;
    let compared = read_events(running, "versions_compared").split_off(known);
    assert_eq!(driven["pairs"], compared.len(), "{driven}");
    let mismatches = compared.iter().filter(|line| line["GateMismatch"] == 1).count();
    assert_eq!(driven["mismatches"], mismatches, "{driven}");
    compared
}

fn read_kinds(compared: &[Value], function: &str) -> BTreeSet<String> {
    let of_function = compared.iter().filter(|line| line["Endpoint"] == function);
    of_function.map(|line| line["kind"].as_str().unwrap().to_string()).collect()
}

/// Returns the problems that were counted.
fn read_mismatches(compared: &[Value]) -> BTreeSet<String> {
    let counted = compared.iter().filter(|line| line["GateMismatch"] == 1);
    counted.map(|line| line["problem"].as_str().unwrap_or("none").to_string()).collect()
}

#[tokio::test]
async fn healthy_version_agrees_in_every_kind_of_call() {
    let running = start().await;
    let pairs = FUNCTIONS.map(|function| pair(function, publish_like(&running, function)));
    let compared = drive(&running, pairs.into()).await;
    for line in &compared {
        assert_eq!(line["judgement"], "agrees", "{line}");
        assert_eq!(
            read_metrics(line).into_iter().collect::<Vec<_>>(),
            [("GateMismatch".into(), 0.0)]
        );
        assert_eq!((&line["FunctionVersion"], &line["live_version"]), (&json!("2"), &json!("1")));
    }
    for (function, kinds) in [
        ("chat", &["chat", "error", "stream", "tools"][..]),
        ("embed", &["cached", "embed", "error"]),
        ("rerank", &["cached", "error", "rerank"]),
        ("pass-through", &["completions", "error", "models", "stream", "tokens", "v1_chat"]),
        ("health", &["health"]),
        ("authorizer", &["known_token", "unknown_token"]),
    ] {
        assert_eq!(
            read_kinds(&compared, function),
            kinds.iter().map(|kind| kind.to_string()).collect()
        );
        assert!(running.gateway.invoked_count_of(function, 1) > 0);
    }
    let own: Vec<_> = read_events(&running, "request_ended");
    assert!(own.iter().all(|line| line["marked"] == true && line.get("Requests").is_none()));
    let versions: BTreeSet<_> =
        own.iter().map(|line| line["FunctionVersion"].to_string()).collect();
    assert_eq!(versions, ["\"1\"", "\"2\""].map(str::to_string).into());
}

#[tokio::test]
async fn worse_version_is_a_mismatch() {
    let running = start().await;
    let crash = Fault { crash_at_start: true, ..Fault::default() };
    let cut = Fault { kept_body_bytes: Some(150), ..Fault::default() };
    let status = Fault { status: Some(500), ..Fault::default() };
    for (function, fault, problem) in [
        ("chat", without_request_id(), "the header x-request-id is missing"),
        ("chat", cut.clone(), "its stream breaks off"),
        ("embed", status, "status 500, not status 200"),
        ("rerank", crash, "it crashes"),
        ("pass-through", cut, "its stream breaks off"),
        ("health", without_request_id(), "the header x-request-id is missing"),
    ] {
        let new = publish_faulty(&running, function, &fault).await;
        let compared = drive(&running, vec![pair(function, new)]).await;
        let problems = read_mismatches(&compared);
        assert!(problems.contains(problem), "{function}: {problems:?}");
        let of_new =
            compared.iter().filter(|line| line["FunctionVersion"] == json!(new.to_string()));
        assert_eq!(of_new.count(), compared.len());
    }
    let token = Some(format!("cgw_{}", "x".repeat(43)));
    let new = publish_faulty(&running, "authorizer", &Fault { token, ..Fault::default() }).await;
    let problems = read_mismatches(&drive(&running, vec![pair("authorizer", new)]).await);
    assert_eq!(problems, ["status 401, not status 200".to_string()].into());
}

#[tokio::test]
async fn failing_cohere_is_counted_by_other_gates() {
    let running = start().await;
    let new = publish_faulty(&running, "embed", &with_failing_calls("status=503")).await;
    let compared = drive(&running, vec![pair("embed", new)]).await;
    assert_eq!(read_mismatches(&compared), BTreeSet::new());
    let failed = compared.iter().find(|line| line["judgement"] == "new_failed").expect("a failure");
    assert!(failed["problem"].as_str().unwrap().contains("upstream_error"), "{failed}");
}

#[tokio::test]
async fn driver_ends_with_the_rollout() {
    let running = start().await;
    let new = publish_like(&running, "chat");
    let shared = Routing::to(1).with_share(new, 0.1);
    running.gateway.route_alias("chat", shared).unwrap();
    let event = json!({ "functions": [pair("chat", new)], "seconds": 60 }).to_string();
    let over = async {
        while running.gateway.invoked_count_of("chat", new) < 6 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        running.gateway.route_alias("chat", Routing::to(new)).unwrap();
    };
    let (driven, ()) = tokio::join!(running.gateway.invoke("driver", event), over);
    driven.unwrap();
    let line = running.wait_for_line("\"event\":\"driver_ended\"").await;
    assert!(line.contains("\"end\":\"over\""), "{line}");
}

#[tokio::test]
async fn driver_without_versions_says_so() {
    let running = start().await;
    let pairs = json!({ "functions": [{ "name": "chat", "function": "absent", "new": "2" }] });
    running.gateway.invoke("driver", pairs.to_string()).await.unwrap();
    let line = running.wait_for_line("\"event\":\"driver_ended\"").await;
    assert!(
        line.contains("\"end\":\"not_prepared\"") && line.contains("Lambda answers 404"),
        "{line}"
    );
    assert!(read_events(&running, "versions_compared").is_empty());
}
