//! The revision of each function: a hash over its code and all that configures it.
//!
//! SAM publishes a version where `AutoPublishCodeSha256` changes, and nowhere else. So the hash has every
//! property that a version keeps, with the values of the parameters that reach it, and no other.

use crate::deploy::settings::Parameters;
use anyhow::{Context, anyhow, ensure};
use cloudformation::{Evaluation, ReferenceValues};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

pub const FUNCTION: &str = "AWS::Serverless::Function";
/// What a property of the folders of built functions begins with.
pub const BUILT: &str = "target/functions/";

/// Properties of a function in a template that are no part of a version: its code, which is hashed from its files,
/// what publishes it, what calls it, what its role may do, and what AWS keeps of the function as a whole.
const NOT_OF_A_VERSION: [&str; 18] = [
    "CodeUri",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "VersionDeletionPolicy",
    "DeploymentPreference",
    "Events",
    "EventInvokeConfig",
    "FunctionUrlConfig",
    "ProvisionedConcurrencyConfig",
    "ReservedConcurrentExecutions",
    "RecursiveLoop",
    "Tags",
    "PropagateTags",
    "Policies",
    "PermissionsBoundary",
    "AssumeRolePolicyDocument",
    "Connectors",
];

/// The properties of a resource that make AWS put another one in its place; a function that refers to it then
/// gets another value. Of a type that is not here every property counts, which may publish too much, never too little.
const REPLACING: [(&str, &[&str]); 4] = [
    ("AWS::SecretsManager::Secret", &["Name"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::IAM::Role", &["RoleName", "Path"]),
    ("AWS::Serverless::Api", &[]),
];

/// A function of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Logical id of its resource.
    pub resource: String,
    /// Folder of its code.
    pub folder: String,
    /// Hexadecimal SHA-256.
    pub revision: String,
    /// What was mixed into it after a deployment that was rolled back.
    pub salt: Option<String>,
    /// Whether there will be a version of it: its condition holds, if it has one, and callers reach it by an alias.
    pub is_released: bool,
}

/// Returns every function with its revision, by resource.
pub fn find_revisions(
    template: &Value,
    stack: &str,
    parameters: &Parameters,
    root: &Path,
) -> anyhow::Result<Vec<Function>> {
    let resources = template["Resources"].as_object().context("the template has no resources")?;
    let mut functions = Vec::new();
    for (resource, entry) in resources.iter().filter(|(_, entry)| entry["Type"] == FUNCTION) {
        let uri = entry["Properties"]["CodeUri"].as_str().unwrap_or_default();
        let folder = uri
            .strip_prefix(BUILT)
            .with_context(|| format!("{resource}: its CodeUri must begin with {BUILT}"))?;
        let mut hash = Sha256::new();
        let mut evaluation = prepare_evaluation(template, stack, parameters);
        let has_alias = !entry["Properties"]["AutoPublishAlias"].is_null();
        let is_released = has_alias && evaluation.is_created(entry);
        hash.update(configuration(template, resource, evaluation)?.to_string());
        add_files(&mut hash, &root.join(uri))?;
        let revision = hex::encode(hash.finalize());
        let (resource, folder) = (resource.clone(), folder.to_string());
        functions.push(Function { resource, folder, revision, salt: None, is_released });
    }
    ensure!(!functions.is_empty(), "the template has no function");
    Ok(functions)
}

fn prepare_evaluation(template: &Value, stack: &str, parameters: &Parameters) -> Evaluation {
    let mut names: ReferenceValues = parameters.clone();
    names.insert("AWS::StackName".to_string(), stack.to_string());
    Evaluation::new(template, names)
}

/// Returns what a version of a function keeps besides its code.
fn configuration(
    template: &Value,
    resource: &str,
    mut evaluation: Evaluation,
) -> anyhow::Result<Value> {
    let own = &template["Resources"][resource]["Properties"];
    let mut properties = merge(&template["Globals"]["Function"], own);
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|name, _| !NOT_OF_A_VERSION.contains(&name.as_str()));
    }
    let properties = evaluation.evaluate(&properties).unwrap_or_default();
    let mut referred = Map::new();
    // What is referred to may itself refer to others.
    while let Some(name) = evaluation.unresolved().iter().find(|name| !referred.contains_key(*name))
    {
        let name = name.clone();
        let identity = identity(&template["Resources"][&name]);
        referred.insert(name, evaluation.evaluate(&identity).unwrap_or_default());
    }
    evaluation.check().with_context(|| format!("in {resource}"))?;
    Ok(json!({ "properties": properties, "referred": referred }))
}

/// Returns what makes a resource another one.
fn identity(resource: &Value) -> Value {
    let properties = &resource["Properties"];
    let kind = &resource["Type"];
    match REPLACING.iter().find(|(name, _)| kind == name) {
        Some((_, names)) => names.iter().map(|name| properties[*name].clone()).collect(),
        None => json!([kind, properties]),
    }
}

/// Merges a function's properties into the global ones as SAM does: maps are joined, lists are appended.
fn merge(global: &Value, own: &Value) -> Value {
    match (global, own) {
        (Value::Object(global), Value::Object(own))
            if !is_intrinsic(global) && !is_intrinsic(own) =>
        {
            let mut merged = global.clone();
            for (name, value) in own {
                let below = global.get(name).unwrap_or(&Value::Null);
                merged.insert(name.clone(), merge(below, value));
            }
            Value::Object(merged)
        }
        (Value::Array(global), Value::Array(own)) => global.iter().chain(own).cloned().collect(),
        (global, Value::Null) => global.clone(),
        (_, own) => own.clone(),
    }
}

fn is_intrinsic(entries: &Map<String, Value>) -> bool {
    entries.len() == 1 && entries.keys().all(|name| name == "Ref" || name.starts_with("Fn::"))
}

/// Adds names and bytes of all files of a function, which `tools/build/run` has put there.
fn add_files(hash: &mut Sha256, folder: &Path) -> anyhow::Result<()> {
    let missing = || anyhow!("{} is not built: tools/build/run", folder.display());
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder).map_err(|_| missing())? {
        files.push(file?.path());
    }
    files.sort();
    ensure!(files.iter().any(|path| path.ends_with("bootstrap")), missing());
    for path in files {
        let bytes =
            std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        hash.update(format!("\n{name} {}\n", bytes.len()));
        hash.update(&bytes);
    }
    Ok(())
}

/// Returns the SHA-256 of a text, in hexadecimal.
pub fn hash_text(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests;
