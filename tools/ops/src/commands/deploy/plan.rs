//! What is to be deployed: source, stack and parameters, before and after AWS was asked for what it has.

use crate::deploy::constraints::check_value;
use crate::deploy::preconditions::check_stack_name;
use crate::deploy::revision::{Function, find_revisions};
use crate::deploy::settings::{FILE, Parameters, Settings, Source, settle_parameters};
use crate::deploy::template::{GENERATED, SOURCE, write_generated};
use crate::output::say;
use crate::problem::Usage;
use anyhow::Context;
use serde_json::Value;
use std::path::PathBuf;

/// What is deployed, before AWS is asked.
pub struct Plan {
    pub root: PathBuf,
    source: String,
    pub template: Value,
    pub stack: String,
    pub region: Option<String>,
    given: Parameters,
}

impl Plan {
    /// Reads what the folder and the command line say of an environment.
    pub fn read(
        environment: &str,
        stack: Option<&str>,
        parameters: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let root = std::env::current_dir().context("no current folder")?;
        let source = std::fs::read_to_string(root.join(SOURCE))
            .map_err(|_| Usage(format!("there is no {SOURCE} here: run this in the repository")))?;
        let template = cloudformation::read_template(&source).with_context(|| SOURCE)?;
        let settings = Settings::read(&root, environment)?;
        let stack = stack.map(str::to_string).or(settings.stack);
        let stack = stack.with_context(|| {
            Usage(format!("{FILE} names no stack for this environment: --stack-name"))
        })?;
        check_stack_name(&template, &stack)?;
        let mut given = settings.parameters;
        given.extend(parameters.iter().cloned());
        // What the stack has is not known yet; what was given is refused before AWS is asked anything.
        for (name, value) in &given {
            check_value(name, value, &template["Parameters"][name])?;
        }
        Ok(Plan { root, source, template, stack, region: settings.region, given })
    }

    /// Finds each function's revision.
    pub fn find_functions(&self, parameters: &Parameters) -> anyhow::Result<Vec<Function>> {
        find_revisions(&self.template, &self.stack, parameters, &self.root)
    }

    /// Writes the template with these revisions.
    pub fn write_template(&self, functions: &[Function]) -> anyhow::Result<()> {
        write_generated(&self.root, &self.source, functions)?;
        say(&format!("{GENERATED} has the revisions:"));
        for function in functions {
            say(&format!("  {:<12} {}", function.folder, &function.revision[..10]));
        }
        Ok(())
    }

    /// Returns the names of the parameters that were given.
    pub fn given_names(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }

    /// Returns the names of all parameters.
    pub fn parameter_names(&self) -> impl Iterator<Item = &str> {
        let parameters = self.template["Parameters"].as_object();
        parameters.into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Settles all parameters and tells those that are no defaults; what the deployment has filled wins untold.
    pub fn settle(
        &self,
        filled: &Parameters,
        of_stack: &Parameters,
        is_told: bool,
    ) -> anyhow::Result<Parameters> {
        let mut given = self.given.clone();
        given.extend(filled.clone());
        let settled = settle_parameters(&self.template, &given, of_stack)?;
        let mut parameters = Parameters::new();
        for (name, (value, source)) in settled {
            let default = self.template["Parameters"][&name].get("Default");
            let is_default = default.map(cloudformation::plain_text).as_ref() == Some(&value);
            let whence = match source {
                Source::Given => "given",
                Source::Stack => "kept from the last deployment",
                Source::Default => "default",
            };
            if is_told && !is_default && !filled.contains_key(&name) {
                say(&format!("parameter {name}={value} ({whence})"));
            }
            parameters.insert(name, value);
        }
        Ok(parameters)
    }
}
