//! The answer of an embed request under construction: rows of cells, joined by input position.

use super::{Column, EmbedBatch, Shape};
use crate::batch::SubRequest;
use crate::batch::chunks::ChunkWriter;
use crate::batch::template::{SlotValues, add_warnings, read_billed_units};
use crate::record::BilledUnits;
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
    billed: Option<BilledUnits>,
    warnings: Vec<Bytes>,
    /// The only answer, where it needs no change.
    unchanged: Option<Bytes>,
}

/// Why an answer does not fit into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It does not hold one embedding of each type for each input.
    Incomplete,
    /// Its columns are others than those of the rest.
    OtherColumns,
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
            billed: None,
            warnings: Vec::new(),
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
        {
            self.unchanged = Some(only.bytes.clone());
            return Ok(());
        }
        let with_warnings = answers.iter().find(|(_, answer)| answer.envelope.warnings.is_some());
        let Some((sub_request, chosen)) = with_warnings.or(answers.first()) else { return Ok(()) };
        let columns = self.batch.read_columns(chosen, sub_request.elements.len());
        let columns = columns.ok_or(Misfit::Incomplete)?;
        if let Some(shape) = &self.shape
            && !is_first
            && shape.columns() != columns
        {
            return Err(Misfit::OtherColumns);
        }
        self.lists = vec![Vec::new(); columns.len()];
        for (sub_request, answer) in answers {
            self.add_answer(sub_request, answer, &columns)?;
        }
        self.shape = Some(Shape::new(chosen, columns));
        self.id = chosen.envelope.id.clone().map(|id| chosen.bytes.slice(id));
        Ok(())
    }

    fn add_answer(
        &mut self,
        sub_request: &SubRequest,
        answer: &EmbedAnswer,
        columns: &[Column],
    ) -> Result<(), Misfit> {
        let own = self.batch.read_columns(answer, sub_request.elements.len());
        if own.ok_or(Misfit::Incomplete)? != columns {
            return Err(Misfit::OtherColumns);
        }
        let source = self.sources.len();
        self.sources.push(answer.bytes.clone());
        for (row, element) in sub_request.elements.iter().enumerate() {
            let mut cells = Vec::with_capacity(columns.len());
            for (array, column) in answer.arrays.iter().zip(columns) {
                if column.per_input {
                    let cell = &array.cells[row];
                    cells.push(Cell { source, start: cell.start, end: cell.end });
                }
            }
            self.rows[*element] = Some(cells);
        }
        for ((array, column), list) in answer.arrays.iter().zip(columns).zip(&mut self.lists) {
            if !column.per_input {
                list.extend(array.cells.iter().map(|cell| answer.bytes.slice(cell.clone())));
            }
        }
        add_warnings(&mut self.warnings, &answer.bytes, &answer.envelope);
        let billed = read_billed_units(&answer.bytes, &answer.envelope);
        match &mut self.billed {
            Some(total) => total.add(&billed),
            None => self.billed = Some(billed),
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
        let nothing_billed = shape.template.billed_units().zeroed();
        let values = SlotValues {
            id: self.id.as_deref().unwrap_or(id),
            billed: self.billed.as_ref().unwrap_or(&nothing_billed),
            warnings: &self.warnings,
        };
        let columns = shape.columns();
        let top_level: Vec<_> = (0..columns.len()).filter(|n| !columns[*n].is_type).collect();
        let mut writer = ChunkWriter::default();
        shape.template.write_answer(&mut writer, &values, |writer, slot| {
            match top_level.get(slot) {
                Some(column) => self.write_column(writer, columns, *column),
                None => self.write_embeddings(writer, columns),
            }
        });
        Some(writer.into_chunks())
    }

    fn write_embeddings(&self, writer: &mut ChunkWriter, columns: &[Column]) {
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
        if !columns[number].per_input {
            return writer.write_list(&self.lists[number]);
        }
        let cell = columns[..number].iter().filter(|column| column.per_input).count();
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
