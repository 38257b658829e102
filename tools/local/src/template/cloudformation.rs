//! CloudFormation's YAML as plain JSON: short tags written out, references and conditions resolved.
//!
//! Only `Ref`, `Sub` and `If` get values. A reference to something that has none here stays its own
//! name (`AuthorizerFunction.Alias`), and every other intrinsic stays as it is: the reader of the
//! template then fails where it needs a value, and ignores it where it does not.

use super::conditions::{ConditionValues, evaluate_conditions};
use anyhow::{Context, bail, ensure};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Values by logical name: pseudo parameters, parameters and resources.
pub type ReferenceValues = BTreeMap<String, String>;

/// What a reference means where a property is to be left out.
const NO_VALUE: &str = "AWS::NoValue";

/// Reads a template; `names` win over the defaults of its parameters.
pub fn resolve_template(text: &str, names: ReferenceValues) -> anyhow::Result<Value> {
    let documents = Yaml::load_from_str(text).context("not readable as YAML")?;
    let [document] = documents.as_slice() else { bail!("one YAML document is expected") };
    let mut document = to_json(document)?;
    let mut known = ReferenceValues::new();
    for (name, parameter) in document["Parameters"].as_object().into_iter().flatten() {
        if let Some(default) = parameter.get("Default") {
            known.insert(name.clone(), super::plain_text(default));
        }
    }
    known.extend(names);
    put_references(&mut document, &known);
    let conditions = evaluate_conditions(&document["Conditions"])?;
    choose_branches(&mut document, &conditions)?;
    drop_absent_resources(&mut document, &conditions);
    Ok(document)
}

fn to_json(node: &Yaml) -> anyhow::Result<Value> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<anyhow::Result<_>>()?,
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                object.insert(super::plain_text(&to_json(key)?), to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, inner) => {
            let name =
                if tag.suffix == "Ref" { "Ref".to_owned() } else { format!("Fn::{}", tag.suffix) };
            Value::Object(Map::from_iter([(name, to_json(inner)?)]))
        }
        other => bail!("unsupported YAML: {other:?}"),
    })
}

fn put_references(value: &mut Value, names: &ReferenceValues) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put_references(item, names)),
        Value::Object(entries) => {
            entries.values_mut().for_each(|entry| put_references(entry, names));
            if let Some(Value::String(name)) = entries.get("Ref") {
                *value = match name.as_str() {
                    NO_VALUE => Value::Null,
                    _ => Value::from(names.get(name).unwrap_or(name).as_str()),
                };
            } else if let Some(Value::String(text)) = entries.get("Fn::Sub") {
                *value = Value::from(substitute_references(text, names));
            }
        }
        _ => {}
    }
}

/// Puts the branch of each `If` in its place, and leaves out what has no value then.
fn choose_branches(value: &mut Value, conditions: &ConditionValues) -> anyhow::Result<()> {
    match value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                choose_branches(item, conditions)?;
            }
            items.retain(|item| !item.is_null());
        }
        Value::Object(entries) => {
            if let Some(branches) = entries.remove("Fn::If") {
                *value = choose_branch(branches, conditions)?;
                return choose_branches(value, conditions);
            }
            for entry in entries.values_mut() {
                choose_branches(entry, conditions)?;
            }
            entries.retain(|_, entry| !entry.is_null());
        }
        _ => {}
    }
    Ok(())
}

fn choose_branch(branches: Value, conditions: &ConditionValues) -> anyhow::Result<Value> {
    let Value::Array(mut branches) = branches else { bail!("Fn::If has no list") };
    ensure!(branches.len() == 3, "Fn::If has a condition and two values");
    let name = super::plain_text(&branches[0]);
    let holds = *conditions.get(&name).with_context(|| format!("no condition {name}"))?;
    Ok(branches.swap_remove(if holds { 1 } else { 2 }))
}

/// Leaves out the resources whose condition does not hold.
fn drop_absent_resources(document: &mut Value, conditions: &ConditionValues) {
    let Some(resources) = document["Resources"].as_object_mut() else { return };
    resources.retain(|_, resource| match resource["Condition"].as_str() {
        Some(condition) => conditions.get(condition) != Some(&false),
        None => true,
    });
}

fn substitute_references(text: &str, names: &ReferenceValues) -> String {
    let mut out = String::new();
    let mut remaining = text;
    while let Some((before, tail)) = remaining.split_once("${")
        && let Some((name, after)) = tail.split_once('}')
    {
        out.push_str(before);
        match names.get(name) {
            Some(value) => out.push_str(value),
            None => out.push_str(name),
        }
        remaining = after;
    }
    out + remaining
}
