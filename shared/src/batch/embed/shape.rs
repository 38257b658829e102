//! What is around the table of an embed answer, and which columns it has.

use crate::batch::AnswerTemplate;
use crate::wire::embed::EmbedAnswer;
use bytes::Bytes;

/// An array of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: Bytes,
    /// Whether it stands inside `embeddings`.
    pub is_type: bool,
    /// Whether it has a cell per input; else the lists of all sub-requests follow each other.
    pub per_input: bool,
}

impl Column {
    /// Tells whether it holds the embeddings of this type.
    fn has_type(&self, name: &str) -> bool {
        self.is_type && self.name == name.as_bytes()
    }
}

/// Enough of an answer to build it again from cached cells alone.
#[derive(Clone, Debug)]
pub struct Shape {
    pub(in crate::batch) template: AnswerTemplate,
    columns: Vec<Column>,
}

impl Shape {
    pub(super) fn new(answer: &EmbedAnswer, columns: Vec<Column>) -> Self {
        let top_level = answer.arrays.iter().filter(|array| !array.is_type);
        let mut results: Vec<_> = top_level.map(|array| array.span.clone()).collect();
        results.push(answer.embeddings.clone());
        Self { template: AnswerTemplate::new(&answer.bytes, &answer.envelope, &results), columns }
    }

    /// Returns the shape of an answer that may be cached, and built again from the cache.
    ///
    /// Nothing in such an answer depends on its inputs but the cells of its columns and what was billed.
    pub fn to_cache(answer: &EmbedAnswer, columns: &[Column]) -> Option<Self> {
        let arrays = answer.arrays.iter().zip(columns);
        let has_other_lists =
            arrays.into_iter().any(|(array, column)| !column.per_input && !array.cells.is_empty());
        let is_cacheable = answer.envelope.is_known
            && answer.envelope.warnings.is_none()
            && !has_other_lists
            && answer.is_compact();
        if !is_cacheable {
            return None;
        }
        let columns = columns.iter().map(|column| {
            // A copy: a slice would hold the whole answer in memory.
            Column { name: Bytes::copy_from_slice(&column.name), ..*column }
        });
        let columns = columns.collect();
        Some(Self { template: Self::new(answer, Vec::new()).template.without_results(), columns })
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns this shape with only some types; `None` where it does not know all of them.
    pub fn with_types(&self, types: &[String]) -> Option<Self> {
        let is_known =
            types.iter().all(|name| self.columns.iter().any(|column| column.has_type(name)));
        if !is_known {
            return None;
        }
        let mut columns = self.columns.clone();
        columns.retain(|column| !column.is_type || types.iter().any(|name| column.has_type(name)));
        Some(Self { template: self.template.clone(), columns })
    }

    /// Tells whether the other shape knows all types of this one.
    fn is_covered_by(&self, other: &Self) -> bool {
        other.with_types(&self.type_names()).is_some()
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

    fn type_names(&self) -> Vec<String> {
        let types = self.columns.iter().filter(|column| column.is_type);
        types.map(|column| String::from_utf8_lossy(&column.name).into_owned()).collect()
    }

    /// Returns the bytes it holds in memory, about.
    pub fn memory_size(&self) -> usize {
        self.template.memory_size() + self.columns.len() * size_of::<Column>()
    }
}
