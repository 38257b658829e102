//! Rate and quota are those of one client: each has an API key of its own, made and deleted by `ops`.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::ops::{self, Done};
use http::Method;
use local::secrets_manager::CLIENTS;
use local::{Options, Upstream};
use serde_json::Value;
use std::time::Duration;

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;
/// Beginning of the names of the keys that `ops` makes.
const OURS: &str = "cohere-gateway-client-";

async fn start_gateway() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

async fn run_clients(running: &Running, arguments: &[&str]) -> Done {
    ops::run_ops(running, &[&["clients"], arguments].concat(), "").await
}

/// Returns what the list has of a client.
fn read_client(running: &Running, name: &str) -> Value {
    let list: Value =
        serde_json::from_str(&running.gateway.secrets.current(CLIENTS).unwrap()).unwrap();
    let clients = list["clients"].as_array().unwrap();
    clients.iter().find(|client| client["name"] == name).cloned().unwrap_or_default()
}

/// Returns name and value of the keys that `ops` has made.
fn find_keys(running: &Running) -> Vec<(String, String)> {
    let keys = running.gateway.usage_plans.find_keys(OURS);
    keys.into_iter().map(|(_, name, value)| (name, value)).collect()
}

async fn send_rerank(running: &Running, token: &str) -> Answer {
    let request = running.request_without_token(Method::POST, "/v2/rerank");
    let request = request.header("authorization", format!("Bearer {token}"));
    read_answer(request.body(BODY)).await
}

#[tokio::test]
async fn client_has_a_key_of_its_own_as_long_as_it_lives() {
    let running = start_gateway().await;
    let token = run_clients(&running, &["add", "search"]).await.data().to_string();
    run_clients(&running, &["add", "search-2"]).await.data();
    let value = read_client(&running, "search")["usage_plan_key"].as_str().unwrap().to_string();
    let keys = find_keys(&running);
    assert!(
        keys.contains(&(format!("{OURS}search"), value.clone())) && keys.len() == 2,
        "{keys:?}"
    );
    assert_ne!(read_client(&running, "search-2")["usage_plan_key"], value.as_str());
    assert_eq!(send_rerank(&running, &token).await.status, 200);

    run_clients(&running, &["rotate", "search"]).await.data();
    run_clients(&running, &["rotate", "search", "--finish"]).await.data();
    assert_eq!(read_client(&running, "search")["usage_plan_key"], value.as_str());
    assert_eq!(find_keys(&running).len(), 2);

    let revoked = run_clients(&running, &["revoke", "search"]).await;
    assert!(!revoked.stderr.contains("warning") && !revoked.stderr.contains(&value), "{revoked:?}");
    let keys = find_keys(&running);
    assert!(keys.len() == 1 && keys[0].0 == format!("{OURS}search-2"), "{keys:?}");
}

#[tokio::test]
async fn failed_addition_leaves_no_key_behind() {
    let running = start_gateway().await;
    let twice = run_clients(&running, &["add", "local"]).await;
    assert!(twice.problem().contains("already"), "{twice:?}");
    let lost = run_clients(&running, &["add", "search", "--usage-plan", "nowhere"]).await;
    assert!(lost.problem().contains("Invalid Usage Plan ID specified"), "{lost:?}");
    assert!(lost.problem().contains("--shared-key needs no API key"), "{lost:?}");
    assert_eq!((find_keys(&running), read_client(&running, "search")), (vec![], Value::Null));
}

#[tokio::test]
async fn client_may_share_a_key_or_bring_one() {
    let running = start_gateway().await;
    let shared = run_clients(&running, &["add", "shared", "--shared-key"]).await;
    assert!(shared.stderr.contains("neither rate nor quota"), "{shared:?}");
    assert_eq!(read_client(&running, "shared").get("usage_plan_key"), None);
    let (id, value) = running.gateway.usage_plans.create_key("of the operator");
    running.gateway.usage_plans.add_to_plan(&id, "DefaultUsagePlan").unwrap();
    run_clients(&running, &["add", "brought", "--usage-plan-key", &value]).await.data();
    let revoked = run_clients(&running, &["revoke", "brought"]).await;
    assert!(revoked.stderr.contains("was not made by ops, and stays"), "{revoked:?}");
    assert_eq!(running.gateway.usage_plans.find_keys("of the operator").len(), 1);
    assert_eq!(find_keys(&running), []);
}

#[tokio::test]
async fn retained_list_is_served_by_a_new_stack() {
    let options = Options {
        upstream: Upstream::Sandbox,
        authorizer_cache_ttl: Some(Duration::ZERO),
        ..Options::default()
    };
    let running = gateway::start_with(&[], options).await;
    let mut tokens = Vec::new();
    for name in ["kept", "gone"] {
        tokens.push(run_clients(&running, &["add", name]).await.data().to_string());
    }
    let key_of = |name: &str| read_client(&running, name)["usage_plan_key"].clone();
    let kept = key_of("kept");
    // A deleted stack's key is in no plan any more, or somebody has deleted it too.
    let left = format!("{OURS}left");
    let (_, value) = running.gateway.usage_plans.create_key(&left);
    let added = run_clients(&running, &["add", "left", "--usage-plan-key", &value]).await;
    tokens.push(added.data().to_string());
    let gone = running.gateway.usage_plans.find_keys(&format!("{OURS}gone"));
    assert!(running.gateway.usage_plans.delete_key(&gone[0].0));
    for (token, status) in tokens.iter().zip([200, 500, 500]) {
        assert_eq!(send_rerank(&running, token).await.status, status);
    }

    let done = run_clients(&running, &["reattach"]).await;
    assert!(done.code == 0 && done.stderr.contains("2 clients have a new API key"), "{done:?}");
    assert!(!done.stderr.contains("warning") && !done.stderr.contains(&value), "{done:?}");
    assert_eq!(key_of("kept"), kept, "what is in the plan stays");
    running.gateway.kill("authorizer").await;
    for token in &tokens {
        assert_eq!(send_rerank(&running, token).await.status, 200, "tokens stay as they are");
    }
    let left = running.gateway.usage_plans.find_keys(&left);
    assert!(left.len() == 1 && left[0].2 != value, "the old key is deleted: {left:?}");
    let again = run_clients(&running, &["reattach"]).await;
    assert!(again.stderr.contains("0 clients have a new API key"), "{again:?}");
}

#[tokio::test]
async fn rate_of_one_client_is_not_that_of_another() {
    let running = start_gateway().await;
    let busy = run_clients(&running, &["add", "busy"]).await.data().to_string();
    let calm = run_clients(&running, &["add", "calm"]).await.data().to_string();
    assert_eq!(send_rerank(&running, &busy).await.status, 200);
    // The template's burst is 100 and its rate 50 a second.
    let all = (0..400).map(|_| send_rerank(&running, &busy));
    let answers = futures_util::future::join_all(all).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(refused.len() >= 50 && refused.len() <= 301, "{} of 400", refused.len());
    for answer in refused {
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (429, Some("client_throttled"))
        );
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(send_rerank(&running, &calm).await.status, 200);
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200, "the shared key has no rate");
}
