//! Finds everything out: first what the stack consists of, then all the rest at once.

use super::alerts::{Subscriptions, find_topic};
use super::check::Severity;
use super::delivery::SERVING;
use super::doors::{ask_closed_door, ask_front_door, ask_health, ask_local_door, ask_status_page};
use super::facts::{Asked, Facts, FunctionFacts, Resource};
use super::questions::{
    ask, ask_models, ask_reserve, ask_rule, describe_key, list_alarms, list_hooked, list_resources,
    list_retention, list_routes, list_subscriptions,
};
use super::routes::LOG_GROUP;
use crate::aws::Session;
use crate::deploy::account::{Alias, ask_alias, ask_caller, ask_quota, ask_version};
use crate::deploy::code_deploy::{DeploymentGroup, ask_group};
use crate::deploy::compare::ALIAS;
use crate::deploy::record::read_release;
use crate::deploy::stack::Stack;
use futures_util::future::join_all;
use shared::clock::since_epoch;
use std::collections::{BTreeMap, BTreeSet};

/// Names of a gateway on a laptop.
const LOCAL_KEY: &str = "CohereApiKeySecret";
const LOCAL_PROBE: &str = "probe";

type Resources = BTreeMap<String, Resource>;

/// Finds out all of a deployed gateway.
pub async fn gather_deployed(session: &Session, name: &str, stack: Stack, deploy: String) -> Facts {
    let resources = ask(session, list_resources(session, name)).await;
    let known = resources.clone().unwrap_or_default();
    let outputs = &stack.outputs;
    let output = |name: &str| match outputs.get(name) {
        Some(value) => Ok(value.as_str()),
        None => Err(format!("the stack has no output {name}")),
    };
    let physical = |name: &str| match (&resources, known.get(name)) {
        (_, Some(resource)) => Ok(resource.physical.as_str()),
        (Ok(_), None) => Err(format!("the stack has no {name}")),
        (Err(reason), None) => Err(reason.clone()),
    };
    let log_groups: BTreeSet<_> = known
        .values()
        .filter(|resource| resource.kind == LOG_GROUP)
        .map(|resource| resource.physical.clone())
        .collect();
    let (key, url) = (output("CohereApiKeySecretArn"), output("ApiUrl"));
    let token = output("SyntheticClientSecretArn");
    let (api, probe, rule) = (output("ApiId"), physical("ProbeFunction"), physical("ProbeRule"));
    let aws = async {
        tokio::join!(
            ask(session, async { Ok(ask_caller(session).await?.account) }),
            gather_functions(session, &known),
            ask(session, async { describe_key(session, need(key.clone())?).await }),
            ask(session, async { list_routes(session, need(api)?).await }),
            ask(session, list_retention(session, name, &log_groups)),
            ask(session, list_alarms(session, name)),
            ask_subscriptions(session, &stack, &known, Severity::P1),
            ask_subscriptions(session, &stack, &known, Severity::P2),
            gather_groups(session, &resources),
            ask(session, list_hooked(session, name)),
            ask(session, async { ask_rule(session, need(rule)?).await }),
            ask(session, ask_quota(session)),
            ask(session, read_release(session, name)),
        )
    };
    let doors = async {
        tokio::join!(
            ask(session, async { ask_models(session, need(probe)?).await }),
            ask(session, async { ask_health(session, need(url.clone())?).await }),
            ask(session, async { ask_front_door(session, need(url.clone())?, need(token)?).await }),
            ask(session, async { ask_closed_door(session, need(url.clone())?).await }),
            ask(session, ask_status_page(session)),
        )
    };
    let (aws, doors) = tokio::join!(aws, doors);
    #[rustfmt::skip]
    let (account, functions, key, routes, log_groups, alarms, p1, p2, groups, hooked, probe_rule, quota, release) = aws;
    let (offered, health, front_door, closed_door, status_page) = doors;
    Facts {
        is_local: false,
        now: since_epoch(),
        stack_name: name.to_string(),
        account,
        deploy,
        stack: Ok(stack.clone()),
        resources: resources.clone(),
        functions,
        key,
        routes,
        log_groups,
        alarms,
        p1,
        p2,
        groups,
        hooked,
        probe_rule,
        quota,
        offered,
        health,
        front_door,
        closed_door,
        status_page,
        release,
    }
}

