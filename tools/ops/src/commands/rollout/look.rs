//! One look at a rollout: each function's versions, its share of callers, its steps and gates.

use crate::aws::Session;
use crate::deploy::account::{Alias, ask_alias, query};
use crate::deploy::aliases::name_folder;
use crate::deploy::code_deploy::{Deployment, Target, ask_group, ask_target, list_since};
use crate::deploy::compare::ALIAS;
use crate::deploy::stack::{Rollouts, Stack, find_rollouts, list_functions};
use crate::deploy::stopping::is_in_progress;
use crate::options::require_stack;
use crate::signed_call::{CLOUDWATCH, percent_encode};
use crate::xml::{child, members};
use anyhow::Context;
use futures_util::future::try_join_all;
use roxmltree::Document;
use shared::clock::parse_iso8601;
use std::collections::BTreeMap;
use std::time::Duration;

/// Alarms that CloudWatch describes at once.
const MAX_ALARMS: usize = 100;

/// A function under way to another version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionLook {
    pub folder: String,
    /// The deployment that brings the new version.
    pub deployment: Deployment,
    /// The one that leads back from there.
    pub rollback: Option<Deployment>,
    pub target: Target,
    /// Part of the callers who meet the new version.
    pub new_share: f64,
    /// Names and states of the alarms that can stop it.
    pub gates: Vec<(String, String)>,
}

/// The stack and all its functions of one rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    pub stack_status: String,
    /// When the last update began.
    pub since: Option<String>,
    pub functions: Vec<FunctionLook>,
}

impl Look {
    /// Looks at all that has begun since the stack's last update did.
    pub async fn take(session: &Session, name: &str) -> anyhow::Result<Self> {
        let stack = require_stack(session, name).await?;
        let Some(since) = stack.last_updated.as_deref().and_then(parse_iso8601) else {
            return Ok(Self { stack_status: stack.status, ..Self::default() });
        };
        let rollouts = find_rollouts(session, name).await?;
        let mut functions = look_at_functions(session, name, &rollouts, since).await?;
        add_gate_states(session, &mut functions).await?;
        let Stack { status, last_updated, .. } = stack;
        Ok(Self { stack_status: status, since: last_updated, functions })
    }

    /// Whether something is still under way.
    pub fn is_under_way(&self) -> bool {
        let status = &self.stack_status;
        let is_stack = is_in_progress(status) && !status.contains("COMPLETE_CLEANUP");
        is_stack || self.functions.iter().any(FunctionLook::is_under_way)
    }
}

impl FunctionLook {
    fn is_under_way(&self) -> bool {
        let is_back = self.rollback.as_ref().is_some_and(Deployment::is_running);
        self.deployment.is_running() || is_back
    }
}

async fn look_at_functions(
    session: &Session,
    stack: &str,
    rollouts: &Rollouts,
    since: Duration,
) -> anyhow::Result<Vec<FunctionLook>> {
    let (deployments, names) =
        tokio::try_join!(list_since(session, rollouts, since), list_functions(session, stack))?;
    let mut of_function: BTreeMap<String, FunctionLook> = BTreeMap::new();
    for deployment in deployments {
        let look = of_function.entry(deployment.function.clone()).or_default();
        if deployment.is_rollback {
            look.rollback = Some(deployment);
        } else {
            (look.deployment, look.rollback) = (deployment, None);
        }
    }
    // A rollback alone is of a deployment that began before.
    of_function.retain(|_, look| !look.deployment.id.is_empty());
    let looks = of_function.into_iter().map(async |(resource, mut look)| -> anyhow::Result<_> {
        let name = names.get(&resource).with_context(|| format!("the stack has no {resource}"))?;
        let group = rollouts.groups.get(&resource).map(String::as_str).unwrap_or_default();
        let (target, alias, group) = tokio::try_join!(
            ask_target(session, &look.deployment.id),
            ask_alias(session, &name.name, ALIAS),
            ask_group(session, &rollouts.application, group),
        )?;
        look.folder = name_folder(&resource);
        look.target = target.unwrap_or_default();
        look.new_share = find_share(&alias, &look.target.new);
        look.gates = group.alarms.into_iter().map(|name| (name, String::new())).collect();
        Ok(look)
    });
    try_join_all(looks).await
}

/// Returns the part of the callers who meet a version.
fn find_share(alias: &Alias, version: &str) -> f64 {
    if let Some(share) = alias.shared_with.get(version) {
        return *share;
    }
    let others: f64 = alias.shared_with.values().sum();
    if alias.version == version { 1.0 - others } else { 0.0 }
}

/// Asks for the states of all gates. One that is gone, as after CloudFormation took the stack back, has none.
async fn add_gate_states(session: &Session, functions: &mut [FunctionLook]) -> anyhow::Result<()> {
    let gates = functions.iter().flat_map(|look| &look.gates);
    let names: Vec<_> = gates.map(|(name, _)| name.clone()).collect();
    let mut states = BTreeMap::new();
    for names in names.chunks(MAX_ALARMS) {
        let mut form = "Action=DescribeAlarms&Version=2010-08-01&MaxRecords=100".to_string();
        for (at, name) in names.iter().enumerate() {
            form += &format!("&AlarmNames.member.{}={}", at + 1, percent_encode(name));
        }
        let text = query(session, &CLOUDWATCH, &form).await;
        let text = text.context("cannot read the states of the gates")?;
        let document = Document::parse(&text).context("what came is no answer of CloudWatch")?;
        for alarm in members(document.root(), "MetricAlarms") {
            states.insert(child(alarm, "AlarmName"), child(alarm, "StateValue"));
        }
    }
    for (name, state) in functions.iter_mut().flat_map(|look| &mut look.gates) {
        *state = states.remove(name).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_the_new_version_is_read_from_the_alias() {
        let alias = |version: &str, others: &[(&str, f64)]| Alias {
            version: version.into(),
            shared_with: others.iter().map(|(other, part)| (other.to_string(), *part)).collect(),
        };
        assert_eq!(find_share(&alias("4", &[("5", 0.1)]), "5"), 0.1);
        assert_eq!(find_share(&alias("5", &[]), "5"), 1.0);
        assert_eq!(find_share(&alias("4", &[]), "5"), 0.0);
        assert_eq!(find_share(&alias("5", &[("4", 0.25)]), "5"), 0.75);
    }
}
