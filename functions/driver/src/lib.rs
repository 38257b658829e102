//! Calls the new and the live version of functions at an equal small rate, so that gates see both at any traffic.
//!
//! Started by the pre-traffic hook; it ends with its time, or once the rollout is over: the alias leads to one
//! version again.

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use shared::clock::{Instant, now};
use shared::config::vars::Vars;
use shared::config::{RolloutConfig, VersionPair};
use shared::rollout::alias::RolloutWatch;
use shared::rollout::trial::{Trial, Trials};
use shared::telemetry::event_line::{EventLine, Level, set_origin};
use shared::telemetry::invocation::InvocationIds;
use shared::transport::Transport;
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

/// How long it calls where the event names no time: the rest of an invocation's 15 minutes is for its last calls.
const USUAL_SECS: u64 = 840;
/// So often between two looks at the alias.
const LOOK_ROUNDS: usize = 5;

/// What calls both versions. Scope: environment.
pub struct Driver {
    trials: Trials,
    round: Duration,
}

/// What a hook starts it with.
#[derive(Debug, Deserialize)]
pub struct Rollout {
    functions: Vec<VersionPair>,
    /// How long at most, unless the rollout is over.
    seconds: Option<u64>,
}

/// What it has done, for whoever invokes it by hand.
#[derive(Debug, Default, Serialize)]
pub struct Driven {
    pairs: usize,
    mismatches: usize,
}

/// Why it has stopped calling a function.
enum End {
    Over,
    TimeUp,
    NotPrepared(String),
}

impl Driver {
    /// Builds the driver; calls nothing yet.
    ///
    /// # Errors
    /// A bad setting.
    pub async fn start(vars: impl Vars) -> Result<&'static Self, Box<dyn Error + Send + Sync>> {
        let config = RolloutConfig::from_vars(&vars)?;
        set_origin(&config.service, &config.version);
        let transport = Transport::new(&config.http)?;
        let trials = Trials::new(&transport, &config).await;
        Ok(Box::leak(Box::new(Self { trials, round: config.round })))
    }

    /// Calls both versions of all functions of an event until the end.
    ///
    /// # Errors
    /// None: whatever differs is a line and a metric.
    pub async fn drive(&'static self, rollout: Rollout) -> Result<Driven, Infallible> {
        let seconds = rollout.seconds.unwrap_or(USUAL_SECS).min(USUAL_SECS);
        let end = now() + Duration::from_secs(seconds);
        let driving = rollout.functions.into_iter().map(|pair| self.drive_function(pair, end));
        let mut all = Driven::default();
        for driven in join_all(driving).await {
            all.pairs += driven.pairs;
            all.mismatches += driven.mismatches;
        }
        Ok(all)
    }

    async fn drive_function(&self, pair: VersionPair, end: Instant) -> Driven {
        let mut driven = Driven::default();
        let (name, new) = (pair.name.clone(), pair.new.clone());
        let why = match self.trials.prepare(pair).await {
            Ok(trial) => self.drive_trial(&trial, end, &mut driven).await,
            Err(problem) => End::NotPrepared(problem),
        };
        write_end(&name, &new, &driven, why);
        driven
    }

    async fn drive_trial(&self, trial: &Trial, end: Instant, driven: &mut Driven) -> End {
        let (start, mut watch) = (now(), RolloutWatch::default());
        loop {
            let round = now();
            if driven.pairs.is_multiple_of(LOOK_ROUNDS)
                && let Ok(alias) = self.trials.read_alias(trial).await
                && watch.note_alias(&alias, &trial.pair().new, now() - start)
            {
                return End::Over;
            }
            let kind = trial.kind_of_round(driven.pairs);
            if let Some(compared) = self.trials.compare(trial, kind).await {
                driven.mismatches += usize::from(trial.write(&compared));
            }
            driven.pairs += 1;
            let next = round + self.round;
            if next >= end {
                return End::TimeUp;
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

/// Writes what was done for a function, and why it has ended.
fn write_end(name: &str, new: &str, driven: &Driven, why: End) {
    let (why, problem) = match why {
        End::Over => ("over", None),
        End::TimeUp => ("time_up", None),
        End::NotPrepared(problem) => ("not_prepared", Some(problem)),
    };
    let mut line = EventLine::new(Level::Info, "driver_ended", "driver");
    line.add_invocation(InvocationIds::current().as_ref());
    line.add("function", name);
    line.add("new_version", new);
    line.add("end", why);
    line.add("pairs", driven.pairs);
    line.add("mismatches", driven.mismatches);
    line.add("problem", problem.as_deref());
    line.write();
}
