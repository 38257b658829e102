//! Tries two versions beside each other, call by call, and writes what differs.

use super::alias::Alias;
use super::answer::{Outcome, read_outcome};
use super::judge::{Judgement, judge_pair};
use super::kinds::{MarkedCall, build_calls};
use super::lambda_api::LambdaApi;
use crate::config::{RolloutConfig, RolloutModels, SecretConfig, VersionPair};
use crate::secrets::secrets_manager::{CURRENT, SecretsManager};
use crate::secrets::token::is_token;
use crate::telemetry::event_line::{EventLine, Level};
use crate::telemetry::invocation::InvocationIds;
use crate::telemetry::metrics::Metric;
use crate::transport::Transport;
use futures_util::future::join;
use std::time::Duration;

/// How often a pair is tried where chance may have made the difference.
const TRIES: usize = 3;

/// Calls both versions of functions. Scope: environment.
pub struct Trials {
    pub lambda: LambdaApi,
    token: SecretsManager,
    token_limit: Duration,
    models: RolloutModels,
}

/// Two versions of a function and what they are asked. Scope: invocation.
pub struct Trial {
    pair: VersionPair,
    calls: Vec<MarkedCall>,
    /// The kinds of the driver's rounds, which begin again after the last one.
    rounds: Vec<usize>,
}

/// What one kind of call came to.
#[derive(Debug)]
pub struct Compared {
    pub kind: &'static str,
    pub judgement: Judgement,
}

impl Trials {
    /// Prepares to call; asks nothing yet.
    pub async fn new(transport: &Transport, config: &RolloutConfig) -> Self {
        let SecretConfig { id, store_url, timeout, .. } = &config.token;
        Self {
            lambda: LambdaApi::new(transport.clone(), config.aws.clone()),
            token: SecretsManager::new(transport, id, store_url.as_deref()).await,
            token_limit: *timeout,
            models: config.models.clone(),
        }
    }

    /// Prepares the calls of one function; a live version that is not named is the alias's.
    ///
    /// # Errors
    /// There are no two versions to compare, and why.
    pub async fn prepare(&self, mut pair: VersionPair) -> Result<Trial, String> {
        if pair.live.is_empty() {
            let alias = self.lambda.read_alias(&pair.function, super::alias::LIVE).await?;
            pair.live = alias.version;
        }
        let token = match pair.name.as_str() {
            "authorizer" => self.read_token().await,
            _ => None,
        };
        let calls = build_calls(&pair.name, &self.models, token.as_deref());
        let rounds = spread_shares(&calls);
        Ok(Trial { pair, calls, rounds })
    }

    /// Reads where the alias of the function leads.
    ///
    /// # Errors
    /// Lambda does not say, and why.
    pub async fn read_alias(&self, trial: &Trial) -> Result<Alias, String> {
        self.lambda.read_alias(&trial.pair.function, super::alias::LIVE).await
    }

    async fn read_token(&self) -> Option<String> {
        let read = tokio::time::timeout(self.token_limit, self.token.find_version(CURRENT, None));
        let token = read.await.ok()?.ok()??.text.expose().trim().to_string();
        is_token(&token).then_some(token)
    }

    /// Makes the calls of a kind until chance is ruled out; `None` where there is no such kind.
    pub async fn compare(&self, trial: &Trial, kind: usize) -> Option<Compared> {
        let call = trial.calls.get(kind)?;
        let mut judgement = self.compare_once(&trial.pair, call).await;
        for _ in 1..TRIES {
            if !matches!(judgement, Judgement::Doubtful(_)) {
                break;
            }
            judgement = self.compare_once(&trial.pair, call).await;
        }
        Some(Compared { kind: call.kind, judgement })
    }

    async fn compare_once(&self, pair: &VersionPair, call: &MarkedCall) -> Judgement {
        let (live, new) =
            join(self.call(pair, &pair.live, call), self.call(pair, &pair.new, call)).await;
        judge_pair(&live, &new, call.is_of_a_model)
    }

    async fn call(&self, pair: &VersionPair, version: &str, call: &MarkedCall) -> Outcome {
        read_outcome(self.lambda.invoke(&pair.function, version, &call.event).await)
    }
}

/// Returns the kinds of as many rounds as the shares add up to, those of a kind far from each other.
pub(super) fn spread_shares(calls: &[MarkedCall]) -> Vec<usize> {
    let rounds: usize = calls.iter().map(|call| call.share).sum();
    let mut due = vec![0; calls.len()];
    let mut spread = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        for (due, call) in due.iter_mut().zip(calls) {
            *due += call.share as isize;
        }
        let Some(kind) = (0..calls.len()).max_by_key(|kind| due[*kind]) else { break };
        due[kind] -= rounds as isize;
        spread.push(kind);
    }
    spread
}

impl Trial {
    pub fn pair(&self) -> &VersionPair {
        &self.pair
    }

    /// How many kinds of calls there are.
    pub fn kinds(&self) -> usize {
        self.calls.len()
    }

    /// Returns the kind of a round of the driver; each kind comes in its share of them.
    pub fn kind_of_round(&self, round: usize) -> usize {
        let place = round % self.rounds.len().max(1);
        self.rounds.get(place).copied().unwrap_or_default()
    }

    /// Writes what a pair of calls came to, with its metric, and returns whether it is a mismatch.
    pub fn write(&self, compared: &Compared) -> bool {
        let (is_mismatch, said, problem) = match &compared.judgement {
            Judgement::Agrees => (false, "agrees", None),
            Judgement::Worse(problem) => (true, "worse", Some(problem)),
            Judgement::Doubtful(problem) => (true, "worse", Some(problem)),
            Judgement::OnlyNewFailed(problem) => (false, "new_failed", Some(problem)),
            Judgement::NotComparable(problem) => (false, "not_comparable", Some(problem)),
        };
        let mut line = EventLine::new(Level::Info, "versions_compared", "two versions");
        line.add_invocation(InvocationIds::current().as_ref());
        line.set_function(&self.pair.name, &self.pair.new);
        line.add("kind", compared.kind);
        line.add("live_version", self.pair.live.as_str());
        line.add("judgement", said);
        line.add("problem", problem.map(String::as_str));
        // Zeros too: a driver that says nothing must be told from one that finds nothing.
        line.count_if(Metric::GateMismatch, is_mismatch);
        line.write();
        is_mismatch
    }
}
