//! Embed: each different input is looked up, the missing ones are asked for, the table is written.

use super::split::{defect, in_its_part, json_id};
use crate::app::App;
use crate::batch::Part;
use crate::batch::embed::{Column, EmbedBatch, Misfit, Shape, Table};
use crate::cache::access::Access;
use crate::cache::entry::{CacheEntry, Memory};
use crate::cache::key::{Base, Digest, Key};
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::{Call, CallStats};
use crate::cohere::models;
use crate::error::Result;
use crate::pipeline::attempts::{Answered, Turn};
use crate::pipeline::fan_out;
use crate::pipeline::request::{GatewayRequest, Reply};
use crate::telemetry::request_log::{BatchStats, Billed};
use crate::wire::embed::{self as wire, EmbedAnswer};
use crate::wire::object::RequestObject;
use bytes::Bytes;
use std::sync::Arc;

/// Answers an embed request.
pub(in crate::pipeline) async fn embed(
    app: &'static App,
    asked: &GatewayRequest,
    call: &Call,
    turn: Turn<'_>,
    spent: &mut CallStats,
    batched: &mut BatchStats,
) -> Result<Reply> {
    let (client, id) = (&asked.identity.client, json_id(asked));
    let plan = Plan::new(&app.memory, client, asked.no_store, &call.request.body)?;
    let mut table = plan.table();
    let mut missing = table.missing();
    let (mut asked_for, mut answers) = (Vec::new(), Vec::new());
    *batched = BatchStats::default();
    let pieces = loop {
        asked_for.extend_from_slice(&missing);
        let parts = plan.batch.parts(&missing, per_call(&call.request.model, plan.batch.source()));
        *batched = BatchStats { parts: batched.parts + parts.len(), ..plan.note(&asked_for) };
        let calls = fan_out::run(app, call, turn, parts, spent, |part, answered| {
            if let Answered::Embed(answer) = answered {
                plan.keep(part, answer);
            }
        });
        let failed = |failed: fan_out::FailedPart| in_its_part(plan.batch.describe(&failed.part), failed);
        for (part, answered) in calls.await.map_err(failed)? {
            let Answered::Embed(answer) = answered else { return Err(defect()) };
            answers.push((part, answer));
        }
        match plan.write(table, &answers, &id)? {
            Written::Answer(pieces) => break pieces,
            Written::Unfit(rest) => (table, missing) = (plan.empty_table(), rest),
        }
    };
    let mut billed = Billed::default();
    for (_, answer) in &answers {
        let input_tokens = answer.billed_units().input_tokens;
        billed += Billed { input_tokens, ..Billed::default() };
    }
    Ok(Reply::Whole(pieces, billed))
}

/// Returns how many inputs one call of a model takes.
fn per_call(model: &str, source: &str) -> usize {
    match models::find(model) {
        Some(model) if source == "images" && model.takes_one_image => 1,
        _ => wire::PER_CALL,
    }
}

/// An embed request, and what memory holds for it. Everything but the calls.
pub(super) struct Plan<'a> {
    pub(super) batch: EmbedBatch,
    access: Access<'a>,
    memory: Option<EmbedMemory<'a>>,
}

/// What became of an answer that was to be written.
#[derive(Debug)]
pub(super) enum Written {
    Answer(Vec<Bytes>),
    /// Cohere's answers have another form than those in memory; these elements are to be asked for as well.
    Unfit(Vec<usize>),
}

impl<'a> Plan<'a> {
    pub(super) fn new(memory: &'a Memory, client: &'a str, no_store: bool, body: &Bytes) -> Result<Self> {
        let fields = RequestObject::parse(body, &[])?;
        let (source, _) = wire::source(&fields).ok_or_else(defect)?;
        // Mixed inputs and fields that are not known here are sent as they stand, and not kept.
        let is_plain = source != "inputs" && fields.are_known(wire::KNOWN);
        let access = Access::new(memory, client, is_plain && !no_store);
        let batch = EmbedBatch::read(body, is_plain).ok_or_else(defect)?;
        let memory = access.is_used().then(|| EmbedMemory::new(access, &fields, &batch));
        Ok(Self { batch, access, memory })
    }

