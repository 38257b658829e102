//! `ops rollback`: back to a recorded release, during a rollout or after it.

mod plan;
mod target;

use super::confirm;
use super::releases::name_stack;
use crate::aws::Session;
use crate::deploy::aliases::{LiveFunctions, read_live};
use crate::deploy::code_deploy::Deployment;
use crate::deploy::next::{list_next_commands, write_command};
use crate::deploy::record::{NumberedRelease, Release, Releases, read_releases, record_release};
use crate::deploy::smoke::try_gateway;
use crate::deploy::stack::{Stack, find_rollouts};
use crate::deploy::stopping::{Stopped, Waiting, find_stoppable, is_in_progress};
use crate::deploy::synthetic_client::read_token_of;
use crate::options::{Options, require_stack};
use crate::output::{Report, WIDTH, say, wrap};
use crate::store::Store;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use plan::{Move, check_moved, check_versions, find_moves, make_record, move_all, tell_plan};
use serde_json::json;
use shared::clock::{format_iso8601, since_epoch};
use std::time::Duration;
use target::{Choice, Situation};

/// Goes back to a recorded release: stops what is rolling out, then moves the aliases.
///
/// During a rollout it goes back to what was live before, else to the last good release before the newest. What is rolling
/// out is stopped first, and CloudFormation is waited for, which takes the stack back: an alias that is moved beside
/// CodeDeploy ends where nobody wants it. Then all aliases move at once, the gateway is tried with the synthetic client's
/// token, and what is live is recorded. It ends with the commands that make the next deployment work. Run again, it
/// finishes what was begun, and never goes further back.
///
/// Versions go back and nothing else: the API, its limits and its authorizer's settings, parameters, secrets and clients
/// stay as they are. It says what it will do, and asks.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops rollback --stack cohere-gateway-prod
  ops rollback --stack cohere-gateway-prod --to 12     # as `ops releases` numbers them
  ops rollback --stack cohere-gateway-prod --yes       # from a script")]
pub struct Rollback {
    /// Number of the release, as `ops releases` lists it
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// Go back without asking
    #[arg(long)]
    yes: bool,
    /// How long CodeDeploy and CloudFormation are waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    stack_wait_secs: u64,
    /// Between two looks at them
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    every_secs: u64,
    /// How long the smoke test waits for an answer that may still change, such as a remembered denial
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    wait_secs: u64,
}

/// What was found out before anything is done.
struct Before {
    stack: Stack,
    running: Vec<Deployment>,
    live: LiveFunctions,
    releases: Releases,
}

impl Before {
    async fn read(session: &Session, name: &str) -> anyhow::Result<Self> {
        let stack = require_stack(session, name).await?;
        check_status(&stack.status)?;
        let rollouts = find_rollouts(session, name).await?;
        let (running, live, releases) = tokio::try_join!(
            find_stoppable(session, &stack, &rollouts),
            read_live(session, name),
            read_releases(session, name),
        )?;
        Ok(Self { stack, running, live, releases })
    }

    /// Whether callers meet, or will meet, something new. What CloudFormation cleans up has come to its end.
    fn is_rolling_out(&self) -> bool {
        let status = &self.stack.status;
        !self.running.is_empty() || (is_in_progress(status) && !status.contains("CLEANUP"))
    }

    fn choose(&self, named: Option<u64>) -> anyhow::Result<Choice<'_>> {
        let situation = Situation {
            releases: &self.releases,
            live: &self.live,
            is_rolling_out: self.is_rolling_out(),
            is_taken_back: is_taken_back(&self.stack.status),
        };
        situation.choose(named)
    }

    /// The last release that is recorded, which may be none.
    fn newest(&self) -> Release {
        let newest = self.releases.known.last();
        newest.map(|newest| newest.release.clone()).unwrap_or_default()
    }

    /// Says what is waited for before anything is moved.
    fn tell_waiting(&self) {
        for Deployment { id, function, .. } in &self.running {
            say(&format!("  stops {id}, which rolls out {function}"));
        }
        if !self.running.is_empty() || is_in_progress(&self.stack.status) {
            let status = &self.stack.status;
            say(&format!("  waits until CloudFormation is done with the stack, now in {status}"));
        }
    }
}

impl Rollback {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let name = name_stack(options)?;
        let session = options.open_session().await?;
        let before = Before::read(&session, name).await?;
        let target = match before.choose(self.to)? {
            Choice::Release(target) => target,
            Choice::Nothing(told) => return Ok(report_nothing(&told)),
        };
        let moves = find_moves(&target.release, &before.live);
        let newest = before.newest();
        let is_waiting = !before.running.is_empty() || is_in_progress(&before.stack.status);
        let is_recorded = make_record(target, &newest, &before.live)?.has_versions_of(&newest);
        if moves.is_empty() && !is_waiting && is_recorded {
            return Ok(report_nothing(&format!("release {} is live already", target.number)));
        }
        check_versions(&session, target, &moves).await?;
        tell_plan(target, &newest, &moves, &before.live);
        before.tell_waiting();
        confirm(self.yes, "Go back?")?;
        let again = write_command(&format!("rollback --to {} --yes", target.number), name, options);
        let waiting = Waiting {
            session: &session,
            stack: name,
            pause: Duration::from_secs(self.every_secs).max(Duration::from_millis(50)),
            limit: Duration::from_secs(self.stack_wait_secs),
            again: &again,
        };
        let (stack, stopped) = waiting.stop_rollout().await?;
        // Somebody's deployment may have come to its end meanwhile, and is recorded since.
        let releases = read_releases(&session, name).await.with_context(|| retry_by(&again))?;
        let newest = releases.known.last().map(|last| last.release.clone()).unwrap_or_default();
        // What was stopped has gone back by itself.
        let live = read_live(&session, name).await.with_context(|| retry_by(&again))?;
        let moves = find_moves(&target.release, &live);
        move_all(&session, &moves, &again).await?;
        let live = read_live(&session, name).await.with_context(|| retry_by(&again))?;
        check_moved(target, &live, &again)?;
        let done = Done { session: &session, name, options, target, stack: &stack, live: &live };
        done.finish(&newest, &moves, &stopped, Duration::from_secs(self.wait_secs)).await
    }
}

