//! Split and merge: the answers of many calls, joined, are the answer that one call would have
//! given.

use crate::reference::{answer_embed, answer_rerank};
use crate::run::{choices_of, run};
use bytes::Bytes;
use shared::batch::Batch;
use shared::batch::embed::{EmbedBatch, Table};
use shared::batch::rerank::{RerankBatch, SubAnswer};
use shared::wire::embed::{EmbedAnswer, EmbedRequest};
use shared::wire::envelope::Envelope;
use shared::wire::rerank::{RerankAnswer, RerankRequest};

#[test]
fn embed_split_answers_as_one_call() {
    run("embed", |input| check_embed(input).is_some().into());
}

#[test]
fn rerank_split_answers_as_one_call() {
    run("rerank", |input| check_rerank(input).is_some().into());
}

fn check_embed(input: &[u8]) -> Option<()> {
    let request = EmbedRequest::parse(Bytes::copy_from_slice(input)).ok()?;
    let source = request.source();
    let object = request.into_upstream().object;
    let expected = answer_embed(object.body())?;
    // As the pipeline does: what stands beside mixed inputs is theirs alone.
    let batch = EmbedBatch::new(&object, source != "inputs");
    let elements: Vec<_> = (0..batch.elements().len()).collect();
    let mut answers = Vec::new();
    for sub_request in batch.split_into(&elements, choices_of(input).usize(1..6)) {
        let answer = answer_embed(&batch.write_body(&sub_request)).unwrap();
        let answer = EmbedAnswer::parse(Bytes::from(answer)).expect("an embed answer");
        assert!(answer.has_embeddings(sub_request.elements.len()));
        assert_eq!(batch.describe(&sub_request).is_none(), sub_request.is_whole);
        answers.push((sub_request, answer));
    }
    let mut table = Table::new(&batch);
    table.add_answers(&answers).unwrap();
    let written = table.write_answer(b"\"ours\"").expect("a row for each element").concat();
    assert_eq!(blank_changes(&written), blank_changes(expected.as_bytes()));
    Some(())
}

fn check_rerank(input: &[u8]) -> Option<()> {
    let request = RerankRequest::parse(Bytes::copy_from_slice(input)).ok()?;
    let object = request.into_upstream("fake-model".into()).object;
    let expected = answer_rerank(object.body());
    let batch = RerankBatch::new(&object, choices_of(input).usize(1..6));
    let answers = batch.sub_requests().iter().map(|sub_request| {
        let answer = answer_rerank(&batch.write_body(sub_request));
        let answer = RerankAnswer::parse(Bytes::from(answer)).expect("a rerank answer");
        assert!(sub_request.is_whole || answer.ranks_all(sub_request.elements.len()));
        SubAnswer { answer, is_cached: false }
    });
    let answers: Vec<_> = answers.collect();
    let written = batch.write_answer(&answers, b"\"ours\"").expect("indices and scores").concat();
    assert_eq!(blank_changes(&written), blank_changes(expected.as_bytes()));
    Some(())
}

/// Blanks the id and what was billed.
fn blank_changes(answer: &[u8]) -> String {
    let envelope = Envelope::read(answer, |_, _| None).expect("a complete answer");
    let mut text = answer.to_vec();
    let mut spans = [envelope.id.unwrap(), envelope.units.unwrap()];
    spans.sort_by_key(|span| std::cmp::Reverse(span.start));
    for span in spans {
        text.splice(span, *b"-");
    }
    String::from_utf8(text).unwrap()
}
