//! Lines of the alerts: each alarm is there and tells somebody, who has confirmed that he is told.

use super::check::{Severity, Verdict};
use super::delivery::SERVING;
use super::facts::{Asked, Facts, Resource};
use super::release::{find_created, list_gates};
use crate::deploy::stack::Stack;
use std::collections::{BTreeMap, BTreeSet};

/// The parameter with the budget of a day in dollars; 0 is none.
pub const BUDGET: &str = "DailyBudgetUsd";
pub const ALARM: &str = "AWS::CloudWatch::Alarm";
pub const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";

/// An alarm as CloudWatch has it.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    pub acts: bool,
    pub actions: Vec<String>,
    pub state: String,
    /// What a composite alarm looks at.
    pub rule: String,
}

/// Who is told by a topic.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions {
    pub topic: String,
    pub confirmed: usize,
    /// Addresses that have not confirmed.
    pub pending: Vec<String>,
}

/// Returns the topic of a severity: the stack's own, or the one that it was given.
pub fn find_topic(
    stack: &Stack,
    resources: &BTreeMap<String, Resource>,
    severity: Severity,
) -> Option<String> {
    let severity = severity.as_str();
    let existing = stack.parameters.get(&format!("Existing{severity}TopicArn"));
    let existing = existing.filter(|arn| !arn.is_empty()).cloned();
    let own = || resources.get(&format!("{severity}Topic")).map(|topic| topic.physical.clone());
    existing.or_else(own)
}

pub fn all_tell_somebody(facts: &Facts) -> Result<Verdict, String> {
    let (resources, stack) = (facts.resources.as_ref()?, facts.stack.as_ref()?);
    let alarms = facts.alarms.as_ref()?;
    let expected = find_created(&[ALARM, COMPOSITE], &stack.parameters)?;
    let mut gates = BTreeSet::new();
    for function in SERVING {
        gates.extend(list_gates(function)?);
    }
    let topics = [Severity::P1, Severity::P2];
    let topics = topics.map(|severity| find_topic(stack, resources, severity));
    let mut problems = Vec::new();
    for name in &expected {
        let Some(resource) = resources.get(name) else {
            problems.push(format!("{name} is not in the stack"));
            continue;
        };
        let Some(alarm) = alarms.get(&resource.physical) else {
            problems.push(format!("{name} is gone"));
            continue;
        };
        let in_a_rule = |other: &Alarm| {
            !other.actions.is_empty() && names_alarm(&other.rule, &resource.physical)
        };
        let is_read = gates.contains(name) || alarms.values().any(in_a_rule);
        if !alarm.acts && !alarm.actions.is_empty() {
            problems.push(format!("{name} has its actions switched off"));
        } else if alarm.actions.is_empty() && !is_read {
            problems.push(format!("{name} tells nobody"));
        } else if !alarm.actions.is_empty() && goes_astray(alarm, &topics) {
            problems.push(format!("{name} tells neither of the topics P1 and P2"));
        }
    }
    if expected.is_empty() {
        problems.push("this release has no alarms".to_string());
    }
    if problems.is_empty() {
        return Ok(Verdict::pass(format!("{} alarms", expected.len())));
    }
    let mend = match problems.iter().find(|problem| problem.ends_with("switched off")) {
        Some(problem) => {
            let name = problem.split(' ').next().unwrap_or_default();
            let physical = resources.get(name).map(|resource| resource.physical.as_str());
            let physical = physical.unwrap_or_default();
            format!("aws cloudwatch enable-alarm-actions --alarm-names {physical}")
        }
        None => facts.deploy.clone(),
    };
    Ok(Verdict::fail(problems.join(", "), mend))
}

/// Tells whether no action of an alarm is one of the topics; one that is missing has a line of its own.
fn goes_astray(alarm: &Alarm, topics: &[Option<String>]) -> bool {
    let is_known = |action: &String| topics.contains(&Some(action.clone()));
    topics.iter().all(Option::is_some) && !alarm.actions.iter().any(is_known)
}

