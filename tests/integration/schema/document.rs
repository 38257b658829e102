//! A small check of JSON values against the schemas of an OpenAPI document.
//!
//! It knows the keywords that Cohere's document uses and fails at any other, so that nothing passes
//! because it was not understood. It follows discriminators, without which the document's own
//! alternatives contradict each other, and that general validators ignore.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Words of a schema that say nothing about which values it takes.
const REMARKS: [&str; 8] = [
    "additionalProperties",
    "default",
    "description",
    "discriminator",
    "example",
    "format",
    "title",
    "writeOnly",
];

/// An OpenAPI document, changed where recordings of the real API disagree with it.
pub struct Document(Value);

impl Document {
    /// Reads a document from its file.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let documents = Yaml::load_from_str(&text).expect("YAML");
        let mut root = convert_yaml(&documents[0]);
        correct_document(&mut root);
        Document(root)
    }

    /// Returns what is wrong with a value, each problem with its place; empty for a value that fits.
    pub fn find_problems(&self, schema: &str, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(self.find(schema), value, "", &mut problems);
        problems
    }

    /// Returns the references that lead nowhere.
    pub fn broken_references(&self) -> Vec<&str> {
        let mut references = Vec::new();
        add_references(&self.0, &mut references);
        assert!(references.len() > 50, "only {} references were found", references.len());
        references.retain(|reference| self.0.pointer(&reference[1..]).is_none());
        references
    }

    fn find(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("the document has no {pointer}"))
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, problems: &mut Vec<String>) {
        let mut wrong = |problem: String| {
            problems.push(if place.is_empty() { problem } else { format!("{place}: {problem}") });
        };
        let length = value.as_array().map(|elements| elements.len() as u64);
        for (keyword, wanted) in schema.as_object().expect("a schema") {
            match keyword.as_str() {
                "type" if !has_type(value, wanted) => {
                    wrong(format!("{value} is no {}", as_text(wanted)))
                }
                "enum" if !as_list(wanted).contains(value) => {
                    wrong(format!("{value} is none of the values"))
                }
                "minimum" if is_below(value, wanted) => wrong(format!("{value} is under {wanted}")),
                "maximum" if is_below(wanted, value) => wrong(format!("{value} is over {wanted}")),
                "minItems" if length.is_some_and(|length| length < as_limit(wanted)) => {
                    wrong(format!("{} elements are under {wanted}", as_list(value).len()));
                }
                "maxItems" if length.is_some_and(|length| length > as_limit(wanted)) => {
                    wrong(format!("{} elements are over {wanted}", as_list(value).len()));
                }
                "required" => {
                    for name in as_list(wanted)
                        .iter()
                        .map(as_text)
                        .filter(|name| value.get(*name).is_none())
                    {
                        wrong(format!("{name} is missing"));
                    }
                }
                "type" | "enum" | "minimum" | "maximum" | "minItems" | "maxItems" => {}
                "$ref" | "allOf" | "oneOf" | "properties" | "items" => {}
                remark => assert!(
                    REMARKS.contains(&remark) || remark.starts_with("x-"),
                    "the keyword {remark} is not understood"
                ),
            }
        }
        self.check_parts(schema, value, place, problems);
    }

    fn check_parts(&self, schema: &Value, value: &Value, place: &str, problems: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            self.check(self.resolve_reference(reference), value, place, problems);
        }
        for part in as_list(&schema["allOf"]) {
            self.check(part, value, place, problems);
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let Some(value) = value.get(name) else { continue };
            let dot = if place.is_empty() { "" } else { "." };
            self.check(schema, value, &format!("{place}{dot}{name}"), problems);
        }
        if !schema["items"].is_null() {
            for (index, element) in as_list(value).iter().enumerate() {
                self.check(&schema["items"], element, &format!("{place}[{index}]"), problems);
            }
        }
        if !schema["oneOf"].is_null() {
            self.check_kinds(schema, value, place, problems);
        }
    }

    fn check_kinds(&self, schema: &Value, value: &Value, place: &str, problems: &mut Vec<String>) {
        if let Some(property) = schema["discriminator"]["propertyName"].as_str() {
            let kind = &value[property];
            let dot = if place.is_empty() { "" } else { "." };
            match schema["discriminator"]["mapping"][kind.as_str().unwrap_or_default()].as_str() {
                Some(reference) => {
                    self.check(self.resolve_reference(reference), value, place, problems)
                }
                None => problems
                    .push(format!("{place}{dot}{property}: {kind} is no kind that is known")),
            }
            return;
        }
        let kinds = as_list(&schema["oneOf"]);
        let fits = |kind: &&Value| {
            let mut problems = Vec::new();
            self.check(kind, value, place, &mut problems);
            problems.is_empty()
        };
        let fitting = kinds.iter().filter(fits).count();
        if fitting != 1 {
            problems.push(format!("{place}: {fitting} of {} kinds fit", kinds.len()));
        }
    }

    fn resolve_reference(&self, reference: &str) -> &Value {
        self.find(reference.strip_prefix('#').expect("a reference inside the document"))
    }
}

/// Writes a path as one part of a JSON pointer.
pub fn escape_pointer(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}

/// Changes the places where the real API, as recorded, does otherwise.
///
/// Each change first checks that the document still says what it corrects, so that none outlives
/// its cause.
fn correct_document(root: &mut Value) {
    let schemas = &mut root["components"]["schemas"];
    // `api_version` stands in `meta`, and nowhere else.
    let (before, after) = (json!(["id", "embeddings", "api_version"]), json!(["id", "embeddings"]));
    replace_required(schemas, "EmbedByTypeResponse", before, after);
    // Names fields that its own properties do not have.
    let before = json!(["token", "token_ids", "logprob"]);
    replace_required(schemas, "LogprobItem", before, json!([]));
    let restored = restore_off(root);
    assert!(restored > 0, "no enum holds false any more: this correction is not needed");
}

fn replace_required(schemas: &mut Value, name: &str, before: Value, after: Value) {
    let required = &mut schemas[name]["required"];
    assert_eq!(*required, before, "{name} has changed: does it still need this correction?");
    *required = after;
}

/// Turns `false` among the values of an `enum` back into the `OFF` that an older YAML made it of.
///
/// Returns how many it has restored.
fn restore_off(value: &mut Value) -> usize {
    let mut restored = 0;
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), &mut *field) {
                    ("enum", Value::Array(values)) => {
                        for value in values.iter_mut().filter(|value| **value == false) {
                            *value = json!("OFF");
                            restored += 1;
                        }
                    }
                    _ => restored += restore_off(field),
                }
            }
        }
        Value::Array(values) => restored = values.iter_mut().map(restore_off).sum(),
        _ => {}
    }
    restored
}

/// Adds the texts of a value that point to a place in the document.
fn add_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.starts_with("#/") => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| add_references(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| add_references(value, found)),
        _ => {}
    }
}

fn convert_yaml(node: &Yaml) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(convert_yaml).collect(),
        Yaml::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (as_text(&convert_yaml(key)).to_owned(), convert_yaml(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => panic!("unsupported YAML: {other:?}"),
    }
}

fn has_type(value: &Value, name: &Value) -> bool {
    match as_text(name) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("the type {other} is not understood"),
    }
}

fn as_list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn as_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_below(left: &Value, right: &Value) -> bool {
    left.as_f64().zip(right.as_f64()).is_some_and(|(left, right)| left < right)
}

fn as_limit(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}
