//! The questions to AWS, each with a limit of its own: one that is not answered keeps no other from it.

use super::alerts::{Alarm, Subscriptions};
use super::delivery::HOOKS;
use super::facts::{Asked, KeyFacts, Resource, Rule};
use super::models::OfferedModels;
use super::routes::Integration;
use crate::aws::Session;
use crate::deploy::account::query;
use crate::problem::explain_silence;
use crate::signed_call::{
    API_GATEWAY, CLOUDFORMATION, CLOUDWATCH, Call, EVENTS, LAMBDA, LOGS, SECRETS_MANAGER, SNS,
    call_operation, percent_encode, send_for_json,
};
use crate::store::Store;
use crate::xml::{child, find, members};
use anyhow::Context;
use futures_util::future::join_all;
use http::Method;
use roxmltree::Document;
use serde_json::{Value, json};
use shared::secrets::secrets_manager::{CURRENT, ListedVersion};
use std::collections::{BTreeMap, BTreeSet};

/// Asks a question, with its pages, within the limit; what fails is the reason why nobody can tell.
pub async fn ask<T>(
    session: &Session,
    question: impl Future<Output = anyhow::Result<T>>,
) -> Asked<T> {
    match tokio::time::timeout(session.limit, question).await {
        Ok(answered) => answered.map_err(|error| format!("{error:#}")),
        Err(_) => Err(explain_silence(session.limit)),
    }
}

/// Lists the stack's resources by their names in the template.
pub async fn list_resources(
    session: &Session,
    stack: &str,
) -> anyhow::Result<BTreeMap<String, Resource>> {
    let mut resources = BTreeMap::new();
    let form =
        format!("Action=ListStackResources&Version=2010-05-15&StackName={}", percent_encode(stack));
    read_pages(session, &CLOUDFORMATION, &form, |document| {
        for member in members(document.root(), "StackResourceSummaries") {
            if child(member, "ResourceStatus").starts_with("DELETE_") {
                continue;
            }
            let (kind, physical) =
                (child(member, "ResourceType"), child(member, "PhysicalResourceId"));
            resources.insert(child(member, "LogicalResourceId"), Resource { kind, physical });
        }
    })
    .await?;
    Ok(resources)
}

/// Reads all pages of a service that is asked by forms.
async fn read_pages(
    session: &Session,
    service: &crate::signed_call::Service,
    form: &str,
    mut read: impl FnMut(&Document),
) -> anyhow::Result<()> {
    let mut next = String::new();
    loop {
        let text = query(session, service, &format!("{form}{next}")).await?;
        let document = Document::parse(&text).context("what came is no answer of AWS")?;
        read(&document);
        match find(document.root(), "NextToken").and_then(|token| token.text()) {
            Some(token) => next = format!("&NextToken={}", percent_encode(token)),
            None => return Ok(()),
        }
    }
}

