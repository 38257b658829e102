//! A stand-in for an AWS account: STS, Lambda, CloudFormation and Systems Manager, as far as `ops deploy` asks them.
//!
//! Secrets and API keys are those of a running local gateway, reached through a listener that notes the calls.

mod answers;
mod operations;
mod recorder;
mod rollouts;
mod state;

use crate::stub::Stub;
pub use operations::Operations;
pub use recorder::Recorder;
pub use rollouts::Rollout;
pub use state::{Failure, Function, State, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// An account that a test looks into and changes.
#[derive(Clone)]
pub struct AwsAccount {
    pub stub: Stub,
    state: Arc<Mutex<State>>,
}

impl AwsAccount {
    /// Starts an account without a stack; its stacks will have these outputs.
    pub async fn start(outputs: &[(&str, &str)]) -> Self {
        let stub = Stub::start().await;
        let state = Arc::new(Mutex::new(State::new(outputs)));
        let answering = state.clone();
        stub.answer_others(move |seen| {
            let mut state = answering.lock().expect("no panic");
            let answer = answers::answer(&mut state, seen);
            state.tell_functions();
            answer
        });
        Self { stub, state }
    }

    /// Locks what is in the account.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Plans what happens before the next look at the stack that has no plan yet.
    pub fn plan(&self, change: impl FnOnce(&mut State) + Send + 'static) {
        self.state().plans.push_back(Box::new(change));
    }

    /// Returns the newest release of the record.
    pub fn last_release(&self) -> serde_json::Value {
        let state = self.state();
        let text = state.releases.last().expect("a release is recorded");
        serde_json::from_str(text).expect("JSON")
    }

    /// Tells of the functions now and after each call.
    pub fn follow_functions(
        &self,
        follower: impl Fn(&BTreeMap<String, Function>) + Send + 'static,
    ) {
        let mut state = self.state();
        state.follower = Some(Box::new(follower));
        state.tell_functions();
    }

    /// Ends the stack, or begins to stand for another one that is not there yet; what was recorded stays.
    pub fn end_stack(&self) {
        let mut state = self.state();
        (state.stack_name, state.status) = (None, None);
        state.functions.clear();
        state.parameters.clear();
    }

    /// Returns the actions that were called so far, as a policy names them.
    pub fn actions(&self) -> BTreeSet<String> {
        self.state().actions.clone()
    }

    /// Returns the variables that lead a tool here.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let names = [
            "AWS_ENDPOINT_URL_CLOUDFORMATION",
            "AWS_ENDPOINT_URL_CLOUDWATCH",
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
            "AWS_ENDPOINT_URL_CODEDEPLOY",
            "AWS_ENDPOINT_URL_EVENTBRIDGE",
            "AWS_ENDPOINT_URL_LAMBDA",
            "AWS_ENDPOINT_URL_SNS",
            "AWS_ENDPOINT_URL_SSM",
            "AWS_ENDPOINT_URL_STS",
        ];
        let mut variables: Vec<_> = names.map(|name| (name, self.stub.url.clone())).into();
        variables.push(("GATEWAY_STATUS_URL", format!("{}/_status", self.stub.url)));
        variables
    }
}
