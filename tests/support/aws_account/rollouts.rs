//! CodeDeploy's deployments, and CloudFormation that waits for them: what a test begins, and what stopping does to it.

use super::state::State;
use crate::stub::{Step, write_json};
use serde_json::{Value, json};
use shared::clock::{parse_iso8601, since_epoch};
use std::time::Duration;

/// A deployment that began so long ago.
const AGE: Duration = Duration::from_secs(250);

/// A deployment of CodeDeploy.
#[derive(Clone, Debug)]
pub struct Rollout {
    pub id: String,
    pub resource: String,
    pub old: usize,
    pub new: usize,
    pub status: &'static str,
    /// Which other one it takes back.
    pub takes_back: Option<String>,
    /// Why it ended.
    pub problem: String,
    pub steps: Vec<(&'static str, &'static str)>,
    /// The update of the stack that it is of.
    update: usize,
}

impl Rollout {
    pub fn is_running(&self) -> bool {
        ["Created", "Queued", "InProgress"].contains(&self.status)
    }
}

impl State {
    /// Begins an update of the stack that brings a new version of these functions to a tenth of the callers.
    pub fn begin_rollout(&mut self, resources: &[&str]) {
        self.updates += 1;
        self.status = Some("UPDATE_IN_PROGRESS".to_string());
        for resource in resources {
            self.add_rollout(resource);
        }
    }

    /// Begins the deployment of one function.
    pub fn add_rollout(&mut self, resource: &str) {
        let number = self.rollouts.len() + 1;
        let function = self.functions.get_mut(resource).expect("a function");
        let mut version = function.latest.clone();
        version.description += &format!(" of rollout {number}");
        function.versions.push(version);
        let (old, new) = (function.live, function.versions.len());
        function.weights = [(new.to_string(), 0.1)].into();
        let steps = vec![
            ("BeforeAllowTraffic", "Succeeded"),
            ("AllowTraffic", "InProgress"),
            ("AfterAllowTraffic", "Pending"),
        ];
        self.rollouts.push(Rollout {
            id: format!("d-{number}"),
            resource: resource.to_string(),
            old,
            new,
            status: "InProgress",
            takes_back: None,
            problem: String::new(),
            steps,
            update: self.updates,
        });
    }

    /// Ends the deployment of a function well.
    pub fn succeed(&mut self, resource: &str) {
        let rollout = self.find_running(resource);
        rollout.status = "Succeeded";
        rollout.steps = ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]
            .map(|step| (step, "Succeeded"))
            .into();
        let new = rollout.new;
        let function = self.functions.get_mut(resource).expect("a function");
        (function.live, function.weights) = (new, Default::default());
    }

    /// Ends the update of the stack well: every version is the stack's now.
    pub fn end_update(&mut self) {
        for Rollout { resource, new, .. } in
            self.rollouts.iter().filter(|one| one.update == self.updates)
        {
            self.functions.get_mut(resource).expect("a function").of_stack = *new;
        }
        self.status = Some("UPDATE_COMPLETE".to_string());
    }

    /// Lets CodeDeploy stop a deployment for this reason and lead its alias back, and CloudFormation follow.
    pub fn take_back(&mut self, resource: &str, problem: &str) {
        let rollout = self.find_running(resource);
        (rollout.status, rollout.problem) = ("Stopped", problem.to_string());
        rollout.steps[1].1 = "Failed";
        let rollout = rollout.clone();
        let function = self.functions.get_mut(resource).expect("a function");
        (function.live, function.weights) = (rollout.old, Default::default());
        let id = format!("d-{}", self.rollouts.len() + 1);
        let (takes_back, status) = (Some(rollout.id.clone()), "Succeeded");
        let (old, new, problem) = (rollout.new, rollout.old, String::new());
        self.rollouts.push(Rollout { id, old, new, problem, takes_back, status, ..rollout });
        if self.status.as_deref() == Some("UPDATE_IN_PROGRESS") {
            self.status = Some("UPDATE_ROLLBACK_IN_PROGRESS".to_string());
        }
    }

    fn find_running(&mut self, resource: &str) -> &mut Rollout {
        let mut running = self.rollouts.iter_mut().filter(|rollout| rollout.is_running());
        running.find(|rollout| rollout.resource == resource).expect("a deployment")
    }

    /// Does what is planned for this look; what was taken back is done by the next one.
    pub(super) fn go_on(&mut self) {
        if let Some(plan) = self.plans.pop_front() {
            plan(self);
            return;
        }
        let is_moving = self.rollouts.iter().any(Rollout::is_running);
        if self.status.as_deref() != Some("UPDATE_ROLLBACK_IN_PROGRESS") || is_moving {
            return;
        }
        // CloudFormation leads back what had succeeded too.
        for Rollout { resource, .. } in
            self.rollouts.iter().filter(|one| one.update == self.updates)
        {
            let function = self.functions.get_mut(resource).expect("a function");
            (function.live, function.weights) = (function.of_stack, Default::default());
        }
        self.status = Some("UPDATE_ROLLBACK_COMPLETE".to_string());
    }
}

