//! The hook after all callers meet a new version: calls it and the one before for some minutes more.

mod tally;

use shared::clock::now;
use shared::config::VersionPair;
use shared::config::vars::Vars;
use shared::rollout::code_deploy::HookEvent;
use shared::rollout::hook::{Hook, Verdict};
use shared::telemetry::metrics::{Metric, count_for_function};
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;
use tally::Tally;

/// For the calls that are still running when the time of the watch is up.
const REST: Duration = Duration::from_secs(120);

/// What watches a new version. Scope: environment.
pub struct PostTraffic {
    hook: Hook,
}

impl PostTraffic {
    /// Builds the hook; calls nothing yet.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let hook = Hook::start("post_traffic", &vars).await?;
        Ok(Box::leak(Box::new(Self { hook })))
    }

    /// Watches the functions of a deployment, and tells CodeDeploy.
    ///
    /// # Errors
    /// None: what is wrong is the verdict.
    pub async fn watch(&'static self, event: HookEvent) -> Result<Verdict, Infallible> {
        let limit = self.hook.config.watch + REST;
        Ok(self.hook.run(&event, limit, |pair| self.watch_function(pair)).await)
    }

    async fn watch_function(&self, pair: VersionPair) -> Vec<String> {
        let VersionPair { name, new, live, .. } = &pair;
        count_for_function(Metric::RolloutEnded, name, new);
        // The alias leads to the new one by now, so that only the release can tell the one before.
        if live.is_empty() || live == new {
            return Vec::new();
        }
        let (name, new) = (name.clone(), new.clone());
        let trial = match self.hook.trials.prepare(pair).await {
            Ok(trial) => trial,
            Err(problem) => return vec![format!("{name}: {problem}")],
        };
        let (end, mut tally) = (now() + self.hook.config.watch, Tally::default());
        loop {
            let round = now();
            let Some(compared) =
                self.hook.trials.compare(&trial, trial.kind_of_round(tally.pairs())).await
            else {
                return Vec::new();
            };
            trial.write(&compared);
            tally.add(compared.kind, &compared.judgement);
            if let Some(problem) = tally.find_problem() {
                return vec![format!("{name} {new}, {problem}")];
            }
            let next = round + self.hook.config.round;
            if next >= end {
                return Vec::new();
            }
            tokio::time::sleep_until(next).await;
        }
    }
}
