//! Answers: what is accepted has spans inside its bytes that do not overlap, and what is made from
//! it is made without a panic.

use crate::run::{Verdict, run};
use bytes::Bytes;
use serde_json::value::RawValue;
use shared::batch::embed::{EmbedBatch, Table};
use shared::batch::read_usage;
use shared::batch::rerank::{RerankBatch, SubAnswer, is_cacheable};
use shared::record::BilledUnits;
use shared::wire::chat::find_parts;
use shared::wire::embed::{CellForm, EmbedAnswer, KNOWN as EMBED};
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
    slots.extend(answer.embeddings.clone());
    for array in &answer.arrays {
        check_inside(&array.span, &(0..answer.bytes.len()));
        assert_eq!(answer.bytes[array.span.clone()].starts_with(b"["), array.cells.is_some());
        check_apart(array.cells.as_deref().unwrap_or_default(), &array.span);
        if !array.is_type {
            slots.push(array.span.clone());
        }
    }
    check_apart(&slots, &(0..answer.bytes.len()));
    check_envelope(&answer.bytes, &answer.envelope);
    let _ = answer.is_compact();
    check_vectors(&answer);
    merge_embed_answer(&answer);
}

/// Checks that vectors which are said to be some are numbers to a parser too, and equally many.
fn check_vectors(answer: &EmbedAnswer) {
    for array in &answer.arrays {
        let CellForm::Vectors(length) = array.form else { continue };
        for cell in array.cells.iter().flatten() {
            let numbers: Vec<f64> = serde_json::from_slice(&answer.bytes[cell.clone()]).unwrap();
            assert!(length > 0 && numbers.len() == length);
        }
    }
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
        check_json(&table.write_answer(b"\"ours\"").unwrap().concat());
    }
}

fn check_rerank_answer(answer: RerankAnswer) {
    let mut slots = slots_of(&answer.envelope);
    slots.push(answer.results.clone());
    check_apart(&slots, &(0..answer.bytes.len()));
    check_envelope(&answer.bytes, &answer.envelope);
    let _ = is_cacheable(&answer);
    if let Some(ranked) = &answer.ranked {
        let spans: Vec<_> = ranked.iter().map(|result| result.span.clone()).collect();
        check_apart(&spans, &answer.results);
        ranked.iter().for_each(|result| check_inside(&result.index_span, &result.span));
    }
    let body = Bytes::from_static(br#"{"query":"q","documents":["a","b","c","d"],"top_n":3}"#);
    let batch = RerankBatch::new(&RequestObject::parse(body, RERANK).unwrap(), 2);
    let answers = [true, false].map(|is_cached| SubAnswer { answer: answer.clone(), is_cached });
    if let Some(written) = batch.write_answer(&answers, b"\"ours\"") {
        check_json(&written.concat());
    }
}

fn check_json(text: &[u8]) {
    assert!(serde_json::from_slice::<&RawValue>(text).is_ok(), "{}", String::from_utf8_lossy(text));
}

/// Returns what is replaced in an answer, apart from its results.
fn slots_of(envelope: &Envelope) -> Vec<Range<usize>> {
    let Envelope { id, meta, others, .. } = envelope;
    let others = others.iter().map(|member| member.value.clone());
    others.chain(id.clone()).chain(meta.clone()).collect()
}

fn check_envelope(bytes: &Bytes, envelope: &Envelope) {
    check_json(bytes);
    if let Some(meta) = &envelope.meta {
        assert!(bytes[meta.clone()].starts_with(b"{"));
    }
    assert_eq!(bytes[envelope.end], b'}');
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
    let mut sum = units.clone();
    sum.add(units);
    for units in [units, &sum] {
        assert!(units.iter().all(|(name, _)| units.amount(name).is_none_or(f64::is_finite)));
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
