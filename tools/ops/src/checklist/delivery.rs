//! Lines of the delivery: new versions meet few callers first, and what is live is what was deployed.

use super::check::Verdict;
use super::facts::Facts;
use super::release::list_gates;
use crate::deploy::code_deploy::DeploymentGroup;
use crate::deploy::compare::{ALIAS, find_differences};
use crate::deploy::next::is_commit;

/// The functions that callers meet.
pub const SERVING: [&str; 6] = [
    "ChatFunction",
    "EmbedFunction",
    "RerankFunction",
    "PassThroughFunction",
    "HealthFunction",
    "AuthorizerFunction",
];
/// The functions of a rollout.
const OF_ROLLOUTS: [&str; 3] = ["DriverFunction", "PreTrafficFunction", "PostTrafficFunction"];
/// How an alias calls them, before and after callers meet the new version.
pub const HOOKS: [&str; 2] = ["BeforeAllowTrafficHook", "AfterAllowTrafficHook"];
/// Fewer environments than this are soon used up.
const COMFORTABLE_QUOTA: u64 = 1_000;
/// A fresh account may have less than a gateway can serve anybody with.
const LEAST_QUOTA: u64 = 100;

pub fn stack_is_whole(facts: &Facts) -> Result<Verdict, String> {
    let stack = facts.stack.as_ref()?;
    let status = stack.status.as_str();
    let is_whole = status.ends_with("_COMPLETE") && !status.contains("ROLLBACK");
    if is_whole {
        return Ok(Verdict::pass(status));
    }
    if status == "UPDATE_ROLLBACK_COMPLETE" {
        let told = "the last deployment was rolled back";
        return Ok(Verdict::warning(told, facts.deploy.clone()));
    }
    if status.ends_with("_IN_PROGRESS") {
        let told = format!("{status}: a deployment is under way");
        return Ok(Verdict::warning(told, facts.command("ops rollout")));
    }
    let stack = &facts.stack_name;
    let mend = match status {
        "UPDATE_ROLLBACK_FAILED" => {
            format!("aws cloudformation continue-update-rollback --stack-name {stack}")
        }
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => {
            format!("aws cloudformation delete-stack --stack-name {stack}")
        }
        _ => facts.deploy.clone(),
    };
    Ok(Verdict::fail(status, mend))
}

pub fn is_gradual(facts: &Facts) -> Result<Verdict, String> {
    // The word of the template; only `--at-once` makes it another one.
    let mend = facts.deploy.clone();
    Ok(match facts.parameter("GradualDeployment")? {
        Some("true") => Verdict::pass("true"),
        Some(other) => Verdict::fail(format!("it is {other}: the next version meets all"), mend),
        None => Verdict::fail("the stack does not know it", facts.deploy.clone()),
    })
}

pub fn canaries_have_gates(facts: &Facts) -> Result<Verdict, String> {
    let groups = facts.groups.as_ref()?;
    let (mut problems, mut gates) = (Vec::new(), 0);
    for function in SERVING {
        let Some(group) = groups.get(function) else {
            problems.push(format!("{function} has no deployment group"));
            continue;
        };
        let group = group.as_ref()?;
        let is_gradual = group.config.contains("Canary") || group.config.contains("Linear");
        if !is_gradual {
            problems.push(format!("{function} goes {}", group.config));
        }
        if !group.heeds_alarms || group.alarms.is_empty() {
            problems.push(format!("{function} has no gates"));
        } else {
            problems.extend(find_lost_gates(facts, function, group)?);
        }
        if !group.rolls_back {
            problems.push(format!("{function} does not roll back"));
        }
        gates += group.alarms.len();
    }
    Ok(match problems.is_empty() {
        true => Verdict::pass(format!("{gates} gates of {} functions", SERVING.len())),
        false => Verdict::fail(problems.join(", "), facts.deploy.clone()),
    })
}

/// Returns a problem for each gate of this release that a function's rollouts do not heed.
fn find_lost_gates(
    facts: &Facts,
    function: &str,
    group: &DeploymentGroup,
) -> Result<Vec<String>, String> {
    let resources = facts.resources.as_ref()?;
    let mut lost = Vec::new();
    for gate in list_gates(function)? {
        let physical = resources.get(&gate).map(|resource| &resource.physical);
        if !physical.is_some_and(|name| group.alarms.contains(name)) {
            lost.push(format!("{function} lacks the gate {gate}"));
        }
    }
    Ok(lost)
}

