//! A rerank request, split: some documents a call, its results sorted as one.
//!
//! Scores judge a document against the query alone, so those of different calls can be compared. The
//! order is by the scores' numeric value, by position where they are equal; `top_n` cuts the end.

use super::chunks::ChunkWriter;
use super::template::{AnswerTemplate, Units, add_warnings};
use super::{Part, Positions};
use crate::wire::object::RequestObject;
use crate::wire::rerank::{Ranked, RerankAnswer};
use crate::wire::scan;
use bytes::Bytes;

/// What a rerank request is about, document by document.
#[derive(Debug)]
pub struct RerankBatch {
    documents: usize,
    top_n: Option<usize>,
    parts: Vec<Part>,
}

/// One part's answer.
#[derive(Debug)]
pub struct PartAnswer {
    pub answer: RerankAnswer,
    /// It comes from memory: nothing was billed for it, and its id was another request's.
    pub from_memory: bool,
}

impl RerankBatch {
    /// Reads a request that has been checked; `None` where it holds no documents, which a checked one does.
    pub fn read(body: &Bytes, per_call: usize) -> Option<Self> {
        let fields = RequestObject::parse(body, &[]).ok()?;
        let documents: Vec<&str> = scan::elements(fields.raw("documents")?).collect();
        let top_n = fields.raw("top_n").and_then(|raw| raw.parse::<f64>().ok()).map(|top_n| top_n as usize);
        if documents.len() <= per_call {
            let parts =
                vec![Part { body: body.clone(), elements: (0..documents.len()).collect(), is_whole: true }];
            return Some(Self { documents: documents.len(), top_n, parts });
        }
        let parts = documents.chunks(per_call).enumerate().map(|(number, chunk)| {
            let list = format!("[{}]", chunk.join(","));
            // Every document's result is wanted: the best of all may lie in one part.
            let set = [("documents", list.as_str()), ("top_n", "null")];
            let body = fields.with(if top_n.is_some() { &set[..] } else { &set[..1] });
            let start = number * per_call;
            Part { body, elements: (start..start + chunk.len()).collect(), is_whole: false }
        });
        Some(Self { documents: documents.len(), top_n, parts: parts.collect() })
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Says which documents a part is about, where it is not about all.
    pub fn describe(&self, part: &Part) -> Option<String> {
        if part.is_whole {
            return None;
        }
        let positions = Positions::new(part.elements.clone());
        Some(format!("documents {positions} of {}, counted from 0", self.documents))
    }

    /// Writes the answer from all parts' answers, in order; `id` is a JSON string for an answer from memory.
    ///
    /// `None` where a result lacks its index or score, or names a document that its part does not have.
    pub fn write(&self, answers: &[PartAnswer], id: &[u8]) -> Option<Vec<Bytes>> {
        if let [only] = answers {
            return Some(write_one(only, id));
        }
        let fresh = |part: &&PartAnswer| !part.from_memory;
        let has_warnings = |part: &&PartAnswer| part.answer.envelope.warnings.is_some();
        let framing = answers.iter().find(has_warnings).or(answers.iter().find(fresh)).or(answers.first())?;
        let frame = frame_of(&framing.answer);
        let own_id = answers
            .iter()
            .find(fresh)
            .and_then(|part| part.answer.envelope.id.as_ref().map(|id| &part.answer.bytes[id.clone()]));
        let mut units = frame.units().zero();
        let mut warnings = Vec::new();
        let mut ranked: Vec<(usize, &RerankAnswer, Ranked)> = Vec::with_capacity(self.documents);
        for (part, answered) in self.parts.iter().zip(answers) {
            let answer = &answered.answer;
            if !answered.from_memory {
                units.add(&Units::of(&answer.bytes, &answer.envelope));
            }
            add_warnings(&mut warnings, &answer.bytes, &answer.envelope);
            for result in answer.ranked()? {
                let document = *part.elements.get(result.index)?;
                ranked.push((document, answer, result));
            }
        }
        ranked.sort_by(|(one, _, left), (other, _, right)| {
            right.score.total_cmp(&left.score).then(one.cmp(other))
        });
        ranked.truncate(self.top_n.unwrap_or(usize::MAX));
        let mut writer = ChunkWriter::default();
        frame.write(&mut writer, own_id.unwrap_or(id), &units, &warnings, |writer, _| {
            writer.text(b"[");
            for (position, (document, answer, result)) in ranked.iter().enumerate() {
                writer.text(if position > 0 { b"," } else { b"" });
                writer.text(&answer.bytes[result.span.start..result.index_span.start]);
                writer.text(document.to_string().as_bytes());
                writer.text(&answer.bytes[result.index_span.end..result.span.end]);
            }
            writer.text(b"]");
        });
        Some(writer.finish())
    }
}

/// Tells whether an answer may be kept in memory: its results can be read, and nothing else depends on the
/// documents.
pub fn may_be_kept(answer: &RerankAnswer) -> bool {
    answer.envelope.is_known && answer.envelope.warnings.is_none() && answer.ranked().is_some()
}

fn frame_of(answer: &RerankAnswer) -> AnswerTemplate {
    AnswerTemplate::new(&answer.bytes, &answer.envelope, std::slice::from_ref(&answer.results))
}

/// Writes the answer of a request of one part: unchanged, or from memory with an id of its own.
fn write_one(part: &PartAnswer, id: &[u8]) -> Vec<Bytes> {
    let answer = &part.answer;
    if !part.from_memory {
        return vec![answer.bytes.clone()];
    }
    let frame = frame_of(answer);
    let mut writer = ChunkWriter::default();
    frame.write(&mut writer, id, &frame.units().zero(), &[], |writer, _| {
        writer.text(&answer.bytes[answer.results.clone()]);
    });
    writer.finish()
}

#[cfg(test)]
mod tests;
