//! The synthetic client that `ops deploy` makes, and mends where a part of it is missing or was revoked.

use super::read_clients;
use gateway_tests::deployment::Deployment;
use local::secrets_manager::{Behaviour, CLIENTS, SYNTHETIC_CLIENT};
use serde_json::{Value, json};
use shared::secrets::token::hash_token_as_hex;
use std::time::Duration;

/// Returns value of the one API key in the plan of the synthetic client.
fn read_key(deployment: &Deployment) -> String {
    let plans = &deployment.running.gateway.usage_plans;
    let [(_, name, value)] = &plans.find_members("SyntheticUsagePlan", "").unwrap()[..] else {
        panic!("not one key: {:?}", plans.find_members("SyntheticUsagePlan", ""))
    };
    assert_eq!(name, "cohere-gateway-client-synthetic");
    value.clone()
}

fn read_token(deployment: &Deployment) -> String {
    deployment.running.gateway.secrets.current(SYNTHETIC_CLIENT).unwrap()
}

/// Returns the synthetic client's entry of the list, which must be the only one.
fn read_entry(deployment: &Deployment) -> Value {
    let clients = read_clients(deployment);
    let clients = clients["clients"].as_array().unwrap();
    let mut own = clients.iter().filter(|client| client["name"] == "synthetic");
    let entry = own.next().unwrap().clone();
    assert_eq!(own.next(), None);
    entry
}

/// Checks that token, list and key belong together.
fn check_client(deployment: &Deployment) {
    let entry = read_entry(deployment);
    let hash = hash_token_as_hex(&read_token(deployment));
    assert_eq!(entry["token_sha256"], json!([hash]));
    assert_eq!(entry["usage_plan_key"], *read_key(deployment));
}

/// Begins a new stack with the old secrets, whose environments have read no list yet.
async fn begin_anew(deployment: &Deployment) {
    deployment.account.state().status = None;
    deployment.running.gateway.kill("authorizer").await;
}

#[tokio::test]
async fn missing_secret_of_the_clients_is_told() {
    let deployment = Deployment::prepare("no-clients").await;
    deployment.running.gateway.secrets.remove(CLIENTS);
    let failed = deployment.deploy(&[]).await;
    let told = failed.problem();
    assert!(
        told.contains("the synthetic client cannot be made")
            && told.contains("ResourceNotFoundException"),
        "{failed:?}"
    );
    deployment.running.gateway.secrets.put(SYNTHETIC_CLIENT, "not a token");
    deployment.running.gateway.secrets.put(CLIENTS, &json!({"clients": []}).to_string());
    let failed = deployment.deploy(&[]).await;
    assert!(failed.problem().contains("holds no token of this gateway"), "{failed:?}");
    assert!(!failed.stderr.contains("not a token"), "{failed:?}");
}

#[tokio::test]
async fn synthetic_client_is_mended_where_its_plan_is_gone() {
    let deployment = Deployment::prepare("new-plan").await;
    deployment.deploy(&[]).await.data();
    let plans = &deployment.running.gateway.usage_plans;
    let (before, token) = (read_entry(&deployment), read_token(&deployment));
    let id = plans.find_members("SyntheticUsagePlan", "").unwrap()[0].0.clone();
    assert!(plans.delete_key(&id));
    begin_anew(&deployment).await;
    deployment.deploy(&["--wait-secs", "6"]).await.data();
    check_client(&deployment);
    let after = read_entry(&deployment);
    assert_eq!(after["token_sha256"], before["token_sha256"]);
    assert_ne!(after["usage_plan_key"], before["usage_plan_key"]);
    assert_eq!(read_token(&deployment), token);
}

#[tokio::test]
async fn revoked_synthetic_token_is_never_listed_again() {
    let deployment = Deployment::prepare("leaked").await;
    deployment.deploy(&[]).await.data();
    let leaked = read_token(&deployment);
    deployment.run_ops_with(&["clients", "revoke", "synthetic"], &[]).await;
    begin_anew(&deployment).await;
    let mended = deployment.deploy(&["--wait-secs", "6"]).await;
    mended.data();
    assert!(mended.stderr.contains("is not in the list of clients"), "{mended:?}");
    assert_ne!(read_token(&deployment), leaked);
    check_client(&deployment);
    assert!(!mended.stderr.contains(&read_token(&deployment)), "{mended:?}");

    // A list that somebody has edited by hand: the key in the plan is still there, and serves.
    let key = read_key(&deployment);
    let second = read_token(&deployment);
    let mut clients = read_clients(&deployment);
    clients["clients"].as_array_mut().unwrap().retain(|client| client["name"] != "synthetic");
    deployment.running.gateway.secrets.put(CLIENTS, &clients.to_string());
    begin_anew(&deployment).await;
    deployment.deploy(&["--wait-secs", "6"]).await.data();
    assert_ne!(read_token(&deployment), second);
    assert_eq!(read_key(&deployment), key);
    check_client(&deployment);
}

#[tokio::test]
async fn deployments_at_once_agree_on_one_token_and_key() {
    let deployment = Deployment::prepare("at-once").await;
    // Each call takes a while, so that both deployments look before either has made anything.
    let secrets = &deployment.running.gateway.secrets;
    secrets.behave(Behaviour::Slow(Duration::from_millis(300)));
    let (one, other) = tokio::join!(deployment.deploy(&[]), deployment.deploy(&[]));
    one.data();
    other.data();
    secrets.behave(Behaviour::Normal);
    check_client(&deployment);
}