/// Whether a stack's last deployment has failed, and left live what was before it.
fn is_taken_back(status: &str) -> bool {
    status == "UPDATE_FAILED" || status.starts_with("UPDATE_ROLLBACK") && !is_in_progress(status)
}

/// Refuses a stack that has never had a release, or is being deleted.
fn check_status(status: &str) -> anyhow::Result<()> {
    let is_first = ["CREATE_IN", "CREATE_FAILED", "REVIEW", "ROLLBACK"];
    if is_first.iter().any(|beginning| status.starts_with(beginning)) {
        bail!(
            "the stack is in {status}: its first deployment is not done, and nothing is there to go back to"
        );
    }
    if status.starts_with("DELETE") {
        bail!("the stack is in {status}: nothing is there to go back to");
    }
    Ok(())
}

fn report_nothing(told: &str) -> Report {
    let data = json!({ "release": null, "told": told });
    let text = wrap(&format!("Nothing to do: {told}."), WIDTH).join("\n");
    Report::new(text + "\n", data)
}

fn retry_by(again: &str) -> String {
    format!("not known whether all is done; run this again:\n  {again}\n")
}

/// Aliases that are back.
struct Done<'a> {
    session: &'a Session,
    name: &'a str,
    options: &'a Options,
    target: &'a NumberedRelease,
    stack: &'a Stack,
    live: &'a LiveFunctions,
}

impl Done<'_> {
    /// Tells the next deployment, tries the gateway and records what is live.
    async fn finish(
        &self,
        newest: &Release,
        moves: &[Move],
        stopped: &Stopped,
        wait: Duration,
    ) -> anyhow::Result<Report> {
        let Self { session, name, options, target, stack, live } = self;
        let number = target.number;
        say(&format!("the aliases lead to release {number} again"));
        let next = list_next_commands(
            name,
            &session.region,
            &stack.status,
            &target.release,
            live,
            options,
        );
        let advice = format!("The next deployment:\n  {}\n", next.join("\n  "));
        let tried = self.try_out(wait).await;
        let smoke_test = tried.as_deref().unwrap_or("failed");
        let recorded = self.record(newest, moves, smoke_test).await;
        if let Err(error) = tried {
            say(&advice);
            let again = write_command("preflight", name, options);
            return Err(error.context(format!(
                "release {number} is live again, and does not serve as it should; once mended, see: {again}"
            )));
        }
        if let Err(error) = recorded {
            say(&advice);
            let again = write_command(&format!("rollback --to {number} --yes"), name, options);
            return Err(error.context(format!(
                "release {number} is live again and serves; it is recorded by running this again: {again}"
            )));
        }
        let stopped = stopped.iter().filter(|(_, is_stopped)| **is_stopped);
        let data = json!({
            "release": number,
            "moved": moves.iter().map(Move::describe).collect::<Vec<_>>(),
            "stopped": stopped.map(|(id, _)| id).collect::<Vec<_>>(),
            "stack_status": stack.status,
            "smoke_test": smoke_test,
            "next_commands": next,
        });
        let text = format!("Release {number} is live again, smoke test {smoke_test}.\n{advice}");
        Ok(Report::new(text, data))
    }

    /// Tries the gateway with the synthetic client; returns the word for the record.
    async fn try_out(&self, wait: Duration) -> anyhow::Result<String> {
        let find = |name: &str| {
            let output = self.stack.outputs.get(name);
            output.ok_or_else(|| anyhow!("the stack has no output {name}"))
        };
        let secret = Store::with_session(self.session, find("SyntheticClientSecretArn")?);
        let token = read_token_of(&secret).await?;
        let token = token.context("there is no synthetic client, which ops deploy makes")?;
        let verdict = try_gateway(self.session, find("ApiUrl")?, &token, false, wait).await?;
        Ok(verdict.as_str().to_string())
    }

    /// Records what is live now, where somebody went back to it: the last record is of something else, or
    /// CloudFormation has aliases elsewhere and would be obeyed.
    async fn record(
        &self,
        newest: &Release,
        moves: &[Move],
        smoke_test: &str,
    ) -> anyhow::Result<()> {
        let record = make_record(self.target, newest, self.live)?;
        let mut functions = self.live.values();
        let is_of_stack = functions.all(|live| live.alias.is_wholly_at(&live.of_stack));
        let is_told = newest.back_to.is_some() || moves.is_empty() || is_of_stack;
        if record.has_versions_of(newest) && is_told {
            return Ok(());
        }
        let time = format_iso8601(since_epoch());
        let record = Release { time, smoke_test: smoke_test.to_string(), ..record };
        let number = record_release(self.session, self.name, &record).await?;
        say(&format!("recorded as release {number}, which is {} again", self.target.number));
        Ok(())
    }
}