/// Tells whether a composite's rule looks at this alarm, by name or ARN.
fn names_alarm(rule: &str, name: &str) -> bool {
    let mut names = rule.split(['"', '\'', '(', ')', ' ']);
    names.any(|word| word == name || word.ends_with(&format!(":alarm:{name}")))
}

pub fn none_is_raised(facts: &Facts) -> Result<Verdict, String> {
    let (resources, alarms) = (facts.resources.as_ref()?, facts.alarms.as_ref()?);
    let is_raised = |physical: &str| alarms.get(physical).is_some_and(|a| a.state == "ALARM");
    let raised: Vec<_> = resources
        .iter()
        .filter(|(_, resource)| [ALARM, COMPOSITE].contains(&resource.kind.as_str()))
        .filter(|(_, resource)| is_raised(&resource.physical))
        .map(|(name, _)| name.as_str())
        .collect();
    if raised.is_empty() {
        return Ok(Verdict::pass("none is in ALARM"));
    }
    let told = format!("in ALARM: {}", raised.join(", "));
    let command = format!(
        "aws cloudwatch describe-alarms --state-value ALARM --alarm-name-prefix {}-",
        facts.stack_name
    );
    Ok(Verdict::warning(told, command))
}

pub fn p1_is_heard(facts: &Facts) -> Result<Verdict, String> {
    is_heard(&facts.p1, Severity::P1, facts)
}

pub fn p2_is_heard(facts: &Facts) -> Result<Verdict, String> {
    is_heard(&facts.p2, Severity::P2, facts)
}

fn is_heard(
    asked: &Asked<Subscriptions>,
    severity: Severity,
    facts: &Facts,
) -> Result<Verdict, String> {
    let told = asked.as_ref()?;
    let severity = severity.as_str();
    let subscribe = facts.deploy_with(&format!("{severity}Email=NAME@YOUR-DOMAIN"));
    if told.topic.is_empty() {
        return Ok(Verdict::fail(
            format!("there is no topic for {severity}"),
            facts.deploy.clone(),
        ));
    }
    if !told.pending.is_empty() {
        let words = format!("not confirmed by {}", told.pending.join(", "));
        let again = format!(
            "aws sns list-subscriptions-by-topic --topic-arn {}   # the link is in the e-mail of AWS",
            told.topic
        );
        return Ok(match told.confirmed {
            0 => Verdict::fail(words, again),
            _ => Verdict::warning(words, again),
        });
    }
    Ok(match told.confirmed {
        0 => Verdict::fail("nobody has subscribed to the topic", subscribe),
        count => Verdict::pass(format!("{count} confirmed")),
    })
}

pub fn budget_is_watched(facts: &Facts) -> Result<Verdict, String> {
    let mend = facts.deploy_with(&format!("{BUDGET}=DOLLARS"));
    Ok(match facts.parameter(BUDGET)? {
        None => Verdict::fail("the stack has no budget", facts.deploy.clone()),
        Some("" | "0") => Verdict::fail("it is switched off", mend),
        Some(dollars) => Verdict::pass(format!("${dollars} a day")),
    })
}

pub fn probe_looks(facts: &Facts) -> Result<Verdict, String> {
    if facts.parameter("ProbeSchedule")? == Some("off") {
        let mend = facts.deploy_with("ProbeSchedule=5");
        return Ok(Verdict::fail("it is switched off", mend));
    }
    let rule = facts.probe_rule.as_ref()?;
    Ok(match rule.is_enabled {
        true => Verdict::pass(rule.schedule.clone()),
        false => {
            let resources = facts.resources.as_ref()?;
            let name = resources.get("ProbeRule").map(|rule| rule.physical.as_str());
            let name = name.unwrap_or_default();
            Verdict::fail("its rule is disabled", format!("aws events enable-rule --name {name}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_its_members_whole() {
        let arn = "ALARM(\"arn:aws:cloudwatch:eu-west-1:1:alarm:it-A-1\") OR ALARM(it-B-2)";
        assert!(names_alarm(arn, "it-A-1") && names_alarm(arn, "it-B-2"));
        assert!(!names_alarm(arn, "it-A") && !names_alarm(arn, "B-2"));
    }
}
