//! Split and merge: the answers of many calls, joined, are the answer that one call would have
//! given.

use crate::reference::{Fields, News, answer_embed, answer_rerank, write_counts};
use crate::run::{choices_of, run};
use bytes::Bytes;
use fastrand::Rng;
use serde_json::value::RawValue;
use shared::batch::embed::{EmbedBatch, Misfit, Table};
use shared::batch::rerank::{RerankBatch, SubAnswer};
use shared::batch::{Batch, SubRequest};
use shared::wire::ExpectedResults;
use shared::wire::dialect::{AnswerForm, Dialect};
use shared::wire::embed::{EmbedAnswer, EmbedRequest};
use shared::wire::rerank::{RerankAnswer, RerankRequest};
use std::collections::HashMap;

#[test]
fn embed_split_answers_as_one_call() {
    run("embed", |input| check_embed(input).is_some().into());
}

#[test]
fn rerank_split_answers_as_one_call() {
    run("rerank", |input| check_rerank(input).is_some().into());
}

/// Half of the time Cohere says nothing new.
fn choose_news(choices: &mut Rng) -> News {
    if choices.bool() { News::None } else { News::ALL[choices.usize(..News::ALL.len())] }
}

/// What a sub-request's answer must have; that of the whole request where it is whole.
fn expect_results(sub_request: &SubRequest, whole: Option<&ExpectedResults>) -> ExpectedResults {
    let inputs = sub_request.elements.len();
    let types = whole.map(|whole| whole.types.clone()).unwrap_or_default();
    match whole {
        Some(whole) if sub_request.is_whole => whole.clone(),
        _ => ExpectedResults { inputs, results: inputs, types },
    }
}

fn check_embed(input: &[u8]) -> Option<()> {
    let request = EmbedRequest::parse(Bytes::copy_from_slice(input)).ok()?;
    let source = request.source();
    let upstream = request.into_upstream(Dialect::V2);
    let object = &upstream.object;
    let mut choices = choices_of(input);
    let (per_call, news) = (choices.usize(1..6), choose_news(&mut choices));
    let expected = answer_embed(object.body(), news)?;
    // As the pipeline does: what stands beside mixed inputs is theirs alone, and so is what is not known.
    let mut batch = EmbedBatch::new(object, source != "inputs");
    let (written, requested) = loop {
        let elements: Vec<_> = (0..batch.elements().len()).collect();
        let mut answers = Vec::new();
        for sub_request in batch.split_into(&elements, per_call) {
            let answer = answer_embed(&batch.write_body(&sub_request), news).unwrap();
            let answer = EmbedAnswer::parse(Bytes::from(answer)).expect("an embed answer");
            let wanted = expect_results(&sub_request, upstream.expected_results.as_ref());
            assert_eq!(answer.check(&wanted), Ok(()));
            assert_eq!(batch.describe(&sub_request).is_none(), sub_request.is_whole);
            answers.push((sub_request, answer));
        }
        let mut table = Table::new(&batch);
        match table.add_answers(&answers) {
            Ok(()) => {
                let written = table.write_answer(b"\"ours\"").expect("a row for each element");
                break (written.concat(), batch.elements().to_vec());
            }
            Err(misfit) => {
                assert!(misfit == Misfit::UnknownParts && news != News::None);
                assert!(batch.elements().len() < batch.input_count());
                batch = EmbedBatch::new(object, false);
            }
        }
    };
    assert_eq!(split_counts(&written).0, split_counts(expected.as_bytes()).0);
    let requested = requested.iter().map(|input| std::str::from_utf8(input).unwrap());
    assert_eq!(split_counts(&written).1, write_counts(requested));
    check_v1_embed(input, source);
    Some(())
}

