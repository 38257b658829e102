//! Answers: what is accepted has spans inside its bytes that do not overlap, and what is made from
//! it is made without a panic.

use crate::run::{Verdict, run};
use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::batch::embed::{EmbedBatch, Table};
use shared::batch::read_usage;
use shared::batch::rerank::{RerankBatch, SubAnswer, is_cacheable};
use shared::record::BilledUnits;
use shared::wire::chat::find_parts;
use shared::wire::embed::{EmbedAnswer, KNOWN as EMBED};
use shared::wire::envelope::Envelope;
use shared::wire::object::RequestObject;
use shared::wire::rerank::{KNOWN as RERANK, RerankAnswer};
use std::ops::Range;

#[test]
fn answer_never_panics_and_has_sound_spans() {
    run("answer", check_answer);
}

fn check_answer(input: &[u8]) -> Verdict {
    let bytes = Bytes::copy_from_slice(input);
    let is_embed = EmbedAnswer::parse(bytes.clone()).map(check_embed_answer).is_some();
    let is_rerank = RerankAnswer::parse(bytes).map(check_rerank_answer).is_some();
    let is_chat = find_parts(input).map(|parts| check_usage(input, parts.usage)).is_some();
    check_units(&BilledUnits::parse(input));
    check_units(&BilledUnits::parse_usage(input));
    (is_embed | is_rerank | is_chat).into()
}

fn check_embed_answer(answer: EmbedAnswer) {
    let mut slots = slots_of(&answer.envelope);
    slots.push(answer.embeddings.clone());
    for array in &answer.arrays {
        check_inside(&array.span, &(0..answer.bytes.len()));
        assert!(answer.bytes[array.span.clone()].starts_with(b"["));
        check_apart(&array.cells, &array.span);
        if !array.is_type {
            slots.push(array.span.clone());
        }
    }
    check_apart(&slots, &(0..answer.bytes.len()));
    check_envelope(&answer.bytes, &answer.envelope);
    let _ = answer.is_compact();
    merge_embed_answer(&answer);
}

/// Uses an answer for both halves of a request, as if Cohere had sent it twice.
fn merge_embed_answer(answer: &EmbedAnswer) {
    let body = Bytes::from_static(br#"{"texts":["a","b","a","c","d"]}"#);
    let object = RequestObject::parse(body, EMBED).unwrap();
    let batch = EmbedBatch::new(&object, true);
    let sub_requests = batch.split_into(&[0, 1, 2, 3], 2);
    let answers: Vec<_> = sub_requests.into_iter().map(|part| (part, answer.clone())).collect();
    let mut table = Table::new(&batch);
    if table.add_answers(&answers).is_ok() {
        assert!(table.write_answer(b"\"ours\"").is_some());
    }
}

fn check_rerank_answer(answer: RerankAnswer) {
    let mut slots = slots_of(&answer.envelope);
    slots.push(answer.results.clone());
    check_apart(&slots, &(0..answer.bytes.len()));
    check_envelope(&answer.bytes, &answer.envelope);
    let _ = (answer.ranks_all(2), is_cacheable(&answer));
    if let Some(ranked) = answer.read_ranked() {
        let spans: Vec<_> = ranked.iter().map(|result| result.span.clone()).collect();
        check_apart(&spans, &answer.results);
        ranked.iter().for_each(|result| check_inside(&result.index_span, &result.span));
    }
    let body = Bytes::from_static(br#"{"query":"q","documents":["a","b","c","d"],"top_n":3}"#);
    let batch = RerankBatch::new(&RequestObject::parse(body, RERANK).unwrap(), 2);
    let answers = [true, false].map(|is_cached| SubAnswer { answer: answer.clone(), is_cached });
    let _ = batch.write_answer(&answers, b"\"ours\"");
}

/// Returns what is replaced in an answer, apart from its results.
fn slots_of(envelope: &Envelope) -> Vec<Range<usize>> {
    let Envelope { id, units, warnings, .. } = envelope;
    [id, units, warnings].into_iter().flatten().cloned().collect()
}

fn check_envelope(bytes: &Bytes, envelope: &Envelope) {
    for (span, first) in [(&envelope.units, b'{'), (&envelope.warnings, b'[')] {
        let Some(piece) = span.clone().map(|span| &bytes[span]) else { continue };
        // The scan counts brackets and trusts the grammar for their kinds.
        assert!(piece[0] == first && b"]}".contains(&piece[piece.len() - 1]));
    }
    if let Some(meta) = &envelope.meta {
        check_inside(meta, &(0..bytes.len()));
    }
    check_units(&read_usage(bytes, envelope));
}

/// Checks that the usage is a piece of the answer and a value.
fn check_usage(answer: &[u8], usage: &[u8]) {
    let is_piece = answer.as_ptr_range().contains(&usage.as_ptr());
    assert!(usage.is_empty() || is_piece);
    assert!(usage.is_empty() || serde_json::from_slice::<&RawValue>(usage).is_ok());
    check_units(&BilledUnits::parse_usage(usage));
}

fn check_units(units: &BilledUnits) {
    let mut sum = units.zeroed();
    sum.add(units);
    for units in [units, &sum] {
        let written = units.to_json();
        assert!(serde_json::from_str::<Value>(&written).unwrap().is_object(), "{written}");
        let _ = units.describe_unknown();
    }
}

fn check_inside(inner: &Range<usize>, outer: &Range<usize>) {
    let is_inside = inner.start < inner.end && outer.start <= inner.start && inner.end <= outer.end;
    assert!(is_inside, "{inner:?} is not inside {outer:?}");
}

/// Checks that spans stand inside another one, each apart from the others.
fn check_apart(spans: &[Range<usize>], outer: &Range<usize>) {
    let mut sorted = spans.to_vec();
    sorted.sort_by_key(|span| span.start);
    sorted.iter().for_each(|span| check_inside(span, outer));
    for pair in sorted.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{pair:?} overlap");
    }
}
