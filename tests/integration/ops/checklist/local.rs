//! `ops checklist --local`: the lines that `cargo run` can answer, by the real probe function.

use gateway_tests::gateway;
use gateway_tests::ops;
use local::Upstream;
use local::cohere_sandbox::Key;
use local::secrets_manager::API_KEY;
use serde_json::Value;

#[tokio::test]
async fn local_checklist_answers_what_a_laptop_knows() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let url = running.gateway.url.clone();
    assert_eq!(local::LOCAL_TOKEN, "cgw_local_token_of_this_machine_only", "as ops knows it");
    let arguments = ["checklist", "--local", "--url", &url, "--json"];
    let done = ops::run_ops(&running, &arguments, "").await;
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    let find = |said: &Value, id: &str| {
        let checks = said["data"]["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["id"] == id).unwrap();
        found["outcome"].as_str().unwrap().to_string()
    };
    for id in [
        "key.present",
        "key.production",
        "models.offered",
        "gateway.health",
        "gateway.front_door",
        "gateway.closed_door",
    ] {
        assert_eq!(find(&said, id), "pass", "{id}: {said:#}");
    }
    for id in ["alerts.p1", "delivery.gates", "capacity.account"] {
        assert_eq!(find(&said, id), "not_local", "{id}");
    }
    assert_eq!((done.code, said["data"]["is_ready"].as_bool()), (0, Some(true)), "{said:#}");

    let trial = "fake-trial-key-of-a-laptop";
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    sandbox.accept_key(Key { value: trial.into(), trial: true });
    running.gateway.secrets.put(API_KEY, trial);
    running.gateway.kill("probe").await;
    let done = ops::run_ops(&running, &arguments, "").await;
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, find(&said, "key.production").as_str()), (1, "fail"), "{said:#}");
    assert!(!done.stdout.contains(trial) && !done.stderr.contains(trial));
}
