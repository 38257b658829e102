//! A gateway without a Cohere key: as it should be at first, and a failure once it has had one.

use gateway_tests::deployment::Deployment;
use local::secrets_manager::API_KEY;
use serde_json::Value;

/// Takes the key away, and what the health check remembers of it.
async fn lose_key(deployment: &Deployment) -> String {
    let secrets = &deployment.running.gateway.secrets;
    let key = secrets.current(API_KEY).expect("a key");
    secrets.remove(API_KEY);
    secrets.create(API_KEY);
    deployment.running.gateway.kill("health").await;
    key
}

fn read_smoke_tests(deployment: &Deployment) -> Vec<String> {
    let state = deployment.account.state();
    let releases = state.releases.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
    releases.map(|release| release["smoke_test"].as_str().unwrap().to_string()).collect()
}

#[tokio::test]
async fn missing_key_is_told_with_the_next_step() {
    let deployment = Deployment::prepare("key-missing").await;
    let secrets = &deployment.running.gateway.secrets;
    secrets.remove(API_KEY);
    secrets.create(API_KEY);
    deployment.running.gateway.kill("health").await;
    let done = deployment.deploy(&[]).await;
    assert!(done.data().contains("smoke test key_missing"), "{done:?}");
    assert!(done.stderr.contains("ops key stage --secret arn:aws:secretsmanager:"), "{done:?}");

    // For whoever may not look at the key's secret it might as well not be there.
    secrets.remove(API_KEY);
    deployment.running.gateway.kill("health").await;
    let unseen = deployment.deploy(&["--wait-secs", "60"]).await;
    assert!(unseen.data().contains("smoke test key_missing"), "{unseen:?}");
}

#[tokio::test]
async fn gateway_without_its_first_key_may_be_deployed_again() {
    let deployment = Deployment::prepare("no-key-yet").await;
    let key = lose_key(&deployment).await;
    for _ in 0..2 {
        deployment.deploy(&[]).await.data();
    }
    // A record that is gone tells of no key either.
    deployment.account.state().releases.clear();
    deployment.deploy(&[]).await.data();
    assert_eq!(read_smoke_tests(&deployment), ["key_missing"]);
    deployment.running.gateway.secrets.put(API_KEY, &key);
    deployment.running.gateway.kill("health").await;
    deployment.deploy(&[]).await.data();
    assert_eq!(read_smoke_tests(&deployment), ["key_missing", "ok"]);
}

#[tokio::test]
async fn gateway_that_lost_its_key_fails_until_it_is_back() {
    let deployment = Deployment::prepare("lost-key").await;
    deployment.deploy(&[]).await.data();
    let key = lose_key(&deployment).await;
    for _ in 0..2 {
        let lost = deployment.deploy(&[]).await;
        let told = lost.problem();
        assert!(told.contains("the gateway has no Cohere key any more"), "{lost:?}");
        assert!(told.contains("ops key stage --secret arn:aws:secretsmanager:"), "{lost:?}");
    }
    // Of a later version of ops, or not written by it: that there was a release is all it tells.
    deployment.account.state().releases.push("{}".into());
    deployment.deploy(&[]).await.problem();
    let told = deployment.account.state().releases.remove(3);
    assert_eq!(told, "{}");
    assert_eq!(read_smoke_tests(&deployment), ["ok", "failed", "failed", "failed"]);

    // A stack that is made anew under the name has a record, and never had a key.
    deployment.account.end_stack();
    deployment.deploy(&[]).await.data();
    deployment.running.gateway.secrets.put(API_KEY, &key);
    deployment.running.gateway.kill("health").await;
    deployment.deploy(&[]).await.data();
}
