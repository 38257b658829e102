//! What CodeDeploy is doing to a stack's aliases, and how that is stopped.

use crate::aws::Session;
use crate::deploy::stack::Rollouts;
use crate::signed_call::{CODEDEPLOY, call_operation, is_refused_with};
use anyhow::Context;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// Deployments that are not over.
const RUNNING: [&str; 5] = ["Created", "Queued", "InProgress", "Baking", "Ready"];
/// What CodeDeploy answers where a deployment has ended meanwhile.
const OVER: &str = "DeploymentAlreadyCompletedException";
/// What it answers where a group is gone, as after a rollback that made it first.
const ABSENT: [&str; 2] =
    ["DeploymentGroupDoesNotExistException", "ApplicationDoesNotExistException"];
/// Who makes the deployments that lead aliases back.
const ROLLBACKS: [&str; 2] = ["codeDeployRollback", "CloudFormationRollback"];
/// How many it describes at once.
const BATCH: usize = 25;

/// One deployment of CodeDeploy: the way of one function's alias to another version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployment {
    pub id: String,
    /// The resource of the function that it is of.
    pub function: String,
    pub status: String,
    /// Since the Unix epoch, as all times here.
    pub created: Duration,
    pub ended: Option<Duration>,
    /// Whether it leads an alias back that another deployment has moved.
    pub is_rollback: bool,
    /// Why it has failed or was stopped.
    pub problem: String,
}

impl Deployment {
    pub fn is_running(&self) -> bool {
        RUNNING.contains(&self.status.as_str())
    }

    /// Whether it ended without all callers at the new version.
    pub fn is_taken_back(&self) -> bool {
        ["Failed", "Stopped"].contains(&self.status.as_str())
    }
}

/// What a deployment does to its function's alias.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    pub old: String,
    pub new: String,
    /// Names and states of the lifecycle's steps, in order.
    pub steps: Vec<(String, String)>,
}

/// How CodeDeploy moves a function to a new version.
#[derive(Clone, Debug, Default)]
pub struct DeploymentGroup {
    pub config: String,
    pub heeds_alarms: bool,
    pub alarms: Vec<String>,
    pub rolls_back: bool,
}

/// Lists the deployments of a stack that are under way.
pub async fn list_running(
    session: &Session,
    rollouts: &Rollouts,
) -> anyhow::Result<Vec<Deployment>> {
    list_deployments(session, rollouts, &json!({ "includeOnlyStatuses": RUNNING })).await
}

/// Lists the deployments of a stack since a time, the oldest first.
pub async fn list_since(
    session: &Session,
    rollouts: &Rollouts,
    since: Duration,
) -> anyhow::Result<Vec<Deployment>> {
    let range = json!({ "createTimeRange": { "start": since.as_secs() } });
    list_deployments(session, rollouts, &range).await
}

async fn list_deployments(
    session: &Session,
    rollouts: &Rollouts,
    filter: &Value,
) -> anyhow::Result<Vec<Deployment>> {
    let groups = rollouts.groups.iter();
    let lists = groups.map(|(function, group)| async move {
        let ids = list_ids(session, &rollouts.application, group, filter).await?;
        describe(session, function, &ids).await
    });
    let mut deployments = try_join_all(lists).await?.concat();
    deployments.sort_by_key(|deployment| deployment.created);
    Ok(deployments)
}

async fn list_ids(
    session: &Session,
    application: &str,
    group: &str,
    filter: &Value,
) -> anyhow::Result<Vec<String>> {
    let mut asked = filter.clone();
    (asked["applicationName"], asked["deploymentGroupName"]) = (json!(application), json!(group));
    let mut ids = Vec::new();
    loop {
        let answer = match call(session, "ListDeployments", &asked).await {
            Err(error) if ABSENT.iter().any(|code| is_refused_with(&error, code)) => {
                return Ok(Vec::new());
            }
            answer => answer.context("cannot list the deployments of CodeDeploy")?,
        };
        ids.extend(read_texts(&answer["deployments"]));
        match answer["nextToken"].as_str() {
            Some(next) => asked["nextToken"] = json!(next),
            None => return Ok(ids),
        }
    }
}

async fn describe(
    session: &Session,
    function: &str,
    ids: &[String],
) -> anyhow::Result<Vec<Deployment>> {
    let mut deployments = Vec::new();
    for ids in ids.chunks(BATCH) {
        let asked = json!({ "deploymentIds": ids });
        let answer = call(session, "BatchGetDeployments", &asked).await;
        let answer = answer.context("cannot read the deployments of CodeDeploy")?;
        let known = answer["deploymentsInfo"].as_array().into_iter().flatten();
        deployments.extend(known.map(|info| read_deployment(function, info)));
    }
    Ok(deployments)
}

