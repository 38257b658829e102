//! What an answer says around its results: a template with slots, filled for one caller at a time.

use super::chunks::ChunkWriter;
use super::joinable::Joinable;
use super::surroundings::Surroundings;
use crate::record::BilledUnits;
use crate::wire::dialect::AnswerForm;
use crate::wire::envelope::Envelope;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::ops::Range;

/// A part of an answer that differs from one request to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Meta,
    ResponseType,
    /// The n-th field that is not known here.
    Other(usize),
    /// The n-th array, or object, of results.
    Results(usize),
    /// The place before the last brace.
    End,
}

/// The text of an answer and the slots in it.
#[derive(Clone, Debug)]
pub struct AnswerTemplate {
    text: Bytes,
    /// In the order of the text.
    slots: Vec<(Range<usize>, Slot)>,
    /// What stands around the results, before anything was counted or listed.
    emptied: Surroundings,
}

impl AnswerTemplate {
    /// Finds the slots of an answer; `results` are its arrays and objects of results.
    pub(super) fn new(answer: &Bytes, envelope: &Envelope, results: &[Range<usize>]) -> Self {
        let mut slots = Vec::with_capacity(4 + envelope.others.len() + results.len());
        slots.extend(envelope.id.clone().map(|span| (span, Slot::Id)));
        slots.extend(envelope.meta.clone().map(|span| (span, Slot::Meta)));
        slots.extend(envelope.response_type.clone().map(|span| (span, Slot::ResponseType)));
        for (number, member) in envelope.others.iter().enumerate() {
            slots.push((member.value.clone(), Slot::Other(number)));
        }
        for (number, span) in results.iter().enumerate() {
            slots.push((span.clone(), Slot::Results(number)));
        }
        slots.push((envelope.end..envelope.end, Slot::End));
        slots.sort_by_key(|(span, _)| span.start);
        let emptied = Surroundings::read(answer, envelope, &[]).emptied();
        Self { text: answer.clone(), slots, emptied }
    }

    /// Copies what is around the results, so that the answer itself can go.
    pub(super) fn without_results(&self) -> Self {
        let mut text = BytesMut::new();
        let mut slots = Vec::with_capacity(self.slots.len());
        let mut meta_start = None;
        let mut at = 0;
        for (span, slot) in &self.slots {
            text.extend_from_slice(&self.text[at..span.start]);
            let start = text.len();
            if *slot == Slot::Meta {
                meta_start = Some(start);
            }
            if matches!(slot, Slot::Meta | Slot::ResponseType) {
                text.extend_from_slice(&self.text[span.clone()]);
            }
            slots.push((start..text.len(), *slot));
            at = span.end;
        }
        text.extend_from_slice(&self.text[at..]);
        let text = text.freeze();
        let read_meta = |start| Joinable::read(&text, start, &[]);
        let meta = meta_start.map(read_meta);
        let emptied = Surroundings { meta, others: Vec::new() }.emptied();
        Self { text, slots, emptied }
    }

    /// Returns what stands around the results, before anything was counted or listed.
    pub(super) fn emptied_surroundings(&self) -> &Surroundings {
        &self.emptied
    }

    /// Tells whether `meta` would be the same, byte for byte, if it were written again.
    pub(super) fn has_compact_meta(&self) -> bool {
        let span = self.slots.iter().find(|(_, slot)| *slot == Slot::Meta);
        let Some((span, _)) = span else { return true };
        let mut writer = ChunkWriter::default();
        Joinable::read(&self.text, span.start, &[]).write(&mut writer);
        writer.into_chunks().concat() == self.text[span.clone()]
    }

    /// Returns the bytes it holds in memory, about.
    pub(super) fn memory_size(&self) -> usize {
        // The surroundings have an entry for each field, whose text is a piece of the template's.
        self.text.len() * 2 + self.slots.len() * size_of::<(Range<usize>, Slot)>()
    }

    /// Writes the answer in this form, with this id, a JSON string; `write_results` fills each slot of
    /// results, by its number.
    pub(super) fn write_answer(
        &self,
        writer: &mut ChunkWriter,
        (id, form): (&[u8], &AnswerForm),
        surroundings: &Surroundings,
        mut write_results: impl FnMut(&mut ChunkWriter, usize),
    ) {
        let surroundings = match form.is_v1() {
            true => Cow::Owned(surroundings.as_v1()),
            false => Cow::Borrowed(surroundings),
        };
        let mut response_type = form.response_type();
        let mut at = 0;
        for (span, slot) in &self.slots {
            writer.write_text(&self.text[at..span.start]);
            match slot {
                Slot::Id => writer.write_text(id),
                Slot::Meta => surroundings.meta.iter().for_each(|meta| meta.write(writer)),
                Slot::ResponseType => {
                    let own = &self.text[span.clone()];
                    writer.write_text(response_type.take().map_or(own, str::as_bytes));
                }
                Slot::Other(number) => surroundings.others[*number].1.write(writer),
                Slot::Results(number) => write_results(writer, *number),
                Slot::End => {
                    surroundings.write_added(writer, &self.emptied);
                    if let Some(missing) = response_type.take() {
                        writer.write_text(format!(",\"response_type\":{missing}").as_bytes());
                    }
                }
            }
            at = span.end;
        }
        writer.write_text(&self.text[at..]);
    }
}

/// Reads all units of an answer for the log, those that stand beside what it was billed too.
pub fn read_usage(answer: &Bytes, envelope: &Envelope) -> BilledUnits {
    match &envelope.meta {
        Some(span) => BilledUnits::parse_usage(&answer[span.clone()]),
        None => BilledUnits::default(),
    }
}
