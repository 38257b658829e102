//! A hook of a deployment: finds its functions, lets them be checked, and tells CodeDeploy the verdict in any case.

use super::code_deploy::{CodeDeployApi, HookEvent};
use super::status_page::read_status;
use super::trial::Trials;
use crate::config::vars::Vars;
use crate::config::{RolloutConfig, VersionPair};
use crate::telemetry::event_line::{EventLine, Level, set_origin};
use crate::telemetry::invocation::InvocationIds;
use crate::transport::Transport;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use serde::Serialize;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// How often CodeDeploy is told a verdict that it does not take; without one it waits for an hour.
const PUT_TRIES: u32 = 5;
/// How long after the first try that does not succeed; each further wait is twice as long.
const PUT_PAUSE: Duration = Duration::from_millis(500);

/// What a hook needs. Scope: environment.
pub struct Hook {
    name: &'static str,
    pub trials: Trials,
    pub config: RolloutConfig,
    code_deploy: CodeDeployApi,
    transport: Transport,
}

/// What a hook has found, for whoever invokes it by hand.
#[derive(Debug, Serialize)]
pub struct Verdict {
    pub passed: bool,
    /// What is wrong with a new version, in our words.
    pub problems: Vec<String>,
}

impl Hook {
    /// Builds a hook of this name; calls nothing yet.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(
        name: &'static str,
        vars: &impl Vars,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let config = RolloutConfig::from_vars(vars)?;
        set_origin(&config.service, &config.version);
        let transport = Transport::new(&config.http)?;
        let trials = Trials::new(&transport, &config).await;
        let code_deploy = CodeDeployApi::new(transport.clone(), config.aws.clone());
        Ok(Self { name, trials, config, code_deploy, transport })
    }

    /// Runs `check` for each function of the deployment, and tells what came out: what takes longer than `limit`, or
    /// panics, has failed.
    ///
    /// A check returns what is wrong with its function.
    pub async fn run<C, F>(&self, event: &HookEvent, limit: Duration, check: C) -> Verdict
    where
        C: Fn(VersionPair) -> F,
        F: Future<Output = Vec<String>>,
    {
        let pairs = self.find_pairs(event).await;
        let functions: Vec<_> = pairs.iter().map(|pair| pair.name.as_str()).collect();
        let functions = functions.join(" ");
        let checks = collect_problems(limit, join_all(pairs.into_iter().map(check)));
        let status_page = read_status(&self.transport, &self.config.status_url);
        let (problems, cohere) = join(checks, status_page).await;
        let verdict = Verdict { passed: problems.is_empty(), problems };
        let untold = self.tell(event, verdict.passed).await.err();
        let mut line = match verdict.passed {
            true => EventLine::new(Level::Info, "hook_passed", "hook"),
            false => EventLine::new(Level::Error, "hook_failed", "hook"),
        };
        line.add_invocation(InvocationIds::current().as_ref());
        line.add("hook", self.name);
        line.add("function", functions.as_str());
        line.add(
            "problem",
            verdict.problems.first().map(|_| verdict.problems.join("; ")).as_deref(),
        );
        line.add("status_page", cohere.as_str());
        line.add("untold", untold.as_deref());
        line.write();
        verdict
    }

    /// Finds the functions that the deployment is of; all of the release where CodeDeploy does not say.
    async fn find_pairs(&self, event: &HookEvent) -> Vec<VersionPair> {
        let group = self.code_deploy.read_group(event).await.unwrap_or_default();
        let mut named = self.config.release.clone();
        named.retain(|pair| group.contains(&name_group(&pair.name)));
        if named.is_empty() { self.config.release.clone() } else { named }
    }

    async fn tell(&self, event: &HookEvent, has_passed: bool) -> Result<(), String> {
        let mut told = self.code_deploy.put_verdict(event, has_passed).await;
        let mut pause = PUT_PAUSE;
        for _ in 1..PUT_TRIES {
            if told.is_ok() {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            told = self.code_deploy.put_verdict(event, has_passed).await;
        }
        told
    }
}

/// Waits for what is wrong with each function; a panic and a lack of time are wrong too, so that there is a verdict.
async fn collect_problems(
    limit: Duration,
    checks: impl Future<Output = Vec<Vec<String>>>,
) -> Vec<String> {
    match tokio::time::timeout(limit, AssertUnwindSafe(checks).catch_unwind()).await {
        Ok(Ok(problems)) => problems.concat(),
        Ok(Err(_)) => vec!["the hook has failed".to_string()],
        Err(_) => vec![format!("the hook was not done in {} s", limit.as_secs())],
    }
}

/// What a deployment group's name holds of its function's folder: `ChatFunctionDeploymentGroup`.
fn name_group(folder: &str) -> String {
    let words = folder.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + "FunctionDeploymentGroup"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hook_without_an_end_has_a_verdict_too() {
        let limit = Duration::from_secs(240);
        let good = collect_problems(limit, async { vec![Vec::new(), Vec::new()] }).await;
        assert!(good.is_empty());
        let late = collect_problems(limit, std::future::pending()).await;
        assert_eq!(late, ["the hook was not done in 240 s"]);
        let broken = collect_problems(limit, async { panic!("on purpose") }).await;
        assert_eq!(broken, ["the hook has failed"]);
    }

    #[test]
    fn group_is_named_after_the_function() {
        assert_eq!(name_group("chat"), "ChatFunctionDeploymentGroup");
        assert_eq!(name_group("rotate-key"), "RotateKeyFunctionDeploymentGroup");
    }
}
