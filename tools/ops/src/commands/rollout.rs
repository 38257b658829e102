//! `ops rollout`: follows what is on its way to the callers, and ends it where that is asked for.

mod look;
mod page;
mod verdict;

use super::confirm;
use super::releases::name_stack;
use crate::aws::Session;
use crate::deploy::aliases::read_live;
use crate::deploy::next::write_command;
use crate::deploy::stack::find_rollouts;
use crate::deploy::stopping::{Waiting, find_stoppable};
use crate::options::{Options, require_stack};
use crate::output::{Report, say};
use anyhow::{Context, ensure};
use clap::Args;
use look::Look;
use page::{describe, write_functions, write_line, write_verdict};
use shared::clock::{format_iso8601, since_epoch};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use verdict::{FiredGates, Verdict};

/// So many looks may fail one after another: a rollout lasts longer than most faults of a network.
const MAX_FAILED_LOOKS: usize = 5;

/// Follows the rollout of a stack to its end.
///
/// For each function it tells both versions, the share of the callers who meet the new one, the hooks' steps and the state of
/// its gates; a line is added whenever something changes. It ends with 0 where all callers meet the new versions, and with 1
/// where they were taken back, naming the gate that fired and its runbook. Latencies are on the dashboard.
///
/// --abort stops it, and waits until nobody meets the new versions.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops rollout --stack cohere-gateway-prod
  ops rollout --stack cohere-gateway-prod --once
  ops rollout --stack cohere-gateway-prod --abort")]
pub struct FollowRollout {
    /// Look once and end
    #[arg(long)]
    once: bool,
    /// Stop it and lead the aliases back
    #[arg(long, conflicts_with = "once")]
    abort: bool,
    /// Stop it without asking
    #[arg(long, requires = "abort")]
    yes: bool,
    /// Between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    every_secs: u64,
    /// How long it is followed
    #[arg(long, value_name = "SECONDS", default_value_t = 7_200)]
    stack_wait_secs: u64,
}

impl FollowRollout {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let name = name_stack(options)?;
        let session = options.open_session().await?;
        let first = Look::take(&session, name).await?;
        if !first.is_under_way() {
            let left = find_shared(&session, name).await?;
            let last = report_last(&first, name, &left, options);
            // What was to be stopped has left callers at two versions.
            return Ok(Report { is_failed: self.abort && !left.is_empty(), ..last });
        }
        if self.once {
            return Ok(report(&first, Verdict::UnderWay, &FiredGates::default(), name));
        }
        if self.abort {
            return self.stop(&session, name, options).await;
        }
        let (look, fired) = self.follow(&session, name, options, first).await?;
        let verdict = Verdict::of(&look);
        let is_failed = verdict == Verdict::TakenBack;
        Ok(Report { is_failed, ..report(&look, verdict, &fired, name) })
    }

    fn pause(&self) -> Duration {
        Duration::from_secs(self.every_secs).max(Duration::from_millis(50))
    }

    /// Looks again and again, and tells what has changed.
    async fn follow(
        &self,
        session: &Session,
        name: &str,
        options: &Options,
        first: Look,
    ) -> anyhow::Result<(Look, FiredGates)> {
        let end = Instant::now() + Duration::from_secs(self.stack_wait_secs);
        let (mut look, mut fired, mut failed) = (first, FiredGates::default(), 0);
        let mut told = Told::default();
        loop {
            fired.note(&look);
            told.tell_changes(&look);
            if !look.is_under_way() {
                return Ok((look, fired));
            }
            let again = write_command("rollout", name, options);
            ensure!(
                Instant::now() + self.pause() < end,
                "it is still under way, and goes on by itself; follow it again by: {again}"
            );
            tokio::time::sleep(self.pause()).await;
            match Look::take(session, name).await {
                Ok(next) => (look, failed) = (next, 0),
                Err(error) if failed + 1 < MAX_FAILED_LOOKS => {
                    failed += 1;
                    say(&format!("cannot look, and try again: {error:#}"));
                }
                Err(error) => {
                    let goes_on =
                        format!("the rollout goes on by itself; follow it again by: {again}");
                    return Err(error.context(goes_on));
                }
            }
        }
    }

    /// Stops all of it, and waits until nobody meets the new versions.
    async fn stop(
        &self,
        session: &Session,
        name: &str,
        options: &Options,
    ) -> anyhow::Result<Report> {
        let stack = require_stack(session, name).await?;
        let rollouts = find_rollouts(session, name).await?;
        let stoppable = find_stoppable(session, &stack, &rollouts).await?;
        for deployment in &stoppable {
            say(&format!("stops {}, which rolls out {}", deployment.id, deployment.function));
        }
        match stoppable.is_empty() {
            true => {
                say("no function goes out gradually now: what goes out at once cannot be stopped")
            }
            false => {
                say("CloudFormation then takes the whole stack back, with its API and parameters");
            }
        }
        confirm(self.yes, "Stop the rollout?")?;
        let again = write_command("rollout --abort --yes", name, options);
        let waiting = Waiting {
            session,
            stack: name,
            pause: self.pause(),
            limit: Duration::from_secs(self.stack_wait_secs),
            again: &again,
        };
        waiting.stop_rollout().await?;
        let look = Look::take(session, name).await.context("stopped; its end is not known")?;
        let shared = find_shared(session, name).await.context("stopped; its end is not known")?;
        let ahead = look.functions.iter().filter(|function| function.new_share > 0.0);
        let ahead: Vec<_> = ahead.map(|function| function.folder.clone()).collect();
        let left = [shared, ahead].concat().join(", ");
        let verdict = Verdict::of(&look);
        // What went out at once could not be stopped, and is done.
        let is_back = left.is_empty() && verdict == Verdict::TakenBack;
        let back = write_command("rollback", name, options);
        let mut report = report(&look, verdict, &FiredGates::default(), name);
        report.text += &match (is_back, left.is_empty()) {
            (true, _) => "Nobody meets the new versions any more.\n".to_string(),
            (false, true) => format!("Nothing was taken back; go back by:\n  {back}\n"),
            (false, false) => {
                format!("Callers still meet the new version of {left}; go back by:\n  {back}\n")
            }
        };
        Ok(Report { is_failed: !is_back, ..report })
    }
}

