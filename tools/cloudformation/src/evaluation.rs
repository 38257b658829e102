//! The functions of CloudFormation that need nothing but parameters, mappings and conditions.

use crate::{ReferenceValues, plain_text};
use anyhow::bail;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How deep conditions may name each other; CloudFormation refuses circles.
const MAX_DEPTH: usize = 20;

/// Gives values to what a template's text leaves open.
pub struct Evaluation {
    known: ReferenceValues,
    conditions: Value,
    mappings: Value,
    unresolved: BTreeSet<String>,
    problem: Option<String>,
    depth: usize,
}

impl Evaluation {
    /// Prepares for a template; `names` win over the defaults of its parameters.
    pub fn new(document: &Value, names: ReferenceValues) -> Self {
        let mut known = ReferenceValues::new();
        for (name, parameter) in document["Parameters"].as_object().into_iter().flatten() {
            if let Some(default) = parameter.get("Default") {
                known.insert(name.clone(), plain_text(default));
            }
        }
        known.extend(names);
        let section = |name: &str| document[name].clone();
        let (conditions, mappings) = (section("Conditions"), section("Mappings"));
        Self { known, conditions, mappings, unresolved: BTreeSet::new(), problem: None, depth: 0 }
    }

    /// Returns the names that had no value so far: of resources, in a template that CloudFormation takes.
    pub fn unresolved(&self) -> &BTreeSet<String> {
        &self.unresolved
    }

    /// Fails where a condition could not be evaluated so far.
    pub fn check(&self) -> anyhow::Result<()> {
        match &self.problem {
            Some(problem) => bail!("{problem}"),
            None => Ok(()),
        }
    }

    /// Tells whether a resource's or output's condition holds; one without a condition is always made.
    pub fn is_created(&mut self, entry: &Value) -> bool {
        match entry["Condition"].as_str() {
            Some(condition) => self.holds(condition),
            None => true,
        }
    }