pub fn rollouts_are_tried(facts: &Facts) -> Result<Verdict, String> {
    let (resources, hooked) = (facts.resources.as_ref()?, facts.hooked.as_ref()?);
    let absent = OF_ROLLOUTS.iter().filter(|name| !resources.contains_key(**name));
    let mut problems: Vec<_> = absent.map(|name| format!("there is no {name}")).collect();
    for function in SERVING {
        for when in HOOKS {
            if !hooked.contains(&(format!("{function}Aliaslive"), when)) {
                let when = when.trim_end_matches("AllowTrafficHook").to_lowercase();
                problems.push(format!("{function} has no hook {when} traffic"));
            }
        }
    }
    Ok(match problems.is_empty() {
        true => Verdict::pass("both hooks and the driver"),
        false => Verdict::fail(problems.join(", "), facts.deploy.clone()),
    })
}

pub fn live_is_latest(facts: &Facts) -> Result<Verdict, String> {
    facts.resources.as_ref()?;
    let (mut moved, mut shared, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let mut mend = None;
    for (resource, function) in &facts.functions {
        let alias = function.alias.as_ref()?;
        let (latest, live) = (function.latest.as_ref()?, function.live.as_ref()?);
        if !alias.shared_with.is_empty() {
            shared.push(format!("{resource} shares with version {}", alias.tell_others()));
        } else if !function.of_stack.is_empty() && alias.version != function.of_stack {
            moved.push(format!("{resource} is at {}, not {}", alias.version, function.of_stack));
            let name = facts.resources.as_ref()?.get(resource);
            let name = name.map(|known| known.physical.as_str()).unwrap_or_default();
            mend.get_or_insert(format!(
                "aws lambda update-alias --function-name {name} --name {ALIAS} --function-version {} \
                 --routing-config AdditionalVersionWeights={{}}",
                function.of_stack
            ));
        } else {
            changed.extend(
                find_differences(latest, live, "").iter().map(|told| format!("{resource}: {told}")),
            );
        }
    }
    let release = facts.release.as_ref().ok().and_then(Option::as_ref);
    let back = release.filter(|release| release.back_to.is_some());
    if let Some(release) = back
        && !moved.is_empty()
    {
        // Moved back, an alias would bring the release again from which somebody went back.
        let told = format!("went back by hand: {}", moved.join(", "));
        let checkout = match is_commit(&release.commit) {
            true => format!("git checkout {} && ", release.commit),
            false => String::new(),
        };
        return Ok(Verdict::warning(told, format!("{checkout}{} --at-once", facts.deploy)));
    }
    if !moved.is_empty() {
        return Ok(Verdict::fail(moved.join(", "), mend.unwrap_or_default()));
    }
    if !changed.is_empty() {
        return Ok(Verdict::fail(changed.join(", "), facts.deploy.clone()));
    }
    if !shared.is_empty() {
        let told = format!("a rollout is under way, or was left: {}", shared.join(", "));
        return Ok(Verdict::warning(told, facts.command("ops rollout")));
    }
    Ok(Verdict::pass(format!("{} functions", facts.functions.len())))
}

pub fn release_was_tried(facts: &Facts) -> Result<Verdict, String> {
    let release = facts.release.as_ref()?;
    let Some(release) = release else {
        return Ok(Verdict::fail("no release is recorded", facts.deploy.clone()));
    };
    let told = format!("{} of {}", release.smoke_test, release.time);
    Ok(match release.smoke_test.as_str() {
        "ok" => Verdict::pass(told),
        _ => Verdict::fail(format!("its smoke test was {told}"), facts.deploy.clone()),
    })
}

pub fn account_has_room(facts: &Facts) -> Result<Verdict, String> {
    let quota = facts.quota.as_ref()?;
    let told = format!("{} environments at once, {} unreserved", quota.limit, quota.unreserved);
    let raise = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 \
                 --desired-value 1000";
    // Lambda keeps the least of the account's from being reserved; a gateway without reserves lives on it.
    let is_used_up = quota.unreserved <= LEAST_QUOTA;
    Ok(match quota.limit {
        0..LEAST_QUOTA => Verdict::fail(told, raise),
        LEAST_QUOTA..COMFORTABLE_QUOTA => Verdict::warning(told, raise),
        _ if is_used_up => Verdict::warning(told, raise),
        _ => Verdict::pass(told),
    })
}

pub fn reserves_let_work(facts: &Facts) -> Result<Verdict, String> {
    facts.resources.as_ref()?;
    let (mut stopped, mut kept) = (Vec::new(), 0);
    for (resource, function) in &facts.functions {
        match function.reserve.as_ref()? {
            Some(0) => stopped.push(resource.as_str()),
            Some(number) => kept += number,
            None => {}
        }
    }
    if let Some(first) = stopped.first() {
        let name = first.trim_end_matches("Function");
        let told = format!("a reserve of 0 stops {}", stopped.join(", "));
        let mend = facts.deploy_with(&format!("{name}ReservedConcurrency=none"));
        return Ok(Verdict::fail(told, mend));
    }
    Ok(Verdict::pass(format!("{kept} reserved by this stack")))
}
