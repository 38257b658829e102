//! YAML as JSON, with short tags written out: `!Sub x` is `{"Fn::Sub": "x"}`.

use crate::plain_text;
use anyhow::{Context, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// Reads a template's text; no reference is followed.
pub fn read_template(text: &str) -> anyhow::Result<Value> {
    let documents = Yaml::load_from_str(text).context("not readable as YAML")?;
    let [document] = documents.as_slice() else { bail!("one YAML document is expected") };
    to_json(document)
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
                object.insert(plain_text(&to_json(key)?), to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                plain @ ("Ref" | "Condition") => plain.to_owned(),
                function => format!("Fn::{function}"),
            };
            Value::Object(Map::from_iter([(name, to_json(inner)?)]))
        }
        other => bail!("unsupported YAML: {other:?}"),
    })
}
