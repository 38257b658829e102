//! What `template.yaml` says, read for running it here: functions, routes, authorizer and answers.
//!
//! The template stays the only place where these things are written. Reading it is a small
//! deployment: parameters get values, `!Ref` and `!Sub` are resolved ([`cloudformation`]), and what
//! this tool cannot run as API Gateway would (a buffered route, say) is an error, never a guess.

mod cloudformation;
#[cfg(test)]
mod tests;

use anyhow::{Context, bail, ensure};
pub use cloudformation::Names;
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The template of this workspace.
pub const TEXT: &str = include_str!("../../../template.yaml");

/// Everything a template says that matters on loopback.
#[derive(Debug)]
pub struct Template {
    pub stage: String,
    pub functions: Vec<Function>,
    pub routes: Vec<Route>,
    pub authorizer: Authorizer,
    /// By response type, such as `UNAUTHORIZED`.
    pub responses: BTreeMap<String, GatewayResponse>,
    /// Values of the keys an authorizer may name; another one is an `INVALID_API_KEY`.
    pub usage_plan_keys: Vec<String>,
}

/// One Lambda function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Folder, package and binary: `chat` for the resource `ChatFunction`.
    pub name: String,
    pub resource: String,
    pub handler: String,
    pub timeout: Duration,
    pub memory_mb: u64,
    pub variables: BTreeMap<String, String>,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub function: String,
    pub authorized: bool,
    pub timeout: Duration,
    pub throttle: Option<Throttle>,
}

/// A steady rate per second and what may come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    pub rate: f64,
    pub burst: f64,
}

/// The token authorizer in front of the routes.
#[derive(Debug, Clone)]
pub struct Authorizer {
    pub function: String,
    pub header: String,
    /// What a token must look like for the function to be asked at all.
    pub expression: Regex,
    pub remembered: Duration,
}

/// An answer of API Gateway itself.
#[derive(Debug, Clone, Default)]
pub struct GatewayResponse {
    pub status: Option<u16>,
    pub headers: BTreeMap<String, String>,
    pub template: Option<String>,
}

impl Template {
    /// Reads a template as if it were deployed with these names.
    pub fn read(text: &str, names: Names) -> anyhow::Result<Template> {
        let document: Document =
            serde_json::from_value(cloudformation::resolve(text, names)?).context("unknown shape")?;
        let mut functions = Vec::new();
        let mut events = Vec::new();
        for (resource, properties) in
            document.resources_of::<FunctionProperties>("AWS::Serverless::Function")?
        {
            let name = folder(&resource)?;
            events.extend(properties.events.into_values().map(|event| (name.clone(), event)));
            let mut variables = document.globals.function.environment.variables.clone();
            variables.extend(properties.environment.variables);
            functions.push(Function {
                name,
                resource,
                handler: document.globals.function.handler.clone(),
                timeout: Duration::from_secs(properties.timeout),
                memory_mb: properties.memory_size.unwrap_or(document.globals.function.memory_size),
                variables: variables.into_iter().map(|(name, value)| (name, plain(&value))).collect(),
            });
        }
        let mut apis = document.resources_of::<ApiProperties>("AWS::Serverless::Api")?;
        ensure!(apis.len() == 1, "exactly one AWS::Serverless::Api is expected, found {}", apis.len());
        let (_, api) = apis.remove(0);
        let authorizer = api.auth.authorizer()?;
        ensure!(
            functions.iter().any(|f| f.name == authorizer.function),
            "the authorizer is no function here"
        );
        let keys = document.resources_of::<Value>("AWS::ApiGateway::ApiKey")?;
        Ok(Template {
            routes: events
                .into_iter()
                .filter(|(_, event)| event.kind == "Api")
                .map(|(function, event)| event.route(function, &api.method_settings))
                .collect::<anyhow::Result<_>>()?,
            functions,
            authorizer,
            responses: api.gateway_responses.into_iter().map(|(kind, r)| (kind, r.plain())).collect(),
            usage_plan_keys: keys.iter().map(|(_, key)| plain(&key["Value"])).collect(),
            stage: api.stage_name,
        })
    }
}

/// The folder of a function's resource: `RotateKeyFunction` is `rotate-key`.
fn folder(resource: &str) -> anyhow::Result<String> {
    let Some(name) = resource.strip_suffix("Function").filter(|name| !name.is_empty()) else {
        bail!("the function {resource} must be called <Name>Function");
    };
    let mut folder = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !folder.is_empty() {
            folder.push('-');
        }
        folder.extend(letter.to_lowercase());
    }
    Ok(folder)
}

