//! An embed request, split: each different input once, its answer a table with a row per input.
//!
//! The table's columns are the arrays of the answer that have an element per input: the embeddings of
//! each type, known or not, and the echo of the inputs. Its cells come from calls or from memory, and
//! the answer is built by input position. What a call billed is added up, warnings are gathered.

use super::chunks::ChunkWriter;
use super::template::{AnswerTemplate, Units, add_warnings};
use super::{Part, Positions};
use crate::wire::embed::{self, EmbedAnswer};
use crate::wire::object::RequestObject;
use crate::wire::scan;
use bytes::Bytes;
use std::collections::HashMap;

/// What an embed request is about, element by element.
#[derive(Debug)]
pub struct EmbedBatch {
    body: Bytes,
    /// The field that holds the inputs.
    source: &'static str,
    /// The different inputs, as they are written.
    elements: Vec<Bytes>,
    /// The element of each input.
    of_input: Vec<usize>,
}

impl EmbedBatch {
    /// Reads a request that has been checked. Equal inputs become one element where `once` says so.
    ///
    /// `None` where the body holds no inputs, which a checked one does.
    pub fn read(body: &Bytes, once: bool) -> Option<Self> {
        let fields = RequestObject::parse(body, &[]).ok()?;
        let (source, raw) = embed::source(&fields)?;
        let inputs: Vec<&str> = scan::elements(raw).collect();
        let mut elements = Vec::with_capacity(inputs.len());
        let mut of_input = Vec::with_capacity(inputs.len());
        let mut seen = HashMap::with_capacity(if once { inputs.len() } else { 0 });
        for input in inputs {
            let next = elements.len();
            let element = if once { *seen.entry(input).or_insert(next) } else { next };
            if element == next {
                elements.push(body.slice_ref(input.as_bytes()));
            }
            of_input.push(element);
        }
        Some(Self { source, elements, of_input, body: body.clone() })
    }

    /// Returns the different inputs, as they are written.
    pub fn elements(&self) -> &[Bytes] {
        &self.elements
    }

    /// Returns how many inputs the caller sent.
    pub fn inputs(&self) -> usize {
        self.of_input.len()
    }

    /// Returns how many inputs are none of these elements.
    pub fn inputs_without(&self, elements: &[usize]) -> usize {
        let mut among = vec![false; self.elements.len()];
        elements.iter().for_each(|element| among[*element] = true);
        self.of_input.iter().filter(|element| !among[**element]).count()
    }

    /// Returns the field that holds the inputs.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Groups elements into calls of at most `per_call`.
    pub fn parts(&self, elements: &[usize], per_call: usize) -> Vec<Part> {
        if elements.len() == self.inputs() && elements.len() <= per_call {
            return vec![Part { body: self.body.clone(), elements: elements.to_vec(), is_whole: true }];
        }
        // A checked body parses.
        let Ok(fields) = RequestObject::parse(&self.body, &[]) else { return Vec::new() };
        let parts = elements.chunks(per_call.max(1)).map(|elements| {
            let size: usize = elements.iter().map(|element| self.elements[*element].len() + 1).sum();
            let mut inputs = String::with_capacity(size + 1);
            for element in elements {
                inputs.push(if inputs.is_empty() { '[' } else { ',' });
                inputs.push_str(std::str::from_utf8(&self.elements[*element]).unwrap_or_default());
            }
            inputs.push(']');
            let body = fields.with(&[(self.source, &inputs)]);
            Part { body, elements: elements.to_vec(), is_whole: false }
        });
        parts.collect()
    }

    /// Says which inputs a part is about, where it is not about all.
    pub fn describe(&self, part: &Part) -> Option<String> {
        if part.is_whole {
            return None;
        }
        let mut among = vec![false; self.elements.len()];
        part.elements.iter().for_each(|element| among[*element] = true);
        let positions = (0..self.inputs()).filter(|input| among[self.of_input[*input]]);
        let positions = Positions::new(positions.collect());
        Some(format!("{} {positions} of {}, counted from 0", self.source, self.inputs()))
    }

    /// Returns an answer's columns; `None` where an array of embeddings has not one for each element.
    pub fn columns(&self, answer: &EmbedAnswer, elements: usize) -> Option<Vec<Column>> {
        let columns = answer.columns.iter().map(|column| {
            let per_input = column.cells.len() == elements && (column.is_type || column.name == self.source);
            if column.is_type && !per_input {
                return None;
            }
            Some(Column { name: column.name.clone(), is_type: column.is_type, per_input })
        });
        columns.collect()
    }
}

/// An array of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: Bytes,
    /// Whether it stands inside `embeddings`.
    pub is_type: bool,
    /// Whether it has a cell per input; else the lists of all parts follow each other.
    pub per_input: bool,
}

/// What is around the table, and which columns it has: enough to answer from memory alone.
#[derive(Clone, Debug)]
pub struct Shape {
    frame: AnswerTemplate,
    columns: Vec<Column>,
}

