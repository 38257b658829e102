//! What this release's template makes of a stack with these parameters.

use crate::deploy::settings::Parameters;
use cloudformation::{Evaluation, read_template};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The template that `ops` was built with.
const TEMPLATE: &str = include_str!("../../../../template.yaml");

/// Returns the names of the resources of these types that such a stack has.
pub fn find_created(kinds: &[&str], parameters: &Parameters) -> Result<Vec<String>, String> {
    let template = read()?;
    let mut values = Parameters::new();
    for (name, parameter) in template["Parameters"].as_object().into_iter().flatten() {
        let default = parameter.get("Default").map(cloudformation::plain_text);
        values.extend(default.map(|value| (name.clone(), value)));
    }
    values.extend(parameters.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut evaluation = Evaluation::new(template, values);
    let mut created = Vec::new();
    for (name, entry) in template["Resources"].as_object().into_iter().flatten() {
        let is_meant = entry["Type"].as_str().is_some_and(|kind| kinds.contains(&kind));
        if is_meant && evaluation.is_created(entry) {
            created.push(name.clone());
        }
    }
    Ok(created)
}

/// Returns the names of the alarms that CodeDeploy reads in a function's rollout, which tell nobody else.
pub fn list_gates(function: &str) -> Result<BTreeSet<String>, String> {
    let properties = &read()?["Resources"][function]["Properties"];
    let alarms = properties["DeploymentPreference"]["Alarms"].as_array().into_iter().flatten();
    Ok(alarms.filter_map(|alarm| alarm["Ref"].as_str().map(str::to_string)).collect())
}

/// Returns the template, read once.
fn read() -> Result<&'static Value, String> {
    static READ: OnceLock<Result<Value, String>> = OnceLock::new();
    let read = READ.get_or_init(|| read_template(TEMPLATE).map_err(|error| format!("{error:#}")));
    read.as_ref().map_err(String::clone)
}
