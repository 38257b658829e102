//! The answer of an embed request under construction: rows of cells, joined by input position.

use super::{Column, ColumnContent, EmbedBatch, Shape, has_unknown_parts};
use crate::batch::SubRequest;
use crate::batch::chunks::ChunkWriter;
use crate::batch::surroundings::Surroundings;
use crate::wire::dialect::AnswerForm;
use crate::wire::embed::EmbedAnswer;
use bytes::Bytes;

/// A cell's place in the table's sources.
#[derive(Clone, Copy, Debug)]
struct Cell {
    source: usize,
    start: usize,
    end: usize,
}

/// Rows of cells, one for each element of the batch.
#[derive(Debug)]
pub struct Table<'a> {
    batch: &'a EmbedBatch,
    shape: Option<Shape>,
    /// Buffers that hold cells: answers, and cells from the cache.
    sources: Vec<Bytes>,
    /// One row per element, one cell per column that has one per input.
    rows: Vec<Option<Vec<Cell>>>,
    /// Elements of the other columns, of all sub-requests in order.
    lists: Vec<Vec<Bytes>>,
    id: Option<Bytes>,
    /// What stands around the results; `None` as long as there is no answer.
    surroundings: Option<Surroundings>,
    /// The only answer, where it needs no change.
    unchanged: Option<Bytes>,
}

/// Why an answer does not fit into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Its columns are others than those of the rest.
    OtherColumns,
    /// What it holds besides can be joined only if the inputs are asked for as they stand.
    UnknownParts,
}

impl<'a> Table<'a> {
    pub fn new(batch: &'a EmbedBatch) -> Self {
        Self {
            batch,
            shape: None,
            sources: Vec::new(),
            rows: vec![None; batch.elements.len()],
            lists: Vec::new(),
            id: None,
            surroundings: None,
            unchanged: None,
        }
    }

    /// Creates a table whose rows come from the cache.
    ///
    /// `cached_row` gives an element's cells, one for each column that has one per input.
    pub fn from_cache(
        batch: &'a EmbedBatch,
        shape: Shape,
        mut cached_row: impl FnMut(usize) -> Option<Vec<Bytes>>,
    ) -> Self {
        let mut table = Self::new(batch);
        for element in 0..batch.elements.len() {
            let Some(cells) = cached_row(element) else { continue };
            let mut row = Vec::with_capacity(cells.len());
            for cell in cells {
                row.push(Cell { source: table.sources.len(), start: 0, end: cell.len() });
                table.sources.push(cell);
            }
            table.rows[element] = Some(row);
        }
        table.lists = vec![Vec::new(); shape.columns().len()];
        table.shape = Some(shape);
        table
    }

