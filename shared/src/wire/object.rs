//! The top level of a request, parsed once: an object whose values stay as the caller wrote them.
//!
//! It owns the body and knows where each field lies in it, so that validation, split and fallback read
//! one result. A key that stands twice, or that differs from a known one only by its case, is refused:
//! Cohere's parser ignores case and takes the last of two, others take the first, and a request must not
//! mean one thing to the gateway and another to Cohere. Explicit `null` counts as absent.

mod encoding;
mod entries;
pub mod strings;
mod writer;

use crate::error::{GatewayError, Result};
use crate::wire::scan;
use bytes::{Bytes, BytesMut};
use entries::{parse_entries, unescape_key};
use std::borrow::Cow;
use std::ops::Range;
use strings::{check_name, check_names, decode_string};
use writer::ObjectWriter;

/// Deepest nesting of a request body.
pub const MAX_DEPTH: usize = 128;

/// Most top-level fields of a request; Cohere knows about twenty.
pub const MAX_FIELDS: usize = 256;

/// Longest name: a model's id, a type, a word of an enumeration. Unknown ones pass.
pub const MAX_NAME_BYTES: usize = 128;

/// What a known field must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A string that is read here: at most 128 bytes, all of which can be decoded.
    Name,
    /// Free text, which passes as it is written.
    Text,
    Bool,
    Number,
    /// A number without a fraction.
    Integer,
    Object,
    Array,
    /// An array of names.
    Names,
    /// An array of strings.
    Texts,
}

impl FieldType {
    fn describe(self) -> &'static str {
        match self {
            FieldType::Name | FieldType::Text => "a string",
            FieldType::Bool => "true or false",
            FieldType::Number => "a number",
            FieldType::Integer => "a whole number",
            FieldType::Object => "an object",
            FieldType::Array => "an array",
            FieldType::Names | FieldType::Texts => "an array of strings",
        }
    }

    fn accepts(self, value: &[u8]) -> bool {
        match (self, value.first()) {
            (FieldType::Name | FieldType::Text, Some(b'"'))
            | (FieldType::Object, Some(b'{'))
            | (FieldType::Array | FieldType::Names | FieldType::Texts, Some(b'[')) => true,
            (FieldType::Bool, Some(b't' | b'f')) => true,
            (FieldType::Number, Some(b'-' | b'0'..=b'9')) => true,
            (FieldType::Integer, Some(b'-' | b'0'..=b'9')) => {
                matches!(parse_number(value), Some(number) if number.fract() == 0.0)
            }
            _ => false,
        }
    }
}

/// The fields an endpoint knows; all others pass through unseen.
pub type KnownFields = &'static [(&'static str, FieldType)];

/// One field and where it lies in the body.
#[derive(Clone, Debug)]
struct Field {
    /// The key with its quotes.
    key: Range<usize>,
    /// The key's meaning, where it is written with escapes.
    unescaped: Option<String>,
    value: Range<usize>,
    /// The elements of a known array, counted from the value's start.
    elements: Vec<Range<usize>>,
}

/// A request body and its top-level fields, in the caller's order.
#[derive(Clone, Debug)]
pub struct RequestObject {
    body: Bytes,
    fields: Vec<Field>,
}

/// An array of a request, element by element.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    body: &'a Bytes,
    start: usize,
    elements: &'a [Range<usize>],
}

impl<'a> List<'a> {
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Returns the elements as they are written.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (body, start) = (self.body, self.start);
        self.elements.iter().map(move |span| &body[start + span.start..start + span.end])
    }

    /// Returns the elements as pieces of the body, which are not copied.
    pub fn slices(&self) -> impl ExactSizeIterator<Item = Bytes> + use<'a> {
        let body = self.body;
        self.iter().map(move |element| body.slice_ref(element))
    }

    /// Returns an element as a piece of the body, which is not copied.
    pub fn slice(&self, index: usize) -> Option<Bytes> {
        let span = self.elements.get(index)?;
        Some(self.body.slice(self.start + span.start..self.start + span.end))
    }

    /// Returns the length of the longest element as it is written, in bytes.
    pub fn longest(&self) -> usize {
        self.elements.iter().map(Range::len).max().unwrap_or_default()
    }
}

