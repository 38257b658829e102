//! CloudFormation's YAML as plain JSON, and what its functions give for certain values of the parameters.
//!
//! A reference to something that has no value here stays its own name (`AuthorizerFunction.Alias`), and a
//! function that cannot be evaluated stays as it is: the reader of the template then fails where it needs a
//! value, and ignores it where it does not.

mod evaluation;
#[cfg(test)]
mod tests;
mod yaml;

pub use evaluation::Evaluation;
use serde_json::Value;
use std::collections::BTreeMap;
pub use yaml::read_template;

/// Values by logical name: pseudo parameters, parameters and resources.
pub type ReferenceValues = BTreeMap<String, String>;

/// Reads a template and gives everything in it its value; `names` win over the defaults of its parameters.
///
/// A resource whose condition does not hold is left out.
pub fn resolve_template(text: &str, names: ReferenceValues) -> anyhow::Result<Value> {
    let mut document = read_template(text)?;
    let mut evaluation = Evaluation::new(&document, names);
    for section in ["Globals", "Resources", "Outputs"] {
        if let Some(entries) = document[section].as_object_mut() {
            entries.retain(|_, entry| evaluation.is_created(entry));
            let resolved = evaluation.evaluate(&Value::Object(std::mem::take(entries)));
            document[section] = resolved.unwrap_or_default();
        }
    }
    evaluation.check()?;
    Ok(document)
}

/// A scalar as CloudFormation hands it on: everything is text.
pub fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
