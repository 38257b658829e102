//! What is in the account, and what a deployment of `sam` makes of it.

use cloudformation::{Evaluation, read_template};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A version of a function, or what the next one would be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    pub description: String,
    pub code_sha256: String,
    pub memory_mb: u64,
    pub timeout_secs: u64,
    pub variables: BTreeMap<String, String>,
}

/// A function with the alias `live`.
#[derive(Clone, Debug, Default)]
pub struct Function {
    pub latest: Version,
    /// The last one is live.
    pub versions: Vec<Version>,
}

/// How the next deployment goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// A resource fails for this reason, and the stack is left in this status.
    Resource(&'static str, &'static str),
    /// `sam` cannot even make a change set.
    Upload,
    /// The operator is asked and declines.
    Declined,
    /// The aliases stay where they are.
    StuckAlias,
}

/// The account.
pub struct State {
    pub quota: u64,
    pub reserves: BTreeMap<String, u64>,
    /// Status of the stack; `None` where there is none.
    pub status: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    /// By resource; a function's name is that of its stack and resource.
    pub functions: BTreeMap<String, Function>,
    pub failure: Option<Failure>,
    pub releases: Vec<String>,
    /// Reasons of failures, the newest first.
    pub events: Vec<String>,
    pub actions: BTreeSet<String>,
    /// What `sam deploy` was told, each time.
    pub deployments: Vec<Vec<String>>,
}

impl State {
    pub(super) fn new(outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Self {
            quota: 1_000,
            reserves: BTreeMap::new(),
            status: None,
            parameters: BTreeMap::new(),
            outputs: outputs.collect(),
            functions: BTreeMap::new(),
            failure: None,
            releases: Vec::new(),
            events: Vec::new(),
            actions: BTreeSet::new(),
            deployments: Vec::new(),
        }
    }

    /// Does what `sam deploy` with these arguments does in this folder; false where it fails.
    pub(super) fn deploy(&mut self, folder: &str, arguments: &[String]) -> bool {
        self.deployments.push(arguments.to_vec());
        let is_update = self.status.as_deref().is_some_and(|status| status != "REVIEW_IN_PROGRESS");
        let failure = self.failure.take();
        match &failure {
            Some(Failure::Declined) => {
                self.status.get_or_insert("REVIEW_IN_PROGRESS".to_string());
                return true;
            }
            Some(Failure::Resource(reason, status)) => {
                self.events.insert(0, reason.to_string());
                self.status = Some(status.to_string());
                return false;
            }
            Some(Failure::Upload) => return false,
            Some(Failure::StuckAlias) | None => {}
        }
        let path = format!("{folder}/{}", find_option(arguments, "--template-file"));
        let template = read_template(&std::fs::read_to_string(path).expect("a template"));
        let template = template.expect("a template that can be read");
        self.parameters = read_parameters(arguments);
        let mut names = self.parameters.clone();
        names.insert("AWS::StackName".into(), find_option(arguments, "--stack-name"));
        let mut evaluation = Evaluation::new(&template, names);
        let globals = template["Globals"]["Function"].clone();
        for (resource, entry) in template["Resources"].as_object().expect("resources") {
            if entry["Type"] == "AWS::Serverless::Function" {
                let latest = make_version(&globals, &entry["Properties"], &mut evaluation);
                let function = self.functions.entry(resource.clone()).or_default();
                let is_new = function.latest.description != latest.description;
                function.latest = latest.clone();
                if is_new && (failure.is_none() || function.versions.is_empty()) {
                    function.versions.push(latest);
                }
            }
        }
        let status = if is_update { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" };
        self.status = Some(status.to_string());
        true
    }
}

fn make_version(globals: &Value, own: &Value, evaluation: &mut Evaluation) -> Version {
    let mut variables = BTreeMap::new();
    for environment in [&globals["Environment"], &own["Environment"]] {
        let values = evaluation.evaluate(&environment["Variables"]).unwrap_or_default();
        for (name, value) in values.as_object().into_iter().flatten() {
            variables.insert(name.clone(), cloudformation::plain_text(value));
        }
    }
    // SAM writes the revision behind the description.
    let text = |name: &str| own[name].as_str().unwrap_or_default();
    let description = format!("{} {}", text("Description"), text("AutoPublishCodeSha256"));
    Version {
        description,
        code_sha256: format!("code of {}", text("CodeUri")),
        memory_mb: globals["MemorySize"].as_u64().unwrap_or_default(),
        timeout_secs: own["Timeout"].as_u64().unwrap_or_default(),
        variables,
    }
}

fn find_option(arguments: &[String], name: &str) -> String {
    let at = arguments.iter().position(|argument| argument == name).expect("the option");
    arguments[at + 1].clone()
}

fn read_parameters(arguments: &[String]) -> BTreeMap<String, String> {
    let at = arguments.iter().position(|argument| argument == "--parameter-overrides");
    let pairs = at.map(|at| &arguments[at + 1..]).unwrap_or_default();
    let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), value.trim_matches('"').to_string())).collect()
}
