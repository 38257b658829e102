//! Reads a body strictly as one JSON object: its keys and values, where they stand.

use super::{MAX_DEPTH, MAX_FIELDS};
use crate::error::{GatewayError, Result};
use crate::wire::scan;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads the body as one JSON object, strictly.
pub(super) fn parse_entries(body: &Bytes) -> Result<Vec<(&RawValue, &RawValue)>> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let problem = format_args!("is not UTF-8, at byte {}", error.valid_up_to()).to_string();
        GatewayError::invalid("body", problem)
    })?;
    if text.trim_ascii().is_empty() {
        return Err(GatewayError::invalid("body", "is empty, a JSON object is expected"));
    }
    if scan::nesting_depth(body) > MAX_DEPTH {
        let problem = format_args!("is nested deeper than {MAX_DEPTH} levels").to_string();
        return Err(GatewayError::invalid("body", problem));
    }
    let Entries(entries) = serde_json::from_str(text).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "must be a JSON object".to_string(),
            // The message of the parser quotes nothing of the body.
            _ => format!("is not JSON: {error}"),
        };
        GatewayError::invalid("body", problem)
    })?;
    if entries.len() > MAX_FIELDS {
        let problem = format!("has more than {MAX_FIELDS} top-level fields");
        return Err(GatewayError::invalid("body", problem));
    }
    Ok(entries)
}

/// Returns what a key means, where it is written with escapes.
pub(super) fn unescape_key(key: &str) -> Result<Option<String>> {
    if !key.contains('\\') {
        return Ok(None);
    }
    let unescaped = serde_json::from_str(key);
    unescaped
        .map(Some)
        .map_err(|error| GatewayError::invalid("body", format_args!("is not JSON: {error}")))
}

/// A string borrowed from the body where it holds no escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

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

/// Keys and values of an object, in its order.
struct Entries<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(
                self,
                mut map: M,
            ) -> std::result::Result<Self::Value, M::Error> {
                let mut entries = Vec::with_capacity(8);
                while let Some(entry) = map.next_entry()? {
                    // One more than are taken tells that there are too many; the rest is only read.
                    if entries.len() <= MAX_FIELDS {
                        entries.push(entry);
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}
