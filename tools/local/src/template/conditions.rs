//! The template's conditions: which of them hold with the parameters of this run.

use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whether each condition holds, by its name.
pub type ConditionValues = BTreeMap<String, bool>;

/// Evaluates every condition of a template whose references are resolved already.
pub fn evaluate_conditions(conditions: &Value) -> anyhow::Result<ConditionValues> {
    let mut values = ConditionValues::new();
    for (name, condition) in conditions.as_object().into_iter().flatten() {
        let holds = evaluate(condition, conditions);
        values.insert(name.clone(), holds.with_context(|| format!("in the condition {name}"))?);
    }
    Ok(values)
}

fn evaluate(condition: &Value, all: &Value) -> anyhow::Result<bool> {
    let entries = condition.as_object().context("a condition is a function here")?;
    let Some((function, argument)) = entries.iter().next() else { bail!("it is empty") };
    let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
    match (function.as_str(), parts) {
        ("Fn::Equals", [one, other]) => Ok(super::plain_text(one) == super::plain_text(other)),
        ("Fn::Not", [negated]) => Ok(!evaluate(negated, all)?),
        ("Fn::And", _) => evaluate_each(parts, all).map(|holds| !holds.contains(&false)),
        ("Fn::Or", _) => evaluate_each(parts, all).map(|holds| holds.contains(&true)),
        ("Condition" | "Fn::Condition", _) => {
            let name = super::plain_text(argument);
            let condition = all.get(&name).with_context(|| format!("no condition {name}"))?;
            evaluate(condition, all)
        }
        _ => bail!("{function} cannot be evaluated here"),
    }
}

fn evaluate_each(parts: &[Value], all: &Value) -> anyhow::Result<Vec<bool>> {
    parts.iter().map(|part| evaluate(part, all)).collect()
}
