//! What is in the account, and what a deployment of `sam` makes of it.

use super::operations::Operations;
use super::rollouts::Rollout;
use cloudformation::{Evaluation, read_template};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A version of a function, or what the next one would be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    pub description: String,
    pub code_sha256: String,
    pub memory_mb: u64,
    pub timeout_secs: u64,
    pub variables: BTreeMap<String, String>,
}

/// A function with the alias `live`; a version's number is its place among all that were published.
#[derive(Clone, Debug, Default)]
pub struct Function {
    pub latest: Version,
    pub versions: Vec<Version>,
    /// The version that the stack has.
    pub of_stack: usize,
    /// Where the alias leads.
    pub live: usize,
    /// Other versions behind the alias, with their parts of the requests.
    pub weights: BTreeMap<String, f64>,
}

/// How the next deployment goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// A resource fails for this reason once every version is made, and the stack is left in this status.
    Resource(&'static str, &'static str),
    /// `sam` cannot even make a change set.
    Upload,
    /// The operator is asked and declines.
    Declined,
    /// The aliases stay where they are.
    StuckAlias,
}

/// What happens at one look at the stack.
pub type Plan = Box<dyn FnOnce(&mut State) + Send>;
pub(super) type Follower = Box<dyn Fn(&BTreeMap<String, Function>) + Send>;

/// The account.
pub struct State {
    pub quota: u64,
    pub reserves: BTreeMap<String, u64>,
    /// Name of the stack; any, until one is deployed.
    pub stack_name: Option<String>,
    /// Where it is.
    pub region: &'static str,
    /// Status of the stack; `None` where there is none.
    pub status: Option<String>,
    /// How often the stack was changed, which is all there is of time here.
    pub updates: usize,
    /// What is deployed, as text.
    pub template: String,
    /// The same, read.
    pub document: Value,
    /// Id and status of the change sets that the stack has.
    pub change_sets: Vec<(String, &'static str)>,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    /// By resource; a function's name is that of its stack and resource.
    pub functions: BTreeMap<String, Function>,
    pub failure: Option<Failure>,
    pub releases: Vec<String>,
    /// Reasons of failures, the newest first.
    pub events: Vec<String>,
    pub actions: BTreeSet<String>,
    /// Whatever is not of a deployment.
    pub operations: Operations,
    /// What Logs Insights was asked.
    pub queries: Vec<String>,
    /// What `sam deploy` was told, each time.
    pub deployments: Vec<Vec<String>>,
    /// Deployments of CodeDeploy, the oldest first.
    pub rollouts: Vec<Rollout>,
    /// What happens at the next looks at the stack.
    pub plans: VecDeque<Plan>,
    /// Versions that somebody has deleted, by resource and number.
    pub deleted_versions: BTreeSet<(String, usize)>,
    /// Which alias was moved to where by hand, in order.
    pub moved: Vec<(String, usize)>,
    /// Who is told of the functions after each call.
    pub(super) follower: Option<Follower>,
}

impl State {
    pub(super) fn new(outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Self {
            quota: 1_000,
            reserves: BTreeMap::new(),
            stack_name: None,
            region: "us-east-1",
            status: None,
            updates: 0,
            template: String::new(),
            document: Value::Null,
            change_sets: Vec::new(),
            parameters: BTreeMap::new(),
            outputs: outputs.collect(),
            functions: BTreeMap::new(),
            failure: None,
            releases: Vec::new(),
            events: Vec::new(),
            actions: BTreeSet::new(),
            operations: Operations::default(),
            queries: Vec::new(),
            deployments: Vec::new(),
            rollouts: Vec::new(),
            plans: VecDeque::new(),
            deleted_versions: BTreeSet::new(),
            moved: Vec::new(),
            follower: None,
        }
    }

    pub(super) fn tell_functions(&self) {
        if let Some(follower) = &self.follower {
            follower(&self.functions);
        }
    }

    /// Returns how an action is refused, if it is: always, or so many times still.
    pub(super) fn find_refusal(&mut self, action: &str) -> Option<&'static str> {
        if let Some((left, code)) = self.operations.refused_at_first.get_mut(action)
            && *left > 0
        {
            *left -= 1;
            return Some(code);
        }
        self.operations.refused.get(action).copied()
    }

