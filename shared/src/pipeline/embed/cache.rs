//! What the cache holds for one embed request: cells by text and type, and the answer's shape.

use crate::batch::SubRequest;
use crate::batch::embed::{Column, ColumnContent, EmbedBatch, Shape, Table};
use crate::cache::access::CacheAccess;
use crate::cache::key::{CacheKey, Digest, KeyPrefix};
use crate::cache::{Cache, CacheEntry};
use crate::clock::now;
use crate::wire::embed::{self as wire, CellForm, EmbedAnswer};
use crate::wire::object::RequestObject;
use bytes::Bytes;
use std::sync::Arc;

/// One embed request's keys in the cache.
pub(super) struct EmbedCache<'a> {
    cache: &'a Cache,
    shapes_key: CacheKey,
    /// Where it is noted that such requests go to Cohere as they stand.
    as_it_stands_key: CacheKey,
    /// One for each element.
    element_digests: Vec<Digest>,
    /// The embedding types that are asked for.
    types: Vec<String>,
}

impl<'a> EmbedCache<'a> {
    /// Hashes what the request asks for, once for each element.
    pub(super) fn new(access: CacheAccess<'a>, object: &RequestObject, batch: &EmbedBatch) -> Self {
        let prefix = KeyPrefix::new([
            access.client,
            Some(b"embed"),
            object.raw("model"),
            Some(batch.source().as_bytes()),
            object.raw("input_type"),
            object.raw("output_dimension"),
            object.raw("truncate"),
            object.raw("max_tokens"),
        ]);
        let elements = batch.elements().iter();
        let request = prefix.with_input(None);
        Self {
            cache: access.cache,
            shapes_key: request.key_of(Digest::new([])),
            as_it_stands_key: request.key_of(Digest::new([&b"as it stands"[..]])),
            element_digests: elements.map(|element| prefix.with_input(Some(element))).collect(),
            types: wire::read_types(object),
        }
    }

    /// Notes that answers to such requests hold what can be told only of the inputs as they stand.
    pub(super) fn note_as_it_stands(&self) {
        self.cache.put(self.as_it_stands_key, CacheEntry::AsItStands, now());
    }

    /// Tells whether that was noted.
    pub(super) fn goes_as_it_stands(&self) -> bool {
        self.cache.get(&self.as_it_stands_key, now()).is_some()
    }

    /// Returns a table with all rows that the cache holds.
    pub(super) fn fill_table<'t>(&self, batch: &'t EmbedBatch) -> Table<'t> {
        let Some(shape) = self.find_shape() else { return Table::new(batch) };
        let per_input = shape.columns().iter().filter(|column| column.is_per_input());
        let columns: Vec<_> = per_input.map(column_digest).collect();
        Table::from_cache(batch, shape, |element| self.find_row(element, &columns))
    }

    fn cached_shapes(&self) -> Option<Arc<Vec<Shape>>> {
        match self.cache.get(&self.shapes_key, now())? {
            CacheEntry::Shapes(shapes) => Some(shapes),
            _ => None,
        }
    }

    /// Returns the form of the answer, where it is known for all types that are asked for.
    fn find_shape(&self) -> Option<Shape> {
        self.cached_shapes()?.iter().find_map(|shape| shape.with_types(&self.types))
    }

    /// Returns an element's cells, where all of them are there.
    fn find_row(&self, element: usize, columns: &[Digest]) -> Option<Vec<Bytes>> {
        let now = now();
        let mut row = Vec::with_capacity(columns.len());
        for column in columns {
            let key = self.element_digests[element].key_of(*column);
            match self.cache.get(&key, now)? {
                CacheEntry::Cell(cell) => row.push(cell),
                _ => return None,
            }
        }
        Some(row)
    }

    /// Stores an answer's cells, and the form of the answer unless it is known already.
    pub(super) fn store_answer(
        &self,
        batch: &EmbedBatch,
        sub_request: &SubRequest,
        answer: &EmbedAnswer,
    ) {
        let columns = batch.read_columns(answer, sub_request.elements.len());
        let Some(shape) = Shape::to_cache(answer, &columns, &self.types) else { return };
        if !self.has_requested_types(&columns) {
            return;
        }
        let now = now();
        let shapes = self.merge_shape(shape);
        self.cache.put(self.shapes_key, CacheEntry::Shapes(shapes), now);
        for (array, column) in answer.arrays.iter().zip(&columns) {
            if !column.is_per_input() {
                continue;
            }
            let column = column_digest(column);
            for (element, cell) in sub_request.elements.iter().zip(array.cells.iter().flatten()) {
                // A copy: a slice would hold the whole answer in memory.
                let cell = Bytes::copy_from_slice(&answer.bytes[cell.clone()]);
                let key = self.element_digests[*element].key_of(column);
                self.cache.put(key, CacheEntry::Cell(cell), now);
            }
        }
    }

    /// Tells whether the embeddings are of the types that were asked for, and of no others.
    fn has_requested_types(&self, columns: &[Column]) -> bool {
        let mut types = columns.iter().filter(|column| column.is_type);
        let count = types.clone().count();
        let is_requested =
            |column: &Column| self.types.iter().any(|name| column.name == name.as_bytes());
        count == self.types.len() && types.all(is_requested)
    }

    /// Returns the known shapes with this one among them.
    fn merge_shape(&self, shape: Shape) -> Arc<Vec<Shape>> {
        let known = self.cached_shapes().unwrap_or_default();
        let is_known = known.iter().any(|known| match known.with_types(&self.types) {
            Some(known) => known.columns() == shape.columns(),
            None => false,
        });
        if is_known { known } else { Arc::new(shape.merge_with(&known)) }
    }
}

/// Hashes what a cell is; embeddings of another length are never found together.
fn column_digest(column: &Column) -> Digest {
    let place: &[u8] = if column.is_type { b"embeddings" } else { b"top" };
    let length = match column.content {
        ColumnContent::PerInput(CellForm::Vectors(length) | CellForm::Strings(length)) => length,
        _ => 0,
    };
    Digest::new([place, &column.name, &length.to_le_bytes()])
}
