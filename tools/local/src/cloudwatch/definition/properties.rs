//! The properties of one resource, taken one by one, so that what nobody took is found.

use anyhow::{Context, bail, ensure};
use cloudformation::plain_text;
use serde_json::{Map, Value};

pub(super) struct Properties {
    fields: Map<String, Value>,
}

impl Properties {
    pub(super) fn new(value: &Value) -> anyhow::Result<Self> {
        let fields = value.as_object().context("an object is expected")?;
        Ok(Properties { fields: fields.clone() })
    }

    /// Fails on what was not taken.
    pub(super) fn check_all_taken(&self) -> anyhow::Result<()> {
        let left: Vec<_> = self.fields.keys().map(String::as_str).collect();
        ensure!(left.is_empty(), "unknown here: {}", left.join(", "));
        Ok(())
    }

    pub(super) fn ignore(&mut self, name: &str) {
        self.fields.remove(name);
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    pub(super) fn take_text(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read_text(&value).with_context(|| format!("in {name}")).map(Some)
    }

    pub(super) fn require_text(&mut self, name: &str) -> anyhow::Result<String> {
        self.take_text(name)?.with_context(|| format!("{name} is missing"))
    }

    pub(super) fn take_texts(&mut self, name: &str) -> anyhow::Result<Vec<String>> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let items = value.as_array().with_context(|| format!("{name} is no list"))?;
        items
            .iter()
            .map(read_text)
            .collect::<anyhow::Result<_>>()
            .with_context(|| format!("in {name}"))
    }

    /// A number, which is a text where it comes from a parameter.
    pub(super) fn take_number<T: std::str::FromStr>(
        &mut self,
        name: &str,
    ) -> anyhow::Result<Option<T>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = plain_text(&value);
        let number = text.parse().ok();
        number.with_context(|| format!("{name} is {text}, which is no fitting number")).map(Some)
    }

    pub(super) fn require_number<T: std::str::FromStr>(&mut self, name: &str) -> anyhow::Result<T> {
        self.take_number(name)?.with_context(|| format!("{name} is missing"))
    }

    pub(super) fn take_flag(&mut self, name: &str) -> anyhow::Result<Option<bool>> {
        match self.take(name).as_ref().map(plain_text).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => bail!("{name} is {other}, which is neither true nor false"),
        }
    }

    /// The properties of a property that is there.
    pub(super) fn take_inner(&mut self, name: &str) -> anyhow::Result<Option<Properties>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        Properties::new(&value).with_context(|| format!("in {name}")).map(Some)
    }
}

/// A text or number. An attribute of a resource without a value here stays its name, as a reference does.
pub(super) fn read_text(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(plain_text(value)),
        Value::Object(fields) => match fields.get("Fn::GetAtt") {
            Some(Value::String(attribute)) => Ok(attribute.clone()),
            Some(Value::Array(parts)) => {
                Ok(parts.iter().map(plain_text).collect::<Vec<_>>().join("."))
            }
            _ => bail!("{value} has no value here"),
        },
        _ => bail!("{value} is no text"),
    }
}
