//! The part of CodeDeploy that the hooks of a deployment use, for this run's credentials only.
//!
//! Nothing is deployed: who plays a deployment begins a hook here, invokes its function with the event,
//! and reads the verdict that it has put.

use crate::aws_account::is_signed_with;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// What stands before an operation's name in `x-amz-target`.
const TARGET_PREFIX: &str = "CodeDeploy_20141006.";
const REQUEST_LIMIT_BYTES: usize = 64 * 1024;

/// The deployments that were begun; clones share them.
#[derive(Clone)]
pub struct CodeDeploy {
    access_key: String,
    hooks: Arc<Mutex<BTreeMap<String, Hook>>>,
}

/// One hook of a deployment, by the id of its execution.
struct Hook {
    deployment: String,
    group: String,
    verdict: watch::Sender<Option<String>>,
}

/// How an invoked hook knows which deployment it is for.
#[derive(Clone, Debug)]
pub struct HookExecution {
    pub deployment: String,
    pub id: String,
}

impl HookExecution {
    /// The event that CodeDeploy invokes the hook's function with.
    pub fn event(&self) -> String {
        json!({ "DeploymentId": self.deployment, "LifecycleEventHookExecutionId": self.id })
            .to_string()
    }
}

/// A refusal: AWS's kind of it.
struct Refusal(&'static str);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    deployment_id: String,
    lifecycle_event_hook_execution_id: Option<String>,
    status: Option<String>,
}

impl CodeDeploy {
    pub fn new(access_key: &str) -> Self {
        CodeDeploy { access_key: access_key.to_owned(), hooks: Arc::default() }
    }

    /// Begins a hook of a new deployment in the group of a function, such as `ChatFunction`.
    pub fn begin_hook(&self, resource: &str) -> HookExecution {
        let id = Uuid::new_v4().to_string();
        let deployment = format!("d-{}", Uuid::new_v4().simple().to_string()[..9].to_uppercase());
        let group = format!("{}-{resource}DeploymentGroup-LOCAL", crate::STACK_NAME);
        let (verdict, _) = watch::channel(None);
        let hook = Hook { deployment: deployment.clone(), group, verdict };
        self.lock_hooks().insert(id.clone(), hook);
        HookExecution { deployment, id }
    }

    /// Waits for what a hook reports, `Succeeded` or `Failed`; none within `limit` is none.
    pub async fn wait_for_verdict(
        &self,
        execution: &HookExecution,
        limit: Duration,
    ) -> Option<String> {
        let mut verdict = self.lock_hooks().get(&execution.id)?.verdict.subscribe();
        let reported = tokio::time::timeout(limit, verdict.wait_for(Option::is_some)).await;
        reported.ok()?.ok()?.clone()
    }

    fn run_operation(&self, operation: &str, parameters: Parameters) -> Result<Value, Refusal> {
        let Parameters { deployment_id, lifecycle_event_hook_execution_id, status } = parameters;
        let hooks = self.lock_hooks();
        match operation {
            "GetDeployment" => {
                let mut hooks = hooks.values();
                let found = hooks.find(|hook| hook.deployment == deployment_id);
                let hook = found.ok_or(Refusal("DeploymentDoesNotExistException"))?;
                Ok(json!({ "deploymentInfo": {
                    "applicationName": crate::STACK_NAME,
                    "deploymentGroupName": hook.group,
                    "deploymentId": deployment_id,
                    "computePlatform": "Lambda",
                    "status": "InProgress",
                }}))
            }
            "PutLifecycleEventHookExecutionStatus" => {
                let id = lifecycle_event_hook_execution_id.unwrap_or_default();
                let found = hooks.get(&id).filter(|hook| hook.deployment == deployment_id);
                let unknown = Refusal("InvalidLifecycleEventHookExecutionIdException");
                let hook = found.ok_or(unknown)?;
                let status = status.filter(|status| matches!(&**status, "Succeeded" | "Failed"));
                let wrong = Refusal("InvalidLifecycleEventHookExecutionStatusException");
                let status = status.ok_or(wrong)?;
                if hook.verdict.borrow().is_some() {
                    return Err(Refusal("LifecycleEventAlreadyCompletedException"));
                }
                hook.verdict.send_replace(Some(status));
                Ok(json!({ "lifecycleEventHookExecutionId": id }))
            }
            _ => Err(Refusal("UnknownOperationException")),
        }
    }

    fn lock_hooks(&self) -> MutexGuard<'_, BTreeMap<String, Hook>> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer_call(&self, operation: &str, request: Request) -> Result<Value, Refusal> {
        if !is_signed_with(request.headers(), &self.access_key) {
            return Err(Refusal("UnrecognizedClientException"));
        }
        let body = to_bytes(request.into_body(), REQUEST_LIMIT_BYTES).await.unwrap_or_default();
        let parameters = serde_json::from_slice(&body);
        self.run_operation(operation, parameters.map_err(|_| Refusal("SerializationException"))?)
    }
}

/// Answers what is CodeDeploy's and passes on what another service gets at the same address.
pub async fn answer_or_pass(
    State(code_deploy): State<CodeDeploy>,
    request: Request,
    next: Next,
) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix(TARGET_PREFIX));
    let Some(operation) = operation.map(str::to_owned) else { return next.run(request).await };
    let (status, body) = match code_deploy.answer_call(&operation, request).await {
        Ok(body) => (StatusCode::OK, body),
        Err(Refusal(kind)) => (StatusCode::BAD_REQUEST, json!({ "__type": kind })),
    };
    (status, [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(
        code_deploy: &CodeDeploy,
        execution: &HookExecution,
        status: &str,
    ) -> Result<Value, &'static str> {
        let parameters = Parameters {
            deployment_id: execution.deployment.clone(),
            lifecycle_event_hook_execution_id: Some(execution.id.clone()),
            status: Some(status.to_owned()),
        };
        let operation = "PutLifecycleEventHookExecutionStatus";
        code_deploy.run_operation(operation, parameters).map_err(|Refusal(kind)| kind)
    }

    #[tokio::test]
    async fn first_verdict_of_a_hook_counts() {
        let code_deploy = CodeDeploy::new("key");
        let execution = code_deploy.begin_hook("ChatFunction");
        let none = code_deploy.wait_for_verdict(&execution, Duration::ZERO).await;
        assert_eq!(none, None);
        let wrong = put(&code_deploy, &execution, "Unknown");
        assert_eq!(wrong, Err("InvalidLifecycleEventHookExecutionStatusException"));
        put(&code_deploy, &execution, "Failed").unwrap();
        let again = put(&code_deploy, &execution, "Succeeded");
        assert_eq!(again, Err("LifecycleEventAlreadyCompletedException"));
        let verdict = code_deploy.wait_for_verdict(&execution, Duration::ZERO).await;
        assert_eq!(verdict.as_deref(), Some("Failed"));
        let other = HookExecution { deployment: "d-OTHER".to_owned(), ..execution };
        let unknown = put(&code_deploy, &other, "Failed");
        assert_eq!(unknown, Err("InvalidLifecycleEventHookExecutionIdException"));
    }
}