impl RequestObject {
    /// Reads a body and checks the types of the known fields.
    ///
    /// # Errors
    /// `invalid_request` naming the field: not UTF-8, not a JSON object, nested over 128 levels,
    /// a key that stands twice or in another case, a wrong type, a name that cannot be decoded.
    pub fn parse(body: Bytes, known: KnownFields) -> Result<Self> {
        let entries = parse_entries(&body)?;
        let mut fields = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let (key, value) = (key.get(), value.get());
            let key_start = offset_in(&body, key);
            let value_start = offset_in(&body, value);
            fields.push(Field {
                key: key_start..key_start + key.len(),
                unescaped: unescape_key(key)?,
                value: value_start..value_start + value.len(),
                elements: Vec::new(),
            });
        }
        let mut object = Self { fields, body: body.clone() };
        object.check_keys(known)?;
        object.check_types(known)?;
        Ok(object)
    }

    /// Returns the body, as the caller wrote it or as `with` has.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    fn check_keys(&self, known: KnownFields) -> Result<()> {
        for (position, field) in self.fields.iter().enumerate() {
            let key = self.key_of(field);
            if self.fields[..position].iter().any(|earlier| self.key_of(earlier) == key) {
                return Err(GatewayError::invalid(
                    &shorten_text(key),
                    "stands twice in the request",
                ));
            }
            if known.iter().any(|(name, _)| name.as_bytes() == key) {
                continue;
            }
            let key = String::from_utf8_lossy(key);
            if let Some((name, _)) = known.iter().find(|(name, _)| equals_but_for_case(name, &key))
            {
                let problem = format_args!("must be written {name:?}").to_string();
                return Err(GatewayError::invalid(&shorten_text(key.as_bytes()), problem));
            }
        }
        Ok(())
    }

    /// Checks the known fields, and finds the elements of the arrays among them.
    fn check_types(&mut self, known: KnownFields) -> Result<()> {
        for (name, field_type) in known {
            let Some(position) = self.find_field(name) else { continue };
            let value = &self.body[self.fields[position].value.clone()];
            if !field_type.accepts(value) {
                // A number of the wrong form is told by itself, anything else by its type.
                let is_number = matches!(value.first(), Some(b'-' | b'0'..=b'9'));
                let got = match is_number && *field_type == FieldType::Integer {
                    true => shorten_text(value),
                    false => json_type(value).to_string(),
                };
                let problem = format!("must be {}, got {got}", field_type.describe());
                return Err(GatewayError::invalid(name, problem));
            }
            match field_type {
                FieldType::Name => check_name(name, value)?,
                FieldType::Array => {
                    self.fields[position].elements = scan::find_elements(value);
                }
                FieldType::Names | FieldType::Texts => {
                    let elements = scan::find_elements(value);
                    check_texts(name, value, &elements)?;
                    if *field_type == FieldType::Names {
                        check_names(name, value, &elements)?;
                    }
                    self.fields[position].elements = elements;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn key_of<'a>(&'a self, field: &'a Field) -> &'a [u8] {
        match &field.unescaped {
            Some(key) => key.as_bytes(),
            None => &self.body[field.key.start + 1..field.key.end - 1],
        }
    }

    /// Finds a field by its name; `null` counts as absent.
    fn find_field(&self, name: &str) -> Option<usize> {
        let position =
            self.fields.iter().position(|field| self.key_of(field) == name.as_bytes())?;
        let is_null = &self.body[self.fields[position].value.clone()] == b"null";
        if is_null { None } else { Some(position) }
    }

    /// Returns the JSON text of a field; `null` counts as absent.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        let position = self.find_field(name)?;
        Some(&self.body[self.fields[position].value.clone()])
    }

    /// Tells whether a field is there and is not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.find_field(name).is_some()
    }

    /// Returns a name, unescaped.
    pub fn read_name(&self, name: &str) -> Option<Cow<'_, str>> {
        decode_string(self.raw(name)?)
    }

    /// Tells whether a text field has nothing but spaces. A text that cannot be decoded has more.
    pub fn is_blank(&self, name: &str) -> bool {
        match self.raw(name) {
            Some(text) => strings::is_blank(text),
            None => true,
        }
    }

    /// Returns a number field.
    pub fn read_number(&self, name: &str) -> Option<f64> {
        parse_number(self.raw(name)?)
    }

    /// Returns an array field that the endpoint knows.
    pub fn read_list(&self, name: &str) -> Option<List<'_>> {
        let field = &self.fields[self.find_field(name)?];
        Some(List { body: &self.body, start: field.value.start, elements: &field.elements })
    }

    /// Returns an array field that the endpoint knows; one that is absent has no elements.
    pub fn list_or_empty(&self, name: &str) -> List<'_> {
        self.read_list(name).unwrap_or(List { body: &self.body, start: 0, elements: &[] })
    }

    /// Tells whether there is no field but the known ones.
    pub fn has_only(&self, known: KnownFields) -> bool {
        self.fields.iter().all(|field| {
            let key = self.key_of(field);
            known.iter().any(|(name, _)| name.as_bytes() == key)
                || &self.body[field.value.clone()] == b"null"
        })
    }

    /// Writes the object again with the fields of `set` in place of the caller's, or at its end.
    pub fn with(&self, set: &[(&str, &[u8])]) -> Self {
        if set.is_empty() {
            return self.clone();
        }
        let added: usize = set.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut writer = ObjectWriter::new(self.body.len() + added, self.fields.len() + set.len());
        for field in &self.fields {
            let key = self.key_of(field);
            if set.iter().all(|(name, _)| name.as_bytes() != key) {
                writer.copy_field(&self.body, field);
            }
        }
        for (name, value) in set {
            writer.add_field(name, value);
        }
        writer.into_object()
    }

    /// Writes the object again with other values in the places of these fields; one that has none is left out.
    pub fn replace(&self, replaced: &[(&str, Option<&[u8]>)]) -> Self {
        let is_replaced =
            |field: &Field| replaced.iter().any(|(name, _)| name.as_bytes() == self.key_of(field));
        if !self.fields.iter().any(is_replaced) {
            return self.clone();
        }
        let mut writer = ObjectWriter::new(self.body.len(), self.fields.len());
        for field in &self.fields {
            let key = self.key_of(field);
            match replaced.iter().find(|(name, _)| name.as_bytes() == key) {
                None => writer.copy_field(&self.body, field),
                Some((name, Some(value))) => writer.add_field(name, value),
                Some((_, None)) => {}
            }
        }
        writer.into_object()
    }
}

