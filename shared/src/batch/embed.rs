//! An embed request, split: each different input once, its answer a table with a row per input.
//!
//! The table's columns are the arrays of the answer that have an element per input: the embeddings of
//! each type, known or not, and the echo of the inputs. Its cells come from calls or from the cache,
//! and the answer is built by input position. What each call counted is added up, warnings are gathered.
//! Where something else in an answer may have an element per input, only calls about all inputs in the
//! caller's order can be joined.

mod shape;
mod table;

use shape::has_unknown_parts;
pub use shape::{Column, ColumnContent, Shape};
pub use table::{Misfit, Table};

use super::{Batch, Positions, SubRequest};
use crate::wire::dialect::AnswerForm;
use crate::wire::embed::{self, AnswerArray, CellForm, EmbedAnswer};
use crate::wire::object::RequestObject;
use bytes::Bytes;
use std::collections::HashMap;

/// What an embed request is about, element by element.
#[derive(Debug)]
pub struct EmbedBatch {
    object: RequestObject,
    /// The field that holds the inputs.
    source: &'static str,
    /// The different inputs, as they are written.
    elements: Vec<Bytes>,
    /// The element of each input.
    element_of_input: Vec<usize>,
    form: AnswerForm,
}

impl EmbedBatch {
    /// Takes a request apart. Equal inputs become one element where `deduplicate` says so.
    pub fn new(object: &RequestObject, deduplicate: bool) -> Self {
        let (source, inputs) = embed::list_inputs(object);
        let mut elements: Vec<Bytes> = Vec::with_capacity(inputs.len());
        let mut element_of_input = Vec::with_capacity(inputs.len());
        let mut seen = HashMap::with_capacity(if deduplicate { inputs.len() } else { 0 });
        for (input, slice) in inputs.iter().zip(inputs.slices()) {
            let next = elements.len();
            let element = if deduplicate { *seen.entry(input).or_insert(next) } else { next };
            if element == next {
                elements.push(slice);
            }
            element_of_input.push(element);
        }
        let (object, form) = (object.clone(), AnswerForm::V2);
        Self { source, elements, element_of_input, object, form }
    }

    /// Answers in this form.
    pub fn with_form(self, form: AnswerForm) -> Self {
        Self { form, ..self }
    }

    /// Returns the different inputs, as they are written.
    pub fn elements(&self) -> &[Bytes] {
        &self.elements
    }

    /// Returns how many inputs the caller sent.
    pub fn input_count(&self) -> usize {
        self.element_of_input.len()
    }

    /// Returns how many inputs are none of these elements.
    pub fn count_inputs_without(&self, elements: &[usize]) -> usize {
        let is_among = self.mark_elements(elements);
        self.element_of_input.iter().filter(|element| !is_among[**element]).count()
    }

    /// Returns the field that holds the inputs.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Groups elements into calls of at most `per_call`.
    pub fn split_into(&self, elements: &[usize], per_call: usize) -> Vec<SubRequest> {
        if elements.len() == self.input_count() && elements.len() <= per_call {
            return vec![SubRequest { elements: elements.to_vec(), is_whole: true }];
        }
        let groups = elements.chunks(per_call.max(1));
        groups.map(|elements| SubRequest { elements: elements.to_vec(), is_whole: false }).collect()
    }

    /// Returns, for each element, whether it is one of these.
    fn mark_elements(&self, elements: &[usize]) -> Vec<bool> {
        let mut is_among = vec![false; self.elements.len()];
        for element in elements {
            is_among[*element] = true;
        }
        is_among
    }

    /// Returns an answer's columns, for so many elements.
    pub fn read_columns(&self, answer: &EmbedAnswer, elements: usize) -> Vec<Column> {
        let mut columns = Vec::with_capacity(answer.arrays.len());
        for array in &answer.arrays {
            let content = self.read_content(array, elements);
            columns.push(Column { name: array.name.clone(), is_type: array.is_type, content });
        }
        columns
    }

    fn read_content(&self, array: &AnswerArray, elements: usize) -> ColumnContent {
        let is_own = array.is_type || array.name == self.source || array.name == "embeddings";
        match array.cell_count() {
            None => ColumnContent::Single,
            Some(count) if is_own && count == elements => {
                let form = if array.has_known_type() { array.form } else { CellForm::Other };
                ColumnContent::PerInput(form)
            }
            Some(_) => ColumnContent::List,
        }
    }

    /// Tells whether sub-requests are about all inputs, in the caller's order and each for itself.
    fn are_in_order<'a>(&self, sub_requests: impl Iterator<Item = &'a SubRequest>) -> bool {
        let elements = sub_requests.flat_map(|sub_request| &sub_request.elements).copied();
        self.elements.len() == self.input_count() && elements.eq(0..self.elements.len())
    }
}

impl Batch for EmbedBatch {
    fn write_body(&self, sub_request: &SubRequest) -> Bytes {
        if sub_request.is_whole {
            return self.object.body().clone();
        }
        let elements = &sub_request.elements;
        let size: usize = elements.iter().map(|element| self.elements[*element].len() + 1).sum();
        let mut inputs = Vec::with_capacity(size + 1);
        for element in elements {
            inputs.push(if inputs.is_empty() { b'[' } else { b',' });
            inputs.extend_from_slice(&self.elements[*element]);
        }
        inputs.push(b']');
        self.object.with(&[(self.source, &inputs)]).body().clone()
    }

    fn first_input(&self, element: usize) -> usize {
        let first = self.element_of_input.iter().position(|own| *own == element);
        first.unwrap_or(element)
    }

    fn describe(&self, sub_request: &SubRequest) -> Option<String> {
        if sub_request.is_whole {
            return None;
        }
        let is_among = self.mark_elements(&sub_request.elements);
        let inputs =
            (0..self.input_count()).filter(|input| is_among[self.element_of_input[*input]]);
        let positions = Positions::new(inputs.collect());
        Some(format!("{} {positions} of {}, counted from 0", self.source, self.input_count()))
    }
}

#[cfg(test)]
mod tests;