fn read_deployment(function: &str, info: &Value) -> Deployment {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let time = |name: &str| info[name].as_f64().map(Duration::from_secs_f64);
    let back = &info["rollbackInfo"]["rollbackTriggeringDeploymentId"];
    Deployment {
        id: text(&info["deploymentId"]),
        function: function.to_string(),
        status: text(&info["status"]),
        created: time("createTime").unwrap_or_default(),
        ended: time("completeTime"),
        is_rollback: ROLLBACKS.contains(&text(&info["creator"]).as_str()) || back.is_string(),
        problem: text(&info["errorInformation"]["message"]),
    }
}

/// Asks which versions a deployment is about, and how far it is; `None` where it has no target yet.
pub async fn ask_target(session: &Session, id: &str) -> anyhow::Result<Option<Target>> {
    let answer = call(session, "ListDeploymentTargets", &json!({ "deploymentId": id })).await;
    let answer = answer.with_context(|| format!("cannot read the deployment {id}"))?;
    let ids: Vec<_> = read_texts(&answer["targetIds"]).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let asked = json!({ "deploymentId": id, "targetIds": ids });
    let answer = call(session, "BatchGetDeploymentTargets", &asked).await;
    let answer = answer.with_context(|| format!("cannot read the deployment {id}"))?;
    let target = &answer["deploymentTargets"][0]["lambdaTarget"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let steps = target["lifecycleEvents"].as_array().into_iter().flatten();
    let info = &target["lambdaFunctionInfo"];
    Ok(Some(Target {
        old: text(&info["currentVersion"]),
        new: text(&info["targetVersion"]),
        steps: steps
            .map(|step| (text(&step["lifecycleEventName"]), text(&step["status"])))
            .collect(),
    }))
}

/// Returns how CodeDeploy moves a function.
pub async fn ask_group(
    session: &Session,
    application: &str,
    group: &str,
) -> anyhow::Result<DeploymentGroup> {
    let body = json!({ "applicationName": application, "deploymentGroupName": group });
    let answer = call(session, "GetDeploymentGroup", &body).await?;
    let info = &answer["deploymentGroupInfo"];
    let alarms = &info["alarmConfiguration"];
    let names = alarms["alarms"].as_array().into_iter().flatten();
    Ok(DeploymentGroup {
        config: info["deploymentConfigName"].as_str().unwrap_or_default().to_string(),
        heeds_alarms: alarms["enabled"] == true,
        alarms: names.filter_map(|alarm| alarm["name"].as_str().map(str::to_string)).collect(),
        rolls_back: info["autoRollbackConfiguration"]["enabled"] == true,
    })
}

/// Stops a deployment so that its alias is led back; false where it had ended before.
pub async fn stop_deployment(session: &Session, id: &str) -> anyhow::Result<bool> {
    let asked = json!({ "deploymentId": id, "autoRollbackEnabled": true });
    match call(session, "StopDeployment", &asked).await {
        Ok(_) => Ok(true),
        Err(error) if is_refused_with(&error, OVER) => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_texts(list: &Value) -> impl Iterator<Item = String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_string)
}

async fn call(session: &Session, operation: &str, body: &Value) -> anyhow::Result<Value> {
    call_operation(session, &CODEDEPLOY, &format!("CodeDeploy_20141006.{operation}"), body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployment_that_leads_back_is_told_from_one_that_leads_on() {
        let read = |info: Value| read_deployment("ChatFunction", &info);
        let on = read(json!({ "deploymentId": "d-1", "status": "InProgress", "creator": "user",
            "createTime": 1795600000.5 }));
        assert!(on.is_running() && !on.is_rollback && !on.is_taken_back());
        assert_eq!((on.created.as_millis(), on.ended), (1_795_600_000_500, None));
        for back in [
            json!({ "creator": "codeDeployRollback" }),
            json!({ "creator": "CloudFormationRollback" }),
            json!({ "rollbackInfo": { "rollbackTriggeringDeploymentId": "d-1" } }),
        ] {
            assert!(read(back).is_rollback);
        }
        // The one that is taken back names the one that does it.
        let info =
            json!({ "rollbackInfo": { "rollbackDeploymentId": "d-2" }, "status": "Stopped" });
        let stopped = read(info);
        assert!(stopped.is_taken_back() && !stopped.is_rollback && !stopped.is_running());
    }
}
