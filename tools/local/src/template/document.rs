//! The parts of a SAM template that matter here, in the template's own words.
//!
//! Properties that change nothing on loopback (policies, log groups, memory of the build) are
//! ignored.

use super::read_number;
use super::resources::{
    GatewayResponse, Rotation, TemplateAuthorizer, TemplateRoute, Throttle, folder_name,
};
use anyhow::{Context, ensure};
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TemplateDocument {
    pub globals: Globals,
    pub resources: BTreeMap<String, Resource>,
}

impl TemplateDocument {
    pub fn resources_of<P: for<'a> Deserialize<'a>>(
        &self,
        kind: &str,
    ) -> anyhow::Result<Vec<(String, P)>> {
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
pub struct Resource {
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "Properties", default)]
    pub properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Globals {
    pub function: FunctionGlobals,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionGlobals {
    pub handler: String,
    pub memory_size: u64,
    #[serde(default)]
    pub environment: EnvironmentProperties,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct EnvironmentProperties {
    pub variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionProperties {
    pub timeout: u64,
    pub memory_size: Option<u64>,
    pub reserved_concurrent_executions: Option<Value>,
    #[serde(default)]
    pub environment: EnvironmentProperties,
    #[serde(default)]
    pub events: BTreeMap<String, EventProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationProperties {
    pub secret_id: String,
    #[serde(rename = "RotationLambdaARN")]
    pub function_arn: String,
}

impl RotationProperties {
    pub fn into_rotation(self) -> anyhow::Result<Rotation> {
        Ok(Rotation {
            function: function_of_reference(&self.function_arn)?,
            secret_id: self.secret_id,
        })
    }
}

/// The function of a reference to it or to its alias.
fn function_of_reference(reference: &str) -> anyhow::Result<String> {
    folder_name(reference.strip_suffix(".Alias").unwrap_or(reference))
}

#[derive(Deserialize)]
pub struct EventProperties {
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "Properties", default)]
    pub properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiEvent {
    pub path: String,
    pub method: String,
    #[serde(default)]
    pub response_transfer_mode: String,
    /// API Gateway's own default is 29 seconds.
    pub timeout_in_millis: Option<u64>,
    #[serde(default)]
    pub auth: EventAuth,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct EventAuth {
    pub authorizer: Option<String>,
}

impl EventProperties {
    pub fn to_route(
        &self,
        function: String,
        settings: &[MethodSetting],
    ) -> anyhow::Result<TemplateRoute> {
        let event = ApiEvent::deserialize(&self.properties)
            .with_context(|| format!("in a route of {function}"))?;
        ensure!(
            event.response_transfer_mode == "RESPONSE_STREAM",
            "{} {} must have ResponseTransferMode RESPONSE_STREAM: its function only streams",
            event.method,
            event.path
        );
        let throttle = match find_setting(settings, &event) {
            Some(setting) => setting.to_throttle()?,
            None => None,
        };
        Ok(TemplateRoute {
            throttle,
            authorized: event.auth.authorizer.as_deref() != Some("NONE"),
            timeout: Duration::from_millis(event.timeout_in_millis.unwrap_or(29_000)),
            method: event.method,
            path: event.path,
            function,
        })
    }
}

/// The setting of this very method, or the one for every method of the stage.
fn find_setting<'a>(settings: &'a [MethodSetting], event: &ApiEvent) -> Option<&'a MethodSetting> {
    for setting in settings {
        if setting.http_method == event.method && setting.plain_path() == event.path {
            return Some(setting);
        }
    }
    settings.iter().find(|setting| setting.http_method == "*" && setting.resource_path == "/*")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApiProperties {
    pub name: String,
    pub stage_name: String,
    pub auth: Auth,
    #[serde(default)]
    pub binary_media_types: Vec<String>,
    #[serde(default)]
    pub method_settings: Vec<MethodSetting>,
    #[serde(default)]
    pub gateway_responses: BTreeMap<String, ResponseProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Auth {
    pub default_authorizer: String,
    pub authorizers: BTreeMap<String, AuthorizerProperties>,
}

impl Auth {
    pub fn to_authorizer(&self) -> anyhow::Result<TemplateAuthorizer> {
        let name = &self.default_authorizer;
        let authorizer =
            self.authorizers.get(name).with_context(|| format!("no authorizer {name}"))?;
        let identity = &authorizer.identity;
        Ok(TemplateAuthorizer {
            function: function_of_reference(&authorizer.function_arn)?,
            header: identity.header.to_ascii_lowercase(),
            expression: Regex::new(&identity.validation_expression)
                .context("in the ValidationExpression")?,
            cache_ttl: Duration::from_secs(identity.reauthorize_every),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuthorizerProperties {
    pub function_arn: String,
    pub identity: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identity {
    pub header: String,
    pub validation_expression: String,
    pub reauthorize_every: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MethodSetting {
    pub http_method: String,
    pub resource_path: String,
    pub throttling_rate_limit: Option<Value>,
    pub throttling_burst_limit: Option<Value>,
}

impl MethodSetting {
    /// `/~1api~1health` is how a stage writes `/api/health`.
    pub fn plain_path(&self) -> String {
        self.resource_path.trim_start_matches('/').replace("~1", "/")
    }

    pub fn to_throttle(&self) -> anyhow::Result<Option<Throttle>> {
        let limits = (&self.throttling_rate_limit, &self.throttling_burst_limit);
        let (Some(rate), Some(burst)) = limits else { return Ok(None) };
        Ok(Some(Throttle { rate: read_number(rate)?, burst: read_number(burst)? }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResponseProperties {
    pub status_code: Option<u16>,
    #[serde(default)]
    pub response_parameters: ResponseParameters,
    #[serde(default)]
    pub response_templates: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResponseParameters {
    pub headers: BTreeMap<String, String>,
}

impl ResponseProperties {
    pub fn into_response(mut self) -> GatewayResponse {
        let mut headers = BTreeMap::new();
        for (name, value) in self.response_parameters.headers {
            // A template writes a fixed value in single quotes.
            headers.insert(name, value.trim_matches('\'').to_owned());
        }
        GatewayResponse {
            status: self.status_code,
            headers,
            template: self.response_templates.remove("application/json"),
        }
    }
}
