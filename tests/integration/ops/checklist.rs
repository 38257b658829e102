//! `ops checklist`: on a gateway with each single thing broken in turn it finds that thing, and names what mends it.

mod broken;
mod built_in;
mod failures;
mod local;
mod picture;

use gateway_tests::deployment::Deployment;
use serde_json::Value;
use std::collections::BTreeMap;

/// The stack of the environment `dev`.
const STACK: &str = "cohere-gateway-dev";

/// The lines of a checklist, by their ids.
type Lines = BTreeMap<String, Line>;

/// What a line came to.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    outcome: String,
    reason: String,
    command: String,
}

/// A whole checklist.
struct Checklist {
    code: i32,
    is_ready: bool,
    lines: Lines,
}

/// Deploys a gateway that is as it should be, with everything switched on.
async fn deploy_well(name: &str) -> Deployment {
    let deployment = Deployment::prepare(name).await;
    let p2 = "ExistingP2TopicArn=";
    deployment.deploy(&["--parameter", "ProbeSchedule=5", "--parameter", p2]).await.data();
    deployment
}

async fn run_checklist(deployment: &Deployment) -> Checklist {
    run_with(deployment, &[]).await
}

async fn run_with(deployment: &Deployment, variables: &[(&str, &str)]) -> Checklist {
    run_within(deployment, variables, "15").await
}

/// Runs it with so many seconds for each question.
async fn run_within(
    deployment: &Deployment,
    variables: &[(&str, &str)],
    seconds: &str,
) -> Checklist {
    let arguments = ["checklist", "--stack", STACK, "--json", "--timeout-secs", seconds];
    let done = deployment.run_ops_with(&arguments, variables).await;
    let said: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    assert_eq!(said["command"], "checklist");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let checks = said["data"]["checks"].as_array().unwrap_or_else(|| panic!("{done:?}"));
    let lines = checks.iter().map(|check| {
        let [outcome, reason, command] =
            ["outcome", "reason", "command"].map(|name| text(&check[name]));
        (text(&check["id"]), Line { outcome, reason, command })
    });
    Checklist {
        code: done.code,
        is_ready: said["data"]["is_ready"] == true,
        lines: lines.collect(),
    }
}
