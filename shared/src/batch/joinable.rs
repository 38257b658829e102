//! A JSON value that can be joined with those of other answers; its text stays as it was written.

use super::chunks::ChunkWriter;
use crate::wire::scan::{find_elements, value_end, walk_object};
use bytes::Bytes;
use serde_json::Number;
use std::borrow::Cow;

/// What becomes of the values of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is `meta`, whose fields have rules of their own.
    Meta,
    /// Numbers count something and are added up.
    Sum,
    /// Numbers may be anything and the first is taken.
    ByForm,
    /// Each element is taken once.
    Union,
    /// The first stands for all.
    First,
}

impl Rule {
    /// Returns the rule of a field inside.
    fn of_field(self, name: &[u8]) -> Self {
        match (self, name) {
            (Rule::Meta, b"api_version") => Rule::First,
            (Rule::Meta, b"warnings") => Rule::Union,
            (Rule::Meta, _) => Rule::Sum,
            (rule, _) => rule,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Joinable {
    /// Keys are as they are written, without their quotes.
    Object(Vec<(Bytes, Joinable)>),
    List {
        elements: Vec<Bytes>,
        /// The inputs that the elements are about; `None` where there is not one for each.
        inputs: Option<Vec<usize>>,
    },
    Number(Bytes),
    Other(Bytes),
}

impl Joinable {
    /// Reads the valid value that starts at `at`, in an answer to these inputs.
    pub(super) fn read(json: &Bytes, at: usize, inputs: &[usize]) -> Self {
        // It has been checked, so that neither its end nor its fields are missed.
        let value = json.slice(at..value_end(json, at).unwrap_or(json.len()));
        match value.first() {
            Some(b'{') => {
                let mut fields = Vec::new();
                walk_object(&value, 0, |key, at| {
                    fields.push((value.slice_ref(key), Self::read(&value, at, inputs)));
                    value_end(&value, at)
                });
                Self::Object(fields)
            }
            Some(b'[') => {
                let elements = find_elements(&value).into_iter().map(|span| value.slice(span));
                let elements: Vec<_> = elements.collect();
                let is_per_input = elements.len() == inputs.len();
                Self::List { inputs: is_per_input.then(|| inputs.to_vec()), elements }
            }
            Some(b'-' | b'0'..=b'9') => Self::Number(value),
            _ => Self::Other(value),
        }
    }

    /// Returns the same value before anything was counted or listed.
    pub(super) fn emptied(&self, rule: Rule) -> Self {
        match self {
            _ if rule == Rule::First => self.clone(),
            Self::Object(fields) => {
                let empty = |(name, value): &(Bytes, Self)| {
                    (name.clone(), value.emptied(rule.of_field(name)))
                };
                Self::Object(fields.iter().map(empty).collect())
            }
            Self::List { .. } => Self::List { elements: Vec::new(), inputs: Some(Vec::new()) },
            Self::Number(_) if rule == Rule::Sum => Self::Number(Bytes::from_static(b"0")),
            Self::Number(_) | Self::Other(_) => self.clone(),
        }
    }

    /// Adds the same field of another answer.
    pub(super) fn add(&mut self, other: Self, rule: Rule) {
        match (&mut *self, other) {
            _ if rule == Rule::First => {}
            (Self::Object(fields), Self::Object(others)) => add_fields(fields, others, rule),
            (Self::Number(total), Self::Number(amount)) if rule == Rule::Sum => {
                *total = add_amounts(total, &amount);
            }
            (
                Self::List { elements, inputs },
                Self::List { elements: others, inputs: other_inputs },
            ) => {
                let is_per_input = inputs.is_some() && other_inputs.is_some();
                let is_same = *elements == others && !is_per_input;
                match (inputs.as_mut(), other_inputs) {
                    (Some(inputs), Some(others)) => inputs.extend(others),
                    _ => *inputs = None,
                }
                if is_same {
                    return;
                }
                for other in others {
                    if rule != Rule::Union || !elements.contains(&other) {
                        elements.push(other);
                    }
                }
            }
            (Self::Other(none), other) if none == "null" => *self = other,
            _ => {}
        }
    }

    /// Rewrites the warnings of a `meta`, where `rewrite` has something else to say.
    pub(super) fn rewrite_warnings(&mut self, rewrite: impl Fn(&[u8]) -> Option<Bytes>) {
        let Self::Object(fields) = self else { return };
        for (name, value) in fields {
            if let Self::List { elements, .. } = value
                && name == "warnings"
            {
                for element in elements {
                    if let Some(rewritten) = rewrite(element) {
                        *element = rewritten;
                    }
                }
            }
        }
    }

    /// Sets the version that a `meta` tells.
    pub(super) fn set_api_version(&mut self, version: &str) {
        let Some(api_version) = self.field_mut("api_version") else { return };
        if let Some(told) = api_version.field_mut("version") {
            *told = Self::Other(Bytes::from(format!("\"{version}\"")));
        }
    }

    fn field_mut(&mut self, name: &str) -> Option<&mut Self> {
        let Self::Object(fields) = self else { return None };
        let field = fields.iter_mut().find(|(known, _)| known == name);
        field.map(|(_, value)| value)
    }

    pub(super) fn write(&self, writer: &mut ChunkWriter) {
        match self {
            Self::Object(fields) => {
                writer.write_text(b"{");
                for (position, (name, value)) in fields.iter().enumerate() {
                    writer.write_separator(position);
                    writer.write_text(b"\"");
                    writer.write_text(name);
                    writer.write_text(b"\":");
                    value.write(writer);
                }
                writer.write_text(b"}");
            }
            Self::List { elements, inputs } => writer.write_list(&sort_elements(elements, inputs)),
            Self::Number(text) | Self::Other(text) => writer.write_text(text),
        }
    }
}

/// Puts elements that are about one input each into the order of the inputs.
fn sort_elements<'a>(elements: &'a [Bytes], inputs: &Option<Vec<usize>>) -> Cow<'a, [Bytes]> {
    match inputs {
        // Elements that were said once only are fewer than the inputs they come from.
        Some(inputs) if !inputs.is_sorted() && inputs.len() == elements.len() => {
            let mut sorted: Vec<_> = inputs.iter().zip(elements).collect();
            sorted.sort_by_key(|(input, _)| **input);
            sorted.into_iter().map(|(_, element)| element.clone()).collect()
        }
        _ => Cow::Borrowed(elements),
    }
}

/// Adds fields of another answer to those of the same name, new ones at the end.
pub(super) fn add_fields(
    fields: &mut Vec<(Bytes, Joinable)>,
    others: Vec<(Bytes, Joinable)>,
    rule: Rule,
) {
    for (name, value) in others {
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => known.add(value, rule.of_field(&name)),
            None => fields.push((name, value)),
        }
    }
}

/// Adds two numbers; whole ones stay whole, and what is added to nothing stays as it was written.
fn add_amounts(total: &Bytes, amount: &Bytes) -> Bytes {
    if total == "0" {
        return amount.clone();
    }
    let read = |text: &Bytes| serde_json::from_slice::<Number>(text).ok();
    let (Some(one), Some(other)) = (read(total), read(amount)) else { return total.clone() };
    let sum = match (one.as_u64(), other.as_u64()) {
        (Some(one), Some(other)) => one.checked_add(other).map(Number::from),
        _ => {
            Number::from_f64(one.as_f64().unwrap_or_default() + other.as_f64().unwrap_or_default())
        }
    };
    sum.map_or_else(|| total.clone(), |sum| Bytes::from(sum.to_string()))
}
