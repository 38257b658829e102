//! What an answer says around its results: a template with slots, filled for one caller at a time.

use super::chunks::ChunkWriter;
use crate::record::BilledUnits;
use crate::wire::envelope::Envelope;
use crate::wire::scan::{value_end, walk_array};
use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// A part of an answer that differs from one request to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Units,
    Warnings,
    /// The n-th array, or object, of results.
    Results(usize),
}

/// The text of an answer and the slots in it.
#[derive(Clone, Debug)]
pub struct AnswerTemplate {
    text: Bytes,
    /// In the order of the text.
    slots: Vec<(Range<usize>, Slot)>,
    billed: BilledUnits,
}

/// What the slots of a template are filled with, but for the results.
pub(super) struct SlotValues<'a> {
    /// A JSON string.
    pub(super) id: &'a [u8],
    pub(super) billed: &'a BilledUnits,
    pub(super) warnings: &'a [Bytes],
}

impl AnswerTemplate {
    /// Finds the slots of an answer; `results` are its arrays and objects of results.
    pub(super) fn new(answer: &Bytes, envelope: &Envelope, results: &[Range<usize>]) -> Self {
        let own = [
            (envelope.id.clone(), Slot::Id),
            (envelope.units.clone(), Slot::Units),
            (envelope.warnings.clone(), Slot::Warnings),
        ];
        let mut slots = Vec::with_capacity(own.len() + results.len());
        for (span, slot) in own {
            if let Some(span) = span {
                slots.push((span, slot));
            }
        }
        for (number, span) in results.iter().enumerate() {
            slots.push((span.clone(), Slot::Results(number)));
        }
        slots.sort_by_key(|(span, _)| span.start);
        Self { text: answer.clone(), slots, billed: read_billed_units(answer, envelope) }
    }

    /// Copies what is around the slots, so that the answer itself can go.
    pub(super) fn without_results(&self) -> Self {
        let mut text = BytesMut::new();
        let mut slots = Vec::with_capacity(self.slots.len());
        let mut at = 0;
        for (span, slot) in &self.slots {
            text.extend_from_slice(&self.text[at..span.start]);
            slots.push((text.len()..text.len(), *slot));
            at = span.end;
        }
        text.extend_from_slice(&self.text[at..]);
        Self { text: text.freeze(), slots, billed: self.billed.clone() }
    }

    /// Returns what the answer was billed.
    pub(super) fn billed_units(&self) -> &BilledUnits {
        &self.billed
    }

    /// Returns the bytes it holds in memory, about.
    pub(super) fn memory_size(&self) -> usize {
        self.text.len() + self.slots.len() * size_of::<(Range<usize>, Slot)>()
    }

    /// Writes the answer; `write_results` fills each slot of results, by its number.
    pub(super) fn write_answer(
        &self,
        writer: &mut ChunkWriter,
        values: &SlotValues<'_>,
        mut write_results: impl FnMut(&mut ChunkWriter, usize),
    ) {
        let mut at = 0;
        for (span, slot) in &self.slots {
            writer.write_text(&self.text[at..span.start]);
            match slot {
                Slot::Id => writer.write_text(values.id),
                Slot::Units => writer.write_text(values.billed.to_json().as_bytes()),
                Slot::Warnings => writer.write_list(values.warnings),
                Slot::Results(number) => write_results(writer, *number),
            }
            at = span.end;
        }
        writer.write_text(&self.text[at..]);
    }
}

/// Reads what an answer was billed, as it stands in its `billed_units`.
pub(super) fn read_billed_units(answer: &Bytes, envelope: &Envelope) -> BilledUnits {
    match &envelope.units {
        Some(span) => BilledUnits::parse(&answer[span.clone()]),
        None => BilledUnits::default(),
    }
}

/// Reads all units of an answer for the log, those that stand beside what it was billed too.
pub fn read_usage(answer: &Bytes, envelope: &Envelope) -> BilledUnits {
    match &envelope.meta {
        Some(span) => BilledUnits::parse_usage(&answer[span.clone()]),
        None => BilledUnits::default(),
    }
}

/// Adds the warnings of another sub-request that have not been said yet.
pub(super) fn add_warnings(warnings: &mut Vec<Bytes>, answer: &Bytes, envelope: &Envelope) {
    let Some(span) = &envelope.warnings else { return };
    walk_array(answer, span.start, |at| {
        let end = value_end(answer, at)?;
        let warning = answer.slice(at..end);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
        Some(end)
    });
}