/// Checks that v1 has the embeddings of v2, in its own form.
fn check_v1_embed(input: &[u8], source: &str) {
    let request = EmbedRequest::parse(Bytes::copy_from_slice(input)).expect("it is one of v2");
    let upstream = request.into_upstream(Dialect::V1);
    let form = upstream.form.clone();
    let v2 = answer_embed(upstream.object.body(), News::None).unwrap();
    let batch = EmbedBatch::new(&upstream.object, source != "inputs").with_form(form.clone());
    let elements: Vec<_> = (0..batch.elements().len()).collect();
    let mut table = Table::new(&batch);
    let mut answers = Vec::new();
    for sub_request in batch.split_into(&elements, usize::MAX) {
        let answer = answer_embed(&batch.write_body(&sub_request), News::None).unwrap();
        answers.push((sub_request, EmbedAnswer::parse(Bytes::from(answer)).expect("an answer")));
    }
    table.add_answers(&answers).expect("one call has one form");
    let v1 = table.write_answer(b"\"ours\"").expect("a row for each element").concat();
    let (v1, v2) = (Fields::read(&v1).expect("JSON"), Fields::read(v2.as_bytes()).expect("JSON"));
    let by_type = v2.get("embeddings").expect("embeddings");
    let types = Fields::read(by_type.as_bytes()).expect("an object");
    let expected = match form {
        AnswerForm::V1Floats => types.get("float"),
        _ => Some(by_type),
    };
    assert_eq!((v1.get("embeddings"), v1.get("texts")), (expected, v2.get("texts")));
}

fn check_rerank(input: &[u8]) -> Option<()> {
    check_v1_rerank(input);
    let request = RerankRequest::parse(Bytes::copy_from_slice(input), Dialect::V2).ok()?;
    let upstream = request.into_upstream("fake-model".into());
    let mut choices = choices_of(input);
    let (per_call, news) = (choices.usize(1..6), choose_news(&mut choices));
    let expected = answer_rerank(upstream.object.body(), news);
    let batch = RerankBatch::new(&upstream.object, per_call);
    let answers = batch.sub_requests().iter().map(|sub_request| {
        let answer = answer_rerank(&batch.write_body(sub_request), news);
        let answer = RerankAnswer::parse(Bytes::from(answer)).expect("a rerank answer");
        if !sub_request.is_whole || upstream.expected_results.is_some() {
            let wanted = expect_results(sub_request, upstream.expected_results.as_ref());
            assert_eq!(answer.check(&wanted), Ok(()));
        }
        SubAnswer { answer, is_cached: false }
    });
    let answers: Vec<_> = answers.collect();
    let written = batch.write_answer(&answers, b"\"ours\"").expect("indices and scores").concat();
    assert_eq!(split_counts(&written), split_counts(expected.as_bytes()));
    Some(())
}

/// Checks that v1 gives back each document with its result.
fn check_v1_rerank(input: &[u8]) -> Option<()> {
    let request = RerankRequest::parse(Bytes::copy_from_slice(input), Dialect::V1).ok()?;
    let upstream = request.into_upstream("fake-model".into());
    let batch = RerankBatch::new(&upstream.object, 3).with_form(upstream.form.clone());
    let answers = batch.sub_requests().iter().map(|sub_request| {
        let answer = answer_rerank(&batch.write_body(sub_request), News::None);
        let answer = RerankAnswer::parse(Bytes::from(answer)).expect("a rerank answer");
        SubAnswer { answer, is_cached: false }
    });
    let answers: Vec<_> = answers.collect();
    let written = batch.write_answer(&answers, b"\"ours\"").expect("indices and scores").concat();
    #[derive(serde::Deserialize)]
    struct Ranking<'a> {
        #[serde(borrow)]
        results: Vec<HashMap<&'a str, &'a RawValue>>,
    }
    let ranking: Ranking = serde_json::from_slice(&written).expect("JSON");
    let returns_documents = matches!(upstream.form, AnswerForm::V1Documents(_));
    for result in ranking.results {
        assert_eq!(result.contains_key("document"), returns_documents);
    }
    Some(())
}

/// Returns an answer without its id and its counts, and the counts.
fn split_counts(answer: &[u8]) -> (String, String) {
    let text = String::from_utf8(answer.to_vec()).expect("UTF-8");
    let (_, text) = text.split_once(r#"{"id":""#).expect("an id first");
    let (_, text) = text.split_once('"').expect("an id");
    let (before, counts) = text.rsplit_once(r#""billed_units""#).expect("counts");
    let (counts, after) = counts.split_once(r#""cached_tokens":"#).expect("counts");
    let cached = after.bytes().take_while(u8::is_ascii_digit).count();
    let counts = format!(r#""billed_units"{counts}"cached_tokens":{}"#, &after[..cached]);
    (format!("{before}-{}", &after[cached..]), counts)
}
