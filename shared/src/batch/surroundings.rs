//! What stands around the results of several answers, joined into what one call would have said.
//!
//! Every number in `meta` counts something, so they are added up, `api_version` apart; each warning is said
//! once. Fields that are not known here are joined by their form: lists follow each other unless they are
//! the same everywhere, objects are joined field by field, of anything else the first is taken.

use super::caller_index::with_caller_indices;
use super::chunks::ChunkWriter;
use super::joinable::{Joinable, Rule, add_fields};
use super::{Batch, SubRequest};
use crate::wire::envelope::Envelope;
use bytes::Bytes;

/// The fields around an answer's results, but for its id.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    /// `meta`, an object.
    pub(super) meta: Option<Joinable>,
    /// Fields that are not known here, with their keys.
    pub(super) others: Vec<(Bytes, Joinable)>,
}

impl Surroundings {
    /// Reads what is around the results of an answer to these inputs.
    pub(super) fn read(answer: &Bytes, envelope: &Envelope, inputs: &[usize]) -> Self {
        let meta = envelope.meta.as_ref().map(|meta| Joinable::read(answer, meta.start, inputs));
        let mut others = Vec::with_capacity(envelope.others.len());
        for member in &envelope.others {
            let value = Joinable::read(answer, member.value.start, inputs);
            others.push((answer.slice(member.name.clone()), value));
        }
        Self { meta, others }
    }

    /// Returns the same fields before anything was counted or listed.
    pub(super) fn emptied(&self) -> Self {
        let meta = self.meta.as_ref().map(|meta| meta.emptied(Rule::Meta));
        let others = self.others.iter();
        let others = others.map(|(name, value)| (name.clone(), value.emptied(Rule::ByForm)));
        Self { meta, others: others.collect() }
    }

    /// Returns the same fields, of an answer of v1.
    pub(super) fn as_v1(&self) -> Self {
        let mut all = self.clone();
        if let Some(meta) = &mut all.meta {
            meta.set_api_version("1");
        }
        all
    }

    /// Adds what is around the answer of another sub-request, as if one call had said both.
    pub(super) fn add(
        &mut self,
        (answer, envelope): (&Bytes, &Envelope),
        (batch, sub_request): (&dyn Batch, &SubRequest),
    ) {
        let mut other = Self::read(answer, envelope, &sub_request.elements);
        if let Some(meta) = &mut other.meta {
            meta.rewrite_warnings(|warning| {
                let text = std::str::from_utf8(warning).ok()?;
                with_caller_indices(text, batch, sub_request).map(Bytes::from)
            });
        }
        match (&mut self.meta, other.meta) {
            (Some(meta), Some(other)) => meta.add(other, Rule::Meta),
            (None, other) => self.meta = other,
            (Some(_), None) => {}
        }
        add_fields(&mut self.others, other.others, Rule::ByForm);
    }

    /// Writes the fields for which an answer with the surroundings of `template` has no place.
    pub(super) fn write_added(&self, writer: &mut ChunkWriter, template: &Self) {
        let meta = self.meta.iter().filter(|_| template.meta.is_none());
        let meta = meta.map(|meta| (&b"meta"[..], meta));
        let others = self.others.iter().skip(template.others.len());
        for (name, value) in meta.chain(others.map(|(name, value)| (&name[..], value))) {
            writer.write_text(b",\"");
            writer.write_text(name);
            writer.write_text(b"\":");
            value.write(writer);
        }
    }
}

#[cfg(test)]
mod tests;
