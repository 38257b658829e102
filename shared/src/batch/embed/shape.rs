//! What is around the table of an embed answer, and which columns it has.

use crate::batch::AnswerTemplate;
use crate::wire::embed::{CellForm, EmbedAnswer};
use bytes::Bytes;

/// A field of the answer's results.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: Bytes,
    /// Whether it stands inside `embeddings`.
    pub is_type: bool,
    pub content: ColumnContent,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnContent {
    /// A cell per input, all of one form and equally long where the type is known.
    PerInput(CellForm),
    /// A list, which those of other sub-requests follow.
    List,
    /// No list; the first is taken.
    Single,
}

impl Column {
    /// Tells whether it has a cell per input.
    pub fn is_per_input(&self) -> bool {
        matches!(self.content, ColumnContent::PerInput(_))
    }

    /// Tells whether it holds the embeddings of this type.
    pub(super) fn has_type(&self, name: &str) -> bool {
        self.is_type && self.name == name.as_bytes()
    }
}

/// Enough of an answer to build it again from cached cells alone.
#[derive(Clone, Debug)]
pub struct Shape {
    pub(in crate::batch) template: AnswerTemplate,
    columns: Vec<Column>,
    /// The types that were asked for, in the request's order; whether the answer's follows it is not known.
    requested: Vec<String>,
}

impl Shape {
    pub(super) fn new(answer: &EmbedAnswer, columns: Vec<Column>) -> Self {
        let top_level = answer.arrays.iter().filter(|array| !array.is_type);
        let mut results: Vec<_> = top_level.map(|array| array.span.clone()).collect();
        results.extend(answer.embeddings.clone());
        let template = AnswerTemplate::new(&answer.bytes, &answer.envelope, &results);
        Self { template, columns, requested: Vec::new() }
    }

    /// Returns the shape of an answer that may be cached, and built again from the cache.
    ///
    /// Nothing in such an answer depends on its inputs but the cells of its columns and what was counted.
    pub fn to_cache(
        answer: &EmbedAnswer,
        columns: &[Column],
        requested: &[String],
    ) -> Option<Self> {
        let is_cacheable = !has_unknown_parts(answer, columns)
            && !answer.envelope.has_warnings
            && !has_empty_cells(answer, columns)
            && answer.is_compact();
        if !is_cacheable {
            return None;
        }
        let template = Self::new(answer, Vec::new()).template.without_results();
        if !template.has_compact_meta() {
            return None;
        }
        let columns = columns.iter().map(|column| {
            // A copy: a slice would hold the whole answer in memory.
            Column { name: Bytes::copy_from_slice(&column.name), ..*column }
        });
        Some(Self { template, columns: columns.collect(), requested: requested.to_vec() })
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns this shape with only some types; `None` where it does not know all of them, or not in this
    /// order.
    pub fn with_types(&self, types: &[String]) -> Option<Self> {
        let mut requested = self.requested.iter();
        let is_known = types.iter().all(|name| {
            requested.any(|known| known == name)
                && self.columns.iter().any(|column| column.has_type(name))
        });
        if !is_known {
            return None;
        }
        let mut shape = self.clone();
        shape
            .columns
            .retain(|column| !column.is_type || types.iter().any(|name| column.has_type(name)));
        shape.requested = types.to_vec();
        Some(shape)
    }

    /// Tells whether the other shape knows all types of this one.
    fn is_covered_by(&self, other: &Self) -> bool {
        other.with_types(&self.requested).is_some()
    }

    /// Returns this shape and those others that it neither covers nor contradicts, the latest few.
    pub fn merge_with(self, others: &[Self]) -> Vec<Self> {
        const MAX_SHAPES: usize = 8;
        let mut shapes: Vec<_> = others.to_vec();
        shapes.retain(|other| !other.is_covered_by(&self) && !self.is_covered_by(other));
        shapes.drain(..shapes.len().saturating_sub(MAX_SHAPES - 1));
        shapes.push(self);
        shapes
    }

    /// Returns the bytes it holds in memory, about.
    pub fn memory_size(&self) -> usize {
        let columns = self.columns.len() * (size_of::<Column>() + size_of::<String>());
        self.template.memory_size() + columns
    }
}

/// Tells whether something stands in an answer whose place among the inputs is not known.
pub(super) fn has_unknown_parts(answer: &EmbedAnswer, columns: &[Column]) -> bool {
    let has_list = answer
        .arrays
        .iter()
        .zip(columns)
        .any(|(array, column)| !column.is_per_input() && array.cell_count() != Some(0));
    !answer.envelope.is_known || has_list
}

/// Tells whether there is nothing in a cell, or no text where the echo of a text belongs.
fn has_empty_cells(answer: &EmbedAnswer, columns: &[Column]) -> bool {
    answer.arrays.iter().zip(columns).filter(|(_, column)| column.is_per_input()).any(
        |(array, column)| {
            let mut cells = array.cells.iter().flatten();
            match (column.is_type, &column.name[..]) {
                (false, b"texts") => cells.any(|cell| answer.bytes[cell.start] != b'"'),
                _ => cells.any(|cell| answer.bytes[cell.start] == b'n'),
            }
        },
    )
}