/// Returns the aliases of the stack, with each hook that they have.
pub async fn list_hooked(
    session: &Session,
    stack: &str,
) -> anyhow::Result<BTreeSet<(String, &'static str)>> {
    let form = format!(
        "Action=GetTemplate&Version=2010-05-15&TemplateStage=Processed&StackName={}",
        percent_encode(stack)
    );
    let text = query(session, &CLOUDFORMATION, &form).await?;
    let document = Document::parse(&text).context("what came is no answer of AWS")?;
    let body = find(document.root(), "TemplateBody").and_then(|body| body.text());
    let template = cloudformation::read_template(body.unwrap_or_default())
        .context("the stack's template cannot be read")?;
    let mut hooked = BTreeSet::new();
    for (name, entry) in template["Resources"].as_object().into_iter().flatten() {
        let update = &entry["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        let hooks = HOOKS.into_iter().filter(|when| !update[*when].is_null());
        hooked.extend(hooks.map(|when| (name.clone(), when)));
    }
    Ok(hooked)
}

/// Describes the secret of the key; its value is asked of nobody.
pub async fn describe_key(session: &Session, secret: &str) -> anyhow::Result<KeyFacts> {
    let body = json!({ "SecretId": secret });
    let described =
        call_operation(session, &SECRETS_MANAGER, "secretsmanager.DescribeSecret", &body).await?;
    let mut labels = BTreeMap::new();
    for (version, held) in described["VersionIdsToStages"].as_object().into_iter().flatten() {
        for label in held.as_array().into_iter().flatten().filter_map(Value::as_str) {
            labels.insert(label.to_string(), version.clone());
        }
    }
    let function = described["RotationLambdaARN"].as_str().map(str::to_string);
    let is_rotated_by = function.filter(|_| described["RotationEnabled"] == true);
    let versions = Store::with_session(session, secret).versions().await?;
    let is_current = |held: &ListedVersion| held.labels.iter().any(|label| label == CURRENT);
    let current = versions.into_iter().find(is_current);
    let created = current.and_then(|version| version.created);
    Ok(KeyFacts { labels, is_rotated_by, created })
}

/// Asks what a function has reserved; `None` where that is nothing.
pub async fn ask_reserve(session: &Session, function: &str) -> anyhow::Result<Option<u64>> {
    let path = format!("/2019-09-30/functions/{function}/concurrency");
    let answer = send_for_json(session, &LAMBDA, get(path)).await?;
    Ok(answer["ReservedConcurrentExecutions"].as_u64())
}

/// Invokes the live probe, so that it asks Cohere which models there are.
pub async fn ask_models(session: &Session, probe: &str) -> anyhow::Result<OfferedModels> {
    let path = format!("/2015-03-31/functions/{probe}/invocations?Qualifier=live");
    let body = json!({ "ask": "models" }).to_string();
    let call = Call { method: Method::POST, path, headers: Vec::new(), body };
    let answer = send_for_json(session, &LAMBDA, call).await;
    OfferedModels::parse(&answer.context("the function probe cannot be asked")?)
}

/// Returns the integration of each route of an API.
pub async fn list_routes(
    session: &Session,
    api: &str,
) -> anyhow::Result<BTreeMap<String, Asked<Integration>>> {
    let path = format!("/restapis/{api}/resources?limit=500");
    let listed = send_for_json(session, &API_GATEWAY, get(path)).await?;
    // One resource comes alone and not in a list.
    let items = &listed["item"];
    let items = items.as_array().cloned().unwrap_or_else(|| vec![items.clone()]);
    let mut questions = Vec::new();
    for item in &items {
        for (method, _) in item["resourceMethods"].as_object().into_iter().flatten() {
            let id = item["id"].as_str().unwrap_or_default();
            let path = format!("/restapis/{api}/resources/{id}/methods/{method}/integration");
            let route = format!("{method} {}", item["path"].as_str().unwrap_or_default());
            questions.push(async move {
                let answer = ask(session, send_for_json(session, &API_GATEWAY, get(path))).await;
                (route, answer.map(|answer| read_integration(&answer)))
            });
        }
    }
    Ok(join_all(questions).await.into_iter().collect())
}

fn read_integration(answer: &Value) -> Integration {
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_string();
    Integration { transfer_mode: text("responseTransferMode"), uri: text("uri") }
}

/// Returns how long each of these log groups keeps its lines.
pub async fn list_retention(
    session: &Session,
    stack: &str,
    names: &BTreeSet<String>,
) -> anyhow::Result<BTreeMap<String, Option<u64>>> {
    let mut groups = BTreeMap::new();
    let mut next = Value::Null;
    loop {
        let mut body = json!({ "logGroupNamePrefix": stack });
        if next.is_string() {
            body["nextToken"] = next;
        }
        let page = call_operation(session, &LOGS, "Logs_20140328.DescribeLogGroups", &body).await?;
        for group in page["logGroups"].as_array().into_iter().flatten() {
            let name = group["logGroupName"].as_str().unwrap_or_default();
            if names.contains(name) {
                groups.insert(name.to_string(), group["retentionInDays"].as_u64());
            }
        }
        next = page["nextToken"].clone();
        if next.is_null() {
            return Ok(groups);
        }
    }
}

/// Returns the alarms of a stack by their names, composites too.
pub async fn list_alarms(
    session: &Session,
    stack: &str,
) -> anyhow::Result<BTreeMap<String, Alarm>> {
    let mut alarms = BTreeMap::new();
    let form = format!(
        "Action=DescribeAlarms&Version=2010-08-01&AlarmNamePrefix={}-&MaxRecords=100\
         &AlarmTypes.member.1=CompositeAlarm&AlarmTypes.member.2=MetricAlarm",
        percent_encode(stack)
    );
    read_pages(session, &CLOUDWATCH, &form, |document| {
        for list in ["CompositeAlarms", "MetricAlarms"] {
            for member in members(document.root(), list) {
                let actions = members(member, "AlarmActions");
                let actions = actions.iter().filter_map(|action| action.text());
                let alarm = Alarm {
                    acts: child(member, "ActionsEnabled") == "true",
                    actions: actions.map(str::to_string).collect(),
                    state: child(member, "StateValue"),
                    rule: child(member, "AlarmRule"),
                };
                alarms.insert(child(member, "AlarmName"), alarm);
            }
        }
    })
    .await?;
    Ok(alarms)
}

/// Returns who has subscribed to a topic.
pub async fn list_subscriptions(session: &Session, topic: &str) -> anyhow::Result<Subscriptions> {
    let mut told = Subscriptions { topic: topic.to_string(), ..Subscriptions::default() };
    let form = format!(
        "Action=ListSubscriptionsByTopic&Version=2010-03-31&TopicArn={}",
        percent_encode(topic)
    );
    read_pages(session, &SNS, &form, |document| {
        for member in members(document.root(), "Subscriptions") {
            match child(member, "SubscriptionArn").as_str() {
                "PendingConfirmation" => told.pending.push(child(member, "Endpoint")),
                "Deleted" => {}
                _ => told.confirmed += 1,
            }
        }
    })
    .await?;
    Ok(told)
}

/// Returns the schedule of the probe.
pub async fn ask_rule(session: &Session, rule: &str) -> anyhow::Result<Rule> {
    let body = json!({ "Name": rule });
    let answer = call_operation(session, &EVENTS, "AWSEvents.DescribeRule", &body).await?;
    let schedule = answer["ScheduleExpression"].as_str().unwrap_or_default().to_string();
    Ok(Rule { is_enabled: answer["State"] == "ENABLED", schedule })
}

fn get(path: String) -> Call {
    Call { method: Method::GET, path, headers: Vec::new(), body: String::new() }
}
