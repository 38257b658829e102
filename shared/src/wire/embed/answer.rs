//! An embed answer, taken apart by one scan: columns with a cell per input, and what stands around them.

use super::{STRING_TYPE, VECTOR_TYPES};
use crate::wire::ExpectedResults;
use crate::wire::envelope::{Envelope, unescape_key};
use crate::wire::scan::{strict, walk_array, walk_object};
use bytes::Bytes;
use std::ops::Range;

/// What the cells of an array are, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellForm {
    /// Arrays of so many numbers, one at least.
    Vectors(usize),
    /// Strings of so many bytes, quotes included.
    Strings(usize),
    /// Anything else, of several lengths, or of everything something.
    Other,
}

/// A field with results: `texts`, `images`, or the embeddings of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerArray {
    /// The key as it is written, without its quotes.
    pub name: Bytes,
    /// Whether it stands inside `embeddings`.
    pub is_type: bool,
    /// The value: an array with its brackets, or what else stands there.
    pub span: Range<usize>,
    /// The elements of an array; `None` where it is none.
    pub cells: Option<Vec<Range<usize>>>,
    pub form: CellForm,
}

/// A complete embed answer.
#[derive(Clone, Debug)]
pub struct EmbedAnswer {
    pub bytes: Bytes,
    pub envelope: Envelope,
    /// The object of types, with its braces; `None` where `embeddings` is a list, one of the arrays.
    pub embeddings: Option<Range<usize>>,
    /// In the order of the answer.
    pub arrays: Vec<AnswerArray>,
}

impl EmbedAnswer {
    /// Takes an answer apart; `None` where the text is no valid JSON, or no embed answer.
    pub fn parse(bytes: Bytes) -> Option<Self> {
        let json = &bytes[..];
        let mut embeddings = None;
        let mut arrays: Vec<AnswerArray> = Vec::new();
        let envelope = Envelope::read(json, |meaning, key, at| match (meaning, json[at]) {
            (b"embeddings", b'{') => {
                let end = walk_object(json, at, |key, at| {
                    add_array(&mut arrays, read_array(&bytes, key, true, at)?)
                });
                let is_first = embeddings.is_none();
                embeddings = end.map(|end| at..end);
                Some(end.filter(|_| is_first))
            }
            (b"texts" | b"images", _) | (b"embeddings", b'[') => Some(
                read_array(&bytes, key, false, at).and_then(|array| add_array(&mut arrays, array)),
            ),
            (b"embeddings", _) => Some(None),
            _ => None,
        })?;
        let is_listed = arrays.iter().any(|array| !array.is_type && array.means(b"embeddings"));
        if is_listed == embeddings.is_some() {
            return None;
        }
        Some(Self { envelope, embeddings, arrays, bytes })
    }

    /// Checks that a caller can use the answer: one embedding of each asked type for each input.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub fn check(&self, expected: &ExpectedResults) -> Result<(), String> {
        for name in &expected.types {
            if !self.arrays.iter().any(|array| array.is_type && array.means(name.as_bytes())) {
                return Err(format!("it has no embeddings of type {name}"));
            }
        }
        for array in &self.arrays {
            array.check(expected.inputs)?;
        }
        Ok(())
    }

    /// Tells whether the answer would be the same, byte for byte, if it were built again from its cells.
    pub fn is_compact(&self) -> bool {
        // {"name":[…],"name":[…]}
        let types = self.arrays.iter().filter(|array| array.is_type);
        let written: usize = types.map(|array| array.name.len() + 4 + array.span.len()).sum();
        let has_compact_types = match &self.embeddings {
            Some(embeddings) => embeddings.len() == (written + 1).max(2),
            None => false,
        };
        has_compact_types && self.arrays.iter().all(AnswerArray::is_compact)
    }
}

impl AnswerArray {
    /// Returns how many elements the array has.
    pub fn cell_count(&self) -> Option<usize> {
        self.cells.as_ref().map(Vec::len)
    }

    /// Tells whether it holds embeddings of a type whose form is known.
    pub fn has_known_type(&self) -> bool {
        self.is_type && super::find_type(&unescape_key(&self.name)).is_some()
    }

    /// Tells whether its key means this name.
    fn means(&self, name: &[u8]) -> bool {
        *unescape_key(&self.name) == *name
    }

    /// Checks embeddings: as many as inputs, and of a known type each one of its kind, equally long.
    fn check(&self, inputs: usize) -> Result<(), String> {
        let name = unescape_key(&self.name);
        let Some(known) = super::find_type(&name) else {
            let is_list = !self.is_type && *name == *b"embeddings";
            return match is_list && self.cell_count() != Some(inputs) {
                true => Err(format!("it has not one embedding for each of {inputs} inputs")),
                false => Ok(()),
            };
        };
        if !self.is_type {
            return Ok(());
        }
        if self.cell_count() != Some(inputs) {
            return Err(format!(
                "it has not one embedding of type {known} for each of {inputs} inputs"
            ));
        }
        match self.form {
            CellForm::Vectors(_) if VECTOR_TYPES.contains(&known) => Ok(()),
            // A string of nothing is two quotes.
            CellForm::Strings(bytes) if known == STRING_TYPE && bytes > 2 => Ok(()),
            _ => Err(format!("its embeddings of type {known} are not all such, and equally long")),
        }
    }

    /// Tells whether nothing but commas stands between the cells.
    fn is_compact(&self) -> bool {
        let Some(cells) = &self.cells else { return false };
        let mut at = self.span.start + 1;
        for cell in cells {
            if cell.start != at {
                return false;
            }
            at = cell.end + 1;
        }
        cells.is_empty() || at == self.span.end
    }
}

/// Adds an array and returns the position after it; `None` where there is one of its name already.
fn add_array(arrays: &mut Vec<AnswerArray>, array: AnswerArray) -> Option<usize> {
    let name = unescape_key(&array.name);
    if arrays.iter().any(|other| other.is_type == array.is_type && other.means(&name)) {
        return None;
    }
    let end = array.span.end;
    arrays.push(array);
    Some(end)
}

fn read_array(bytes: &Bytes, key: &[u8], is_type: bool, at: usize) -> Option<AnswerArray> {
    let name = bytes.slice_ref(key);
    if bytes[at] != b'[' {
        let span = at..strict::value_end(bytes, at)?;
        return Some(AnswerArray { name, is_type, span, cells: None, form: CellForm::Other });
    }
    let (mut cells, mut form) = (Vec::new(), None);
    let end = walk_array(bytes, at, |at| {
        let (end, own) = read_cell(bytes, at)?;
        cells.push(at..end);
        form = Some(form.map_or(own, |form| join_forms(form, own)));
        Some(end)
    })?;
    let form = form.unwrap_or(CellForm::Other);
    Some(AnswerArray { name, is_type, span: at..end, cells: Some(cells), form })
}

/// Returns the position after a cell, and what it is.
fn read_cell(json: &[u8], at: usize) -> Option<(usize, CellForm)> {
    if let Some((end, numbers)) = strict::vector_end(json, at) {
        return Some((end, CellForm::Vectors(numbers)));
    }
    let end = strict::value_end(json, at)?;
    let form = if json[at] == b'"' { CellForm::Strings(end - at) } else { CellForm::Other };
    Some((end, form))
}

fn join_forms(one: CellForm, other: CellForm) -> CellForm {
    if one == other { one } else { CellForm::Other }
}

#[cfg(test)]
mod tests;