impl Shape {
    fn new(answer: &EmbedAnswer, columns: Vec<Column>) -> Self {
        let top = answer.columns.iter().filter(|column| !column.is_type).map(|column| column.span.clone());
        let results: Vec<_> = top.chain([answer.embeddings.clone()]).collect();
        Self { frame: AnswerTemplate::new(&answer.bytes, &answer.envelope, &results), columns }
    }

    /// Returns the shape of an answer that may be kept in memory, and built again from it.
    ///
    /// Nothing in such an answer depends on its inputs but the cells of its columns and what was billed.
    pub fn to_keep(answer: &EmbedAnswer, columns: &[Column]) -> Option<Self> {
        let lists_are_empty = answer
            .columns
            .iter()
            .zip(columns)
            .all(|(found, column)| column.per_input || found.cells.is_empty());
        let may_be_kept = answer.envelope.is_known
            && answer.envelope.warnings.is_none()
            && lists_are_empty
            && answer.is_compact();
        if !may_be_kept {
            return None;
        }
        let copy = |column: &Column| Column { name: Bytes::copy_from_slice(&column.name), ..*column };
        let columns: Vec<_> = columns.iter().map(copy).collect();
        Some(Self { frame: Self::new(answer, Vec::new()).frame.without_results(), columns })
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns this shape with only some types; `None` where it does not know all of them.
    pub fn with_types(&self, types: &[String]) -> Option<Self> {
        let is = |column: &Column, name: &String| column.is_type && column.name == name.as_bytes();
        let knows = |name: &String| self.columns.iter().any(|column| is(column, name));
        if !types.iter().all(knows) {
            return None;
        }
        let asked = |column: &&Column| !column.is_type || types.iter().any(|name| is(column, name));
        Some(Self {
            frame: self.frame.clone(),
            columns: self.columns.iter().filter(asked).cloned().collect(),
        })
    }

    /// Returns this shape and those others that it neither covers nor contradicts, the latest few.
    pub fn and_others(self, others: &[Self]) -> Vec<Self> {
        const MOST: usize = 8;
        let is_covered = |shape: &Self, by: &Self| by.with_types(&shape.types()).is_some();
        let others = others.iter().filter(|other| !is_covered(other, &self) && !is_covered(&self, other));
        let mut shapes: Vec<_> = others.cloned().collect();
        shapes.drain(..shapes.len().saturating_sub(MOST - 1));
        shapes.push(self);
        shapes
    }

    fn types(&self) -> Vec<String> {
        let types = self.columns.iter().filter(|column| column.is_type);
        types.map(|column| String::from_utf8_lossy(&column.name).into_owned()).collect()
    }

    /// Bytes it keeps in memory, about.
    pub fn size(&self) -> usize {
        self.frame.size() + self.columns.len() * size_of::<Column>()
    }
}

/// A cell's place in the table's sources.
#[derive(Clone, Copy, Debug)]
struct Cell {
    source: usize,
    start: usize,
    end: usize,
}

/// The answer under construction.
#[derive(Debug)]
pub struct Table<'a> {
    batch: &'a EmbedBatch,
    shape: Option<Shape>,
    /// Buffers that hold cells: answers, and cells from memory.
    sources: Vec<Bytes>,
    /// One row per element, one cell per column that has one per input.
    rows: Vec<Option<Vec<Cell>>>,
    /// Elements of the other columns, of all parts in order.
    lists: Vec<Vec<Bytes>>,
    id: Option<Bytes>,
    units: Option<Units>,
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
        let rows = vec![None; batch.elements.len()];
        let (sources, lists, warnings) = (Vec::new(), Vec::new(), Vec::new());
        let (shape, id, units, unchanged) = (None, None, None, None);
        Self { batch, shape, sources, rows, lists, id, units, warnings, unchanged }
    }

    /// Creates a table whose rows come from memory, first of all: `row` gives an element's cells, one for
    /// each column that has one per input.
    pub fn from_memory(
        batch: &'a EmbedBatch,
        shape: Shape,
        mut row: impl FnMut(usize) -> Option<Vec<Bytes>>,
    ) -> Self {
        let mut table = Self::new(batch);
        for element in 0..batch.elements.len() {
            let Some(cells) = row(element) else { continue };
            let cells = cells.into_iter().map(|cell| {
                table.sources.push(cell);
                let source = table.sources.len() - 1;
                Cell { source, start: 0, end: table.sources[source].len() }
            });
            table.rows[element] = Some(cells.collect());
        }
        table.lists = vec![Vec::new(); shape.columns.len()];
        table.shape = Some(shape);
        table
    }

    /// Returns the elements without a row.
    pub fn missing(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|element| self.rows[*element].is_none()).collect()
    }

    /// Adds the answers of all parts, in order. The frame is that of the first with warnings, or the first.
    ///
    /// # Errors
    /// An answer that does not fit; nothing has been lost, but the table is of no use then.
    pub fn add(&mut self, answers: &[(Part, EmbedAnswer)]) -> Result<(), Misfit> {
        let is_first = self.sources.is_empty();
        if let [(part, only)] = answers
            && is_first
            && part.is_whole
        {
            self.unchanged = Some(only.bytes.clone());
            return Ok(());
        }
        let with_warnings = answers.iter().find(|(_, answer)| answer.envelope.warnings.is_some());
        let Some((part, framing)) = with_warnings.or(answers.first()) else { return Ok(()) };
        let columns = self.batch.columns(framing, part.elements.len()).ok_or(Misfit::Incomplete)?;
        if !is_first && self.shape.as_ref().is_some_and(|shape| shape.columns != columns) {
            return Err(Misfit::OtherColumns);
        }
        self.lists = vec![Vec::new(); columns.len()];
        for (part, answer) in answers {
            self.add_part(part, answer, &columns)?;
        }
        self.shape = Some(Shape::new(framing, columns));
        self.id = framing.envelope.id.clone().map(|id| framing.bytes.slice(id));
        Ok(())
    }

    fn add_part(&mut self, part: &Part, answer: &EmbedAnswer, columns: &[Column]) -> Result<(), Misfit> {
        let own = self.batch.columns(answer, part.elements.len()).ok_or(Misfit::Incomplete)?;
        if own != columns {
            return Err(Misfit::OtherColumns);
        }
        let source = self.sources.len();
        self.sources.push(answer.bytes.clone());
        let per_input = || answer.columns.iter().zip(columns).filter(|(_, column)| column.per_input);
        for (row, element) in part.elements.iter().enumerate() {
            let cells = per_input().map(|(found, _)| {
                let cell = &found.cells[row];
                Cell { source, start: cell.start, end: cell.end }
            });
            self.rows[*element] = Some(cells.collect());
        }
        for ((found, column), list) in answer.columns.iter().zip(columns).zip(&mut self.lists) {
            if !column.per_input {
                list.extend(found.cells.iter().map(|cell| answer.bytes.slice(cell.clone())));
            }
        }
        add_warnings(&mut self.warnings, &answer.bytes, &answer.envelope);
        let units = Units::of(&answer.bytes, &answer.envelope);
        match &mut self.units {
            Some(total) => total.add(&units),
            None => self.units = Some(units),
        }
        Ok(())
    }

    /// Writes the answer; `id` is a JSON string, used where no call was made.
    ///
    /// `None` where a row is missing.
    pub fn write(&self, id: &[u8]) -> Option<Vec<Bytes>> {
        if let Some(bytes) = &self.unchanged {
            return Some(vec![bytes.clone()]);
        }
        let shape = self.shape.as_ref()?;
        if self.rows.iter().any(Option::is_none) {
            return None;
        }
        let units = self.units.clone().unwrap_or_else(|| shape.frame.units().zero());
        let id = self.id.as_deref().unwrap_or(id);
        let mut writer = ChunkWriter::default();
        let tops: Vec<_> = (0..shape.columns.len()).filter(|n| !shape.columns[*n].is_type).collect();
        shape.frame.write(&mut writer, id, &units, &self.warnings, |writer, number| match tops.get(number) {
            Some(column) => self.write_column(writer, &shape.columns, *column),
            None => self.write_embeddings(writer, &shape.columns),
        });
        Some(writer.finish())
    }

    fn write_embeddings(&self, writer: &mut ChunkWriter, columns: &[Column]) {
        writer.text(b"{");
        let types = columns.iter().enumerate().filter(|(_, column)| column.is_type);
        for (position, (number, column)) in types.enumerate() {
            writer.text(if position > 0 { b",\"" } else { b"\"" });
            writer.text(&column.name);
            writer.text(b"\":");
            self.write_column(writer, columns, number);
        }
        writer.text(b"}");
    }

    fn write_column(&self, writer: &mut ChunkWriter, columns: &[Column], number: usize) {
        writer.text(b"[");
        if columns[number].per_input {
            let cell = columns[..number].iter().filter(|column| column.per_input).count();
            self.write_cells(writer, cell);
        } else {
            for (position, element) in self.lists[number].iter().enumerate() {
                writer.text(if position > 0 { b"," } else { b"" });
                writer.text(element);
            }
        }
        writer.text(b"]");
    }

    /// Writes one cell per input; neighbours in a source go as one piece.
    fn write_cells(&self, writer: &mut ChunkWriter, number: usize) {
        let mut run: Option<Cell> = None;
        let cells = self.batch.of_input.iter().filter_map(|element| self.rows[*element].as_ref());
        for cell in cells.map(|row| row[number]) {
            run = match run {
                Some(run) if Self::is_next(run, cell) => Some(Cell { end: cell.end, ..run }),
                Some(run) => {
                    self.write_run(writer, run);
                    writer.text(b",");
                    Some(cell)
                }
                None => Some(cell),
            };
        }
        if let Some(run) = run {
            self.write_run(writer, run);
        }
    }

    fn is_next(run: Cell, cell: Cell) -> bool {
        // The one byte between two elements is their comma.
        run.source == cell.source && cell.start == run.end + 1
    }

    fn write_run(&self, writer: &mut ChunkWriter, run: Cell) {
        writer.piece(&self.sources[run.source].slice(run.start..run.end));
    }
}

#[cfg(test)]
mod tests;
