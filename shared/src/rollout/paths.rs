//! The form of a JSON value: which paths it has, and what type stands at each. No value is kept.

use serde_json::Value;
use std::collections::BTreeMap;

/// Most paths of one answer.
const MAX_PATHS: usize = 300;
/// Longest name of a field; the texts of a model are never names.
const MAX_NAME_CHARS: usize = 40;

/// Types by path, such as `meta.billed_units.input_tokens`. An element of a list has the path of the list and `[]`.
pub(super) type Paths = BTreeMap<String, String>;

/// Collects the paths of a value; null may stand for anything and is none.
pub(super) fn collect_paths(value: &Value, path: &str, paths: &mut Paths) {
    if paths.len() >= MAX_PATHS {
        return;
    }
    let kind = match value {
        Value::Null => return,
        Value::Bool(_) => "true or false",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(elements) if elements.len() > 1 && elements.iter().all(Value::is_number) => {
            // A vector: its length is a part of its form.
            paths.insert(path.to_string(), format!("{} numbers", elements.len()));
            return;
        }
        Value::Array(elements) => {
            elements.iter().for_each(|element| collect_paths(element, &format!("{path}[]"), paths));
            "list"
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let inner =
                    if path.is_empty() { show(name) } else { format!("{path}.{}", show(name)) };
                collect_paths(field, &inner, paths);
            }
            "object"
        }
    };
    if !path.is_empty() {
        paths.insert(path.to_string(), kind.to_string());
    }
}

/// A field's name as it is, if it has the form of one.
fn show(name: &str) -> String {
    match name.len() <= MAX_NAME_CHARS && name.bytes().all(is_of_name) {
        true => name.to_string(),
        false => "?".to_string(),
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
}

/// Says what a new form lacks of the live one, or has in another type.
pub(super) fn find_loss(live: &Paths, new: &Paths) -> Option<String> {
    for (path, kind) in live {
        match new.get(path) {
            None => return Some(format!("{path} is missing")),
            Some(other) if other != kind => return Some(format!("{path} is {other}, not {kind}")),
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn collect(value: &Value) -> Paths {
        let mut paths = Paths::new();
        collect_paths(value, "", &mut paths);
        paths
    }

    #[test]
    fn form_has_types_and_lengths_and_no_values() {
        let value = json!({
            "id": "i", "meta": { "units": { "tokens": 1 } }, "none": null,
            "embeddings": { "float": [[0.5, 1, 2]] }, "tell me a secret": true,
            "results": [{ "index": 0 }, { "document": "d" }],
        });
        let expected = [
            ("?", "true or false"),
            ("embeddings", "object"),
            ("embeddings.float", "list"),
            ("embeddings.float[]", "3 numbers"),
            ("id", "text"),
            ("meta", "object"),
            ("meta.units", "object"),
            ("meta.units.tokens", "number"),
            ("results", "list"),
            ("results[]", "object"),
            ("results[].document", "text"),
            ("results[].index", "number"),
        ];
        let expected = expected.map(|(path, kind)| (path.to_string(), kind.to_string()));
        assert_eq!(collect(&value), Paths::from(expected));
    }

    #[test]
    fn new_form_may_have_more_and_never_less() {
        let live = collect(&json!({ "id": "a", "embeddings": [[1, 2]] }));
        let find = |new: Value| find_loss(&live, &collect(&new));
        assert_eq!(find(json!({ "id": "b", "embeddings": [[3, 4]], "more": 1 })), None);
        assert_eq!(find(json!({ "embeddings": [[3, 4]] })).unwrap(), "id is missing");
        assert_eq!(
            find(json!({ "id": 1, "embeddings": [[3, 4]] })).unwrap(),
            "id is number, not text"
        );
        let shorter = find(json!({ "id": "b", "embeddings": [[3, 4, 5]] })).unwrap();
        assert_eq!(shorter, "embeddings[] is 3 numbers, not 2 numbers");
    }
}
