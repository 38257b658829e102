//! What `template.yaml` says, read for running it here: functions, routes, authorizer and answers.
//!
//! The template stays the only place where these things are written. Reading it is a small
//! deployment: parameters get values and functions are evaluated (`tools/cloudformation`), and what
//! this tool cannot run as API Gateway would, such as a buffered route, is an error.

mod document;
mod resources;
#[cfg(test)]
mod tests;
mod usage_plans;

use anyhow::{Context, ensure};
pub use cloudformation::ReferenceValues;
use cloudformation::plain_text;
use document::{ApiProperties, FunctionProperties, RotationProperties, TemplateDocument};
pub use resources::{
    GatewayResponse, Rotation, TemplateApiKey, TemplateAuthorizer, TemplateFunction, TemplateRoute,
    TemplateUsagePlan, Throttle, folder_name,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use usage_plans::{UsagePlanProperties, join_keys};

/// The template of this workspace.
pub const TEXT: &str = include_str!("../../../template.yaml");

/// Everything a template says that matters on loopback.
#[derive(Debug)]
pub struct Template {
    pub api_name: String,
    pub stage: String,
    pub functions: Vec<TemplateFunction>,
    pub routes: Vec<TemplateRoute>,
    pub authorizer: TemplateAuthorizer,
    /// By response type, such as `UNAUTHORIZED`.
    pub responses: BTreeMap<String, GatewayResponse>,
    /// By resource.
    pub usage_plans: BTreeMap<String, TemplateUsagePlan>,
    /// The keys an authorizer may name; another one is an `INVALID_API_KEY`.
    pub api_keys: Vec<TemplateApiKey>,
    pub rotations: Vec<Rotation>,
}

impl Template {
    /// Reads a template as if it were deployed with these names.
    pub fn parse(text: &str, names: ReferenceValues) -> anyhow::Result<Template> {
        let document: TemplateDocument =
            serde_json::from_value(cloudformation::resolve_template(text, names)?)
                .context("unknown shape")?;
        let mut functions = Vec::new();
        let mut events = Vec::new();
        for (resource, properties) in
            document.resources_of::<FunctionProperties>("AWS::Serverless::Function")?
        {
            let name = folder_name(&resource)?;
            events.extend(properties.events.into_values().map(|event| (name.clone(), event)));
            let mut variables = document.globals.function.environment.variables.clone();
            variables.extend(properties.environment.variables);
            let reserve = properties.reserved_concurrent_executions.as_ref();
            functions.push(TemplateFunction {
                reserved_concurrency: reserve.map(read_number).transpose()?,
                name,
                resource,
                handler: document.globals.function.handler.clone(),
                timeout: Duration::from_secs(properties.timeout),
                memory_mb: properties.memory_size.unwrap_or(document.globals.function.memory_size),
                variables: variables
                    .into_iter()
                    .map(|(name, value)| (name, plain_text(&value)))
                    .collect(),
            });
        }
        let mut apis = document.resources_of::<ApiProperties>("AWS::Serverless::Api")?;
        ensure!(
            apis.len() == 1,
            "exactly one AWS::Serverless::Api is expected, found {}",
            apis.len()
        );
        let (_, api) = apis.remove(0);
        ensure!(
            api.binary_media_types == ["*~1*"],
            "BinaryMediaTypes must be all types: bodies are handed on in base64"
        );
        let authorizer = api.auth.to_authorizer()?;
        ensure!(
            functions.iter().any(|f| f.name == authorizer.function),
            "the authorizer is no function here"
        );
        let mut usage_plans = BTreeMap::new();
        for (name, plan) in
            document.resources_of::<UsagePlanProperties>("AWS::ApiGateway::UsagePlan")?
        {
            usage_plans.insert(name, plan.into_plan()?);
        }
        let keys = document.resources_of::<Value>("AWS::ApiGateway::ApiKey")?;
        let members = document.resources_of("AWS::ApiGateway::UsagePlanKey")?;
        let rotations =
            document.resources_of::<RotationProperties>("AWS::SecretsManager::RotationSchedule")?;
        Ok(Template {
            routes: events
                .into_iter()
                .filter(|(_, event)| event.kind == "Api")
                .map(|(function, event)| event.to_route(function, &api.method_settings))
                .collect::<anyhow::Result<_>>()?,
            functions,
            authorizer,
            responses: api
                .gateway_responses
                .into_iter()
                .map(|(kind, r)| (kind, r.into_response()))
                .collect(),
            api_keys: join_keys(keys, &members, &usage_plans)?,
            usage_plans,
            rotations: rotations
                .into_iter()
                .map(|(_, r)| r.into_rotation())
                .collect::<anyhow::Result<_>>()?,
            api_name: api.name,
            stage: api.stage_name,
        })
    }
}

/// A number, which is a text where it comes from a parameter.
fn read_number<T: std::str::FromStr>(value: &Value) -> anyhow::Result<T> {
    let text = plain_text(value);
    text.parse().ok().with_context(|| format!("{text} is no number"))
}
