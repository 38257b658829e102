//! How the services answer, in AWS's own forms.

use super::operations::{
    answer_operation, answer_routes, answer_status_page, list_others, write_alarms,
    write_processed, write_subscriptions,
};
use super::rollouts::{Rollout, tell_update_time};
use super::state::{State, Version};
use crate::stub::{Seen, Step, write_answer, write_json};
use serde_json::{Value, json};
use std::time::Duration;

/// The one account that there is.
const ACCOUNT: &str = "123456789012";

/// Answers a call, or the stand-in of `sam`, which says what it was told.
pub(super) fn answer(state: &mut State, seen: &Seen) -> Vec<Step> {
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    if seen.path == "/_sam" {
        let mut lines = body.lines().map(str::to_string);
        let folder = lines.next().expect("a folder");
        let is_done = state.deploy(&folder, &lines.collect::<Vec<_>>());
        return write_answer(if is_done { 200 } else { 500 }, &[], b"");
    }
    if seen.path.starts_with("/_status") {
        return answer_status_page(state);
    }
    let mut steps = answer_service(state, seen, &body);
    if let Some(pause) = find_pause(state, seen, &body) {
        steps.insert(0, Step::Wait(pause));
    }
    steps
}

/// Returns how late an action is answered, where a form or a header names it.
fn find_pause(state: &State, seen: &Seen, form: &str) -> Option<Duration> {
    let in_form = form.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let target = seen.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let in_header = target.and_then(|target| target.rsplit('.').next());
    let action = in_form.or(in_header)?;
    let is_meant = |name: &&String| name.ends_with(&format!(":{action}"));
    state.operations.slow.keys().find(is_meant).map(|name| state.operations.slow[name])
}

fn answer_service(state: &mut State, seen: &Seen, body: &str) -> Vec<Step> {
    let signed = seen.headers.get("authorization").and_then(|value| value.to_str().ok());
    let mut scope = signed.unwrap_or_default().split('/').skip(2);
    let (region, service) = (scope.next().unwrap_or_default(), scope.next().unwrap_or_default());
    if service == "cloudformation" && (region != state.region || !names_stack(state, body)) {
        return refuse(400, "ValidationError", "Stack with id it does not exist");
    }
    match service {
        "sts" | "cloudformation" | "sns" => answer_query(state, service, body),
        "monitoring" => answer_query(state, "cloudwatch", body),
        "lambda" => answer_lambda(state, &seen.path, body),
        "apigateway" => answer_routes(state, &seen.path),
        "logs" | "codedeploy" | "events" => {
            let target = seen.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
            answer_operation(state, target.expect("an operation"), body)
        }
        "ssm" => {
            let target = seen.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
            let operation = target.and_then(|target| target.strip_prefix("AmazonSSM."));
            answer_ssm(state, operation.expect("an operation"), body)
        }
        _ => write_answer(403, &[], b"not signed for a service that is here"),
    }
}

/// Tells whether a form is about the one stack that there is.
fn names_stack(state: &State, form: &str) -> bool {
    let named = form.split('&').find_map(|pair| pair.strip_prefix("StackName="));
    state.stack_name.is_none() || state.stack_name.as_deref() == named
}

fn answer_query(state: &mut State, service: &str, form: &str) -> Vec<Step> {
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).expect("an action");
    let name = format!("{service}:{action}");
    let refused = state.find_refusal(&name);
    state.actions.insert(name);
    if let Some(code) = refused {
        return refuse(400, code, "not today");
    }
    let result = match action {
        "GetCallerIdentity" => {
            format!("<Arn>arn:aws:iam::{ACCOUNT}:user/operator</Arn><Account>{ACCOUNT}</Account>")
        }
        "DescribeStacks" | "ListChangeSets" if state.status.is_none() => {
            return refuse(400, "ValidationError", "Stack with id it does not exist");
        }
        "DescribeStacks" => {
            state.go_on();
            write_stack(state)
        }
        "ListChangeSets" => {
            let members = state.change_sets.iter().map(|(id, status)| {
                format!(
                    "<member><ChangeSetId>{id}</ChangeSetId><ExecutionStatus>{status}</ExecutionStatus></member>"
                )
            });
            format!("<Summaries>{}</Summaries>", members.collect::<String>())
        }
        "ListStackResources" => write_resources(state),
        "GetTemplate" => write_processed(state),
        "DescribeAlarms" => write_alarms(state),
        "ListSubscriptionsByTopic" => write_subscriptions(state, form),
        "DescribeStackEvents" => {
            let count = state.events.len();
            let events = state.events.iter().enumerate().map(|(number, reason)| {
                format!(
                    "<member><EventId>event-{}</EventId><ResourceType>AWS::Lambda::Function</ResourceType>\
                     <ResourceStatus>CREATE_FAILED</ResourceStatus>\
                     <LogicalResourceId>ChatFunction</LogicalResourceId>\
                     <ResourceStatusReason>{reason}</ResourceStatusReason></member>",
                    count - number
                )
            });
            format!("<StackEvents>{}</StackEvents>", events.collect::<String>())
        }
        other => panic!("{other} is not answered here"),
    };
    let name = format!("{action}Response");
    let text = format!("<{name} xmlns=\"u:x\"><{action}Result>{result}</{action}Result></{name}>");
    write_answer(200, &[("content-type", "text/xml")], text.as_bytes())
}

