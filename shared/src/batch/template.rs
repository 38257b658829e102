//! What an answer says around its results: kept as text with holes, filled for one caller at a time.

use super::chunks::ChunkWriter;
use crate::wire::envelope::Envelope;
use crate::wire::scan::{array_end, object_end, value_end};
use bytes::{Bytes, BytesMut};
use serde_json::Number;
use std::ops::Range;

/// A place of an answer that differs from one request to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Units,
    Warnings,
    /// The n-th array, or object, of results.
    Results(usize),
}

/// The text of an answer with the holes in it.
#[derive(Clone, Debug)]
pub struct AnswerTemplate {
    text: Bytes,
    /// In the order of the text.
    holes: Vec<(Range<usize>, Slot)>,
    /// The units that are billed, in Cohere's order.
    units: Units,
}

impl AnswerTemplate {
    /// Finds the holes of an answer; `results` are its own.
    pub(super) fn new(answer: &Bytes, envelope: &Envelope, results: &[Range<usize>]) -> Self {
        let numbered = results.iter().enumerate().map(|(n, span)| (Some(span.clone()), Slot::Results(n)));
        let holes = [
            (envelope.id.clone(), Slot::Id),
            (envelope.units.clone(), Slot::Units),
            (envelope.warnings.clone(), Slot::Warnings),
        ];
        let holes = holes.into_iter().chain(numbered);
        let mut holes: Vec<_> = holes.filter_map(|(span, hole)| Some((span?, hole))).collect();
        holes.sort_by_key(|(span, _)| span.start);
        Self { text: answer.clone(), holes, units: Units::of(answer, envelope) }
    }

    /// Copies what is around the holes, so that the answer itself can go.
    pub(super) fn without_results(&self) -> Self {
        let (mut text, mut holes, mut at) = (BytesMut::new(), Vec::with_capacity(self.holes.len()), 0);
        for (span, hole) in &self.holes {
            text.extend_from_slice(&self.text[at..span.start]);
            holes.push((text.len()..text.len(), *hole));
            at = span.end;
        }
        text.extend_from_slice(&self.text[at..]);
        Self { text: text.freeze(), holes, units: self.units.copied() }
    }

    pub(super) fn units(&self) -> &Units {
        &self.units
    }

    /// Bytes it keeps in memory, about.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.holes.len() * size_of::<(Range<usize>, Slot)>()
    }

    /// Writes the answer; `results` fills each hole of results.
    pub(super) fn write(
        &self,
        writer: &mut ChunkWriter,
        id: &[u8],
        units: &Units,
        warnings: &[Bytes],
        mut results: impl FnMut(&mut ChunkWriter, usize),
    ) {
        let mut at = 0;
        for (span, hole) in &self.holes {
            writer.text(&self.text[at..span.start]);
            match hole {
                Slot::Id => writer.text(id),
                Slot::Units => units.write(writer),
                Slot::Warnings => write_list(writer, warnings),
                Slot::Results(number) => results(writer, *number),
            }
            at = span.end;
        }
        writer.text(&self.text[at..]);
    }
}

fn write_list(writer: &mut ChunkWriter, elements: &[Bytes]) {
    writer.text(b"[");
    for (position, element) in elements.iter().enumerate() {
        writer.text(if position > 0 { b"," } else { b"" });
        writer.text(element);
    }
    writer.text(b"]");
}

/// Adds the warnings of another part that have not been said yet.
pub(super) fn add_warnings(warnings: &mut Vec<Bytes>, answer: &Bytes, envelope: &Envelope) {
    let Some(span) = &envelope.warnings else { return };
    array_end(answer, span.start, |at| {
        let end = value_end(answer, at)?;
        let warning = answer.slice(at..end);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
        Some(end)
    });
}

/// `billed_units`: names and numbers in Cohere's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Units(Vec<(Bytes, Bytes)>);

impl Units {
    pub(super) fn of(answer: &Bytes, envelope: &Envelope) -> Self {
        let mut units = Vec::new();
        if let Some(span) = &envelope.units {
            object_end(answer, span.start, |key, at| {
                let end = value_end(answer, at)?;
                units.push((answer.slice_ref(key), answer.slice(at..end)));
                Some(end)
            });
        }
        Self(units)
    }

    fn copied(&self) -> Self {
        let copy = |text: &Bytes| Bytes::copy_from_slice(text);
        Self(self.0.iter().map(|(name, number)| (copy(name), copy(number))).collect())
    }

    /// Returns the same units with nothing billed.
    pub(super) fn zero(&self) -> Self {
        Self(self.0.iter().map(|(name, _)| (name.clone(), Bytes::from_static(b"0"))).collect())
    }

    /// Adds what another part was billed.
    pub(super) fn add(&mut self, other: &Self) {
        for (name, number) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, total)) => *total = sum(total, number).unwrap_or_else(|| total.clone()),
                None => self.0.push((name.clone(), number.clone())),
            }
        }
    }

    fn write(&self, writer: &mut ChunkWriter) {
        writer.text(b"{");
        for (position, (name, number)) in self.0.iter().enumerate() {
            writer.text(if position > 0 { b",\"" } else { b"\"" });
            writer.text(name);
            writer.text(b"\":");
            writer.text(number);
        }
        writer.text(b"}");
    }
}

/// Adds two JSON numbers; whole ones stay whole.
fn sum(one: &[u8], other: &[u8]) -> Option<Bytes> {
    let (one, other): (Number, Number) =
        (serde_json::from_slice(one).ok()?, serde_json::from_slice(other).ok()?);
    let sum = match (one.as_u64(), other.as_u64()) {
        (Some(one), Some(other)) => Number::from(one.checked_add(other)?),
        _ => Number::from_f64(one.as_f64()? + other.as_f64()?)?,
    };
    Some(Bytes::from(sum.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Units {
        let answer = Bytes::from(format!(r#"{{"meta":{{"billed_units":{text}}}}}"#));
        let envelope = Envelope::read(&answer, |_, _| None).unwrap();
        Units::of(&answer, &envelope)
    }

    #[test]
    fn units_are_added_by_name_in_the_order_of_the_first() {
        let mut total = units(r#"{"input_tokens":4,"image_tokens":0}"#);
        total.add(&units(r#"{"image_tokens":1.5,"input_tokens":38}"#));
        total.add(&units(r#"{"pages":2}"#));
        assert_eq!(total, units(r#"{"input_tokens":42,"image_tokens":1.5,"pages":2}"#));
        assert_eq!(total.zero(), units(r#"{"input_tokens":0,"image_tokens":0,"pages":0}"#));
    }
}