    /// Returns the elements without a row.
    pub fn missing_elements(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|element| self.rows[*element].is_none()).collect()
    }

    /// Adds the answers of all sub-requests, in order.
    ///
    /// The template is that of the first answer with warnings, or of the first.
    ///
    /// # Errors
    /// An answer that does not fit; the answers are not lost, but the table is of no use then.
    pub fn add_answers(&mut self, answers: &[(SubRequest, EmbedAnswer)]) -> Result<(), Misfit> {
        let is_first = self.sources.is_empty();
        if let [(sub_request, only)] = answers
            && is_first
            && sub_request.is_whole
            && !self.batch.form.is_v1()
        {
            self.unchanged = Some(only.bytes.clone());
            return Ok(());
        }
        let with_warnings = answers.iter().find(|(_, answer)| answer.envelope.has_warnings);
        let Some((sub_request, chosen)) = with_warnings.or(answers.first()) else { return Ok(()) };
        let columns = self.batch.read_columns(chosen, sub_request.elements.len());
        let is_other = |shape: &Shape| !is_first && shape.columns() != columns;
        if self.shape.as_ref().is_some_and(is_other) {
            return Err(Misfit::OtherColumns);
        }
        let shape = Shape::new(chosen, columns.clone());
        let mut surroundings = shape.template.emptied_surroundings().clone();
        let has_all_inputs =
            is_first && self.batch.are_in_order(answers.iter().map(|(sub_request, _)| sub_request));
        self.lists = vec![Vec::new(); columns.len()];
        for (sub_request, answer) in answers {
            if !has_all_inputs && has_unknown_parts(answer, &columns) {
                return Err(Misfit::UnknownParts);
            }
            self.add_answer(sub_request, answer, &columns)?;
            surroundings.add((&answer.bytes, &answer.envelope), (self.batch, sub_request));
        }
        self.shape = Some(shape);
        self.surroundings = Some(surroundings);
        self.id = chosen.envelope.id.clone().map(|id| chosen.bytes.slice(id));
        Ok(())
    }

    fn add_answer(
        &mut self,
        sub_request: &SubRequest,
        answer: &EmbedAnswer,
        columns: &[Column],
    ) -> Result<(), Misfit> {
        if self.batch.read_columns(answer, sub_request.elements.len()) != columns {
            return Err(Misfit::OtherColumns);
        }
        let source = self.sources.len();
        self.sources.push(answer.bytes.clone());
        let mut rows = vec![Vec::with_capacity(columns.len()); sub_request.elements.len()];
        for ((array, column), list) in answer.arrays.iter().zip(columns).zip(&mut self.lists) {
            let cells = array.cells.iter().flatten();
            match column.content {
                ColumnContent::PerInput(_) => {
                    for (row, cell) in rows.iter_mut().zip(cells) {
                        row.push(Cell { source, start: cell.start, end: cell.end });
                    }
                }
                ColumnContent::List => {
                    list.extend(cells.map(|cell| answer.bytes.slice(cell.clone())));
                }
                ColumnContent::Single if list.is_empty() => {
                    list.push(answer.bytes.slice(array.span.clone()));
                }
                ColumnContent::Single => {}
            }
        }
        for (element, row) in sub_request.elements.iter().zip(rows) {
            self.rows[*element] = Some(row);
        }
        Ok(())
    }

    /// Writes the answer; `id` is a JSON string, used where no call was made.
    ///
    /// `None` where a row is missing.
    pub fn write_answer(&self, id: &[u8]) -> Option<Vec<Bytes>> {
        if let Some(bytes) = &self.unchanged {
            return Some(vec![bytes.clone()]);
        }
        let shape = self.shape.as_ref()?;
        if self.rows.iter().any(Option::is_none) {
            return None;
        }
        let id = self.id.as_deref().unwrap_or(id);
        let surroundings = self.surroundings.as_ref();
        let surroundings = surroundings.unwrap_or(shape.template.emptied_surroundings());
        let columns = shape.columns();
        let top_level: Vec<_> = (0..columns.len()).filter(|n| !columns[*n].is_type).collect();
        let mut writer = ChunkWriter::default();
        let around = (id, &self.batch.form);
        shape.template.write_answer(&mut writer, around, surroundings, |writer, slot| {
            match top_level.get(slot) {
                Some(column) => self.write_column(writer, columns, *column),
                None => self.write_embeddings(writer, columns),
            }
        });
        Some(writer.into_chunks())
    }

    fn write_embeddings(&self, writer: &mut ChunkWriter, columns: &[Column]) {
        if let AnswerForm::V1Floats = self.batch.form
            && let Some(floats) = columns.iter().position(|column| column.has_type("float"))
        {
            return self.write_column(writer, columns, floats);
        }
        writer.write_text(b"{");
        let types = columns.iter().enumerate().filter(|(_, column)| column.is_type);
        for (position, (number, column)) in types.enumerate() {
            writer.write_separator(position);
            writer.write_text(b"\"");
            writer.write_text(&column.name);
            writer.write_text(b"\":");
            self.write_column(writer, columns, number);
        }
        writer.write_text(b"}");
    }

    fn write_column(&self, writer: &mut ChunkWriter, columns: &[Column], number: usize) {
        match columns[number].content {
            ColumnContent::PerInput(_) => {}
            ColumnContent::List => return writer.write_list(&self.lists[number]),
            ColumnContent::Single => {
                return self.lists[number].iter().for_each(|value| writer.write_text(value));
            }
        }
        let cell = columns[..number].iter().filter(|column| column.is_per_input()).count();
        writer.write_text(b"[");
        self.write_cells(writer, cell);
        writer.write_text(b"]");
    }

    /// Writes one cell per input; neighbours in a source go as one piece.
    fn write_cells(&self, writer: &mut ChunkWriter, number: usize) {
        let elements = self.batch.element_of_input.iter();
        let cells =
            elements.filter_map(|element| self.rows[*element].as_ref()).map(|row| row[number]);
        let mut run: Option<Cell> = None;
        for cell in cells {
            run = match run {
                Some(run) if is_next(run, cell) => Some(Cell { end: cell.end, ..run }),
                Some(run) => {
                    self.write_run(writer, run);
                    writer.write_text(b",");
                    Some(cell)
                }
                None => Some(cell),
            };
        }
        if let Some(run) = run {
            self.write_run(writer, run);
        }
    }

    fn write_run(&self, writer: &mut ChunkWriter, run: Cell) {
        writer.write_piece(&self.sources[run.source].slice(run.start..run.end));
    }
}

/// Tells whether a cell follows a run in the same source.
fn is_next(run: Cell, cell: Cell) -> bool {
    // The one byte between two elements is their comma.
    run.source == cell.source && cell.start == run.end + 1
}
