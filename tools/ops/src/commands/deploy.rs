//! `ops deploy`: from the source to a stack that answers, and the record of it.

mod after;
mod before;
mod change;
mod live;
mod plan;
mod rollout;

use crate::commands::releases::list_versions;
use crate::deploy::commit::{find_commit, tell_other_source};
use crate::deploy::next::write_command;
use crate::deploy::record::{NumberedRelease, Release, read_release};
use crate::deploy::revision::{Function, hash_text};
use crate::deploy::salt::{find_salt, is_rolled_back, salt_revisions};
use crate::deploy::sam;
use crate::deploy::settings::{Parameters, read_pair};
use crate::deploy::stack::Stack;
use crate::deploy::template::GENERATED;
use crate::options::Options;
use crate::output::{Report, WIDTH, say, wrap};
use after::Deployed;
use before::Before;
use clap::Args;
use plan::Plan;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Deploys the gateway: checks, builds, deploys by sam, compares, tries and records.
///
/// Before anything is made it looks at tools, account, quotas and the state of the stack. Each function gets a
/// revision, a hash over its code and all that configures it, so that exactly what changed becomes a new version:
/// sam alone publishes none for a changed parameter. sam shows the change set and asks. Afterwards the versions in use
/// are compared with what was deployed, the synthetic client is made if there is none, the gateway is tried with
/// its token, and the release is recorded.
///
/// A new version meets a tenth of the callers first, and is taken back where it is worse than the one that was live
/// (docs/rollout.md). --at-once skips that for this one deployment.
///
/// Parameters that are not given keep the values of the last deployment.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops deploy --environment dev
  ops deploy --environment prod --yes --parameter AllowTrialKey=on
  ops deploy --environment prod --at-once
  ops deploy --environment prod --no-build -- --role-arn ROLE_ARN
  ops deploy --template-only       # writes it to target/deploy, without AWS

The environments stand in samconfig.toml. What was deployed, how it comes to the callers, and the way back:
  ops releases --stack cohere-gateway-prod
  ops rollout --stack cohere-gateway-prod
  ops rollback --stack cohere-gateway-prod")]
pub struct Deploy {
    /// Environment of samconfig.toml
    #[arg(long, value_name = "NAME", default_value = "default")]
    environment: String,
    /// Name of the stack, instead of the environment's
    #[arg(long, value_name = "NAME")]
    stack_name: Option<String>,
    /// Value of a parameter of the template, over the environment's; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = read_pair)]
    parameter: Vec<(String, String)>,
    /// Execute the change set without asking
    #[arg(long)]
    yes: bool,
    /// Bring all callers to the new versions at once, without gates: in an emergency, or after going back by hand
    #[arg(long)]
    at_once: bool,
    /// Take the functions from target/functions as they are
    #[arg(long)]
    no_build: bool,
    /// Only write the template with the revisions
    #[arg(long)]
    template_only: bool,
    /// How long the smoke test waits for a new API or for Cohere
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    wait_secs: u64,
    /// The command line of AWS SAM
    #[arg(long, value_name = "PATH", default_value = "sam")]
    sam: String,
    /// Further options of `sam deploy`
    #[arg(last = true, value_name = "OPTION")]
    more: Vec<String>,
}