    /// Returns the table with all rows that memory holds.
    pub(super) fn table(&self) -> Table<'_> {
        let known = self.memory.as_ref().and_then(|memory| Some((memory, memory.shape()?)));
        match known {
            Some((memory, shape)) => {
                let per_input = shape.columns().iter().filter(|column| column.per_input);
                let columns: Vec<_> = per_input.map(digest).collect();
                Table::from_memory(&self.batch, shape, |element| memory.row(element, &columns))
            }
            None => Table::new(&self.batch),
        }
    }

    /// Returns a table with no rows.
    pub(super) fn empty_table(&self) -> Table<'_> {
        Table::new(&self.batch)
    }

    pub(super) fn note(&self, missing: &[usize]) -> BatchStats {
        self.access.note(self.batch.inputs(), self.batch.inputs_without(missing), missing.len())
    }

    pub(super) fn keep(&self, part: &Part, answer: &EmbedAnswer) {
        if let Some(memory) = &self.memory {
            memory.keep(&self.batch, part, answer);
        }
    }

    /// Adds Cohere's answers to the table and writes it.
    ///
    /// # Errors
    /// `upstream_malformed` where an answer has not one embedding of each type for each input.
    pub(super) fn write(
        &self,
        mut table: Table<'_>,
        answers: &[(Part, EmbedAnswer)],
        id: &[u8],
    ) -> Result<Written> {
        let fits = table.add(answers);
        if fits == Err(Misfit::OtherColumns) {
            let mut rest = vec![true; self.batch.elements().len()];
            answers.iter().flat_map(|(part, _)| &part.elements).for_each(|element| rest[*element] = false);
            let rest: Vec<_> = (0..rest.len()).filter(|element| rest[*element]).collect();
            if !rest.is_empty() {
                return Ok(Written::Unfit(rest));
            }
        }
        let pieces = fits.ok().and_then(|()| table.write(id));
        let malformed = || classify::malformed("it has not one embedding of each type for each input");
        pieces.map(Written::Answer).ok_or_else(malformed)
    }
}

/// What memory holds for one embed request.
struct EmbedMemory<'a> {
    memory: &'a Memory,
    shapes_key: Key,
    /// One for each element.
    asked: Vec<Digest>,
    types: Vec<String>,
}

impl<'a> EmbedMemory<'a> {
    fn new(access: Access<'a>, fields: &RequestObject, batch: &EmbedBatch) -> Self {
        let field = |name| fields.raw(name).map(str::as_bytes);
        let base = Base::new([
            access.client,
            Some(b"embed"),
            field("model"),
            Some(batch.source().as_bytes()),
            field("input_type"),
            field("output_dimension"),
            field("truncate"),
            field("max_tokens"),
        ]);
        let asked = batch.elements().iter().map(|element| base.asking(Some(element))).collect();
        let shapes_key = base.asking(None).piece(Digest::of([]));
        Self { memory: access.memory, shapes_key, asked, types: wire::types(fields) }
    }

    fn kept_shapes(&self) -> Option<Arc<Vec<Shape>>> {
        match self.memory.get(&self.shapes_key, now())? {
            CacheEntry::Shapes(shapes) => Some(shapes),
            _ => None,
        }
    }

    /// Returns the form of the answer, where it is known for all types that are asked for.
    fn shape(&self) -> Option<Shape> {
        self.kept_shapes()?.iter().find_map(|shape| shape.with_types(&self.types))
    }

    /// Returns an element's cells, where all of them are there.
    fn row(&self, element: usize, columns: &[Digest]) -> Option<Vec<Bytes>> {
        let at = now();
        let cell = |column: &Digest| match self.memory.get(&self.asked[element].piece(*column), at)? {
            CacheEntry::Cell(cell) => Some(cell),
            _ => None,
        };
        columns.iter().map(cell).collect()
    }

    /// Keeps a part's cells, and the form of the answer unless it is known already.
    fn keep(&self, batch: &EmbedBatch, part: &Part, answer: &EmbedAnswer) {
        let at = now();
        let Some(columns) = batch.columns(answer, part.elements.len()) else { return };
        let Some(shape) = Shape::to_keep(answer, &columns) else { return };
        let types = columns.iter().filter(|column| column.is_type);
        let asked = |column: &Column| self.types.iter().any(|name| column.name == name.as_bytes());
        if types.clone().count() != self.types.len() || !types.clone().all(asked) {
            return;
        }
        let shapes = self.kept_shapes().unwrap_or_default();
        let agrees = |known: &Shape| {
            known.with_types(&self.types).is_some_and(|known| known.columns() == shape.columns())
        };
        let shapes = match shapes.iter().any(agrees) {
            true => shapes,
            false => Arc::new(shape.and_others(&shapes)),
        };
        self.memory.put(self.shapes_key, CacheEntry::Shapes(shapes), at);
        for (found, column) in answer.columns.iter().zip(&columns).filter(|(_, column)| column.per_input) {
            let column = digest(column);
            for (element, cell) in part.elements.iter().zip(&found.cells) {
                // A copy: a slice would keep the whole answer in memory.
                let cell = Bytes::copy_from_slice(&answer.bytes[cell.clone()]);
                self.memory.put(self.asked[*element].piece(column), CacheEntry::Cell(cell), at);
            }
        }
    }
}

fn digest(column: &Column) -> Digest {
    Digest::of([if column.is_type { &b"embeddings"[..] } else { b"top" }, &column.name])
}
