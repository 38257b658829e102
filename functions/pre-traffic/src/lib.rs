//! The hook before callers meet a new version: calls it and the live one, and starts the driver.
//!
//! It fails only where the new version is worse, so that a version which mends something can ship while Cohere is
//! down.

use futures_util::future::join_all;
use serde_json::json;
use shared::config::VersionPair;
use shared::config::vars::Vars;
use shared::rollout::code_deploy::HookEvent;
use shared::rollout::hook::{Hook, Verdict};
use shared::rollout::judge::Judgement;
use shared::rollout::trial::Trial;
use shared::telemetry::metrics::{Metric, count_for_function};
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

/// Within it CodeDeploy has a verdict; the function may run for longer.
const LIMIT: Duration = Duration::from_secs(240);
/// How often a kind of call is made before it counts against the new version.
const TRIES: usize = 3;

/// What looks at a new version. Scope: environment.
pub struct PreTraffic {
    hook: Hook,
}

impl PreTraffic {
    /// Builds the hook; calls nothing yet.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let hook = Hook::start("pre_traffic", &vars).await?;
        Ok(Box::leak(Box::new(Self { hook })))
    }

    /// Checks the functions of a deployment, and tells CodeDeploy.
    ///
    /// # Errors
    /// None: what is wrong is the verdict.
    pub async fn check(&'static self, event: HookEvent) -> Result<Verdict, Infallible> {
        Ok(self.hook.run(&event, LIMIT, |pair| self.check_function(pair)).await)
    }

    async fn check_function(&self, pair: VersionPair) -> Vec<String> {
        let name = pair.name.clone();
        let trial = match self.hook.trials.prepare(pair).await {
            Ok(trial) => trial,
            Err(problem) => return vec![format!("{name}: {problem}")],
        };
        let VersionPair { new, live, .. } = trial.pair();
        if new == live {
            return Vec::new();
        }
        let kinds = (0..trial.kinds()).map(|number| self.find_problem(&trial, number));
        let problems: Vec<_> = join_all(kinds).await.into_iter().flatten().collect();
        if !problems.is_empty() {
            return problems;
        }
        let problem = self.start_driver(&trial).await.err();
        if problem.is_none() {
            count_for_function(Metric::RolloutStarted, &trial.pair().name, &trial.pair().new);
        }
        problem.into_iter().collect()
    }

    /// Makes the calls of a kind until the new version is as good as the live one; says what is wrong where it never
    /// is.
    async fn find_problem(&self, trial: &Trial, number: usize) -> Option<String> {
        let mut problem = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(self.hook.config.round).await;
            }
            let compared = self.hook.trials.compare(trial, number).await?;
            let found = match compared.judgement {
                Judgement::Agrees | Judgement::NotComparable(_) => return None,
                Judgement::Worse(found)
                | Judgement::Doubtful(found)
                | Judgement::OnlyNewFailed(found) => found,
            };
            let VersionPair { name, new, .. } = trial.pair();
            problem = Some(format!("{name} {new}, {}: {found}", compared.kind));
        }
        problem
    }

    /// Lets both versions be called while the rollout goes on.
    async fn start_driver(&self, trial: &Trial) -> Result<(), String> {
        let Some(driver) = &self.hook.config.driver else { return Ok(()) };
        let event = json!({ "functions": [trial.pair()] });
        let started = self.hook.trials.lambda.start(driver, &event).await;
        started.map_err(|problem| format!("{}: no driver: {problem}", trial.pair().name))
    }
}
