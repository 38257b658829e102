//! `ops deploy`: from the source to a stack that answers, and the record of it.

mod after;

use crate::aws::Session;
use crate::deploy::commit::{find_commit, tell_other_source};
use crate::deploy::constraints::{check_region, check_value};
use crate::deploy::record::{Release, read_release};
use crate::deploy::revision::{Function, find_revisions, hash_text};
use crate::deploy::settings::{FILE, Parameters, Settings, Source, read_pair, settle_parameters};
use crate::deploy::stack::{Stack, ask_stack, find_failure, find_newest_event, list_functions};
use crate::deploy::template::{GENERATED, SOURCE, write_generated};
use crate::deploy::{account, preconditions, sam};
use crate::output::{print, say};
use crate::problem::Usage;
use after::Deployed;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// Deploys the gateway: checks, builds, deploys by sam, compares, tries and records.
///
/// Before anything is made it looks at tools, account, quotas and the state of the stack. Each function gets a
/// revision, a hash over its code and all that configures it, so that exactly what changed becomes a new version:
/// sam alone publishes none for a changed parameter. sam shows the change set and asks. Afterwards the versions in use
/// are compared with what was deployed, the synthetic client is made if there is none, the gateway is tried with
/// its token, and the release is recorded.
///
/// Parameters that are not given keep the values of the last deployment.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops deploy --environment dev
  ops deploy --environment prod --yes --parameter AllowTrialKey=on
  ops deploy --environment prod --no-build -- --role-arn arn:aws:iam::123456789012:role/deployment
  ops deploy --template-only       # writes target/deploy/template.yaml and asks nothing of AWS

The environments stand in samconfig.toml. What the last deployments were:
  aws ssm get-parameter-history --name /cohere-gateway/STACK/release")]
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

/// What is deployed, before AWS is asked.
struct Plan {
    root: PathBuf,
    source: String,
    template: Value,
    stack: String,
    region: Option<String>,
    given: Parameters,
}

impl Deploy {
    pub async fn run(self) -> anyhow::Result<()> {
        let plan = self.read_plan()?;
        if self.template_only {
            let parameters = settle(&plan, &Parameters::new(), false)?;
            return plan.write_template(&parameters).map(|_| ());
        }
        sam::check_confirmation(self.yes)?;
        let session = Session::open().await?;
        let (before, parameters) = self.check(&plan, &session).await?;
        if !self.no_build {
            say("building the functions");
            sam::build(&plan.root)?;
        }
        let functions = plan.write_template(&parameters)?;
        let commit = find_commit(&plan.root, &functions);
        tell_other_source(&plan.root, &commit);
        let last = read_release(&session, &plan.stack).await?;
        tell_new_versions(&functions, last.as_ref());
        self.run_sam(&plan, &session, before.as_ref(), &parameters).await?;
        let deployed = Deployed {
            session: &session,
            stack: &plan.stack,
            functions: &functions,
            last: last.as_ref(),
            is_new: before.is_none_or(|stack| stack.status == "REVIEW_IN_PROGRESS"),
            wait: std::time::Duration::from_secs(self.wait_secs),
            commit,
            parameters: &parameters,
            parameters_sha256: hash_text(&serde_json::to_string(&parameters)?),
        };
        let release = deployed.finish().await?;
        print(&format!("{}\n", serde_json::to_string(&release)?))
    }

    /// Lets `sam` deploy the template that has been written.
    async fn run_sam(
        &self,
        plan: &Plan,
        session: &Session,
        before: Option<&Stack>,
        parameters: &Parameters,
    ) -> anyhow::Result<()> {
        let deployment = sam::Deployment {
            sam: &self.sam,
            root: &plan.root,
            template: Path::new(GENERATED),
            environment: &self.environment,
            stack: &plan.stack,
            parameters,
            is_confirmed: self.yes,
            more: &self.more,
        };
        let newest = match before {
            Some(_) => find_newest_event(session, &plan.stack).await?,
            None => None,
        };
        if !sam::deploy(session, &deployment)? {
            explain_failure(session, &plan.stack, newest.as_deref()).await?;
        }
        Ok(())
    }

    fn read_plan(&self) -> anyhow::Result<Plan> {
        let root = std::env::current_dir().context("no current folder")?;
        let source = std::fs::read_to_string(root.join(SOURCE))
            .map_err(|_| Usage(format!("there is no {SOURCE} here: run this in the repository")))?;
        let template = cloudformation::read_template(&source).with_context(|| SOURCE)?;
        let settings = Settings::read(&root, &self.environment)?;
        let stack = self.stack_name.clone().or(settings.stack);
        let stack = stack.with_context(|| {
            Usage(format!("{FILE} names no stack for this environment: --stack-name"))
        })?;
        preconditions::check_stack_name(&template, &stack)?;
        let mut given = settings.parameters;
        given.extend(self.parameter.iter().cloned());
        // What the stack has is not known yet; what was given is refused before AWS is asked anything.
        for (name, value) in &given {
            check_value(name, value, &template["Parameters"][name])?;
        }
        Ok(Plan { root, source, template, stack, region: settings.region, given })
    }

