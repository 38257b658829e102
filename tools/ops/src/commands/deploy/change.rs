//! The change set: `sam` makes and executes it, unless somebody declines it.

use super::plan::Plan;
use crate::aws::Session;
use crate::deploy::stack::{ask_stack, find_failure, find_newest_event, list_change_sets};
use crate::deploy::{preconditions, sam};
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// Lets `sam` deploy the template that has been written. A change set that is not executed, whatever is in it, is an
/// error: `sam` ends well where somebody declines it.
pub async fn run_sam(
    plan: &Plan,
    session: &Session,
    exists: bool,
    deployment: &sam::Deployment<'_>,
) -> anyhow::Result<()> {
    let (newest, known) = match exists {
        true => (
            find_newest_event(session, &plan.stack).await?,
            list_change_sets(session, &plan.stack).await?,
        ),
        false => (None, BTreeSet::new()),
    };
    if !sam::deploy(session, deployment)? {
        explain_failure(session, &plan.stack, newest.as_deref()).await?;
    }
    let waiting = list_change_sets(session, &plan.stack).await?;
    ensure!(
        waiting.is_subset(&known),
        "the change set was not executed: nothing was deployed or recorded"
    );
    Ok(())
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
    let gates = match now.status.starts_with("UPDATE_ROLLBACK") {
        true => format!(
            " Callers are on the versions before; which gate fired: ops rollout --stack {stack}"
        ),
        false => String::new(),
    };
    bail!("{cause}; the stack is in {}: mend the cause and deploy again.{gates}", now.status)
}
