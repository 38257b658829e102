//! A rollout's own functions before real versions: the driver compares them, and the hooks tell CodeDeploy.

mod driver;
mod hooks;

use faulty::Fault;
use gateway_tests::gateway::{self, Running};
use local::secrets_manager::SYNTHETIC_CLIENT;
use local::{NewVersion, Upstream};
use serde_json::{Value, json};

/// Rounds of a test need no rest.
const SETTINGS: [(&str, &str); 1] = [("GATEWAY_ROLLOUT_ROUND_MS", "50")];
const FUNCTIONS: [&str; 6] = ["chat", "embed", "rerank", "pass-through", "health", "authorizer"];

async fn start() -> Running {
    let running = gateway::start(Upstream::Sandbox, &SETTINGS).await;
    running.gateway.secrets.put(SYNTHETIC_CLIENT, &running.gateway.token);
    running
}

/// Publishes a version that is like the first one.
fn publish_like(running: &Running, function: &str) -> u32 {
    running.gateway.publish_version(function, NewVersion::default()).unwrap()
}

/// The fault of a version that answers as before, but without the request's id.
fn without_request_id() -> Fault {
    Fault { lost_headers: vec!["x-request-id".to_string()], ..Fault::default() }
}

/// Lets the sandbox fail a share of a version's calls.
fn with_failing_calls(fault: &str) -> Fault {
    let headers = [("x-client-name".to_string(), format!("fault {fault}"))].into();
    Fault { request_headers: headers, ..Fault::default() }
}

/// Describes a function with its first version and another one.
fn pair(function: &str, new: u32) -> Value {
    json!({ "name": function, "function": function, "new": new.to_string(), "live": "1" })
}