    /// Checks tools, account, stack and quota; returns the stack as it is, and all parameters.
    async fn check(
        &self,
        plan: &Plan,
        session: &Session,
    ) -> anyhow::Result<(Option<Stack>, Parameters)> {
        let version = sam::check_version(&self.sam)?;
        let caller = account::ask_caller(session).await.context("cannot ask who this is")?;
        let region = &session.region;
        if let Some(expected) = plan.region.as_ref().filter(|expected| *expected != region) {
            let told = format!(
                "{FILE} says the region {expected}, and AWS_REGION or the profile {region}"
            );
            return Err(Usage(told).into());
        }
        say(&format!(
            "account {} as {}, region {region}, sam {version}",
            caller.account, caller.arn
        ));
        let before = ask_stack(session, &plan.stack).await?;
        match &before {
            None => say(&format!("stack {} is new", plan.stack)),
            Some(stack) => {
                say(&format!("stack {} is in {}", plan.stack, stack.status));
                if let Some(note) = preconditions::check_status(&stack.status, &plan.stack)? {
                    say(note);
                }
            }
        }
        let of_stack = before.as_ref().map(|stack| stack.parameters.clone()).unwrap_or_default();
        let parameters = settle(plan, &of_stack, true)?;
        check_region(&parameters, region)?;
        check_quota(plan, session, before.is_some(), &parameters).await?;
        Ok((before, parameters))
    }
}

impl Plan {
    fn write_template(&self, parameters: &Parameters) -> anyhow::Result<Vec<Function>> {
        let functions = find_revisions(&self.template, &self.stack, parameters, &self.root)?;
        write_generated(&self.root, &self.source, &functions)?;
        say(&format!("{GENERATED} has the revisions:"));
        for function in &functions {
            say(&format!("  {:<12} {}", function.folder, &function.revision[..10]));
        }
        Ok(functions)
    }
}

/// Settles all parameters and tells those that are no defaults.
fn settle(plan: &Plan, of_stack: &Parameters, is_told: bool) -> anyhow::Result<Parameters> {
    let settled = settle_parameters(&plan.template, &plan.given, of_stack)?;
    let mut parameters = Parameters::new();
    for (name, (value, source)) in settled {
        let default = plan.template["Parameters"][&name].get("Default");
        let is_default = default.map(cloudformation::plain_text).as_ref() == Some(&value);
        let whence = match source {
            Source::Given => "given",
            Source::Stack => "kept from the last deployment",
            Source::Default => "default",
        };
        if is_told && !is_default {
            say(&format!("parameter {name}={value} ({whence})"));
        }
        parameters.insert(name, value);
    }
    Ok(parameters)
}

async fn check_quota(
    plan: &Plan,
    session: &Session,
    exists: bool,
    parameters: &Parameters,
) -> anyhow::Result<()> {
    let quota = account::ask_quota(session).await?;
    let reserves = preconditions::find_reserves(&plan.template, parameters)?;
    let wanted: u64 = reserves.iter().map(|(_, number)| number).sum();
    let mut held = 0;
    if exists && wanted > 0 {
        for function in list_functions(session, &plan.stack).await?.values() {
            held += account::ask_reserve(session, function).await?;
        }
    }
    preconditions::check_quota(quota, held, wanted)?;
    let limit = quota.limit;
    say(&format!(
        "the account runs up to {limit} environments at once; {wanted} are reserved by this stack"
    ));
    if limit < 1_000 {
        say("that is few: each request under way holds one; ask for more at Service Quotas");
    }
    Ok(())
}

fn tell_new_versions(functions: &[Function], last: Option<&Release>) {
    let known: BTreeMap<_, _> = last.into_iter().flat_map(|release| &release.functions).collect();
    let is_new = |function: &&Function| {
        let known = known.get(&function.folder);
        function.is_created && known.is_none_or(|known| known.revision != function.revision)
    };
    let new: Vec<_> =
        functions.iter().filter(is_new).map(|function| function.folder.as_str()).collect();
    match new.is_empty() {
        true => say("no function gets a new version"),
        false => say(&format!("new versions of: {}", new.join(", "))),
    }
}

/// Says why `sam` failed, as the stack's events tell.
async fn explain_failure(
    session: &Session,
    stack: &str,
    newest: Option<&str>,
) -> anyhow::Result<Infallible> {
    let Some(now) = ask_stack(session, stack).await? else {
        bail!("sam failed, as said above, and there is no stack");
    };
    let cause = match find_failure(session, stack, newest).await? {
        Some(failure) => format!("sam failed; first cause: {failure}"),
        None => "sam failed, as said above".to_string(),
    };
    preconditions::check_status(&now.status, stack).context(cause.clone())?;
    bail!("{cause}; the stack is in {}: mend the cause and deploy again", now.status)
}