    /// Does what `sam deploy` with these arguments does in this folder; false where it fails.
    pub(super) fn deploy(&mut self, folder: &str, arguments: &[String]) -> bool {
        self.deployments.push(arguments.to_vec());
        self.stack_name = Some(find_option(arguments, "--stack-name"));
        let is_update = self.status.as_deref().is_some_and(|status| status != "REVIEW_IN_PROGRESS");
        let failure = self.failure.take();
        if failure == Some(Failure::Upload) {
            return false;
        }
        let path = format!("{folder}/{}", find_option(arguments, "--template-file"));
        let text = std::fs::read_to_string(path).expect("a template");
        let parameters = read_parameters(arguments);
        let change_set = format!("change-set-{}", self.deployments.len());
        if is_update && text == self.template && parameters == self.parameters {
            self.change_sets.push((change_set, "UNAVAILABLE"));
            return true;
        }
        if failure == Some(Failure::Declined) {
            self.change_sets.push((change_set, "AVAILABLE"));
            self.status.get_or_insert("REVIEW_IN_PROGRESS".to_string());
            return true;
        }
        // An execution deletes every other change set.
        self.change_sets.clear();
        self.updates += 1;
        let kept = self.functions.clone();
        let mut reason = self.publish(&text, &parameters, arguments);
        if let Some(Failure::Resource(given, _)) = failure {
            reason = Some(given.to_string());
        }
        if let Some(reason) = reason {
            self.events.insert(0, reason);
            self.put_back(kept);
            self.status = Some(match failure {
                Some(Failure::Resource(_, status)) => status.to_string(),
                _ => "UPDATE_ROLLBACK_COMPLETE".to_string(),
            });
            return false;
        }
        for (resource, function) in &mut self.functions {
            let before = kept.get(resource).map(|kept| kept.of_stack);
            // CloudFormation moves an alias where its version is another one, wherever it is.
            if failure != Some(Failure::StuckAlias) && before != Some(function.of_stack) {
                (function.live, function.weights) = (function.of_stack, BTreeMap::new());
            }
        }
        self.document = read_template(&text).expect("a template that can be read");
        (self.template, self.parameters) = (text, parameters);
        let status = if is_update { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" };
        self.status = Some(status.to_string());
        true
    }

    /// Makes a version of each function whose revision is another one; returns why Lambda makes none.
    fn publish(
        &mut self,
        text: &str,
        parameters: &BTreeMap<String, String>,
        arguments: &[String],
    ) -> Option<String> {
        let template = read_template(text).expect("a template that can be read");
        let mut names = parameters.clone();
        names.insert("AWS::StackName".into(), find_option(arguments, "--stack-name"));
        let mut evaluation = Evaluation::new(&template, names);
        let globals = template["Globals"]["Function"].clone();
        let mut refusal = None;
        for (resource, entry) in template["Resources"].as_object().expect("resources") {
            if entry["Type"] != "AWS::Serverless::Function" {
                continue;
            }
            let latest = make_version(&globals, &entry["Properties"], &mut evaluation);
            let function = self.functions.entry(resource.clone()).or_default();
            let of_stack = function.of_stack.checked_sub(1).map(|at| &function.versions[at]);
            let is_new = of_stack.is_none_or(|version| version.description != latest.description);
            if is_new {
                // CloudFormation leaves alone what its templates have alike, whatever was done by hand.
                function.latest = latest.clone();
            }
            if is_new && function.versions.last() == Some(&latest) {
                let number = function.versions.len();
                refusal = Some(format!("A version for this Lambda function exists ( {number} )."));
            } else if is_new {
                function.versions.push(latest);
                function.of_stack = function.versions.len();
            }
        }
        refusal
    }

    /// Puts the functions back; versions that were made of them stay.
    fn put_back(&mut self, mut kept: BTreeMap<String, Function>) {
        for (resource, function) in &mut kept {
            function.versions = self.functions.remove(resource).unwrap_or_default().versions;
        }
        self.functions = kept;
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
