//! What a hook asks of CodeDeploy: which function a deployment is of, and to take its verdict.

use super::aws_call::{AwsAnswer, AwsCall, AwsCalls};
use crate::config::AwsAccess;
use crate::telemetry::redact::redact_id;
use crate::transport::Transport;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
const GET_DEPLOYMENT: &str = "CodeDeploy_20141006.GetDeployment";
const PUT_STATUS: &str = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus";

/// What a hook is invoked with.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HookEvent {
    pub deployment_id: String,
    pub lifecycle_event_hook_execution_id: String,
}

/// Calls of CodeDeploy. Scope: environment.
pub struct CodeDeployApi {
    calls: AwsCalls,
}

impl CodeDeployApi {
    /// Prepares to call; asks nothing yet.
    pub fn new(transport: Transport, access: AwsAccess) -> Self {
        Self { calls: AwsCalls::new(transport, access) }
    }

    /// Reads the name of the deployment's group.
    ///
    /// # Errors
    /// CodeDeploy does not say, and why.
    pub async fn read_group(&self, event: &HookEvent) -> Result<String, String> {
        let body = json!({ "deploymentId": event.deployment_id });
        let answer = self.send(GET_DEPLOYMENT, &body).await?;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let group = answer["deploymentInfo"]["deploymentGroupName"].as_str();
        group.map(str::to_string).ok_or("CodeDeploy names no group".to_string())
    }

    /// Tells the verdict of a hook; the first one counts.
    ///
    /// # Errors
    /// CodeDeploy has not taken it, and why.
    pub async fn put_verdict(&self, event: &HookEvent, has_passed: bool) -> Result<(), String> {
        let body = json!({
            "deploymentId": event.deployment_id,
            "lifecycleEventHookExecutionId": event.lifecycle_event_hook_execution_id,
            "status": if has_passed { "Succeeded" } else { "Failed" },
        });
        self.send(PUT_STATUS, &body).await.map(drop)
    }

    async fn send(&self, target: &'static str, body: &Value) -> Result<AwsAnswer, String> {
        let headers =
            vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let answer = self.calls.send(AwsCall {
            service: "codedeploy",
            method: Method::POST,
            url: format!("{}/", self.calls.access.code_deploy_url),
            headers,
            body: Bytes::from(body.to_string()),
            limit: LIMIT,
        });
        let answer = answer.await?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let kind = said["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        Err(format!("CodeDeploy answers {} {}", answer.status, redact_id(kind))
            .trim_end()
            .to_string())
    }
}
