//! How a deployment brings new versions to the callers: gradually, from what is live, or at once where that is asked for.

use gateway_tests::deployment::Deployment;
use std::collections::BTreeMap;

/// Returns what the last `sam deploy` was told of the rollout.
fn read_rollout(deployment: &Deployment) -> BTreeMap<String, String> {
    let state = deployment.account.state();
    let pairs = state.deployments.last().expect("a deployment").iter();
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.to_string(), value.trim_matches('"').to_string()));
    let is_of_rollout = |name: &str| name == "GradualDeployment" || name.starts_with("Live");
    pairs.filter(|(name, _)| is_of_rollout(name)).collect()
}

fn move_alias(deployment: &Deployment, version: usize, weights: &[(&str, f64)]) {
    let mut state = deployment.account.state();
    let function = state.functions.get_mut("ChatFunction").expect("the function");
    function.live = version;
    function.weights = weights.iter().map(|(other, part)| (other.to_string(), *part)).collect();
}

#[tokio::test]
async fn deployment_names_the_versions_that_are_live() {
    let deployment = Deployment::prepare("live-versions").await;
    deployment.deploy(&[]).await.data();
    let first = read_rollout(&deployment);
    assert_eq!(first.len(), 7, "{first:?}");
    assert_eq!(
        (first["GradualDeployment"].as_str(), first["LiveChatVersion"].as_str()),
        ("true", "")
    );
    deployment.write_code("chat", "changed");
    let second = deployment.deploy(&[]).await;
    second.data();
    assert!(
        second.stderr.contains("compared with the live ones: AuthorizerFunction 1,"),
        "{second:?}"
    );
    assert_eq!(read_rollout(&deployment)["LiveChatVersion"], "1");
    deployment.write_code("chat", "changed once more");
    deployment.deploy(&[]).await.data();
    let third = read_rollout(&deployment);
    assert_eq!((third["LiveChatVersion"].as_str(), third["LiveEmbedVersion"].as_str()), ("2", "1"));
    // What is filled is no choice of anybody.
    let state = deployment.account.state();
    let hash = |number: usize| -> serde_json::Value {
        let release: serde_json::Value = serde_json::from_str(&state.releases[number]).unwrap();
        release["parameters_sha256"].clone()
    };
    assert_eq!(hash(0), hash(2));
}

#[tokio::test]
async fn deployment_at_once_is_told_and_the_next_is_gradual() {
    let deployment = Deployment::prepare("at-once").await;
    deployment.deploy(&[]).await.data();
    deployment.write_code("chat", "changed");
    let at_once = deployment.deploy(&["--at-once"]).await;
    at_once.data();
    for told in ["no gate stops one", "the next deployment is gradual again"] {
        assert!(at_once.stderr.contains(told), "{at_once:?}");
    }
    assert_eq!(read_rollout(&deployment)["GradualDeployment"], "false");
    deployment.write_code("chat", "changed once more");
    let next = deployment.deploy(&[]).await;
    next.data();
    assert!(!next.stderr.contains("--at-once"), "{next:?}");
    assert_eq!(read_rollout(&deployment)["GradualDeployment"], "true");
}

#[tokio::test]
async fn parameter_of_a_rollout_is_never_given() {
    let deployment = Deployment::prepare("given").await;
    for (given, told) in [
        ("GradualDeployment=false", "--at-once deploys once without gates"),
        ("LiveChatVersion=7", "it is filled from the alias of its function"),
    ] {
        let done = deployment.deploy(&["--parameter", given]).await;
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.contains(told), "{done:?}");
    }
    assert_eq!(deployment.account.actions(), Default::default());
}

#[tokio::test]
async fn alias_moved_by_hand_is_told_before_the_build() {
    let deployment = Deployment::prepare("moved-before").await;
    deployment.deploy(&[]).await.data();
    deployment.write_code("chat", "changed");
    deployment.deploy(&[]).await.data();
    move_alias(&deployment, 1, &[]);
    deployment.write_code("chat", "as before");
    let refused = deployment.deploy(&[]).await;
    let told = refused.problem();
    assert!(told.contains("ChatFunction is at version 1 and not 2"), "{refused:?}");
    assert!(
        told.contains("--at-once") && !refused.stderr.contains("the build says"),
        "{refused:?}"
    );
    deployment.deploy(&["--at-once"]).await.data();
    assert_eq!(read_rollout(&deployment)["LiveChatVersion"], "1");
    // A rollout that somebody stopped half-way leaves two versions behind the alias: nothing starts from there.
    move_alias(&deployment, 3, &[("2", 0.1)]);
    for options in [&[][..], &["--at-once"]] {
        let shared = deployment.deploy(options).await;
        assert!(shared.problem().contains("shares its requests with version 2"), "{shared:?}");
    }
    assert_eq!(deployment.account.state().deployments.len(), 3);
}
