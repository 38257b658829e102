//! A stack of CloudFormation: its state, outputs, functions, and why it failed.

use crate::aws::Session;
use crate::deploy::account::query;
use crate::deploy::settings::Parameters;
use crate::signed_call::{CLOUDFORMATION, Refusal, percent_encode};
use crate::xml::{child, find, members};
use anyhow::Context;
use roxmltree::{Document, Node};
use std::collections::{BTreeMap, BTreeSet};

/// A stack that exists.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    pub status: String,
    /// When its last update began; `None` before the first one.
    pub last_updated: Option<String>,
    pub parameters: Parameters,
    pub outputs: BTreeMap<String, String>,
}

/// A function of a stack.
#[derive(Debug, Default, PartialEq)]
pub struct StackFunction {
    pub name: String,
    /// The version that the stack has; empty where it has none.
    pub version: String,
}

/// What of CodeDeploy moves a stack's aliases.
#[derive(Debug, Default)]
pub struct Rollouts {
    pub application: String,
    /// Names of the deployment groups, by the resources of their functions.
    pub groups: BTreeMap<String, String>,
}

/// Reads a stack; `None` where there is none of this name.
pub async fn ask_stack(session: &Session, name: &str) -> anyhow::Result<Option<Stack>> {
    let answer = ask(session, "DescribeStacks", name, "").await;
    let text = match answer {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error.context(format!("cannot read the stack {name}"))),
    };
    let document = parse(&text)?;
    let stack = find(document.root(), "Stacks").and_then(|stacks| find(stacks, "member"));
    let Some(stack) = stack else { return Ok(None) };
    Ok(Some(Stack {
        status: child(stack, "StackStatus"),
        last_updated: Some(child(stack, "LastUpdatedTime")).filter(|time| !time.is_empty()),
        parameters: pairs(stack, "Parameters", "ParameterKey", "ParameterValue"),
        outputs: pairs(stack, "Outputs", "OutputKey", "OutputValue"),
    }))
}

/// CloudFormation has no code of its own for a stack that is not there.
fn is_absent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| {
        let message = refusal.message.as_deref().unwrap_or_default();
        refusal.code == "ValidationError" && message.contains("does not exist")
    })
}

/// A resource of a stack.
struct Resource {
    kind: String,
    logical: String,
    physical: String,
}

/// Lists what a stack consists of, without what is being deleted.
async fn list_resources(session: &Session, name: &str) -> anyhow::Result<Vec<Resource>> {
    let mut resources = Vec::new();
    let mut next = String::new();
    loop {
        let text = ask(session, "ListStackResources", name, &next).await;
        let text = text.context("cannot list the stack's resources")?;
        let document = parse(&text)?;
        for resource in members(document.root(), "StackResourceSummaries") {
            if child(resource, "ResourceStatus").starts_with("DELETE_") {
                continue;
            }
            let names = ["ResourceType", "LogicalResourceId", "PhysicalResourceId"];
            let [kind, logical, physical] = names.map(|name| child(resource, name));
            resources.push(Resource { kind, logical, physical });
        }
        match find(document.root(), "NextToken").and_then(|token| token.text()) {
            Some(token) => next = format!("&NextToken={}", percent_encode(token)),
            None => return Ok(resources),
        }
    }
}

/// Returns a stack's functions by their resources.
pub async fn list_functions(
    session: &Session,
    name: &str,
) -> anyhow::Result<BTreeMap<String, StackFunction>> {
    let (mut functions, mut versions) = (BTreeMap::new(), BTreeMap::new());
    for Resource { kind, logical, physical } in list_resources(session, name).await? {
        match kind.as_str() {
            "AWS::Lambda::Function" => drop(functions.insert(logical, physical)),
            "AWS::Lambda::Version" => versions.extend(read_version(&physical)),
            _ => {}
        }
    }
    let join = functions.into_iter().map(|(logical, name)| {
        let version = versions.remove(&name).unwrap_or_default();
        (logical, StackFunction { name, version })
    });
    Ok(join.collect())
}

/// Finds what moves a stack's aliases; a stack that was never deployed gradually has none of it.
pub async fn find_rollouts(session: &Session, name: &str) -> anyhow::Result<Rollouts> {
    let mut rollouts = Rollouts::default();
    for Resource { kind, logical, physical } in list_resources(session, name).await? {
        match (kind.as_str(), logical.strip_suffix("DeploymentGroup")) {
            ("AWS::CodeDeploy::Application", _) => rollouts.application = physical,
            ("AWS::CodeDeploy::DeploymentGroup", Some(function)) if !physical.is_empty() => {
                rollouts.groups.insert(function.to_string(), physical);
            }
            _ => {}
        }
    }
    Ok(rollouts)
}

