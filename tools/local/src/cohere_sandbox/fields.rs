//! Reads a request's fields: null counts as absent, wrong types are refused, unknown names warned
//! of.

use serde_json::{Map, Value};

use crate::cohere_sandbox::api_error::ApiError;

/// A JSON object, and how error messages name it.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Before a field's name in messages, such as `thinking.`; empty at the top.
    within: &'static str,
    reference: &'static str,
}

/// Parses a body that must be a JSON object.
pub(super) fn parse_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let parsed = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&replace_half_characters(body)));
    match parsed {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(ApiError::bad_request(format!(
            "invalid type: request body is of type {} but should be of type object",
            type_name(&other)
        ))),
        Err(error) => Err(ApiError::bad_request(format!("invalid json syntax: {error}"))),
    }
}

/// Writes U+FFFD for half characters such as `\ud83e` alone, as the real API's parser reads them.
fn replace_half_characters(json: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(json.len());
    let mut at = 0;
    while at < json.len() {
        let length = match (json[at], escaped_unit(&json[at..])) {
            (b'\\', Some(0xd800..0xdc00))
                if matches!(escaped_unit(&json[at + 6..]), Some(0xdc00..0xe000)) =>
            {
                12
            }
            (b'\\', Some(0xd800..0xe000)) => {
                whole.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            (b'\\', _) => 2,
            _ => 1,
        };
        let end = (at + length).min(json.len());
        whole.extend_from_slice(&json[at..end]);
        at = end;
    }
    whole
}

/// The UTF-16 unit that an escape such as `\ud83e` stands for.
fn escaped_unit(json: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(json.get(..6)?.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

impl<'a> Fields<'a> {
    /// The whole request; `reference` is the endpoint's page in Cohere's documentation.
    pub(super) fn new(object: &'a Map<String, Value>, reference: &'static str) -> Self {
        Self { object, within: "", reference }
    }

    pub(super) fn has_value(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn read_text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.read_as(name, "string", Value::as_str)
    }

    pub(super) fn read_list(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        self.read_as(name, "array", |value| value.as_array().map(Vec::as_slice))
    }

    pub(super) fn read_flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.read_as(name, "boolean", Value::as_bool)
    }

    pub(super) fn read_number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        self.read_as(name, "number", Value::as_f64)
    }

    /// A whole number; negative ones too, so that the error can name the range.
    pub(super) fn read_integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.read_as(name, "integer", Value::as_i64)
    }

    /// The fields of an inner object; `within` stands before their names in messages.
    pub(super) fn read_object(
        &self,
        name: &str,
        within: &'static str,
    ) -> Result<Option<Fields<'a>>, ApiError> {
        let object = self.read_as(name, "object", Value::as_object)?;
        Ok(object.map(|object| Fields { object, within, reference: self.reference }))
    }

    pub(super) fn read_texts(&self, name: &'static str) -> Result<Option<Vec<&'a str>>, ApiError> {
        let Some(items) = self.read_list(name)? else { return Ok(None) };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Some(text) = item.as_str() else {
                return Err(self.wrong_type(&format!("{name}[{index}]"), item, "string"));
            };
            texts.push(text);
        }
        Ok(Some(texts))
    }

    /// One warning for each field that is not in `known`, in the API's words.
    pub(super) fn unknown_field_warnings(&self, known: &[&str]) -> Vec<String> {
        let unknown = self.object.keys().filter(|name| !known.contains(&name.as_str()));
        unknown
            .map(|name| format!("unknown field: parameter {name} is not a valid field"))
            .collect()
    }

    fn read_as<T>(
        &self,
        name: &str,
        kind: &str,
        get: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        get(value).map(Some).ok_or_else(|| self.wrong_type(name, value, kind))
    }

    fn wrong_type(&self, name: &str, value: &Value, expected: &str) -> ApiError {
        ApiError::bad_request(format!(
            "invalid type: parameter '{}{name}' is of type {} but should be of type {expected}. \
             For proper usage, please refer to https://docs.cohere.com/reference/{}",
            self.within,
            type_name(value),
            self.reference
        ))
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_is_read_as_unknown() {
        let json = br#"{"a\ud83e":"\ud83e\udd8a \udd8a \\ud83e \ud83e\u0061"}"#;
        let object = parse_object(json).unwrap();
        assert_eq!(object["a\u{fffd}"], "\u{1f98a} \u{fffd} \\ud83e \u{fffd}a");
        assert!(parse_object(br#"{"a":"\ud8"}"#).is_err());
    }
}
