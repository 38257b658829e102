//! Rotation of the key: every scenario of the function's four steps, and a rotation under load.

mod under_load;

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::ops;
use gateway_tests::rotation::{ALL, Bench, CURRENT, NEXT, PENDING, STEPS, Store};
use http::Method;
use local::Upstream;
use local::cohere_sandbox::Key;
use local::secrets_manager::API_KEY;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn rotation_scenarios_end_as_expected() {
    let bench = Bench::on_stand_in(&[]).await;
    for (_, play) in ALL {
        play(&bench).await;
    }
}

#[tokio::test]
async fn trial_key_becomes_current_if_allowed() {
    let bench = Bench::on_stand_in(&[("GATEWAY_ALLOW_TRIAL_KEY", "on")]).await;
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.unwrap();
    let key = secret.key("trial", Some(true));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS, &token).await;
    secret.assert_rotated(&token, &key, &before).await;
}

#[tokio::test]
async fn interrupted_rotation_is_resumed() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let (sandbox, secrets) = (running.gateway.sandbox.as_ref().unwrap(), &running.gateway.secrets);
    sandbox.accept_key(Key { value: "fake-new".into(), trial: false });
    let version = secrets.put_under(API_KEY, "fake-new", NEXT);
    sandbox.plan_faults(vec!["status=500".parse().unwrap()]);
    let rotated = ops::run_ops(&running, &["key", "rotate", "--wait-secs", "2"], "").await;
    assert!(rotated.problem().contains("has not ended within 2 s"), "{rotated:?}");
    running.wait_for_line("the rotation of CohereApiKeySecret ends at testSecret").await;
    assert!(secrets.labels(API_KEY, &version).contains(NEXT), "the staged key stays staged");

    let rotated = ops::run_ops(&running, &["key", "rotate"], "").await;
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert!(rotated.stderr.contains("an earlier rotation did not finish"), "{rotated:?}");
    assert_eq!(secrets.current(API_KEY).as_deref(), Some("fake-new"));
}

#[tokio::test]
async fn rotation_dry_run_changes_nothing() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let (store, secrets) = (Store::stand_in(&running), &running.gateway.secrets);
    let before = secrets.current(API_KEY);
    secrets.put_under(API_KEY, "fake-new", NEXT);
    let token = "00000000-0000-4000-8000-00000000000a";
    let body =
        json!({ "SecretId": API_KEY, "ClientRequestToken": token, "RotateImmediately": false });
    store.must("RotateSecret", body).await;
    running.wait_for_line(r#""step":"testSecret""#).await;
    for _ in 0..500 {
        if !secrets.labels(API_KEY, token).contains(PENDING) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(secrets.labels(API_KEY, token).is_empty());
    assert_eq!(secrets.current(API_KEY), before);
    assert_eq!(running.gateway.invoked_count("rotate-key"), 1);
}

#[tokio::test]
async fn health_takes_up_a_replaced_key() {
    let running = gateway::start(Upstream::Sandbox, &[("GATEWAY_HEALTH_CACHE_SECS", "0")]).await;
    let health = async || {
        read_answer(running.request_without_token(Method::GET, "/api/health")).await.status
    };
    assert_eq!(health().await, 200);
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    let old = sandbox.requests().last().unwrap().header("authorization").unwrap().to_owned();
    sandbox.accept_key(Key { value: "fake-key-after-the-old".into(), trial: false });
    running.gateway.secrets.put(API_KEY, "fake-key-after-the-old");
    sandbox.revoke_key(old.trim_start_matches("Bearer "));
    assert_eq!(health().await, 200);
}
