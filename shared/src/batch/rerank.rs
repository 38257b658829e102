//! A rerank request, split: some documents a call, its results sorted as one.
//!
//! Scores judge a document against the query alone, so those of different calls can be compared. The
//! order is by the scores' numeric value, by position where they are equal; `top_n` cuts the end.

use super::chunks::ChunkWriter;
use super::{AnswerTemplate, Batch, Positions, SubRequest};
use crate::wire::dialect::AnswerForm;
use crate::wire::object::strings::is_blank;
use crate::wire::object::{List, RequestObject};
use crate::wire::rerank::{RankedResult, RerankAnswer};
use bytes::Bytes;
use std::cmp::Ordering;

/// What a rerank request is about, document by document.
#[derive(Debug)]
pub struct RerankBatch {
    object: RequestObject,
    document_count: usize,
    top_n: Option<usize>,
    sub_requests: Vec<SubRequest>,
    form: AnswerForm,
}

/// The answer of one sub-request.
#[derive(Debug)]
pub struct SubAnswer {
    pub answer: RerankAnswer,
    /// It comes from the cache: nothing was billed for it, and its id was another request's.
    pub is_cached: bool,
}

/// A document's result, in the answer that holds it.
struct Candidate<'a> {
    /// Position among all documents of the request.
    document: usize,
    answer: &'a RerankAnswer,
    result: &'a RankedResult,
}

impl RerankBatch {
    /// Takes a request apart into calls of at most `per_call` documents.
    pub fn new(object: &RequestObject, per_call: usize) -> Self {
        let documents = object.list_or_empty("documents");
        let document_count = documents.len();
        let top_n = object.read_number("top_n").map(|top_n| top_n as usize);
        let sub_requests = if document_count <= per_call {
            vec![SubRequest { elements: (0..document_count).collect(), is_whole: true }]
        } else {
            let groups = group_documents(documents, per_call).into_iter();
            groups.map(|elements| SubRequest { elements, is_whole: false }).collect()
        };
        let (object, form) = (object.clone(), AnswerForm::V2);
        Self { object, document_count, top_n, sub_requests, form }
    }

    /// Answers in this form.
    pub fn with_form(self, form: AnswerForm) -> Self {
        Self { form, ..self }
    }

    pub fn sub_requests(&self) -> &[SubRequest] {
        &self.sub_requests
    }

    /// Returns how many documents the caller sent.
    pub fn document_count(&self) -> usize {
        self.document_count
    }

    /// Writes the answer from those of all sub-requests, in order.
    ///
    /// `id` is a JSON string for an answer from the cache. `None` where a result lacks its index or
    /// score, or names a document that its sub-request does not have.
    pub fn write_answer(&self, answers: &[SubAnswer], id: &[u8]) -> Option<Vec<Bytes>> {
        if let [only] = answers
            && !self.form.is_v1()
            && self.sub_requests.iter().all(|sub_request| sub_request.is_whole)
        {
            return Some(write_only(only, id));
        }
        let template = new_template(&choose_template(answers)?.answer);
        let mut surroundings = template.emptied_surroundings().clone();
        for (sub_request, SubAnswer { answer, is_cached }) in self.sub_requests.iter().zip(answers)
        {
            // What is cached has counted nothing now, and has nothing else to say.
            if !is_cached {
                surroundings.add((&answer.bytes, &answer.envelope), (self, sub_request));
            }
        }
        let ranked = self.rank(answers)?;
        let id = first_fresh_id(answers).unwrap_or(id);
        let mut writer = ChunkWriter::default();
        template.write_answer(&mut writer, (id, &self.form), &surroundings, |writer, _| {
            self.write_results(writer, &ranked);
        });
        Some(writer.into_chunks())
    }

    /// Sorts the results of all sub-requests, and cuts them to `top_n`.
    fn rank<'a>(&self, answers: &'a [SubAnswer]) -> Option<Vec<Candidate<'a>>> {
        let mut candidates = Vec::with_capacity(self.document_count);
        for (sub_request, SubAnswer { answer, .. }) in self.sub_requests.iter().zip(answers) {
            for result in answer.ranked.as_ref()? {
                let document = *sub_request.elements.get(result.index)?;
                candidates.push(Candidate { document, answer, result });
            }
        }
        candidates.sort_by(compare_candidates);
        candidates.truncate(self.top_n.unwrap_or(usize::MAX));
        Some(candidates)
    }

    fn write_results(&self, writer: &mut ChunkWriter, ranked: &[Candidate<'_>]) {
        let documents = match &self.form {
            AnswerForm::V1Documents(request) => Some(request.list_or_empty("documents")),
            _ => None,
        };
        writer.write_text(b"[");
        for (position, candidate) in ranked.iter().enumerate() {
            writer.write_separator(position);
            write_result(writer, candidate, documents);
        }
        writer.write_text(b"]");
    }
}

