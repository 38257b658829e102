//! Reads a body strictly as one JSON object: its keys and values, where they stand.

use super::encoding::read_utf8;
use super::strings::{decode_string, undecodable};
use super::{MAX_DEPTH, MAX_FIELDS};
use crate::error::{GatewayError, Result};
use crate::wire::scan;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads the body as one JSON object, strictly.
pub(super) fn parse_entries(body: &Bytes) -> Result<Vec<(&RawValue, &RawValue)>> {
    let text = read_utf8(body)?;
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
///
/// # Errors
/// `invalid_request` where it cannot be decoded: what is not known to be a key of ours could be one.
pub(super) fn unescape_key(key: &str) -> Result<Option<String>> {
    if !key.contains('\\') {
        return Ok(None);
    }
    match decode_string(key.as_bytes()) {
        Some(key) => Ok(Some(key.into_owned())),
        None => Err(undecodable("body", "has a field whose name")),
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