/// Adds a field at the end of an object that has some.
pub fn append_field(object: Bytes, name: &str, json: &str) -> Bytes {
    let mut object = BytesMut::from(object);
    let closed = object.iter().rposition(|byte| *byte == b'}');
    object.truncate(closed.unwrap_or(object.len()));
    object.extend_from_slice(format!(",\"{name}\":{json}}}").as_bytes());
    object.freeze()
}

fn check_texts(name: &str, value: &[u8], elements: &[Range<usize>]) -> Result<()> {
    for (index, element) in elements.iter().enumerate() {
        if value[element.start] != b'"' {
            let field = format!("{name}[{index}]");
            let got = json_type(&value[element.clone()]);
            let problem = format_args!("must be a string, got {got}").to_string();
            return Err(GatewayError::invalid(&field, problem));
        }
    }
    Ok(())
}

/// Returns where a piece of the body begins in it.
fn offset_in(body: &Bytes, piece: &str) -> usize {
    piece.as_ptr() as usize - body.as_ptr() as usize
}

fn parse_number(value: &[u8]) -> Option<f64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Compares as Cohere's parser does: ASCII case, and the two letters Unicode folds to `s` and `k`.
fn equals_but_for_case(name: &str, key: &str) -> bool {
    name.chars().map(fold_case).eq(key.chars().map(fold_case))
}

fn fold_case(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Bounds what a message repeats of a caller's key or number.
fn shorten_text(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn json_type(value: &[u8]) -> &'static str {
    match value.first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests;