/// When an update of the stack began, as the stack says.
pub(super) fn tell_update_time(update: usize) -> String {
    format!("2026-11-26T12:00:{update:02}.000Z")
}

fn find_created(rollout: &Rollout) -> f64 {
    let start = parse_iso8601(&tell_update_time(rollout.update)).expect("a time");
    let created = if rollout.is_running() { since_epoch() - AGE } else { start };
    created.as_secs_f64()
}

pub(super) fn list_deployments(state: &State, request: &Value) -> Vec<Step> {
    let group = request["deploymentGroupName"].as_str().expect("a group");
    assert_eq!(request["applicationName"], "it-application");
    let wanted = request["includeOnlyStatuses"].as_array();
    let since = request["createTimeRange"]["start"].as_f64().unwrap_or_default();
    let is_meant = |rollout: &&Rollout| {
        let has_status = wanted.is_none_or(|wanted| wanted.iter().any(|one| one == rollout.status));
        group == format!("it-{}Group", rollout.resource)
            && has_status
            && find_created(rollout) >= since
    };
    let ids: Vec<_> = state.rollouts.iter().filter(is_meant).map(|rollout| &rollout.id).collect();
    write_json(200, &json!({ "deployments": ids }))
}

pub(super) fn describe_deployments(state: &State, request: &Value) -> Vec<Step> {
    let ids = request["deploymentIds"].as_array().expect("ids");
    assert!(!ids.is_empty() && ids.len() <= 25);
    let meant = state.rollouts.iter().filter(|rollout| ids.iter().any(|id| *id == rollout.id));
    let infos = meant.map(|rollout| {
        let created = find_created(rollout);
        let mut info = json!({
            "deploymentId": rollout.id,
            "status": rollout.status,
            "createTime": created,
            "creator": if rollout.takes_back.is_some() { "codeDeployRollback" } else { "user" },
        });
        if !rollout.is_running() {
            info["completeTime"] = json!(created + AGE.as_secs_f64());
        }
        if !rollout.problem.is_empty() {
            info["errorInformation"] = json!({ "code": "X", "message": rollout.problem });
        }
        if let Some(id) = &rollout.takes_back {
            info["rollbackInfo"] = json!({ "rollbackTriggeringDeploymentId": id });
        }
        info
    });
    write_json(200, &json!({ "deploymentsInfo": infos.collect::<Vec<_>>() }))
}

pub(super) fn describe_target(state: &State, request: &Value) -> Vec<Step> {
    assert_eq!(request["targetIds"], json!(["it:live"]));
    let mut rollouts = state.rollouts.iter();
    let rollout = rollouts.find(|rollout| request["deploymentId"] == rollout.id);
    let rollout = rollout.expect("a deployment");
    let steps = rollout.steps.iter();
    let steps: Vec<_> = steps
        .map(|(step, status)| json!({ "lifecycleEventName": step, "status": status }))
        .collect();
    let info = json!({
        "functionName": format!("it-{}", rollout.resource),
        "functionAlias": "live",
        "currentVersion": rollout.old.to_string(),
        "targetVersion": rollout.new.to_string(),
    });
    let target = json!({ "lifecycleEvents": steps, "lambdaFunctionInfo": info });
    write_json(200, &json!({ "deploymentTargets": [{ "lambdaTarget": target }] }))
}

pub(super) fn stop_deployment(state: &mut State, request: &Value) -> Vec<Step> {
    assert_eq!(request["autoRollbackEnabled"], true);
    let mut rollouts = state.rollouts.iter();
    let rollout = rollouts.find(|rollout| request["deploymentId"] == rollout.id);
    let rollout = rollout.expect("a deployment").clone();
    assert!(rollout.takes_back.is_none(), "a rollback is not stopped");
    if state.operations.over_when_stopped.remove(&rollout.resource) {
        state.succeed(&rollout.resource);
        state.end_update();
    }
    let is_running = state.rollouts.iter().any(|one| one.id == rollout.id && one.is_running());
    if !is_running {
        let code = "DeploymentAlreadyCompletedException";
        return write_json(400, &json!({ "__type": code, "message": "it is over" }));
    }
    state.take_back(&rollout.resource, "The deployment was stopped by a user");
    write_json(200, &json!({ "status": "Pending" }))
}
