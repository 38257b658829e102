//! Whether a client is served: what API Gateway, authorizer and functions do wrong is told, and what Cohere does is not.

use super::{Look, SETTINGS, look};
use gateway_tests::gateway::{self, FAKE_KEY, Running};
use gateway_tests::stub::{Seen, Step, Stub, write_json};
use local::secrets_manager::{CLIENTS, SYNTHETIC_CLIENT};
use local::{LOCAL_TOKEN, Options, Upstream};
use serde_json::json;
use std::time::Duration;

fn answer_well(seen: &Seen) -> Vec<Step> {
    match seen.path.as_str() {
        "/v2/embed" => write_json(
            200,
            &json!({ "id": "i", "embeddings": { "float": [[0.5]] }, "texts": ["t"] }),
        ),
        _ => write_json(200, &json!({ "message": {} })),
    }
}

/// Starts a gateway with a synthetic client, whose verdicts are not kept.
async fn start(settings: &[(&str, &str)], parameters: &[(&str, &str)]) -> (Stub, Running) {
    let stub = Stub::start().await;
    stub.answer_others(answer_well);
    let upstream = Upstream::Url { url: stub.url.clone(), key: FAKE_KEY.into() };
    let parameters = parameters.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let options = Options {
        upstream,
        parameters: parameters.collect(),
        authorizer_cache_ttl: Some(Duration::ZERO),
        ..Options::default()
    };
    let running = gateway::start_with(&[&SETTINGS[..], settings].concat(), options).await;
    running.gateway.secrets.put(SYNTHETIC_CLIENT, LOCAL_TOKEN);
    (stub, running)
}

/// Asserts that the door has failed, and that the line says where.
fn assert_failed(look: &Look, problem: &str) {
    assert_eq!(look.line["front_door"], "failed", "{}", look.line);
    assert!(look.ones.contains(&"FrontDoorFailed".to_string()), "{:?}", look.ones);
    let said = look.line["problem"].as_str().unwrap_or_default();
    assert!(said.contains(problem), "{problem:?} in {said:?}");
}

#[tokio::test]
async fn served_client_is_an_open_door() {
    let (stub, running) = start(&[], &[]).await;
    for _ in 0..2 {
        let look = look(&running).await;
        assert_eq!(look.ones, ["FrontDoorOk", "ProbeOk"], "{}", look.line);
        assert_eq!(
            (&look.line["check_status"], &look.line["embed_status"]),
            (&json!(200), &json!(200))
        );
        assert!(look.line.get("problem").is_none(), "{}", look.line);
    }
    let embeds = stub.seen().into_iter().filter(|seen| seen.path == "/v2/embed").count();
    assert_eq!(embeds, 1, "the second look costs nothing");
}

#[tokio::test]
async fn failing_cohere_leaves_the_door_open() {
    let (stub, running) = start(&[], &[]).await;
    for (status, message, code) in [
        (503, "no", "upstream_error"),
        (401, "invalid api token", "upstream_auth"),
        (402, "pay", "upstream_billing"),
        (429, "slower", "rate_limited"),
    ] {
        running.gateway.kill("embed").await;
        stub.answer_others(move |_| write_json(status, &json!({ "id": "i", "message": message })));
        let look = look(&running).await;
        assert_eq!(look.line["front_door"], "ok", "{}", look.line);
        assert_eq!(look.line["embed_code"], code, "{}", look.line);
        assert!(
            look.ones.contains(&"FrontDoorOk".to_string()) && look.ones.len() == 2,
            "{:?}",
            look.ones
        );
        assert!(!look.ones.contains(&"ProbeOk".to_string()), "{:?}", look.ones);
    }
    running.gateway.kill("embed").await;
    stub.answer_others(|_| vec![Step::Hang]);
    let look = look(&running).await;
    assert_eq!(
        (look.line["front_door"].as_str(), look.line["cohere"].as_str()),
        (Some("ok"), Some("unreachable"))
    );
    assert_eq!(look.line["embed_status"], 504, "{}", look.line);
}

#[tokio::test]
async fn emptied_list_of_clients_closes_the_door() {
    let (_stub, running) = start(&[], &[]).await;
    running.gateway.secrets.put(CLIENTS, r#"{"clients":[]}"#);
    running.gateway.kill("authorizer").await;
    let look_at_empty = look(&running).await;
    assert_failed(
        &look_at_empty,
        "/api/health/check: status 401, unauthorized; /v2/embed: status 401",
    );
    assert_eq!(look_at_empty.line["check_code"], "unauthorized");
    running.gateway.secrets.remove(CLIENTS);
    running.gateway.kill("authorizer").await;
    assert_failed(&look(&running).await, "/api/health/check: status 503, internal");
}

#[tokio::test]
async fn function_that_takes_nothing_closes_the_door() {
    let (_stub, running) = start(&[], &[("EmbedReservedConcurrency", "0")]).await;
    let look = look(&running).await;
    assert_failed(&look, "/v2/embed: status 503, internal");
    assert_eq!(look.line["check_status"], 200, "the other call is well");
}

#[tokio::test]
async fn address_of_somebody_else_is_a_closed_door() {
    let elsewhere = Stub::start().await;
    elsewhere.answer_others(|_| write_json(200, &json!({ "parked": true })));
    let (_stub, running) = start(&[("GATEWAY_PROBE_URL", &elsewhere.url)], &[]).await;
    assert_failed(&look(&running).await, "/v2/embed: status 200 is not an answer of the gateway");
}

#[tokio::test]
async fn address_that_nobody_answers_at_is_a_closed_door() {
    let (_stub, running) = start(&[("GATEWAY_PROBE_URL", "http://127.0.0.1:9")], &[]).await;
    let look = look(&running).await;
    assert_failed(&look, "/api/health/check: cannot connect");
    assert_eq!(look.ones, ["FrontDoorFailed", "ProbeOk"], "Cohere is well");
    assert!(look.line.get("check_status").is_none(), "{}", look.line);
}

#[tokio::test]
async fn missing_route_is_a_closed_door() {
    let (_stub, running) = start(&[], &[]).await;
    let elsewhere = format!("{}/v1", running.gateway.url);
    let (_other, other) = start(&[("GATEWAY_PROBE_URL", &elsewhere)], &[]).await;
    assert_failed(&look(&other).await, "/v2/embed: status 404, not_found");
}

#[tokio::test]
async fn secret_without_a_token_is_a_closed_door() {
    let (_stub, running) = start(&[], &[]).await;
    running.gateway.secrets.put(SYNTHETIC_CLIENT, "not a token");
    assert_failed(&look(&running).await, "the secret of the synthetic client holds no token");
}