/// Finds out what a gateway on this machine can answer.
pub async fn gather_local(session: &Session, url: &str) -> Facts {
    let (key, offered, health, front_door, closed_door) = tokio::join!(
        ask(session, describe_key(session, LOCAL_KEY)),
        ask(session, ask_models(session, LOCAL_PROBE)),
        ask(session, ask_health(session, url)),
        ask(session, ask_local_door(session, url)),
        ask(session, ask_closed_door(session, url)),
    );
    let empty = Facts::not_local();
    Facts { key, offered, health, front_door, closed_door, ..empty }
}

fn need(known: Result<&str, String>) -> anyhow::Result<&str> {
    known.map_err(|reason| anyhow::anyhow!(reason))
}

async fn gather_functions(
    session: &Session,
    resources: &Resources,
) -> BTreeMap<String, FunctionFacts> {
    let mut versions = BTreeMap::new();
    for resource in resources.values().filter(|known| known.kind == "AWS::Lambda::Version") {
        let mut parts = resource.physical.rsplit(':');
        if let (Some(version), Some(name)) = (parts.next(), parts.next()) {
            versions.insert(name.to_string(), version.to_string());
        }
    }
    let functions = resources.iter().filter(|(_, known)| known.kind == "AWS::Lambda::Function");
    let questions = functions.map(|(resource, known)| {
        let name = known.physical.as_str();
        let of_stack = versions.get(name).cloned().unwrap_or_default();
        let has_alias = resources.contains_key(&format!("{resource}Alias{ALIAS}"));
        async move {
            let facts = match has_alias {
                true => gather_function(session, name, of_stack).await,
                false => gather_hook(session, name).await,
            };
            (resource.clone(), facts)
        }
    });
    join_all(questions).await.into_iter().collect()
}

async fn gather_function(session: &Session, name: &str, of_stack: String) -> FunctionFacts {
    let (latest, live, alias, reserve) = tokio::join!(
        ask(session, ask_version(session, name, None)),
        ask(session, ask_version(session, name, Some(ALIAS))),
        ask(session, ask_alias(session, name, ALIAS)),
        ask(session, ask_reserve(session, name)),
    );
    FunctionFacts { of_stack, latest, live, alias, reserve }
}

/// Asks about a function without versions, which is called as it is.
async fn gather_hook(session: &Session, name: &str) -> FunctionFacts {
    let (latest, reserve) = tokio::join!(
        ask(session, ask_version(session, name, None)),
        ask(session, ask_reserve(session, name))
    );
    let (live, alias) = (latest.clone(), Ok(Alias::default()));
    FunctionFacts { of_stack: String::new(), latest, live, alias, reserve }
}

async fn ask_subscriptions(
    session: &Session,
    stack: &Stack,
    resources: &Resources,
    severity: Severity,
) -> Asked<Subscriptions> {
    match find_topic(stack, resources, severity) {
        Some(topic) => ask(session, list_subscriptions(session, &topic)).await,
        None => Ok(Subscriptions::default()),
    }
}

async fn gather_groups(
    session: &Session,
    resources: &Asked<Resources>,
) -> Asked<BTreeMap<String, Asked<DeploymentGroup>>> {
    let resources = resources.as_ref()?;
    let application = resources.get("ServerlessDeploymentApplication");
    let application = application.map(|known| known.physical.as_str()).unwrap_or_default();
    let mut questions = Vec::new();
    for function in SERVING {
        let Some(group) = resources.get(&format!("{function}DeploymentGroup")) else { continue };
        questions.push(async move {
            let answer = ask(session, ask_group(session, application, &group.physical)).await;
            (function.to_string(), answer)
        });
    }
    Ok(join_all(questions).await.into_iter().collect())
}