impl Deploy {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let stack = self.stack_name.as_deref().or(options.stack.as_deref());
        let plan = Plan::read(&self.environment, stack, &self.parameter)?;
        if self.template_only {
            let parameters = plan.settle(&Parameters::new(), &Parameters::new(), false)?;
            plan.write_template(&plan.find_functions(&parameters)?)?;
            return Ok(Report::of_data(json!({ "template": GENERATED })));
        }
        sam::check_confirmation(self.yes)?;
        rollout::check_given(&plan)?;
        let session = options.open_session().await?;
        let before = before::check(&plan, &session, &self.sam, self.at_once).await?;
        let Before { stack: before, parameters, filled } = before;
        if self.at_once {
            rollout::confirm_at_once(self.yes)?;
        }
        if !self.no_build {
            say("building the functions");
            sam::build(&plan.root)?;
        }
        let last = read_release(&session, &plan.stack).await?;
        let mut functions = plan.find_functions(&parameters)?;
        let is_new = before.as_ref().is_none_or(|stack| stack.status == "REVIEW_IN_PROGRESS");
        // What a deleted stack of this name had tells nothing of this one.
        let live = last.as_ref().filter(|_| !is_new);
        let salt = salt(&mut functions, live, before.as_ref());
        plan.write_template(&functions)?;
        let commit = find_commit(&plan.root, &functions);
        tell_other_source(&plan.root, &commit);
        tell_new_versions(&functions, live);
        if before.is_some() && !self.at_once {
            let follow = write_command("rollout", &plan.stack, options);
            say(&format!(
                "once sam has begun to update, follow it from another terminal: {follow}"
            ));
        }
        let deployment = self.prepare_sam(&plan, &parameters);
        change::run_sam(&plan, &session, before.is_some(), &deployment).await?;
        let deployed = Deployed {
            session: &session,
            stack: &plan.stack,
            functions: &functions,
            live,
            is_new,
            salt,
            wait: Duration::from_secs(self.wait_secs),
            commit,
            parameters: &parameters,
            parameters_sha256: hash_chosen(&parameters, &filled)?,
            options,
        };
        let release = deployed.finish().await?;
        Ok(Report::new(
            write_release(&plan.stack, &release),
            serde_json::to_value(&release.release)?,
        ))
    }

    fn prepare_sam<'a>(
        &'a self,
        plan: &'a Plan,
        parameters: &'a Parameters,
    ) -> sam::Deployment<'a> {
        sam::Deployment {
            sam: &self.sam,
            root: &plan.root,
            template: Path::new(GENERATED),
            environment: &self.environment,
            stack: &plan.stack,
            parameters,
            is_confirmed: self.yes,
            more: &self.more,
        }
    }
}

/// Writes what is live now.
fn write_release(stack: &str, numbered: &NumberedRelease) -> String {
    let NumberedRelease { number, release } = numbered;
    let head = format!("Release {number} of {stack} is live, smoke test {}.", release.smoke_test);
    let versions = wrap(&format!("Versions: {}", list_versions(release)), WIDTH).join("\n");
    format!("{head}\nCommit: {}\n{versions}\n", release.commit)
}

/// Returns a hash of the parameters that somebody has chosen.
fn hash_chosen(parameters: &Parameters, filled: &Parameters) -> anyhow::Result<String> {
    let chosen: Parameters = parameters
        .iter()
        .filter(|(name, _)| !filled.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Ok(hash_text(&serde_json::to_string(&chosen)?))
}

/// Tells new revisions from those that a rolled-back deployment has published, and returns what is mixed into them.
fn salt(
    functions: &mut [Function],
    live: Option<&Release>,
    before: Option<&Stack>,
) -> Option<String> {
    let before = before?;
    let salt = find_salt(before, live);
    let salted = salt_revisions(functions, live, salt.as_deref());
    if is_rolled_back(before) && !salted.is_empty() {
        say(&format!(
            "the last deployment was rolled back, and AWS Lambda publishes none of its versions again: another \
             revision for {}",
            salted.join(", ")
        ));
    }
    salt
}

fn tell_new_versions(functions: &[Function], last: Option<&Release>) {
    if last.is_some_and(|release| release.back_to.is_some()) {
        say(
            "versions went back by hand: functions that the stack has at other ones get new versions",
        );
        return;
    }
    let known: BTreeMap<_, _> = last.into_iter().flat_map(|release| &release.functions).collect();
    let is_new = |function: &&Function| {
        let known = known.get(&function.folder);
        function.is_released && known.is_none_or(|known| known.revision != function.revision)
    };
    let new: Vec<_> =
        functions.iter().filter(is_new).map(|function| function.folder.as_str()).collect();
    match new.is_empty() {
        true => say("no function gets a new version"),
        false => say(&format!("new versions of: {}", new.join(", "))),
    }
}
