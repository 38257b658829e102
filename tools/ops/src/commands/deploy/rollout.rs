//! How new versions come to the callers: gradually, compared with the versions that are live now, or all at once.

use super::live::{find_move, write_moving_commands};
use super::plan::Plan;
use crate::aws::Session;
use crate::deploy::account::ask_alias;
use crate::deploy::compare::ALIAS;
use crate::deploy::settings::Parameters;
use crate::deploy::stack::list_functions;
use crate::output::say;
use crate::problem::Usage;
use crate::signed_call::is_refused_with;
use anyhow::{Context, bail, ensure};
use std::io::Write;

/// The parameter that lets gates stop a deployment; its two values are words of the template.
const GRADUAL: &str = "GradualDeployment";
/// What AWS Lambda answers where there is no such alias.
const NO_ALIAS: &str = "ResourceNotFoundException";

/// Refuses parameters that a deployment fills by itself: once given, they would stay.
pub fn check_given(plan: &Plan) -> Result<(), Usage> {
    for name in plan.given_names() {
        let told = match find_resource(name) {
            _ if name == GRADUAL => "--at-once deploys once without gates",
            Some(_) => "it is filled from the alias of its function",
            None => continue,
        };
        return Err(Usage(format!("{name} is not given: {told}")));
    }
    Ok(())
}

/// Asks whoever deploys at once; says in any case what that means.
pub fn confirm_at_once(is_confirmed: bool) -> anyhow::Result<()> {
    say(
        "--at-once: all callers meet the new versions at once, no gate stops one, and nothing is taken back by itself; \
         the next deployment is gradual again",
    );
    if is_confirmed {
        return Ok(());
    }
    write!(std::io::stderr(), "Deploy without gates? Type yes: ").context("nobody can be asked")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("no answer")?;
    ensure!(answer.trim() == "yes", "not deployed: the answer was not yes");
    Ok(())
}

/// Returns the parameters of the rollout; each function's live version is none where there is no alias yet.
///
/// # Errors
/// A rollout that is still on, or an alias that was moved by hand, from where no gradual deployment can start.
pub async fn fill_parameters(
    plan: &Plan,
    session: &Session,
    exists: bool,
    is_at_once: bool,
) -> anyhow::Result<Parameters> {
    let mut filled = Parameters::from([(GRADUAL.to_string(), (!is_at_once).to_string())]);
    let known = match exists {
        true => list_functions(session, &plan.stack).await?,
        false => Default::default(),
    };
    let (mut moved, mut told) = (Vec::new(), Vec::new());
    for name in plan.parameter_names() {
        let Some(resource) = find_resource(name) else { continue };
        let mut live = String::new();
        if let Some(made) = known.get(&resource) {
            match ask_alias(session, &made.name, ALIAS).await {
                Ok(alias) => {
                    let is_shared = !alias.shared_with.is_empty();
                    let found = find_move(made, &alias).filter(|_| is_shared || !is_at_once);
                    moved.extend(found.map(|found| (made, format!("{resource} {found}"))));
                    live = alias.version;
                }
                Err(error) if is_refused_with(&error, NO_ALIAS) => {}
                Err(error) => return Err(error),
            }
        }
        if !live.is_empty() {
            told.push(format!("{resource} {live}"));
        }
        filled.insert(name.to_string(), live);
    }
    if !moved.is_empty() {
        let found: Vec<_> = moved.iter().map(|(_, found)| found.as_str()).collect();
        bail!(
            "the alias {ALIAS} is not where a deployment can start from: {}; nothing was deployed. A rollout that is still \
             on must end first (ops rollout), and one that was left half-way is taken back by ops rollback. After going back \
             by hand, --at-once deploys from there; otherwise these lines move the aliases to where the stack has them:{}",
            found.join(", "),
            write_moving_commands(moved.iter().map(|(made, _)| *made), &session.region)
        );
    }
    if !told.is_empty() && !is_at_once {
        say(&format!("new versions will be compared with the live ones: {}", told.join(", ")));
    }
    Ok(filled)
}

/// Returns the function whose live version a parameter names: `LiveChatVersion` is about `ChatFunction`.
fn find_resource(parameter: &str) -> Option<String> {
    let name = parameter.strip_prefix("Live")?.strip_suffix("Version")?;
    Some(format!("{name}Function"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_parameters_name_functions_of_the_template() {
        let text = include_str!("../../../../../template.yaml");
        let template = cloudformation::read_template(text).unwrap();
        let mut found = Vec::new();
        for name in template["Parameters"].as_object().unwrap().keys() {
            let Some(resource) = find_resource(name) else { continue };
            let function = &template["Resources"][&resource]["Properties"];
            assert!(!function["DeploymentPreference"].is_null(), "{name}: {resource} is not gated");
            found.push(resource);
        }
        let resources = template["Resources"].as_object().unwrap().iter();
        let gated =
            resources.filter(|(_, one)| !one["Properties"]["DeploymentPreference"].is_null());
        let mut gated: Vec<_> = gated.map(|(resource, _)| resource.clone()).collect();
        found.sort();
        gated.sort();
        assert_eq!(found, gated, "each gated function has its parameter");
    }
}
