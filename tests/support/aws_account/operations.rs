//! What the account has beside functions, as `ops checklist` asks for it; all of it well until a test changes it.

use super::rollouts::{describe_deployments, describe_target, list_deployments, stop_deployment};
use super::state::State;
use crate::stub::{Step, write_answer, write_json};
use cloudformation::Evaluation;
use serde_json::{Value, json};
use shared::cohere::models::{Lifetime, all_ids, find_model};
use std::collections::{BTreeMap, BTreeSet};

/// Functions that callers meet, which CodeDeploy moves.
const SERVING: [&str; 6] = [
    "ChatFunction",
    "EmbedFunction",
    "RerankFunction",
    "PassThroughFunction",
    "HealthFunction",
    "AuthorizerFunction",
];
const ROUTES: [(&str, &str); 11] = [
    ("POST", "/v2/chat"),
    ("POST", "/v2/embed"),
    ("POST", "/v2/rerank"),
    ("POST", "/v1/embed"),
    ("POST", "/v1/rerank"),
    ("GET", "/v1/{proxy+}"),
    ("POST", "/v1/{proxy+}"),
    ("GET", "/compatibility/{proxy+}"),
    ("POST", "/compatibility/{proxy+}"),
    ("GET", "/api/health"),
    ("GET", "/api/health/check"),
];

