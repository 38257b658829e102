//! What is known of a gateway when its lines are judged: an answer for each question, or why there is none.

use super::alerts::{Alarm, Subscriptions};
use super::models::OfferedModels;
use super::routes::Integration;
use crate::deploy::account::{Alias, FunctionVersion, Quota};
use crate::deploy::code_deploy::DeploymentGroup;
use crate::deploy::record::Release;
use crate::deploy::stack::Stack;
use shared::clock::since_epoch;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An answer, or why there is none.
pub type Asked<T> = Result<T, String>;

/// A resource of the stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    pub kind: String,
    /// Its name or ARN.
    pub physical: String,
}

/// A function of the stack.
#[derive(Debug)]
pub struct FunctionFacts {
    /// The version that the stack has.
    pub of_stack: String,
    pub latest: Asked<FunctionVersion>,
    pub live: Asked<FunctionVersion>,
    pub alias: Asked<Alias>,
    /// `None` where it reserves nothing.
    pub reserve: Asked<Option<u64>>,
}

/// The secret of the Cohere key, without its value.
#[derive(Debug, Default)]
pub struct KeyFacts {
    /// Which version has each label.
    pub labels: BTreeMap<String, String>,
    pub is_rotated_by: Option<String>,
    /// Since 1970.
    pub created: Option<Duration>,
}

/// The schedule of the probe.
#[derive(Debug, Default)]
pub struct Rule {
    pub is_enabled: bool,
    pub schedule: String,
}

/// An answer of the running gateway.
#[derive(Debug, Default)]
pub struct GatewayAnswer {
    pub status: u16,
    /// `status` of a health check, or `code` of an error.
    pub word: String,
    /// `cohere.status` of a health check.
    pub cohere: String,
}

/// All answers.
#[derive(Debug)]
pub struct Facts {
    pub is_local: bool,
    /// Since 1970.
    pub now: Duration,
    pub stack_name: String,
    pub account: Asked<String>,
    /// The command that deploys this stack.
    pub deploy: String,
    pub stack: Asked<Stack>,
    /// By their names in the template.
    pub resources: Asked<BTreeMap<String, Resource>>,
    /// By their names in the template.
    pub functions: BTreeMap<String, FunctionFacts>,
    pub key: Asked<KeyFacts>,
    /// By method and path.
    pub routes: Asked<BTreeMap<String, Asked<Integration>>>,
    /// Days, by name; `None` keeps for ever.
    pub log_groups: Asked<BTreeMap<String, Option<u64>>>,
    /// By name.
    pub alarms: Asked<BTreeMap<String, Alarm>>,
    pub p1: Asked<Subscriptions>,
    pub p2: Asked<Subscriptions>,
    /// By the function's name in the template.
    pub groups: Asked<BTreeMap<String, Asked<DeploymentGroup>>>,
    /// Aliases, by their names in the template, with each hook that they have.
    pub hooked: Asked<BTreeSet<(String, &'static str)>>,
    pub probe_rule: Asked<Rule>,
    pub quota: Asked<Quota>,
    pub offered: Asked<OfferedModels>,
    pub health: Asked<GatewayAnswer>,
    pub front_door: Asked<GatewayAnswer>,
    pub closed_door: Asked<GatewayAnswer>,
    /// The indicator of Cohere's status page.
    pub status_page: Asked<String>,
    pub release: Asked<Option<Release>>,
}

impl Facts {
    /// Returns the value of a parameter of the stack.
    pub fn parameter(&self, name: &str) -> Result<Option<&str>, String> {
        let stack = self.stack.as_ref()?;
        Ok(stack.parameters.get(name).map(String::as_str))
    }

    /// Returns a command with the name of the stack or for a laptop.
    pub fn command(&self, words: &str) -> String {
        match self.is_local {
            true => words.to_string(),
            false => format!("{words} --stack {}", self.stack_name),
        }
    }

    /// Returns a deployment with one parameter.
    pub fn deploy_with(&self, parameter: &str) -> String {
        format!("{} --parameter {parameter}", self.deploy)
    }
}

impl Facts {
    /// Nothing is known of what only a deployed gateway has.
    pub fn not_local() -> Self {
        Self {
            is_local: true,
            now: since_epoch(),
            stack_name: String::new(),
            account: nobody_asks(),
            deploy: String::new(),
            stack: nobody_asks(),
            resources: nobody_asks(),
            functions: BTreeMap::new(),
            key: nobody_asks(),
            routes: nobody_asks(),
            log_groups: nobody_asks(),
            alarms: nobody_asks(),
            p1: nobody_asks(),
            p2: nobody_asks(),
            groups: nobody_asks(),
            hooked: nobody_asks(),
            probe_rule: nobody_asks(),
            quota: nobody_asks(),
            offered: nobody_asks(),
            health: nobody_asks(),
            front_door: nobody_asks(),
            closed_door: nobody_asks(),
            status_page: nobody_asks(),
            release: nobody_asks(),
        }
    }
}

fn nobody_asks<T>() -> Asked<T> {
    Err("a laptop has none".to_string())
}
