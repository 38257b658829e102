//! What answers of embed and rerank have around their results: an id, and in `meta` what was billed.
//!
//! An answer is taken apart into positions, so that the sub-requests of one request can be joined, and an answer
//! be built again from the cache, without reading a number or losing a field that is not known here.

use crate::wire::refusal::read_id;
use crate::wire::scan::{value_end, walk_array, walk_object};
use std::ops::Range;

/// Where the changing pieces of an answer are.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The id with its quotes.
    pub id: Option<Range<usize>>,
    /// `meta`, an object.
    pub meta: Option<Range<usize>>,
    /// `meta.billed_units`, an object of numbers.
    pub units: Option<Range<usize>>,
    /// `meta.warnings`, an array.
    pub warnings: Option<Range<usize>>,
    /// Nothing stands in the answer that could depend on the inputs unseen.
    pub is_known: bool,
}

impl Envelope {
    /// Walks a whole answer; `None` where it is no complete object.
    ///
    /// `results` gets each top-level key with the position of its value. It answers `None` for a key that
    /// is not the endpoint's own, else the position after the value, or `Some(None)` where it is broken.
    pub fn read(
        json: &[u8],
        mut results: impl FnMut(&[u8], usize) -> Option<Option<usize>>,
    ) -> Option<Self> {
        let mut envelope = Self { is_known: true, ..Self::default() };
        let start = json.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let end = walk_object(json, start, |key, at| {
            if let Some(end) = results(key, at) {
                return end;
            }
            match key {
                b"id" => {
                    let end = value_end(json, at)?;
                    envelope.id = Some(at..end);
                    Some(end)
                }
                b"meta" if json[at] == b'{' => {
                    let end = envelope.read_meta(json, at)?;
                    envelope.meta = Some(at..end);
                    Some(end)
                }
                _ => {
                    envelope.is_known &= key == b"response_type";
                    value_end(json, at)
                }
            }
        })?;
        let is_complete = json[end..].iter().all(u8::is_ascii_whitespace);
        if is_complete { Some(envelope) } else { None }
    }

    /// Reads the id of the answer that this was read from.
    pub fn read_id(&self, json: &[u8]) -> Option<String> {
        read_id(&json[self.id.clone()?])
    }

    fn read_meta(&mut self, json: &[u8], at: usize) -> Option<usize> {
        walk_object(json, at, |key, at| {
            let end = value_end(json, at)?;
            match key {
                b"billed_units" if json[at] == b'{' => self.units = Some(at..end),
                b"warnings" if json[at] == b'[' => self.warnings = Some(at..end),
                b"api_version" => {}
                _ => self.is_known = false,
            }
            Some(end)
        })
    }
}

/// Finds the elements of an array that starts at `at`.
pub(super) fn find_cells(json: &[u8], at: usize, found: &mut Vec<Range<usize>>) -> Option<usize> {
    walk_array(json, at, |at| {
        let end = value_end(json, at)?;
        found.push(at..end);
        Some(end)
    })
}
