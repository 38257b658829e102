//! What the template's resources mean here: functions, routes, authorizer, answers and rotations.

use anyhow::bail;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::time::Duration;

/// A secret and the function that rotates it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    pub secret_id: String,
    pub function: String,
}

/// One Lambda function.
#[derive(Debug, Clone)]
pub struct TemplateFunction {
    /// Folder, package and binary: `chat` for the resource `ChatFunction`.
    pub name: String,
    pub resource: String,
    pub handler: String,
    pub timeout: Duration,
    pub memory_mb: u64,
    /// How many environments it may have where some are reserved for it.
    pub reserved_concurrency: Option<usize>,
    pub variables: BTreeMap<String, String>,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub struct TemplateRoute {
    pub method: String,
    pub path: String,
    pub function: String,
    pub authorized: bool,
    pub timeout: Duration,
    pub throttle: Option<Throttle>,
}

impl TemplateRoute {
    /// Returns what a greedy route such as `/v1/{proxy+}` takes of a path; `None` where it does not take it.
    pub fn greedy_rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        let prefix = self.path.strip_suffix("{proxy+}")?;
        path.strip_prefix(prefix).filter(|rest| !rest.is_empty())
    }
}

/// A steady rate per second, and how many requests may come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    pub rate: f64,
    pub burst: f64,
}

/// What the keys of a plan may do, each by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TemplateUsagePlan {
    pub throttle: Option<Throttle>,
    pub daily_quota: Option<u64>,
}

/// An API key, and the resource of its plan.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateApiKey {
    /// Its resource.
    pub name: String,
    pub value: String,
    pub plan: Option<String>,
}

/// The token authorizer in front of the routes.
#[derive(Debug, Clone)]
pub struct TemplateAuthorizer {
    pub function: String,
    pub header: String,
    /// What a token must look like for the function to be called at all.
    pub expression: Regex,
    pub cache_ttl: Duration,
}

/// An answer of API Gateway itself.
#[derive(Debug, Clone, Default)]
pub struct GatewayResponse {
    pub status: Option<u16>,
    pub headers: BTreeMap<String, String>,
    pub template: Option<String>,
}

/// The folder of a function's resource: `RotateKeyFunction` is `rotate-key`.
pub fn folder_name(resource: &str) -> anyhow::Result<String> {
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
