//! What is deployed where: `samconfig.toml`, the command line, and what a stack has already.

use crate::deploy::constraints::{check_rules, check_value};
use crate::problem::Usage;
use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The file that `sam` reads too.
pub const FILE: &str = "samconfig.toml";

/// Values of the template's parameters, by name.
pub type Parameters = BTreeMap<String, String>;

/// What `samconfig.toml` says of one environment.
#[derive(Debug, Default, PartialEq)]
pub struct Settings {
    pub stack: Option<String>,
    pub region: Option<String>,
    pub parameters: Parameters,
}

impl Settings {
    /// Reads the settings of an environment.
    pub fn read(folder: &Path, environment: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(folder.join(FILE))
            .map_err(|error| Usage(format!("{FILE} cannot be read: {error}")))?;
        Self::parse(&text, environment)
    }

    fn parse(text: &str, environment: &str) -> anyhow::Result<Self> {
        let document: Value =
            basic_toml::from_str(text).map_err(|error| Usage(format!("{FILE}: {error}")))?;
        let Some(section) = document.get(environment) else {
            let tables = document.as_object().into_iter().flatten();
            let known: Vec<_> = tables
                .filter(|(_, value)| value.is_object())
                .map(|(name, _)| name.as_str())
                .collect();
            let known = known.join(", ");
            return Err(Usage(format!("{FILE} has no such environment; there are: {known}")).into());
        };
        let find = |name: &str| {
            let own = &section["deploy"]["parameters"][name];
            let global = &section["global"]["parameters"][name];
            if own.is_null() { global.clone() } else { own.clone() }
        };
        let text = |name: &str| find(name).as_str().map(str::to_string);
        Ok(Self {
            stack: text("stack_name"),
            region: text("region"),
            parameters: read_overrides(&find("parameter_overrides"))?,
        })
    }
}

/// Reads `NAME=VALUE`, one text for each or all in one text.
fn read_overrides(value: &Value) -> anyhow::Result<Parameters> {
    let pairs: Vec<&str> = match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.split_whitespace().collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => return Err(Usage(format!("{FILE}: parameter_overrides is a list of texts")).into()),
    };
    pairs.into_iter().map(read_pair).collect()
}

/// Finds the environment of this folder whose stack has this name in this region.
pub fn find_environment(stack: &str, region: &str) -> Option<String> {
    find_environment_in(&std::fs::read_to_string(FILE).ok()?, stack, region)
}

/// One that names the region stands over one that names none.
fn find_environment_in(text: &str, stack: &str, region: &str) -> Option<String> {
    let config: Value = basic_toml::from_str(text).ok()?;
    let mut without_region = None;
    for (name, known) in config.as_object()? {
        let settings = match known.is_object() {
            true => Settings::parse(text, name).unwrap_or_default(),
            false => continue,
        };
        if settings.stack.as_deref() != Some(stack) {
            continue;
        }
        match settings.region {
            Some(of_environment) if of_environment == region => return Some(name.clone()),
            None if without_region.is_none() => without_region = Some(name.clone()),
            _ => {}
        }
    }
    without_region
}

/// Reads one `NAME=VALUE`; the value may stand in quotation marks.
pub fn read_pair(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').context("NAME=VALUE is expected")?;
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Ok((name.trim().to_string(), unquoted.unwrap_or(value).to_string()))
}

/// Where the value of a parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    Given,
    /// Given at an earlier deployment; CloudFormation keeps such values.
    Stack,
    Default,
}