/// Returns function and number of a version's ARN.
fn read_version(arn: &str) -> Option<(String, String)> {
    let (function, version) = arn.rsplit_once(':')?;
    Some((function.rsplit(':').next()?.to_string(), version.to_string()))
}

/// Returns the change sets of a stack that were made and not executed.
pub async fn list_change_sets(session: &Session, name: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut change_sets = BTreeSet::new();
    let mut next = String::new();
    loop {
        let text = ask(session, "ListChangeSets", name, &next).await;
        let text = text.context("cannot list the stack's change sets")?;
        let document = parse(&text)?;
        for change_set in members(document.root(), "Summaries") {
            // An empty one fails and can never be executed.
            if ["AVAILABLE", "OBSOLETE"].contains(&child(change_set, "ExecutionStatus").as_str()) {
                change_sets.insert(child(change_set, "ChangeSetId"));
            }
        }
        match find(document.root(), "NextToken").and_then(|token| token.text()) {
            Some(token) => next = format!("&NextToken={}", percent_encode(token)),
            None => return Ok(change_sets),
        }
    }
}

/// Returns the id of the newest event of a stack.
pub async fn find_newest_event(session: &Session, name: &str) -> anyhow::Result<Option<String>> {
    let text = ask(session, "DescribeStackEvents", name, "").await;
    let text = text.context("cannot read the stack's events")?;
    let document = parse(&text)?;
    let events = members(document.root(), "StackEvents");
    Ok(events.first().map(|event| child(*event, "EventId")))
}

/// Returns what went wrong first since an event.
pub async fn find_failure(
    session: &Session,
    name: &str,
    since: Option<&str>,
) -> anyhow::Result<Option<String>> {
    let text = ask(session, "DescribeStackEvents", name, "").await;
    let text = text.context("cannot read the stack's events")?;
    let document = parse(&text)?;
    let mut failure = None;
    // The newest comes first.
    for event in members(document.root(), "StackEvents") {
        if since.is_some_and(|since| child(event, "EventId") == since) {
            break;
        }
        let [kind, status, resource, reason] =
            ["ResourceType", "ResourceStatus", "LogicalResourceId", "ResourceStatusReason"]
                .map(|name| child(event, name));
        if status.ends_with("_FAILED") && !reason.contains("cancelled") {
            failure = Some(format!("{resource} ({kind}): {reason}"));
        }
    }
    Ok(failure)
}

async fn ask(session: &Session, action: &str, name: &str, more: &str) -> anyhow::Result<String> {
    let form =
        format!("Action={action}&Version=2010-05-15&StackName={}{more}", percent_encode(name));
    query(session, &CLOUDFORMATION, &form).await
}

fn parse(text: &str) -> anyhow::Result<Document<'_>> {
    Document::parse(text).context("CloudFormation: what came is no answer of it")
}

fn pairs(node: Node, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    members(node, list).into_iter().map(|node| (child(node, key), child(node, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cloudformation_are_read() {
        let text = "<R xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Stacks><member>\
                    <StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member><OutputKey>A</OutputKey>\
                    <OutputValue>https://x?a&amp;b</OutputValue></member></Outputs></member></Stacks></R>";
        let document = parse(text).unwrap();
        let stack = members(document.root(), "Stacks")[0];
        assert_eq!(child(stack, "StackStatus"), "UPDATE_COMPLETE");
        let outputs = pairs(stack, "Outputs", "OutputKey", "OutputValue");
        assert_eq!(outputs, [("A".to_string(), "https://x?a&b".to_string())].into());
        assert_eq!(pairs(stack, "Parameters", "ParameterKey", "ParameterValue"), BTreeMap::new());
        assert_eq!(child(stack, "Outputs"), "", "a list has no text");
    }

    #[test]
    fn version_is_read_from_its_arn() {
        let read = read_version("arn:aws:lambda:eu-west-1:123456789012:function:it-Chat-AbC:12");
        assert_eq!(read, Some(("it-Chat-AbC".to_string(), "12".to_string())));
        assert_eq!(read_version("odd"), None);
    }
}