/// Changes that a test makes.
pub struct Operations {
    /// Resources that somebody has deleted, by their names in the template.
    pub gone: BTreeSet<String>,
    /// Alarms and log groups that somebody has deleted past the stack.
    pub vanished: BTreeSet<String>,
    /// Actions that are refused, with this code.
    pub refused: BTreeMap<String, &'static str>,
    /// Actions that are refused so many times, with this code.
    pub refused_at_first: BTreeMap<String, (usize, &'static str)>,
    /// Functions whose deployment succeeds just before it is stopped, and whose stack is then whole.
    pub over_when_stopped: BTreeSet<String>,
    /// Actions that get no answer for so long.
    pub slow: BTreeMap<String, std::time::Duration>,
    /// Alarms without an action, switched off, or raised.
    pub silent: BTreeSet<String>,
    /// Alarms that tell another topic.
    pub astray: BTreeSet<String>,
    pub switched_off: BTreeSet<String>,
    pub raised: BTreeSet<String>,
    /// Who is told by P1 and P2, and whether he has confirmed.
    pub subscribers: BTreeMap<&'static str, Vec<(&'static str, bool)>>,
    /// Log groups that keep their lines for ever.
    pub endless: BTreeSet<String>,
    /// Routes that answer whole, and those that go past the alias.
    pub whole: BTreeSet<&'static str>,
    pub past_the_alias: BTreeSet<&'static str>,
    /// How CodeDeploy moves a function, where not as it should.
    pub groups: BTreeMap<&'static str, Value>,
    /// Functions that lack one of their hooks.
    pub without_hook: BTreeSet<(&'static str, &'static str)>,
    pub rule_state: &'static str,
    /// What the probe function answers.
    pub offered: Value,
    /// What Cohere's status page says.
    pub indicator: &'static str,
    /// What Logs Insights finds, as rows of fields.
    pub found: Vec<Vec<(&'static str, String)>>,
}

impl Default for Operations {
    fn default() -> Self {
        let subscribed = |address| vec![(address, true)];
        Self {
            gone: BTreeSet::new(),
            vanished: BTreeSet::new(),
            refused: BTreeMap::new(),
            refused_at_first: BTreeMap::new(),
            over_when_stopped: BTreeSet::new(),
            slow: BTreeMap::new(),
            silent: BTreeSet::new(),
            astray: BTreeSet::new(),
            switched_off: BTreeSet::new(),
            raised: BTreeSet::new(),
            subscribers: BTreeMap::from([
                ("P1", subscribed("pager@example.com")),
                ("P2", subscribed("team@example.com")),
            ]),
            endless: BTreeSet::new(),
            whole: BTreeSet::new(),
            past_the_alias: BTreeSet::new(),
            groups: BTreeMap::new(),
            without_hook: BTreeSet::new(),
            rule_state: "ENABLED",
            offered: offer_catalogue(),
            indicator: "none",
            found: Vec::new(),
        }
    }
}

/// Every model that the catalogue calls active or deprecated.
fn offer_catalogue() -> Value {
    let is_there = |id: &&str| {
        let lifetime = find_model(id).map(|model| model.lifetime);
        !matches!(lifetime, Some(Lifetime::Retired { .. }))
    };
    let models = all_ids().filter(is_there).map(|id| json!({ "id": id, "is_deprecated": false }));
    json!({ "models": models.collect::<Vec<_>>(), "is_trial": false, "problem": null })
}

/// Returns type and physical name of every resource but functions and versions.
pub(super) fn list_others(state: &State) -> BTreeMap<String, (String, String)> {
    let mut others = BTreeMap::new();
    let template = &state.document;
    let mut evaluation = Evaluation::new(template, state.parameters.clone());
    for (name, entry) in template["Resources"].as_object().into_iter().flatten() {
        let kind = entry["Type"].as_str().unwrap_or_default();
        if !kind.starts_with("AWS::Serverless") && evaluation.is_created(entry) {
            let physical = match kind {
                "AWS::SNS::Topic" => format!("arn:aws:sns:us-east-1:123456789012:it-{name}"),
                _ => format!("it-{name}"),
            };
            others.insert(name.clone(), (kind.to_string(), physical));
        }
    }
    let application = ("AWS::CodeDeploy::Application".to_string(), "it-application".to_string());
    others.insert("ServerlessDeploymentApplication".to_string(), application);
    for function in SERVING {
        let group = ("AWS::CodeDeploy::DeploymentGroup".to_string(), format!("it-{function}Group"));
        others.insert(format!("{function}DeploymentGroup"), group);
    }
    for function in state.functions.keys() {
        let properties = &template["Resources"][function]["Properties"];
        if !properties["AutoPublishAlias"].is_null() {
            let alias = ("AWS::Lambda::Alias".to_string(), format!("it-{function}:live"));
            others.insert(format!("{function}Aliaslive"), alias);
        }
    }
    others.retain(|name, _| !state.operations.gone.contains(name));
    others
}

/// Returns the alarms of the account, in CloudWatch's form: with the actions and rules that the template gives them.
pub(super) fn write_alarms(state: &State) -> String {
    let template = &state.document;
    let operations = &state.operations;
    let (mut composites, mut metrics) = (String::new(), String::new());
    let others = list_others(state);
    let mut names = state.parameters.clone();
    names.extend(others.iter().map(|(name, (_, physical))| (name.clone(), physical.clone())));
    let mut evaluation = Evaluation::new(template, names);
    for (name, (kind, physical)) in others {
        if operations.vanished.contains(&name) {
            continue;
        }
        let list = match kind.as_str() {
            "AWS::CloudWatch::CompositeAlarm" => &mut composites,
            "AWS::CloudWatch::Alarm" => &mut metrics,
            _ => continue,
        };
        let properties = &template["Resources"][&name]["Properties"];
        let given = evaluation.evaluate(&properties["AlarmActions"]).unwrap_or_default();
        let mut topics: Vec<_> = given.as_array().into_iter().flatten().cloned().collect();
        topics.retain(|_| !operations.silent.contains(&name));
        if operations.astray.contains(&name) {
            topics = vec![json!("arn:aws:sns:us-east-1:123456789012:it-other")];
        }
        let actions = topics.iter().filter_map(Value::as_str);
        let actions: String = actions.map(|topic| format!("<member>{topic}</member>")).collect();
        let rule = properties["AlarmRule"].to_string().replace("${", "it-").replace('}', "");
        let rule = rule.replace("\\\"", " ").replace('"', " ");
        let acts = !operations.switched_off.contains(&name);
        let value = if operations.raised.contains(&name) { "ALARM" } else { "OK" };
        *list += &format!(
            "<member><AlarmName>{physical}</AlarmName><ActionsEnabled>{acts}</ActionsEnabled>\
             <AlarmActions>{actions}</AlarmActions><AlarmRule>{rule}</AlarmRule>\
             <StateValue>{value}</StateValue></member>"
        );
    }
    format!("<CompositeAlarms>{composites}</CompositeAlarms><MetricAlarms>{metrics}</MetricAlarms>")
}

/// Returns the alarms that the template gives to a function's rollouts.
fn list_gates(state: &State, function: &str) -> Vec<Value> {
    let preference = &state.document["Resources"][function]["Properties"]["DeploymentPreference"];
    let alarms = preference["Alarms"].as_array().into_iter().flatten();
    let names = alarms.filter_map(|alarm| alarm["Ref"].as_str());
    names.map(|name| json!({ "name": format!("it-{name}") })).collect()
}

/// Returns who has subscribed to the topic of a form.
pub(super) fn write_subscriptions(state: &State, form: &str) -> String {
    let severity = if form.contains("P1Topic") { "P1" } else { "P2" };
    let known = state.operations.subscribers.get(severity).into_iter().flatten();
    let members = known.map(|(address, is_confirmed)| {
        let arn = if *is_confirmed { "arn:aws:sns:x:y:z:1" } else { "PendingConfirmation" };
        format!(
            "<member><SubscriptionArn>{arn}</SubscriptionArn><Endpoint>{address}</Endpoint></member>"
        )
    });
    format!("<Subscriptions>{}</Subscriptions>", members.collect::<String>())
}

/// Returns the template as SAM has left it, with the hooks of the aliases.
pub(super) fn write_processed(state: &State) -> String {
    let mut resources = json!({});
    for function in SERVING {
        let hooks = [
            ("BeforeAllowTrafficHook", "it-PreTrafficFunction"),
            ("AfterAllowTrafficHook", "it-PostTrafficFunction"),
        ];
        let there = hooks
            .iter()
            .filter(|(when, _)| !state.operations.without_hook.contains(&(function, *when)));
        let update: BTreeMap<_, _> = there.copied().collect();
        resources[format!("{function}Aliaslive")] =
            json!({ "UpdatePolicy": { "CodeDeployLambdaAliasUpdate": update } });
    }
    format!("<TemplateBody>{}</TemplateBody>", json!({ "Resources": resources }))
}

/// Answers API Gateway's questions about routes.
pub(super) fn answer_routes(state: &mut State, path: &str) -> Vec<Step> {
    state.actions.insert("apigateway:GET".into());
    if !path.contains("/integration") {
        let items = ROUTES.iter().enumerate().map(|(id, (method, path))| {
            json!({ "id": format!("r{id}"), "path": path, "resourceMethods": { *method: {} } })
        });
        return write_json(200, &json!({ "item": items.collect::<Vec<_>>() }));
    }
    let id = path.split('/').nth(4).and_then(|id| id.strip_prefix('r'));
    let (_, route) = ROUTES[id.and_then(|id| id.parse::<usize>().ok()).expect("a resource")];
    let operations = &state.operations;
    let (date, end, mode) = match operations.whole.contains(route) {
        true => ("2015-03-31", "invocations", "BUFFERED"),
        false => ("2021-11-15", "response-streaming-invocations", "STREAM"),
    };
    let alias = if operations.past_the_alias.contains(route) { "" } else { ":live" };
    let uri = format!(
        "arn:aws:apigateway:us-east-1:lambda:path/{date}/functions/arn:aws:lambda:us-east-1:1:function:it{alias}/{end}"
    );
    write_json(200, &json!({ "type": "AWS_PROXY", "responseTransferMode": mode, "uri": uri }))
}

/// Answers the operations of a service that speaks JSON.
pub(super) fn answer_operation(state: &mut State, target: &str, body: &str) -> Vec<Step> {
    let request: Value = serde_json::from_str(body).expect("JSON");
    let (service, operation) = target.split_once('.').expect("an operation");
    let named = match service {
        "Logs_20140328" => "logs",
        "CodeDeploy_20141006" => "codedeploy",
        "AWSEvents" => "events",
        other => panic!("{other} is not answered here"),
    };
    let action = format!("{named}:{operation}");
    state.actions.insert(action.clone());
    if let Some(code) = state.find_refusal(&action) {
        return write_json(400, &json!({ "__type": code, "message": "not today" }));
    }
    match operation {
        "DescribeLogGroups" => {
            let groups = list_others(state)
                .into_iter()
                .filter(|(_, (kind, _))| kind == "AWS::Logs::LogGroup")
                .filter(|(name, _)| !state.operations.vanished.contains(name));
            let groups = groups.map(|(name, (_, physical))| {
                match state.operations.endless.contains(&name) {
                    true => json!({ "logGroupName": physical }),
                    false => json!({ "logGroupName": physical, "retentionInDays": 30 }),
                }
            });
            write_json(200, &json!({ "logGroups": groups.collect::<Vec<_>>() }))
        }
        "GetDeploymentGroup" => {
            let group = request["deploymentGroupName"].as_str().unwrap_or_default();
            let function = group.trim_start_matches("it-").trim_end_matches("Group");
            let well = json!({
                "deploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
                "alarmConfiguration": { "enabled": true, "alarms": list_gates(state, function) },
                "autoRollbackConfiguration": { "enabled": true },
            });
            let changed = state.operations.groups.get(function);
            let mut info = well;
            for (name, value) in changed.and_then(Value::as_object).into_iter().flatten() {
                info[name] = value.clone();
            }
            write_json(200, &json!({ "deploymentGroupInfo": info }))
        }
        "ListDeployments" => list_deployments(state, &request),
        "BatchGetDeployments" => describe_deployments(state, &request),
        "ListDeploymentTargets" => write_json(200, &json!({ "targetIds": ["it:live"] })),
        "BatchGetDeploymentTargets" => describe_target(state, &request),
        "StopDeployment" => stop_deployment(state, &request),
        "DescribeRule" => {
            let rule = json!({ "State": state.operations.rule_state, "ScheduleExpression": "rate(5 minutes)" });
            write_json(200, &rule)
        }
        "StartQuery" => {
            state.queries.push(request["queryString"].as_str().unwrap_or_default().to_string());
            write_json(200, &json!({ "queryId": "query-1" }))
        }
        "GetQueryResults" => {
            let rows = state.operations.found.iter().map(|row| {
                let fields =
                    row.iter().map(|(name, value)| json!({ "field": name, "value": value }));
                fields.collect::<Vec<_>>()
            });
            let results: Vec<_> = rows.collect();
            let scanned = json!({ "bytesScanned": 250_000_000.0 });
            write_json(
                200,
                &json!({ "status": "Complete", "results": results, "statistics": scanned }),
            )
        }
        "FilterLogEvents" => {
            assert_eq!(request["logGroupName"], "it-RotateKeyLogs", "nobody reads others");
            let rows = state.operations.found.iter().map(|row| json!({ "message": row[0].1 }));
            write_json(200, &json!({ "events": rows.collect::<Vec<_>>() }))
        }
        other => panic!("{other} is not answered here"),
    }
}

/// Answers as Cohere's status page.
pub(super) fn answer_status_page(state: &State) -> Vec<Step> {
    match state.operations.indicator {
        "" => write_answer(502, &[], b"bad gateway"),
        indicator => write_json(200, &json!({ "status": { "indicator": indicator } })),
    }
}
