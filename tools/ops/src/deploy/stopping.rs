//! A rollout is stopped by hand: first CodeDeploy's deployments, then CloudFormation is waited for.
//!
//! An alias that is moved beside CodeDeploy ends where nobody wants it, and CloudFormation takes back by itself what was
//! stopped. So nothing else may be moved before both are done.

use crate::aws::Session;
use crate::deploy::aliases::name_folder;
use crate::deploy::code_deploy::{Deployment, list_running, stop_deployment};
use crate::deploy::stack::{Rollouts, Stack, find_rollouts};
use crate::options::require_stack;
use crate::output::say;
use anyhow::{bail, ensure};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So many looks may fail one after another, as where AWS is asked too often.
const MAX_FAILED_LOOKS: usize = 3;

/// Deployments by their ids; false where one had ended before it could be stopped.
pub type Stopped = BTreeMap<String, bool>;

/// How a rollout is waited for.
pub struct Waiting<'a> {
    pub session: &'a Session,
    pub stack: &'a str,
    /// Between two looks.
    pub pause: Duration,
    /// How long in all.
    pub limit: Duration,
    /// What is to be run again after a failure.
    pub again: &'a str,
}

/// Whether CloudFormation is at work on a stack.
pub fn is_in_progress(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS"
}

/// Whether a deployment brings new versions, in contrast to one that takes some back.
fn leads_on(deployment: &Deployment, status: &str) -> bool {
    !deployment.is_rollback && !status.starts_with("UPDATE_ROLLBACK")
}

/// Returns the deployments under way that can be stopped.
pub async fn find_stoppable(
    session: &Session,
    stack: &Stack,
    rollouts: &Rollouts,
) -> anyhow::Result<Vec<Deployment>> {
    let running = list_running(session, rollouts).await?.into_iter();
    Ok(running.filter(|deployment| leads_on(deployment, &stack.status)).collect())
}

impl Waiting<'_> {
    /// Stops what is rolling out, and whatever begins to meanwhile, until nothing is at work on the stack any more. Returns
    /// the stack as it is then, and what was stopped.
    pub async fn stop_rollout(&self) -> anyhow::Result<(Stack, Stopped)> {
        let end = Instant::now() + self.limit;
        let (mut stopped, mut told, mut failed) = (Stopped::new(), String::new(), 0);
        loop {
            let (stack, running) = match self.look().await {
                Ok(found) => found,
                Err(error) if failed + 1 < MAX_FAILED_LOOKS => {
                    failed += 1;
                    say(&format!("cannot look, and try again: {error:#}"));
                    tokio::time::sleep(self.pause).await;
                    continue;
                }
                Err(error) => return Err(error.context(self.advise(&stopped))),
            };
            failed = 0;
            let stoppable = running.iter().filter(|one| leads_on(one, &stack.status));
            let new: Vec<_> = stoppable.filter(|one| !stopped.contains_key(&one.id)).collect();
            self.stop_all(&new, &mut stopped).await?;
            if running.is_empty() && !is_in_progress(&stack.status) {
                return Ok((stack, stopped));
            }
            if told != stack.status {
                say(&format!("the stack is in {}: waiting until that is done", stack.status));
                told.clone_from(&stack.status);
            }
            ensure!(
                Instant::now() + self.pause < end,
                "after {} s the stack is still in {}. {}",
                self.limit.as_secs(),
                stack.status,
                self.advise(&stopped)
            );
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn look(&self) -> anyhow::Result<(Stack, Vec<Deployment>)> {
        let stack = require_stack(self.session, self.stack).await?;
        let rollouts = find_rollouts(self.session, self.stack).await?;
        let running = list_running(self.session, &rollouts).await?;
        Ok((stack, running))
    }

    /// Stops all of these side by side.
    async fn stop_all(
        &self,
        deployments: &[&Deployment],
        stopped: &mut Stopped,
    ) -> anyhow::Result<()> {
        let stops = deployments.iter().map(|one| stop_deployment(self.session, &one.id));
        let answers = join_all(stops).await;
        let mut refused = Vec::new();
        for (deployment, answer) in deployments.iter().zip(answers) {
            let told = format!("{} of {}", deployment.id, name_folder(&deployment.function));
            let is_stopped = match answer {
                Ok(is_stopped) => is_stopped,
                Err(error) => {
                    refused.push(format!("{told}: {error:#}"));
                    continue;
                }
            };
            say(&match is_stopped {
                true => format!("stopped {told}"),
                false => format!("{told} was over before it could be stopped"),
            });
            stopped.insert(deployment.id.clone(), is_stopped);
        }
        if refused.is_empty() {
            return Ok(());
        }
        bail!("not stopped: {}. {}", refused.join("; "), self.advise(stopped))
    }

    /// Says what is done, what is not, and how to go on.
    fn advise(&self, stopped: &Stopped) -> String {
        let ids: Vec<_> = stopped.iter().filter(|(_, is_stopped)| **is_stopped).collect();
        let ids: Vec<_> = ids.into_iter().map(|(id, _)| id.as_str()).collect();
        let done = match ids.is_empty() {
            true => "No deployment was stopped".to_string(),
            false => format!("Stopped: {}, whose aliases CodeDeploy leads back", ids.join(", ")),
        };
        format!(
            "{done}; nothing else was moved, since CodeDeploy or CloudFormation may still move it. Run this again, \
             which goes on from here:\n  {}",
            self.again
        )
    }
}
