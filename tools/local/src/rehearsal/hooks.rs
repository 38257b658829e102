//! The functions that belong to a rollout, as they are: the hooks before and after it, and the driver.

use super::gates::Pair;
use crate::NewVersion;
use crate::stack::Stack;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(super) const BEFORE: &str = "pre-traffic";
pub(super) const AFTER: &str = "post-traffic";
const DRIVER: &str = "driver";
/// How long a hook may take; CodeDeploy would wait for an hour.
const LIMIT: Duration = Duration::from_secs(60);

/// Lets a hook look at a release, each function by a deployment of its own; the error is what it has found.
pub(super) async fn run_hook(
    stack: Arc<Stack>,
    hook: &'static str,
    pairs: Vec<Pair>,
) -> anyhow::Result<Result<(), String>> {
    let release: Vec<_> = pairs.iter().map(describe_pair).collect();
    let variable = ("GATEWAY_ROLLOUT_RELEASE".to_owned(), release.join(","));
    let version = NewVersion { variables: vec![variable], ..NewVersion::default() };
    let version = stack.publish_version(hook, version)?;
    let run = pairs.iter().map(|pair| run_for(&stack, hook, version, pair));
    let mut problems = Vec::new();
    for ended in join_all(run).await {
        problems.extend(ended?.err());
    }
    Ok(if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) })
}

async fn run_for(
    stack: &Stack,
    hook: &str,
    version: u32,
    pair: &Pair,
) -> anyhow::Result<Result<(), String>> {
    let execution = stack.code_deploy.begin_hook(&pair.resource);
    let said = stack.invoke_version(hook, version, execution.event()).await;
    // What CodeDeploy was told counts, and nothing is a failure.
    let verdict = stack.code_deploy.wait_for_verdict(&execution, LIMIT).await;
    if verdict.as_deref() == Some("Succeeded") {
        return Ok(Ok(()));
    }
    let said: Value = serde_json::from_slice(&said?)?;
    // Each names its function.
    let problems = said["problems"].as_array().into_iter().flatten();
    let problems: Vec<_> = problems.filter_map(Value::as_str).collect();
    Ok(Err(if problems.is_empty() {
        format!("no verdict on {}", pair.function)
    } else {
        problems.join("; ")
    }))
}

fn describe_pair(pair: &Pair) -> String {
    let Pair { function, live, new, .. } = pair;
    format!("{function}={function}:{new}:{live}")
}

/// Starts the driver as the hook does, where no hook is asked.
pub(super) fn start_driver(stack: Arc<Stack>, pairs: &[Pair]) {
    let functions: Vec<_> = pairs
        .iter()
        .map(|Pair { function, live, new, .. }| {
            json!({ "name": function, "function": function, "new": new.to_string(), "live": live.to_string() })
        })
        .collect();
    let event = json!({ "functions": functions }).to_string();
    // It ends by itself, once the alias leads to one version again, and at the latest with the stack.
    tokio::spawn(async move { stack.invoke(DRIVER, event).await });
}