fn refuse(status: u16, code: &str, message: &str) -> Vec<Step> {
    let text = format!(
        "<ErrorResponse xmlns=\"u:x\"><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    write_answer(status, &[("content-type", "text/xml")], text.as_bytes())
}

fn write_stack(state: &State) -> String {
    let pairs = |name: &str, pairs: &std::collections::BTreeMap<String, String>| {
        let members = pairs.iter().map(|(key, value)| {
            let value = value.replace('&', "&amp;");
            format!(
                "<member><{name}Key>{key}</{name}Key><{name}Value>{value}</{name}Value></member>"
            )
        });
        format!("<{name}s>{}</{name}s>", members.collect::<String>())
    };
    format!(
        "<Stacks><member>{}{}<LastUpdatedTime>{}</LastUpdatedTime>\
         <StackStatus>{}</StackStatus></member></Stacks>",
        pairs("Parameter", &state.parameters),
        pairs("Output", &state.outputs),
        tell_update_time(state.updates),
        state.status.as_deref().unwrap_or_default()
    )
}

fn write_resources(state: &State) -> String {
    let members = state.functions.iter().map(|(resource, function)| {
        let version = function.of_stack;
        format!(
            "<member><ResourceType>AWS::Lambda::Function</ResourceType>\
             <LogicalResourceId>{resource}</LogicalResourceId><ResourceStatus>UPDATE_COMPLETE</ResourceStatus>\
             <PhysicalResourceId>it-{resource}</PhysicalResourceId></member>\
             <member><ResourceType>AWS::Lambda::Version</ResourceType>\
             <LogicalResourceId>{resource}Version{version}</LogicalResourceId>\
             <ResourceStatus>CREATE_COMPLETE</ResourceStatus><PhysicalResourceId>\
             arn:aws:lambda:us-east-1:{ACCOUNT}:function:it-{resource}:{version}</PhysicalResourceId></member>"
        )
    });
    let others = list_others(state).into_iter().map(|(name, (kind, physical))| {
        format!(
            "<member><ResourceType>{kind}</ResourceType><LogicalResourceId>{name}</LogicalResourceId>\
             <ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
             <PhysicalResourceId>{physical}</PhysicalResourceId></member>"
        )
    });
    let members = members.chain(others).collect::<String>();
    format!("<StackResourceSummaries>{members}</StackResourceSummaries>")
}

fn answer_lambda(state: &mut State, path: &str, body: &str) -> Vec<Step> {
    if path.ends_with("/account-settings/") {
        state.actions.insert("lambda:GetAccountSettings".into());
        let free = state.quota - state.reserves.values().sum::<u64>();
        let limits = json!({
            "ConcurrentExecutions": state.quota,
            "UnreservedConcurrentExecutions": free,
        });
        return write_json(200, &json!({ "AccountLimit": limits }));
    }
    let name = path.split('/').nth(3).unwrap_or_default();
    if path.contains("/invocations") {
        state.actions.insert("lambda:InvokeFunction".into());
        return write_json(200, &state.operations.offered);
    }
    let resource = name.strip_prefix("it-").unwrap_or_default();
    let Some(function) = state.functions.get(resource) else {
        return write_json(404, &json!({ "Message": format!("Function not found: {name}") }));
    };
    if path.ends_with("/concurrency") {
        state.actions.insert("lambda:GetFunctionConcurrency".into());
        let reserve = state.reserves.get(resource);
        return write_json(
            200,
            &reserve.map_or(json!({}), |number| json!({ "ReservedConcurrentExecutions": number })),
        );
    }
    if path.ends_with("/aliases/live") && !body.is_empty() {
        let resource = resource.to_string();
        return update_alias(state, &resource, body);
    }
    if path.ends_with("/aliases/live") {
        state.actions.insert("lambda:GetAlias".into());
        let properties = &state.document["Resources"][resource]["Properties"];
        if properties["AutoPublishAlias"].is_null() {
            return refuse_by_header(404, "ResourceNotFoundException", "no such alias");
        }
        let mut alias = json!({ "FunctionVersion": function.live.to_string() });
        if !function.weights.is_empty() {
            alias["RoutingConfig"] = json!({ "AdditionalVersionWeights": function.weights });
        }
        return write_json(200, &alias);
    }
    state.actions.insert("lambda:GetFunctionConfiguration".into());
    match path.rsplit_once("Qualifier=") {
        Some((_, qualifier)) => {
            let number = if qualifier == "live" { Ok(function.live) } else { qualifier.parse() };
            let number: usize = number.expect("a version");
            match function.versions.get(number - 1) {
                Some(version) if !state.deleted_versions.contains(&(resource.into(), number)) => {
                    write_json(200, &write_version(version, &number.to_string()))
                }
                _ => refuse_by_header(404, "ResourceNotFoundException", "no such version"),
            }
        }
        _ => write_json(200, &write_version(&function.latest, "$LATEST")),
    }
}

/// Leads an alias elsewhere, as nobody does while CodeDeploy moves it.
fn update_alias(state: &mut State, resource: &str, body: &str) -> Vec<Step> {
    state.actions.insert("lambda:UpdateAlias".into());
    for action in ["lambda:UpdateAlias", &format!("lambda:UpdateAlias {resource}")] {
        if let Some(code) = state.find_refusal(action) {
            return refuse_by_header(400, code, "not today");
        }
    }
    let is_moved = |rollout: &Rollout| rollout.resource == resource && rollout.is_running();
    assert!(!state.rollouts.iter().any(is_moved), "CodeDeploy moves {resource}");
    let request: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(request["RoutingConfig"]["AdditionalVersionWeights"], json!({}), "{body}");
    let version = request["FunctionVersion"].as_str().expect("a version");
    let version: usize = version.parse().expect("a number");
    let function = state.functions.get_mut(resource).expect("a function");
    (function.live, function.weights) = (version, Default::default());
    state.moved.push((resource.to_string(), version));
    write_json(200, &json!({ "FunctionVersion": version.to_string() }))
}

/// Refuses as the services do that name the error in a header.
fn refuse_by_header(status: u16, code: &str, message: &str) -> Vec<Step> {
    let body = json!({ "Message": message }).to_string();
    let headers = [("x-amzn-errortype", code), ("content-type", "application/json")];
    write_answer(status, &headers, body.as_bytes())
}

fn write_version(version: &Version, number: &str) -> Value {
    json!({
        "Version": number,
        "Description": version.description,
        "CodeSha256": version.code_sha256,
        "MemorySize": version.memory_mb,
        "Timeout": version.timeout_secs,
        "Environment": { "Variables": version.variables },
    })
}

fn answer_ssm(state: &mut State, operation: &str, body: &str) -> Vec<Step> {
    state.actions.insert(format!("ssm:{operation}"));
    let request: Value = serde_json::from_str(body).expect("JSON");
    if let Some(code) = state.find_refusal(&format!("ssm:{operation}")) {
        return write_json(400, &json!({ "__type": code, "message": "not today" }));
    }
    match operation {
        "GetParameterHistory" if state.releases.is_empty() => {
            write_json(400, &json!({ "__type": "ParameterNotFound" }))
        }
        "GetParameterHistory" => write_history(state, &request),
        "PutParameter" => {
            let value = request["Value"].as_str().expect("a value");
            assert!(value.len() <= 4_096 && request["Overwrite"] == true);
            state.releases.push(value.to_string());
            write_json(200, &json!({ "Version": state.releases.len(), "Tier": "Standard" }))
        }
        "GetParameter" => match state.releases.last() {
            Some(value) => write_json(200, &json!({ "Parameter": { "Value": value } })),
            None => write_json(400, &json!({ "__type": "ParameterNotFound" })),
        },
        other => panic!("{other} is not answered here"),
    }
}

/// Returns two values of the record at a time, so that there are pages.
fn write_history(state: &State, request: &Value) -> Vec<Step> {
    let from = request["NextToken"].as_str().map_or(0, |token| token.parse().expect("a token"));
    let values = state.releases.iter().enumerate().skip(from).take(2);
    let values = values.map(|(at, value)| json!({ "Version": at + 1, "Value": value }));
    let mut page = json!({ "Parameters": values.collect::<Vec<_>>() });
    if from + 2 < state.releases.len() {
        page["NextToken"] = json!((from + 2).to_string());
    }
    write_json(200, &page)
}