/// A scalar as CloudFormation hands it on: everything is text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    globals: Globals,
    resources: BTreeMap<String, Resource>,
}

impl Document {
    fn resources_of<P: for<'a> Deserialize<'a>>(&self, kind: &str) -> anyhow::Result<Vec<(String, P)>> {
        self.resources
            .iter()
            .filter(|(_, resource)| resource.kind == kind)
            .map(|(name, resource)| {
                let properties = P::deserialize(&resource.properties);
                Ok((name.clone(), properties.with_context(|| format!("in the resource {name}"))?))
            })
            .collect()
    }
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Properties", default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Globals {
    function: FunctionGlobals,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionGlobals {
    handler: String,
    memory_size: u64,
    #[serde(default)]
    environment: Environment,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    timeout: u64,
    memory_size: Option<u64>,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Properties", default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiEvent {
    path: String,
    method: String,
    #[serde(default)]
    response_transfer_mode: String,
    /// API Gateway's own default is 29 seconds.
    timeout_in_millis: Option<u64>,
    #[serde(default)]
    auth: EventAuth,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct EventAuth {
    authorizer: Option<String>,
}

impl Event {
    fn route(&self, function: String, settings: &[MethodSetting]) -> anyhow::Result<Route> {
        let event =
            ApiEvent::deserialize(&self.properties).with_context(|| format!("in a route of {function}"))?;
        ensure!(
            event.response_transfer_mode == "RESPONSE_STREAM",
            "{} {} must have ResponseTransferMode RESPONSE_STREAM: its function only streams",
            event.method,
            event.path
        );
        let own = |s: &&MethodSetting| s.http_method == event.method && s.path() == event.path;
        let all = |s: &&MethodSetting| s.http_method == "*" && s.resource_path == "/*";
        let setting = settings.iter().find(own).or_else(|| settings.iter().find(all));
        Ok(Route {
            throttle: setting.and_then(MethodSetting::throttle),
            authorized: event.auth.authorizer.as_deref() != Some("NONE"),
            timeout: Duration::from_millis(event.timeout_in_millis.unwrap_or(29_000)),
            method: event.method,
            path: event.path,
            function,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiProperties {
    stage_name: String,
    auth: Auth,
    #[serde(default)]
    method_settings: Vec<MethodSetting>,
    #[serde(default)]
    gateway_responses: BTreeMap<String, ResponseProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Auth {
    default_authorizer: String,
    authorizers: BTreeMap<String, AuthorizerProperties>,
}

impl Auth {
    fn authorizer(&self) -> anyhow::Result<Authorizer> {
        let name = &self.default_authorizer;
        let authorizer = self.authorizers.get(name).with_context(|| format!("no authorizer {name}"))?;
        let identity = &authorizer.identity;
        let function = authorizer.function_arn.strip_suffix(".Alias").unwrap_or(&authorizer.function_arn);
        Ok(Authorizer {
            function: folder(function)?,
            header: identity.header.to_ascii_lowercase(),
            expression: Regex::new(&identity.validation_expression).context("in the ValidationExpression")?,
            remembered: Duration::from_secs(identity.reauthorize_every),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthorizerProperties {
    function_arn: String,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    header: String,
    validation_expression: String,
    reauthorize_every: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MethodSetting {
    http_method: String,
    resource_path: String,
    throttling_rate_limit: Option<f64>,
    throttling_burst_limit: Option<f64>,
}

impl MethodSetting {
    /// `/~1api~1health` is how a stage writes `/api/health`.
    fn path(&self) -> String {
        self.resource_path.trim_start_matches('/').replace("~1", "/")
    }

    fn throttle(&self) -> Option<Throttle> {
        Some(Throttle { rate: self.throttling_rate_limit?, burst: self.throttling_burst_limit? })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResponseProperties {
    status_code: Option<u16>,
    #[serde(default)]
    response_parameters: ResponseParameters,
    #[serde(default)]
    response_templates: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ResponseParameters {
    headers: BTreeMap<String, String>,
}

impl ResponseProperties {
    fn plain(mut self) -> GatewayResponse {
        let unquoted = |value: &str| value.trim_matches('\'').to_owned();
        let headers = self.response_parameters.headers.iter();
        GatewayResponse {
            status: self.status_code,
            headers: headers.map(|(name, value)| (name.clone(), unquoted(value))).collect(),
            template: self.response_templates.remove("application/json"),
        }
    }
}