/// Returns the value of every parameter: given, else as the stack has it, else the template's default.
pub fn settle_parameters(
    template: &Value,
    given: &Parameters,
    of_stack: &Parameters,
) -> anyhow::Result<BTreeMap<String, (String, Source)>> {
    let declared = template["Parameters"].as_object().context("the template has no parameters")?;
    if let Some(unknown) = given.keys().find(|name| !declared.contains_key(*name)) {
        let known: Vec<_> = declared.keys().map(String::as_str).collect();
        let known = known.join(", ");
        return Err(Usage(format!("{unknown} is no parameter; there are: {known}")).into());
    }
    let mut settled = BTreeMap::new();
    for (name, parameter) in declared {
        let default = parameter.get("Default").map(cloudformation::plain_text);
        let value = match (given.get(name), of_stack.get(name), default) {
            (Some(value), _, _) => (value.clone(), Source::Given),
            (None, Some(value), _) => (value.clone(), Source::Stack),
            (None, None, Some(value)) => (value, Source::Default),
            (None, None, None) => {
                return Err(Usage(format!("{name} needs a value: --parameter {name}=…")).into());
            }
        };
        check_value(name, &value.0, parameter)?;
        settled.insert(name.clone(), value);
    }
    let values = settled.iter().map(|(name, (value, _))| (name.clone(), value.clone()));
    check_rules(template, values.collect())?;
    Ok(settled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CONFIG: &str = r#"
version = 0.1
[dev.global.parameters]
stack_name = "it-dev"
[dev.deploy.parameters]
region = "eu-west-1"
parameter_overrides = ["A=1", 'B="two words"', "C="]
[prod.deploy.parameters]
stack_name = "it"
parameter_overrides = "A=1 B=2"
"#;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn environment_is_found_by_stack_and_region() {
        let text = "version = 0.1\n[a.global.parameters]\nstack_name = 'it'\nregion = 'eu-west-1'\n\
                    [b.global.parameters]\nstack_name = 'it'\n[c.deploy.parameters]\nstack_name = 'other'\n\
                    region = 'eu-west-1'";
        let find = |stack: &str, region: &str| find_environment_in(text, stack, region);
        assert_eq!(find("it", "eu-west-1").as_deref(), Some("a"));
        assert_eq!(find("it", "us-east-1").as_deref(), Some("b"));
        assert_eq!(find("other", "us-east-1"), None);
        assert_eq!(find("other", "eu-west-1").as_deref(), Some("c"));
    }

    #[test]
    fn environment_is_read_in_both_forms_of_sam() {
        let dev = Settings::parse(CONFIG, "dev").unwrap();
        assert_eq!(
            (dev.stack.as_deref(), dev.region.as_deref()),
            (Some("it-dev"), Some("eu-west-1"))
        );
        assert_eq!(dev.parameters, parameters(&[("A", "1"), ("B", "two words"), ("C", "")]));
        let prod = Settings::parse(CONFIG, "prod").unwrap();
        assert_eq!(prod.parameters, parameters(&[("A", "1"), ("B", "2")]));
        let problem = Settings::parse(CONFIG, "test").unwrap_err();
        assert!(problem.is::<Usage>());
        assert!(problem.to_string().ends_with("there are: dev, prod"), "{problem}");
    }

    #[test]
    fn given_value_wins_then_the_stack_s_then_the_default() {
        let template = json!({"Parameters": {
            "A": {"Default": 1}, "B": {"Default": 2}, "C": {"Default": 3, "AllowedValues": [3, 4]}
        }});
        let settle = |given: &[(&str, &str)]| {
            settle_parameters(
                &template,
                &parameters(given),
                &parameters(&[("B", "b"), ("Old", "x")]),
            )
        };
        let settled = settle(&[("A", "a")]).unwrap();
        let found: Vec<_> =
            settled.values().map(|(value, source)| (value.as_str(), *source)).collect();
        assert_eq!(found, [("a", Source::Given), ("b", Source::Stack), ("3", Source::Default)]);
        for (bad, told) in
            [(("D", "1"), "D is no parameter; there are: A, B, C"), (("C", "5"), "3, 4")]
        {
            let problem = settle(&[bad]).unwrap_err();
            assert!(problem.is::<Usage>() && problem.to_string().contains(told), "{problem}");
        }
    }
}
