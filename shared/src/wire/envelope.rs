//! What answers of embed and rerank have around their results: an id, what was billed, and what is new.
//!
//! An answer is taken apart into positions, so that the sub-requests of one request can be joined, and an answer
//! be built again from the cache, without reading a number or losing a field that is not known here.

use crate::wire::refusal::read_id;
use crate::wire::scan::{skip_space, strict, walk_object};
use std::borrow::Cow;
use std::ops::Range;

/// A field of an answer that is neither its id nor its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The key as it is written, without its quotes.
    pub name: Range<usize>,
    pub value: Range<usize>,
}

/// Where the changing pieces of an answer are.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The id with its quotes.
    pub id: Option<Range<usize>>,
    /// `meta`, an object.
    pub meta: Option<Range<usize>>,
    pub response_type: Option<Range<usize>>,
    /// Fields that are not known here, in the order of the answer.
    pub others: Vec<Member>,
    /// `meta` has warnings, which are about one request.
    pub has_warnings: bool,
    /// Nothing stands in the answer that could depend on the inputs unseen.
    pub is_known: bool,
    /// The position of the last brace.
    pub end: usize,
}

impl Envelope {
    /// Walks a whole answer; `None` where it is no valid object, or not all of the text.
    ///
    /// `results` gets each top-level key with the position of its value. It answers `None` for a key that
    /// is not the endpoint's own, else the position after the value, or `Some(None)` where it is broken.
    pub fn read<'a>(
        json: &'a [u8],
        mut results: impl FnMut(&[u8], &'a [u8], usize) -> Option<Option<usize>>,
    ) -> Option<Self> {
        let mut envelope = Self { is_known: true, ..Self::default() };
        let end = walk_object(json, skip_space(json, 0), |key, at| {
            let meaning = unescape_key(key);
            if let Some(end) = results(&meaning, key, at) {
                return end;
            }
            let end = strict::value_end(json, at)?;
            envelope.add_field(json, &meaning, key, at..end);
            Some(end)
        })?;
        envelope.end = end - 1;
        if skip_space(json, end) == json.len() { Some(envelope) } else { None }
    }

    /// Reads the id of the answer that this was read from.
    pub fn read_id(&self, json: &[u8]) -> Option<String> {
        read_id(&json[self.id.clone()?])
    }

    fn add_field(&mut self, json: &[u8], meaning: &[u8], key: &[u8], value: Range<usize>) {
        match (meaning, json[value.start]) {
            (b"id", first) if self.id.is_none() => {
                self.is_known &= first == b'"';
                self.id = Some(value);
            }
            (b"meta", b'{') if self.meta.is_none() => {
                self.read_meta(json, value.start);
                self.meta = Some(value);
            }
            (b"response_type", _) => {
                self.response_type.get_or_insert(value);
            }
            // A key that stands twice is one that is not known, too.
            _ => {
                self.is_known = false;
                let name = offset_in(json, key);
                self.others.push(Member { name: name..name + key.len(), value });
            }
        }
    }

    fn read_meta(&mut self, json: &[u8], at: usize) {
        let mut seen: Vec<Cow<'_, [u8]>> = Vec::with_capacity(8);
        // The value is valid, so that the walk comes to its end.
        let _ = walk_object(json, at, |key, at| {
            let end = strict::value_end(json, at)?;
            let key = unescape_key(key);
            let is_known = match (&key[..], json[at]) {
                (b"billed_units" | b"tokens" | b"api_version", first) => first == b'{',
                (b"cached_tokens", first) => matches!(first, b'-' | b'0'..=b'9' | b'n'),
                (b"warnings", first) => {
                    self.has_warnings = true;
                    first == b'['
                }
                _ => false,
            };
            self.is_known &= is_known && !seen.contains(&key);
            seen.push(key);
            Some(end)
        });
    }
}

/// Returns what a valid key means, which may be written with escapes.
pub(super) fn unescape_key(key: &[u8]) -> Cow<'_, [u8]> {
    if !key.contains(&b'\\') {
        return Cow::Borrowed(key);
    }
    let quoted = [b"\"", key, b"\""].concat();
    match serde_json::from_slice::<String>(&quoted) {
        Ok(text) => Cow::Owned(text.into_bytes()),
        // Half of a pair of surrogates means nothing that is known here.
        Err(_) => Cow::Borrowed(key),
    }
}

/// Returns where a piece of a text begins in it.
fn offset_in(text: &[u8], piece: &[u8]) -> usize {
    piece.as_ptr() as usize - text.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Envelope {
        Envelope::read(json.as_bytes(), |_, _, _| None).unwrap()
    }

    #[test]
    fn parts_are_found_where_they_stand() {
        let json = r#" {"id":"x","new":[1],"meta":{"billed_units":{}}} "#;
        let envelope = read(json);
        assert_eq!(envelope.read_id(json.as_bytes()).as_deref(), Some("x"));
        let meta = envelope.meta.unwrap();
        assert_eq!((&json[meta], &json[envelope.end..]), (r#"{"billed_units":{}}"#, "} "));
        let [new] = &envelope.others[..] else { panic!("{:?}", envelope.others) };
        assert_eq!((&json[new.name.clone()], &json[new.value.clone()]), ("new", "[1]"));
        assert_eq!(read("{}").read_id(b"{}"), None);
    }

    #[test]
    fn answer_is_known_where_nothing_may_depend_on_the_inputs() {
        for (fields, is_known) in [
            (r#""id":"x","response_type":"y""#, true),
            (r#""id":7"#, false),
            (r#""id":"x","id":"y""#, false),
            (r#""new":1"#, false),
            (r#""meta":7"#, false),
            (r#""meta":{},"meta":{}"#, false),
            (r#""meta":{"api_version":{},"billed_units":{},"tokens":{}}"#, true),
            (r#""meta":{"tokens":{},"tokens":{}}"#, false),
            (r#""meta":{"tokens":1}"#, false),
            (r#""meta":{"cached_tokens":1}"#, true),
            (r#""meta":{"cached_tokens":null}"#, true),
            (r#""meta":{"cached_tokens":"1"}"#, false),
            (r#""meta":{"warnings":[]}"#, true),
            (r#""meta":{"warnings":"old"}"#, false),
            (r#""meta":{"new":1}"#, false),
        ] {
            let envelope = read(&format!("{{{fields}}}"));
            assert_eq!(envelope.is_known, is_known, "{fields}");
            assert_eq!(envelope.has_warnings, fields.contains("warnings"), "{fields}");
        }
    }
}
