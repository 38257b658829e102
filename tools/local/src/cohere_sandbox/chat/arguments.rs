//! Values that fit a JSON schema, taken from a message where it offers some.
//!
//! Serves tool calls and JSON answers. It knows the simple parts of JSON Schema: types, enums,
//! constants, bounds, nested objects and lists, alternatives and local references.

use serde_json::{Map, Number, Value};

use crate::cohere_sandbox::text::{is_common, split_words};

/// Deeper schemas get null, so that a schema that contains itself ends.
const MAX_DEPTH: usize = 12;
/// Names of fields that get the whole message rather than a name in it.
const WHOLE_MESSAGE: &[&str] =
    &["answer", "code", "content", "input", "message", "prompt", "query", "question", "text"];

/// Writes values; each number of the message is used once.
pub(super) struct ValueWriter<'a> {
    message: &'a str,
    numbers: std::vec::IntoIter<f64>,
    names: std::iter::Cycle<std::vec::IntoIter<String>>,
}

impl<'a> ValueWriter<'a> {
    pub(super) fn new(message: &'a str) -> Self {
        let numbers: Vec<f64> = message
            .split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')))
            .filter_map(|run| run.trim_end_matches(['.', '-']).parse().ok())
            .collect();
        Self {
            message,
            numbers: numbers.into_iter(),
            names: capitalized_names(message).into_iter().cycle(),
        }
    }

    /// A value that fits `schema`.
    pub(super) fn write_value(&mut self, schema: &Value) -> Value {
        self.value_for(schema, schema, "", 0)
    }

    fn value_for(&mut self, schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str() {
            let target = target
                .strip_prefix('#')
                .and_then(|pointer| root.pointer(pointer))
                .unwrap_or(&Value::Null);
            return self.value_for(target, root, name, depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.is_empty()) {
            return self.choose_value(choices);
        }
        let alternatives =
            ["anyOf", "oneOf", "allOf"].into_iter().find_map(|key| schema[key].as_array()?.first());
        if let Some(first) = alternatives {
            return self.value_for(first, root, name, depth + 1);
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        let kind =
            kind.unwrap_or(if schema["properties"].is_object() { "object" } else { "string" });
        match kind {
            "object" | "dict" => self.object_for(schema, root, depth),
            "array" | "list" => {
                let count = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 20);
                (0..count)
                    .map(|_| self.value_for(&schema["items"], root, name, depth + 1))
                    .collect()
            }
            "integer" | "int" => self.next_number(schema, true),
            "number" | "float" => self.next_number(schema, false),
            "boolean" | "bool" => Value::Bool(true),
            "null" => Value::Null,
            _ => self.text_for(schema, name),
        }
    }

    fn object_for(&mut self, schema: &Value, root: &Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, property)| (name.clone(), self.value_for(property, root, name, depth + 1)))
            .collect::<Map<_, _>>()
            .into()
    }

    /// The choice that the message names, else the first.
    fn choose_value(&self, choices: &[Value]) -> Value {
        let message = self.message.to_lowercase();
        for choice in choices {
            if let Some(text) = choice.as_str()
                && message.contains(&text.to_lowercase())
            {
                return choice.clone();
            }
        }
        choices[0].clone()
    }

    fn next_number(&mut self, schema: &Value, whole: bool) -> Value {
        let low = schema["minimum"].as_f64().unwrap_or(f64::MIN);
        let high = schema["maximum"].as_f64().unwrap_or(f64::MAX).max(low);
        let number = self.numbers.next().unwrap_or(1.0).clamp(low, high);
        if whole {
            Value::from(number as i64)
        } else {
            // Null where there is no such JSON number (an infinite one).
            Number::from_f64(number).map(Value::Number).unwrap_or_default()
        }
    }

    fn text_for(&mut self, schema: &Value, name: &str) -> Value {
        match schema["format"].as_str() {
            Some("date") => return Value::from("2025-01-31"),
            Some("date-time") => return Value::from("2025-01-31T12:00:00Z"),
            _ => {}
        }
        let name = schema["title"].as_str().unwrap_or(name).to_lowercase();
        let mut text = self.message.trim().to_owned();
        if !WHOLE_MESSAGE.contains(&name.as_str())
            && let Some(name) = self.names.next()
        {
            text = name;
        }
        let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX) as usize;
        Value::from(text.chars().take(most).collect::<String>())
    }
}

/// Runs of capitalized words, such as `San Francisco`; without any, the last word that is telling.
fn capitalized_names(message: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for word in message.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let bare = bare.strip_suffix("'s").unwrap_or(bare);
        let is_name = bare.starts_with(char::is_uppercase) && !is_common(&bare.to_lowercase());
        match found.last_mut() {
            Some(name) if is_name && open => *name = format!("{name} {bare}"),
            _ if is_name => found.push(bare.to_owned()),
            _ => {}
        }
        // A name ends where punctuation follows it.
        open = is_name && word.ends_with(bare);
    }
    // The first word of a sentence is capitalized whatever it is.
    if found.len() > 1 && message.trim_start().starts_with(&found[0]) {
        found.rotate_left(1);
    }
    if found.is_empty() {
        found
            .extend(split_words(message).filter(|word| is_telling(word)).last().map(str::to_owned));
    }
    found
}

/// Whether a word may stand for what a message is about: no common word and no number.
fn is_telling(word: &str) -> bool {
    !is_common(&word.to_lowercase()) && !word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitting_value(message: &str, schema: Value) -> Value {
        ValueWriter::new(message).write_value(&schema)
    }

    #[test]
    fn values_come_from_the_message() {
        let schema = json!({"type": "object", "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "maximum": 7},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "verbose": {"type": "boolean"},
        }});
        let value = fitting_value(
            "What is the weather in San Francisco for 10 days in Fahrenheit?",
            schema,
        );
        assert_eq!(
            value,
            json!({"city": "San Francisco", "days": 7, "unit": "fahrenheit", "verbose": true})
        );
    }

    #[test]
    fn recursive_schema_ends() {
        let schema = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {
            "next": {"$ref": "#/$defs/node"}}}}});
        assert!(fitting_value("hello", schema).is_object());
    }

    #[test]
    fn numbers_are_used_in_order() {
        let schema = json!({"properties": {"a": {"type": "int"}, "b": {"type": "number"}}});
        assert_eq!(fitting_value("Add 3 and 4.5.", schema), json!({"a": 3, "b": 4.5}));
    }
}