    /// Returns what stands at a place in the end; `None` where nothing does (`AWS::NoValue`).
    pub fn evaluate(&mut self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => {
                Some(items.iter().filter_map(|item| self.evaluate(item)).collect())
            }
            Value::Object(entries) => match single_entry(entries) {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => {
                    self.call(name, argument)
                }
                _ => Some(Value::Object(self.evaluate_entries(entries))),
            },
            scalar => Some(scalar.clone()),
        }
    }

    fn evaluate_entries(&mut self, entries: &Map<String, Value>) -> Map<String, Value> {
        let mut evaluated = Map::new();
        for (name, entry) in entries {
            if let Some(entry) = self.evaluate(entry) {
                evaluated.insert(name.clone(), entry);
            }
        }
        evaluated
    }

    fn call(&mut self, name: &str, argument: &Value) -> Option<Value> {
        match (name, argument) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => None,
            ("Ref", Value::String(name)) => Some(Value::from(self.find(name))),
            ("Fn::Sub", Value::String(text)) => Some(self.substitute(text, &Map::new()).into()),
            ("Fn::If", Value::Array(parts)) if parts.len() == 3 => {
                let condition = parts[0].as_str().unwrap_or_default();
                let branch = if self.holds(condition) { &parts[1] } else { &parts[2] };
                self.evaluate(branch)
            }
            _ => {
                if name == "Fn::GetAtt" {
                    if let Some(value) = self.known.get(&join_attribute(argument)) {
                        return Some(Value::from(value.as_str()));
                    }
                    self.note_attribute(argument);
                }
                let argument = self.evaluate(argument)?;
                let result = self.combine(name, &argument);
                Some(result.unwrap_or_else(|| Map::from_iter([(name.to_owned(), argument)]).into()))
            }
        }
    }

    /// Calls a function whose arguments have their values.
    fn combine(&mut self, name: &str, argument: &Value) -> Option<Value> {
        if name == "Fn::ToJsonString" {
            return Some(argument.to_string().into());
        }
        let parts = argument.as_array()?;
        match (name, parts.as_slice()) {
            ("Fn::Sub", [Value::String(text), Value::Object(values)]) => {
                Some(self.substitute(text, values).into())
            }
            ("Fn::Join", [Value::String(between), Value::Array(items)]) => {
                let texts: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
                Some(texts?.join(between).into())
            }
            ("Fn::Split", [Value::String(between), Value::String(text)]) => {
                Some(text.split(between.as_str()).collect())
            }
            ("Fn::Select", [index, Value::Array(items)]) => {
                items.get(plain_text(index).parse::<usize>().ok()?).cloned()
            }
            ("Fn::FindInMap", [map, first, second]) => {
                let rows = &self.mappings[plain_text(map)][plain_text(first)];
                rows.get(plain_text(second)).cloned()
            }
            ("Fn::Equals", [one, other]) => Some((plain_text(one) == plain_text(other)).into()),
            _ => None,
        }
    }

    fn find(&mut self, name: &str) -> String {
        if let Some(value) = self.known.get(name) {
            return value.clone();
        }
        self.note(name);
        name.to_owned()
    }

    /// Remembers the resource that a name without a value begins with.
    fn note(&mut self, name: &str) {
        let resource = name.split('.').next().unwrap_or(name);
        self.unresolved.insert(resource.to_owned());
    }

    fn note_attribute(&mut self, argument: &Value) {
        let first = argument.as_array().and_then(|parts| parts.first()).unwrap_or(argument);
        if let Some(name) = first.as_str() {
            self.note(name);
        }
    }

    fn substitute(&mut self, text: &str, values: &Map<String, Value>) -> String {
        let mut out = String::new();
        let mut remaining = text;
        while let Some((before, tail)) = remaining.split_once("${")
            && let Some((name, after)) = tail.split_once('}')
        {
            out.push_str(before);
            match (values.get(name), name.strip_prefix('!')) {
                (Some(value), _) => out.push_str(&plain_text(value)),
                // Meant for somebody else, with its dollar sign and braces.
                (None, Some(literal)) => out.push_str(&format!("${{{literal}}}")),
                (None, None) => out.push_str(&self.find(name)),
            }
            remaining = after;
        }
        out + remaining
    }

    fn holds(&mut self, condition: &str) -> bool {
        match self.conditions.get(condition).cloned() {
            Some(rule) => self.is_true(&rule),
            None => self.fail(format!("no condition {condition}")),
        }
    }

    /// Tells whether a condition holds, or an assertion of a rule.
    pub fn is_true(&mut self, rule: &Value) -> bool {
        let Some((name, argument)) = rule.as_object().and_then(single_entry) else {
            return self.fail("a condition is a function here".to_owned());
        };
        if self.depth == MAX_DEPTH {
            return self.fail("conditions name each other in a circle".to_owned());
        }
        self.depth += 1;
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_true = match (name, argument) {
            ("Condition", Value::String(other)) => self.holds(other),
            ("Fn::And", _) => parts.iter().all(|part| self.is_true(part)),
            ("Fn::Or", _) => parts.iter().any(|part| self.is_true(part)),
            ("Fn::Not", _) => !parts.iter().any(|part| self.is_true(part)),
            ("Fn::Equals", _) => self.evaluate(rule) == Some(Value::Bool(true)),
            _ => self.fail(format!("{name} cannot be evaluated here")),
        };
        self.depth -= 1;
        is_true
    }

    fn fail(&mut self, problem: String) -> bool {
        self.problem.get_or_insert(problem);
        false
    }
}

/// An attribute in the form in which `Fn::Sub` names it: `Function.Arn`.
fn join_attribute(argument: &Value) -> String {
    match argument {
        Value::Array(parts) => parts.iter().map(plain_text).collect::<Vec<_>>().join("."),
        name => plain_text(name),
    }
}

/// Returns the entry of an object that has only one, as every function is written.
fn single_entry(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = entries.iter();
    match (all.next(), all.next()) {
        (Some((name, value)), None) => Some((name, value)),
        _ => None,
    }
}