impl Batch for RerankBatch {
    fn write_body(&self, sub_request: &SubRequest) -> Bytes {
        if sub_request.is_whole {
            return self.object.body().clone();
        }
        let documents: Vec<_> = self.object.list_or_empty("documents").iter().collect();
        let own = sub_request.elements.iter().map(|element| documents[*element]);
        let list = [b"[", &own.collect::<Vec<_>>().join(&b","[..])[..], b"]"].concat();
        // Every document's result is wanted: the best of all may lie in one sub-request.
        let set: [(&str, &[u8]); 2] = [("documents", &list), ("top_n", b"null")];
        let set = if self.top_n.is_some() { &set[..] } else { &set[..1] };
        self.object.with(set).body().clone()
    }

    fn first_input(&self, element: usize) -> usize {
        element
    }

    fn describe(&self, sub_request: &SubRequest) -> Option<String> {
        if sub_request.is_whole {
            return None;
        }
        let positions = Positions::new(sub_request.elements.clone());
        Some(format!("documents {positions} of {}, counted from 0", self.document_count))
    }
}

/// Groups the documents of a split request, in their order as far as it can be.
///
/// Cohere takes blank documents among others and refuses a call of nothing else, so each group gets one
/// that is not blank, and there are no more groups than such documents.
fn group_documents(documents: List<'_>, per_call: usize) -> Vec<Vec<usize>> {
    let texts: Vec<&[u8]> = documents.iter().collect();
    let mut groups = texts.chunks(per_call);
    let all: Vec<usize> = (0..texts.len()).collect();
    if groups.all(|group| group.iter().any(|text| !is_blank(text))) {
        return all.chunks(per_call).map(<[usize]>::to_vec).collect();
    }
    let (blank, filled): (Vec<usize>, Vec<usize>) =
        all.into_iter().partition(|document| is_blank(texts[*document]));
    let count = texts.len().div_ceil(per_call).min(filled.len().max(1));
    let mut groups = vec![Vec::new(); count];
    for (number, document) in filled.into_iter().chain(blank).enumerate() {
        groups[number % count].push(document);
    }
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}

/// Tells whether an answer may be cached: its results can be read, and nothing else depends on the
/// documents.
pub fn is_cacheable(answer: &RerankAnswer) -> bool {
    answer.envelope.is_known
        && !answer.envelope.has_warnings
        && answer.ranked.is_some()
        && new_template(answer).has_compact_meta()
}

fn compare_candidates(one: &Candidate<'_>, other: &Candidate<'_>) -> Ordering {
    let by_score = other.result.score.total_cmp(&one.result.score);
    by_score.then(one.document.cmp(&other.document))
}

fn new_template(answer: &RerankAnswer) -> AnswerTemplate {
    AnswerTemplate::new(&answer.bytes, &answer.envelope, std::slice::from_ref(&answer.results))
}

/// Returns the answer whose surroundings the whole answer gets: one with warnings, else a fresh one.
fn choose_template(answers: &[SubAnswer]) -> Option<&SubAnswer> {
    let with_warnings = answers.iter().find(|sub| sub.answer.envelope.has_warnings);
    with_warnings.or(answers.iter().find(|sub| !sub.is_cached)).or(answers.first())
}

/// Returns the id of the first answer that a call has brought, with its quotes.
fn first_fresh_id(answers: &[SubAnswer]) -> Option<&[u8]> {
    let fresh = answers.iter().find(|sub| !sub.is_cached)?;
    let id = fresh.answer.envelope.id.clone()?;
    Some(&fresh.answer.bytes[id])
}

/// Writes a result with the index of its document, and with the document itself if it is among these.
fn write_result(writer: &mut ChunkWriter, candidate: &Candidate<'_>, documents: Option<List<'_>>) {
    let Candidate { document: index, answer, result } = candidate;
    writer.write_text(&answer.bytes[result.span.start..result.index_span.start]);
    writer.write_text(index.to_string().as_bytes());
    let rest = &answer.bytes[result.index_span.end..result.span.end];
    let Some(document) = documents.and_then(|documents| documents.slice(*index)) else {
        return writer.write_text(rest);
    };
    // The last byte is the result's brace.
    writer.write_text(&rest[..rest.len() - 1]);
    writer.write_text(b",\"document\":");
    if document.starts_with(b"{") {
        writer.write_piece(&document);
    } else {
        writer.write_text(b"{\"text\":");
        writer.write_piece(&document);
        writer.write_text(b"}");
    }
    writer.write_text(b"}");
}

/// Writes the answer of a request of one call: unchanged, or from the cache with an id of its own.
fn write_only(sub_answer: &SubAnswer, id: &[u8]) -> Vec<Bytes> {
    let answer = &sub_answer.answer;
    if !sub_answer.is_cached {
        return vec![answer.bytes.clone()];
    }
    let template = new_template(answer);
    let mut writer = ChunkWriter::default();
    let around = (id, &AnswerForm::V2);
    template.write_answer(&mut writer, around, template.emptied_surroundings(), |writer, _| {
        writer.write_text(&answer.bytes[answer.results.clone()]);
    });
    writer.into_chunks()
}

#[cfg(test)]
mod tests;
