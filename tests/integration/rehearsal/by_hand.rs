//! A person goes back by the real `ops rollback`: what it does to the aliases of a stand-in of AWS is done to those of the
//! rehearsal at once, between the callers.

use super::{find_scenario, run_with_way_back};
use gateway_tests::aws_account::Function;
use gateway_tests::deployment::Deployment;
use gateway_tests::gateway::Running;
use gateway_tests::ops;
use local::rehearsal::{Pair, WayBack};
use local::{Routing, Stack};
use std::collections::BTreeMap;
use std::sync::Arc;

const ROLLBACK: [&str; 8] = [
    "rollback",
    "--stack",
    "cohere-gateway-dev",
    "--yes",
    "--every-secs",
    "0",
    "--wait-secs",
    "10",
];

#[tokio::test]
async fn rollback_by_hand_stops_a_rollout_and_loses_no_request() {
    let way_back: WayBack = Arc::new(|stack, pairs| Box::pin(go_back_in_the_middle(stack, pairs)));
    assert_ends_well("back-in-the-middle", way_back).await;
}

#[tokio::test]
async fn rollback_by_hand_after_a_rollout_loses_no_request() {
    let way_back: WayBack = Arc::new(|stack, pairs| Box::pin(go_back_afterwards(stack, pairs)));
    assert_ends_well("back-afterwards", way_back).await;
}

async fn assert_ends_well(scenario: &str, way_back: WayBack) {
    // Callers do not wait for Cargo.
    tokio::task::spawn_blocking(ops::build_binary).await.unwrap();
    let outcome = run_with_way_back(&find_scenario(scenario), Some(way_back)).await;
    assert_eq!(outcome.problems, [""; 0]);
}

async fn go_back_in_the_middle(stack: Arc<Stack>, pairs: Vec<Pair>) {
    let deployment = Deployment::beside(Running::of(stack.clone()), "rehearsed-middle").await;
    deployment.deploy(&[]).await.data();
    let resources: Vec<_> = pairs.iter().map(|pair| pair.resource.as_str()).collect();
    deployment.account.state().begin_rollout(&resources);
    let words = go_back(&deployment, stack, pairs).await;
    assert!(words.contains("stopped d-1 of chat"), "{words}");
}

async fn go_back_afterwards(stack: Arc<Stack>, pairs: Vec<Pair>) {
    let deployment = Deployment::beside(Running::of(stack.clone()), "rehearsed-end").await;
    deployment.deploy(&[]).await.data();
    for pair in &pairs {
        deployment.write_code(&pair.function, "changed");
    }
    deployment.deploy(&[]).await.data();
    let words = go_back(&deployment, stack, pairs).await;
    assert!(words.contains("chat: 2 -> 1"), "{words}");
    assert_eq!(deployment.account.state().moved.len(), 3);
}

/// Goes back to the first release; returns what `ops` says meanwhile.
async fn go_back(deployment: &Deployment, stack: Arc<Stack>, pairs: Vec<Pair>) -> String {
    for pair in &pairs {
        let of_account = read_routing(&deployment.account.state().functions[&pair.resource]);
        assert_eq!(of_account, stack.read_routing(&pair.function).unwrap(), "{}", pair.function);
    }
    deployment.account.follow_functions(move |functions| lead_aliases(&stack, &pairs, functions));
    let done = deployment.run_ops_with(&ROLLBACK, &[]).await;
    assert!(done.data().starts_with("Release 1 is live again, smoke test ok."), "{done:?}");
    done.stderr
}

fn lead_aliases(stack: &Stack, pairs: &[Pair], functions: &BTreeMap<String, Function>) {
    for pair in pairs {
        let routing = read_routing(&functions[&pair.resource]);
        stack.route_alias(&pair.function, routing).unwrap();
    }
}

/// Where an alias of the account leads.
fn read_routing(function: &Function) -> Routing {
    let mut routing = Routing::to(u32::try_from(function.live).unwrap());
    for (version, weight) in &function.weights {
        routing = routing.with_share(version.parse().unwrap(), *weight);
    }
    routing
}
