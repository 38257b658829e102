//! What the random mixes of the pipeline's tests do not reach: broken results, `top_n` of parts.

use super::*;
use crate::record::BilledUnits;
use serde_json::{Value, json};

fn batch(top_n: Option<usize>) -> RerankBatch {
    let mut body = json!({ "model": "m", "query": "q", "documents": ["a", "b", "c"] });
    if let Some(top_n) = top_n {
        body["top_n"] = top_n.into();
    }
    let object = RequestObject::parse(body.to_string().into(), crate::wire::rerank::KNOWN).unwrap();
    RerankBatch::new(&object, 2)
}

fn write(batch: &RerankBatch, results: [&str; 2]) -> Option<Value> {
    let answers = results.map(|results| {
        let text = format!(
            r#"{{"id":"x","results":{results},"meta":{{"billed_units":{{"search_units":1}}}}}}"#
        );
        SubAnswer { answer: RerankAnswer::parse(Bytes::from(text)).unwrap(), is_cached: false }
    });
    batch
        .write_answer(&answers, b"\"ours\"")
        .map(|pieces| serde_json::from_slice(&pieces.concat()).unwrap())
}

const FIRST: &str = r#"[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":1e-1}]"#;

#[test]
fn parts_are_asked_for_all_results_and_the_end_is_cut_after_sorting() {
    for top_n in [None, Some(2)] {
        let batch = batch(top_n);
        let bodies: Vec<Value> = batch
            .sub_requests()
            .iter()
            .map(|part| serde_json::from_slice(&batch.write_body(part)).unwrap())
            .collect();
        assert!(bodies.iter().all(|body| body["top_n"].is_null()), "{bodies:?}");
        assert_eq!(bodies[1]["documents"], json!(["c"]));
        let written = write(&batch, [FIRST, r#"[{"relevance_score":0.5,"index":0}]"#]).unwrap();
        let results = written["results"].as_array().unwrap();
        let indices: Vec<_> =
            results.iter().map(|result| result["index"].as_u64().unwrap()).collect();
        assert_eq!(indices, [1, 2, 0][..top_n.unwrap_or(3)]);
        assert_eq!(written["meta"]["billed_units"]["search_units"], 2);
    }
}

#[test]
fn results_that_are_none_of_a_parts_documents_are_no_answer() {
    for second in [r#"[{"index":1,"relevance_score":0.5}]"#, r#"[{"index":0}]"#] {
        assert_eq!(write(&batch(None), [FIRST, second]), None, "{second}");
    }
}

#[test]
fn each_sub_request_has_a_document_that_is_not_blank() {
    let group = |documents: &[&str]| -> Vec<Vec<usize>> {
        let body = json!({ "model": "m", "query": "q", "documents": documents }).to_string();
        let known = crate::wire::rerank::KNOWN;
        let batch = RerankBatch::new(&RequestObject::parse(body.into(), known).unwrap(), 2);
        batch.sub_requests().iter().map(|sub| sub.elements.clone()).collect()
    };
    assert_eq!(group(&["", "a", "b", "\n"]), [vec![0, 1], vec![2, 3]]);
    assert_eq!(group(&["", " ", "a", "b"]), [vec![0, 2], vec![1, 3]]);
    assert_eq!(group(&["a", "b", "", "\t", "c", ""]), [vec![0, 2], vec![1, 3], vec![4, 5]]);
    assert_eq!(group(&["", "", "", "", "a"]), [vec![0, 1, 2, 3, 4]]);
    assert_eq!(group(&["", "", ""]), [vec![0, 1, 2]]);
}

#[test]
fn only_group_of_a_split_request_is_cut_to_its_best() {
    let body = json!({ "query": "q", "documents": ["", "a", " "], "top_n": 1 }).to_string();
    let known = crate::wire::rerank::KNOWN;
    let batch = RerankBatch::new(&RequestObject::parse(body.into(), known).unwrap(), 2);
    let result = |index| format!(r#"{{"index":{index},"relevance_score":0.{}}}"#, 9 - index);
    let text = format!(r#"{{"results":[{},{},{}]}}"#, result(0), result(1), result(2));
    let answer = RerankAnswer::parse(Bytes::from(text)).unwrap();
    let written = batch.write_answer(&[SubAnswer { answer, is_cached: false }], b"").unwrap();
    assert_eq!(written.concat(), br#"{"results":[{"index":0,"relevance_score":0.9}]}"#);
}

#[test]
fn failed_sub_request_names_its_documents() {
    let batch = batch(None);
    let described = batch.describe(&batch.sub_requests()[0]);
    assert_eq!(described.as_deref(), Some("documents 0-1 of 3, counted from 0"));
}

fn parse(text: &str) -> RerankAnswer {
    RerankAnswer::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

#[test]
fn answer_that_tells_more_than_its_results_is_not_cacheable() {
    let is_kept = |around: &str| {
        is_cacheable(&parse(&format!(
            r#"{{"id":"x","results":[{{"index":0,"relevance_score":0.9}}]{around}}}"#
        )))
    };
    assert!(is_kept("") && is_kept(r#","meta":{"billed_units":{"search_units":1}}"#));
    assert!(!is_kept(r#","new":1"#), "an unknown field may be about the documents");
    assert!(!is_kept(r#","meta":{"warnings":["old model"]}"#));
    assert!(!is_kept(r#","meta":{ "billed_units":{} }"#), "written again it would differ");
    let without_score = r#"{"id":"x","results":[{"index":0}]}"#;
    assert!(!is_cacheable(&parse(without_score)));
}

#[test]
fn answer_from_the_cache_has_an_id_of_its_own() {
    let body = json!({ "query": "q", "documents": ["a", "b"] }).to_string();
    let known = crate::wire::rerank::KNOWN;
    let batch = RerankBatch::new(&RequestObject::parse(body.into(), known).unwrap(), 2);
    assert_eq!(batch.document_count(), 2);
    let text = r#"{ "id":"x", "results":[{"index":0,"relevance_score":0.90}]}"#;
    let write = |is_cached| {
        let answers = [SubAnswer { answer: parse(text), is_cached }];
        String::from_utf8(batch.write_answer(&answers, b"\"ours\"").unwrap().concat()).unwrap()
    };
    assert_eq!(write(false), text);
    assert_eq!(write(true), text.replace(r#""x""#, r#""ours""#));
}

#[test]
fn joined_answer_is_like_the_one_that_was_fetched() {
    let result = r#"[{"index":0,"relevance_score":0.5}]"#;
    let cached = format!(r#"{{"id":"kept","results":{result}}}"#);
    let fetched = format!(r#"{{"id":"fetched","results":{result},"new":1}}"#);
    let write = |second_is_cached| {
        let answers = [
            SubAnswer { answer: parse(&cached), is_cached: true },
            SubAnswer { answer: parse(&fetched), is_cached: second_is_cached },
        ];
        let written = batch(None).write_answer(&answers, b"\"ours\"").unwrap().concat();
        serde_json::from_slice::<Value>(&written).unwrap()
    };
    assert_eq!((&write(false)["id"], &write(false)["new"]), (&json!("fetched"), &json!(1)));
    assert_eq!(write(true)["id"], "ours");
}

#[test]
fn meta_that_would_be_written_otherwise_is_not_cached() {
    for (meta, is_compact) in [
        (r#"{"billed_units":{"search_units":1}}"#, true),
        (r#"{ "billed_units":{"search_units":1}}"#, false),
        (r#"{"billed_units":{"search_units": 1}}"#, false),
    ] {
        let text = format!(r#"{{"id":"x","results":[],"meta":{meta}}}"#);
        let answer = RerankAnswer::parse(Bytes::from(text)).unwrap();
        assert_eq!(is_cacheable(&answer), is_compact, "{meta}");
        let units = super::super::read_usage(&answer.bytes, &answer.envelope);
        assert_eq!(units, BilledUnits::parse_usage(meta.as_bytes()));
        assert_ne!(units, BilledUnits::default());
    }
    let without = RerankAnswer::parse(Bytes::from_static(br#"{"results":[]}"#)).unwrap();
    assert!(is_cacheable(&without));
}

#[test]
fn template_holds_its_text_twice_and_its_slots() {
    let text = format!(r#"{{"response_type":"{}","results":[]}}"#, "x".repeat(967));
    assert_eq!(text.len(), 1_000);
    let size = new_template(&RerankAnswer::parse(Bytes::from(text)).unwrap()).memory_size();
    // The results, and the place before the last brace.
    assert!((2_050..2_100).contains(&size), "{size}");
}

#[test]
fn joined_answer_has_the_form_of_a_fresh_one() {
    let sub_answer = |text: &'static str, is_cached| SubAnswer {
        answer: RerankAnswer::parse(Bytes::from_static(text.as_bytes())).unwrap(),
        is_cached,
    };
    let cached = sub_answer(r#"{"id":"old","results":[]}"#, true);
    let fresh = sub_answer(r#"{"results":[],"new":1,"id":"x"}"#, false);
    let written = batch(None).write_answer(&[cached, fresh], b"\"ours\"").unwrap().concat();
    assert_eq!(written, br#"{"results":[],"new":1,"id":"x"}"#);
}
