//! The top level of a request: an object whose values stay as the caller wrote them.
//!
//! A key that stands twice, or that differs from a known one only by its case, is refused: Cohere's
//! parser ignores case and takes the last of two, others take the first, and a request must not mean
//! one thing to the gateway and another to Cohere. Explicit `null` counts as absent.

use crate::error::{GatewayError, Result};
use crate::wire::scan;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Deepest nesting of a request body.
pub const MAX_DEPTH: usize = 128;

/// What a known field must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Bool,
    Number,
    /// A number without a fraction.
    Integer,
    Object,
    Array,
    /// An array of strings.
    Texts,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "a string",
            Kind::Bool => "true or false",
            Kind::Number => "a number",
            Kind::Integer => "a whole number",
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::Texts => "an array of strings",
        }
    }

    fn accepts(self, raw: &str) -> bool {
        match (self, raw.as_bytes().first()) {
            (Kind::Text, Some(b'"'))
            | (Kind::Object, Some(b'{'))
            | (Kind::Array | Kind::Texts, Some(b'[')) => true,
            (Kind::Bool, Some(b't' | b'f')) => true,
            (Kind::Number, Some(b'-' | b'0'..=b'9')) => true,
            (Kind::Integer, Some(b'-' | b'0'..=b'9')) => raw.parse::<f64>().is_ok_and(|n| n.fract() == 0.0),
            _ => false,
        }
    }
}

/// The fields an endpoint knows; all others pass through unseen.
pub type Known = &'static [(&'static str, Kind)];

/// The top-level fields of a request body, in the caller's order.
#[derive(Debug)]
pub struct RequestObject<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> RequestObject<'a> {
    /// Reads a body and checks the types of the known fields.
    ///
    /// # Errors
    /// `invalid_request` naming the field: not UTF-8, not a JSON object, nested over 128 levels,
    /// a key that stands twice or in another case, a wrong type.
    pub fn parse(body: &'a [u8], known: Known) -> Result<Self> {
        let text = std::str::from_utf8(body).map_err(|error| {
            GatewayError::invalid("body", format_args!("is not UTF-8, at byte {}", error.valid_up_to()))
        })?;
        if text.trim_ascii().is_empty() {
            return Err(GatewayError::invalid("body", "is empty, a JSON object is expected"));
        }
        if scan::depth(body) > MAX_DEPTH {
            return Err(GatewayError::invalid(
                "body",
                format_args!("is nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let fields: RequestObject = serde_json::from_str(text).map_err(|error| {
            let problem = match error.classify() {
                serde_json::error::Category::Data => "must be a JSON object".to_string(),
                // The message of the parser quotes nothing of the body.
                _ => format!("is not JSON: {error}"),
            };
            GatewayError::invalid("body", problem)
        })?;
        fields.check_keys(known)?;
        fields.check_types(known)?;
        Ok(fields)
    }

    fn check_keys(&self, known: Known) -> Result<()> {
        for (position, (key, _)) in self.entries.iter().enumerate() {
            if self.entries[..position].iter().any(|(earlier, _)| earlier == key) {
                return Err(GatewayError::invalid(&shown(key), "stands twice in the request"));
            }
            let is_known = known.iter().any(|(name, _)| name == key);
            if let Some((name, _)) =
                known.iter().find(|(name, _)| !is_known && equals_but_for_case(name, key))
            {
                return Err(GatewayError::invalid(&shown(key), format_args!("must be written {name:?}")));
            }
        }
        Ok(())
    }

    fn check_types(&self, known: Known) -> Result<()> {
        for (name, kind) in known {
            let Some(raw) = self.raw(name) else { continue };
            if !kind.accepts(raw) {
                // A number of the wrong form is told by itself, anything else by its type.
                let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                let got =
                    if is_number && *kind == Kind::Integer { shown(raw) } else { json_type(raw).to_string() };
                let problem = format!("must be {}, got {got}", kind.name());
                return Err(GatewayError::invalid(name, problem));
            }
            if *kind == Kind::Texts {
                self.check_elements(name, raw)?;
            }
        }
        Ok(())
    }

    fn check_elements(&self, name: &str, raw: &str) -> Result<()> {
        for (index, element) in scan::elements(raw).enumerate() {
            if !element.starts_with('"') {
                let field = format!("{name}[{index}]");
                let problem = format_args!("must be a string, got {}", json_type(element)).to_string();
                return Err(GatewayError::invalid(&field, problem));
            }
        }
        Ok(())
    }

    /// Returns the JSON text of a field; `null` counts as absent.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let (_, raw) = self.entries.iter().find(|(key, _)| key == name)?;
        Some(raw.get()).filter(|raw| *raw != "null")
    }

    /// Returns a string field, unescaped.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.raw(name)?;
        serde_json::from_str::<Text>(raw).ok().map(|Text(text)| text)
    }

    /// Returns how many elements an array field has.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.raw(name).map(|raw| scan::elements(raw).count())
    }

    /// Tells whether there is no field but the known ones.
    pub fn are_known(&self, known: Known) -> bool {
        let is_known = |key: &str| known.iter().any(|(name, _)| *name == key);
        self.entries.iter().all(|(key, raw)| is_known(key) || raw.get() == "null")
    }

    /// Writes the object again with `set` fields in place of the caller's or at its end.
    pub fn with(&self, set: &[(&str, &str)]) -> Bytes {
        let kept = self.entries.iter().filter(|(key, _)| !set.iter().any(|(name, _)| name == key));
        let kept = kept.map(|(key, raw)| (key.as_ref(), raw.get()));
        let size: usize = kept.clone().chain(set.iter().copied()).map(|(k, v)| k.len() + v.len() + 6).sum();
        let mut out = Vec::with_capacity(size + 2);
        out.push(b'{');
        for (position, (key, raw)) in kept.chain(set.iter().copied()).enumerate() {
            if position > 0 {
                out.push(b',');
            }
            // Writing a string to memory cannot fail.
            let _ = serde_json::to_writer(&mut out, key);
            out.push(b':');
            out.extend_from_slice(raw.as_bytes());
        }
        out.push(b'}');
        Bytes::from(out)
    }
}

/// A string borrowed from the body where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for RequestObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = RequestObject<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Self::Value, M::Error> {
                let mut entries = Vec::with_capacity(8);
                while let Some((Text(key), raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    entries.push((key, raw));
                }
                Ok(RequestObject { entries })
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Compares as Cohere's parser does: ASCII case, and the two letters Unicode folds to `s` and `k`.
fn equals_but_for_case(name: &str, key: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(key.chars().map(fold))
}

/// Bounds what a message repeats of a caller's key.
fn shown(key: &str) -> String {
    let mut short: String = key.chars().take(64).collect();
    if short.len() < key.len() {
        short.push('…');
    }
    short
}

fn json_type(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
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
