//! What the cache holds of Cohere's answers: pieces of embeddings, and whole answers.

use crate::batch::embed::Shape;
use crate::cache::lru::{BoundedLru, MemorySize};
use bytes::Bytes;
use std::sync::Arc;

/// One entry of the cache.
#[derive(Clone)]
pub enum CacheEntry {
    /// One cell of an embed answer: an embedding of one type, or the echo of a text.
    Cell(Bytes),
    /// What is around the cells, for types that have been asked for together.
    Shapes(Arc<Vec<Shape>>),
    /// Such requests go to Cohere as they stand: nothing is cached, equal inputs are not joined.
    AsItStands,
    /// A whole answer: of rerank, or of what is passed through.
    Answer(Bytes),
}

impl MemorySize for CacheEntry {
    fn memory_size(&self) -> usize {
        match self {
            Self::Cell(bytes) | Self::Answer(bytes) => bytes.len(),
            Self::AsItStands => 0,
            Self::Shapes(shapes) => shapes.iter().map(Shape::memory_size).sum(),
        }
    }
}

/// Scope: environment.
pub type Cache = BoundedLru<CacheEntry>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_counts_the_bytes_it_holds() {
        let bytes = Bytes::from_static(b"[0.1,0.2]");
        assert_eq!(CacheEntry::Cell(bytes.clone()).memory_size(), 9);
        assert_eq!(CacheEntry::Answer(bytes).memory_size(), 9);
        assert_eq!(CacheEntry::AsItStands.memory_size(), 0);
    }
}