/// What was told of each function, and of the stack.
#[derive(Default)]
struct Told {
    stack: String,
    functions: BTreeMap<String, String>,
}

impl Told {
    fn tell_changes(&mut self, look: &Look) {
        let time = format_iso8601(since_epoch());
        let time = time.get(11..19).unwrap_or_default();
        if self.stack != look.stack_status {
            say(&format!("{time} stack {}", look.stack_status));
            self.stack.clone_from(&look.stack_status);
        }
        for function in &look.functions {
            let line = write_line(function);
            if self.functions.get(&function.folder) != Some(&line) {
                say(&format!("{time} {line}"));
                self.functions.insert(function.folder.clone(), line);
            }
        }
    }
}

fn report(look: &Look, verdict: Verdict, fired: &FiredGates, stack: &str) -> Report {
    let text = write_functions(look) + &write_verdict(look, verdict, fired, stack);
    Report::new(text, describe(look, verdict, fired))
}

/// Returns the functions with two versions behind their alias.
async fn find_shared(session: &Session, stack: &str) -> anyhow::Result<Vec<String>> {
    let live = read_live(session, stack).await?.into_iter();
    let shared = live.filter(|(_, function)| !function.alias.shared_with.is_empty());
    Ok(shared.map(|(folder, _)| folder).collect())
}

/// Says that nothing rolls out, how the last one ended, and which weights it has left behind.
fn report_last(look: &Look, stack: &str, left: &[String], options: &Options) -> Report {
    let mut fired = FiredGates::default();
    fired.note(look);
    let verdict = Verdict::of(look);
    let last = match &look.since {
        Some(since) => format!("Nothing is rolling out. The last deployment began at {since}:\n"),
        None => "Nothing is rolling out, and the stack was never updated.\n".to_string(),
    };
    let mut report = report(look, verdict, &fired, stack);
    report.text.insert_str(0, &last);
    if !left.is_empty() {
        report.text += &format!(
            "Two versions of {} still meet callers, and no deployment can start from there; end it by:\n  {}\n",
            left.join(", "),
            write_command("rollback", stack, options)
        );
    }
    report
}
