//! What is looked at before anything is made: tools, account, stack and quota.

use super::plan::Plan;
use super::rollout::fill_parameters;
use crate::aws::Session;
use crate::deploy::constraints::check_region;
use crate::deploy::settings::{FILE, Parameters};
use crate::deploy::stack::{Stack, ask_stack, list_functions};
use crate::deploy::{account, preconditions, sam};
use crate::output::say;
use crate::problem::Usage;
use anyhow::Context;

/// What is there before, and what is meant to be.
pub struct Before {
    /// The stack as it is.
    pub stack: Option<Stack>,
    pub parameters: Parameters,
    /// Of these, what only a rollout is about.
    pub filled: Parameters,
}

/// Checks all of it.
pub async fn check(
    plan: &Plan,
    session: &Session,
    sam: &str,
    is_at_once: bool,
) -> anyhow::Result<Before> {
    let version = sam::check_version(sam)?;
    let caller = account::ask_caller(session).await.context("cannot ask who this is")?;
    let region = &session.region;
    if let Some(expected) = plan.region.as_ref().filter(|expected| *expected != region) {
        let told =
            format!("{FILE} says the region {expected}, and AWS_REGION or the profile {region}");
        return Err(Usage(told).into());
    }
    say(&format!("account {} as {}, region {region}, sam {version}", caller.account, caller.arn));
    let stack = ask_stack(session, &plan.stack).await?;
    match &stack {
        None => say(&format!("stack {} is new", plan.stack)),
        Some(stack) => {
            say(&format!("stack {} is in {}", plan.stack, stack.status));
            if let Some(note) = preconditions::check_status(&stack.status, &plan.stack)? {
                say(note);
            }
        }
    }
    let of_stack = stack.as_ref().map(|stack| stack.parameters.clone()).unwrap_or_default();
    let filled = fill_parameters(plan, session, stack.is_some(), is_at_once).await?;
    let parameters = plan.settle(&filled, &of_stack, true)?;
    check_region(&parameters, region)?;
    check_quota(plan, session, stack.is_some(), &parameters).await?;
    Ok(Before { stack, parameters, filled })
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
            held += account::ask_reserve(session, &function.name).await?;
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
