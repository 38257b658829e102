//! Random mixes of hits, misses, duplicates, types, orders, news and failures, against a Cohere that would
//! take everything in one call: what the gateway answers is that answer, byte for byte, but for its id
//! and its counts, which are those of what was asked for.
//!
//! A million requests: `PROPTEST_CASES=50000 cargo test --release -p shared mixes`.

mod asks;
mod cohere;
mod serve;

use super::super::embed::{EmbedPlan, WrittenAnswer};
use crate::batch::Batch;
use crate::record::CacheOutcome;
use crate::wire::embed::EmbedAnswer;
use asks::{Ask, CLIENTS, asks};
use bytes::Bytes;
use cohere::{Cohere, News};
use proptest::prelude::*;
use serde_json::{Value, json};
use serve::{PER_CALL, comparable, embed_object, new_cache, serve_embed, serve_rerank};

proptest! {
    #[test]
    fn mixes_of_embed_requests_are_answered_as_by_one_call(
        asks in asks(), small in any::<bool>(), follows_order in any::<bool>(),
    ) {
        // A small cache forgets at any moment, in any order.
        let cache = new_cache(if small { 3_000 } else { 1_000_000 });
        let off = new_cache(0);
        for ask in asks {
            let body = ask.embed_body();
            let mut cohere = ask.cohere(follows_order);
            let request = serde_json::from_slice(&body).unwrap();
            let expected = comparable(cohere.embed(&request).as_bytes());
            // What the cache answers alone is of a time without news.
            let older = Cohere { news: News::None, ..cohere.clone() };
            let older = comparable(older.embed(&request).as_bytes());
            if let Some(served) = serve_embed(&cache, &mut cohere, &body) {
                let is_hit = served.outcome == CacheOutcome::Hit;
                prop_assert_eq!(comparable(&served.answer), &(if is_hit { &older } else { &expected })[..]);
                served.assert_counts();
                let different: std::collections::BTreeSet<_> = ask.texts.iter().collect();
                prop_assert_eq!(served.outcome == CacheOutcome::Hit, cohere.texts_billed.is_empty());
                let is_once = cohere.texts_billed.len() <= different.len();
                prop_assert!(is_once || served.outcome == CacheOutcome::Bypass, "a text was paid for twice");
            }
            let mut cohere = Cohere { fails_after: None, ..ask.cohere(follows_order) };
            let uncached = serve_embed(&off, &mut cohere, &body).unwrap();
            prop_assert_eq!(comparable(&uncached.answer), &expected[..]);
            uncached.assert_counts();
            prop_assert_eq!(uncached.outcome, CacheOutcome::Off);
        }
    }

    #[test]
    fn mixes_of_rerank_requests_are_answered_as_by_one_call(asks in asks()) {
        let (cache, off) = (new_cache(1_000_000), new_cache(0));
        for ask in asks {
            let body = ask.rerank_body();
            let mut cohere = ask.cohere(false);
            let request = serde_json::from_slice(&body).unwrap();
            let expected = comparable(cohere.rerank(&request).as_bytes());
            // What the cache answers alone is of a time without news.
            let older = Cohere { news: News::None, ..cohere.clone() };
            let older = comparable(older.rerank(&request).as_bytes());
            if let Some(served) = serve_rerank(&cache, &mut cohere, &body) {
                let is_hit = served.outcome == CacheOutcome::Hit;
                prop_assert_eq!(comparable(&served.answer), &(if is_hit { &older } else { &expected })[..]);
                served.assert_counts();
                prop_assert_eq!(served.outcome == CacheOutcome::Hit, cohere.texts_billed.is_empty());
            }
            let mut cohere = Cohere { fails_after: None, ..ask.cohere(false) };
            let uncached = serve_rerank(&off, &mut cohere, &body).unwrap();
            prop_assert_eq!(comparable(&uncached.answer), &expected[..]);
            uncached.assert_counts();
        }
    }

    #[test]
    fn no_answer_mixes_two_models(texts in prop::collection::vec(0..12usize, 4..12), answered in 1..4usize) {
        // The requested model answers some parts and fails; the fallback's answer has nothing of them.
        let cache = new_cache(1_000_000);
        let mut ask = Ask {
            client: 0, model: 0, input_type: 0, types: vec![0, 1], texts, fails_after: None, news: News::None,
        };
        let _ = serve_embed(&cache, &mut Cohere::new(CLIENTS[0], Some(answered)), &ask.embed_body());
        ask.model = 1;
        let body = ask.embed_body();
        let alone = Cohere::new(CLIENTS[0], None).embed(&serde_json::from_slice(&body).unwrap());
        let served = serve_embed(&cache, &mut Cohere::new(CLIENTS[0], None), &body).unwrap();
        prop_assert_eq!(comparable(&served.answer), comparable(alone.as_bytes()));
        prop_assert_eq!(served.outcome, CacheOutcome::Miss);
    }
}

fn embed_body(texts: &[&str], types: &[&str]) -> Bytes {
    let body = json!({ "model": "m", "input_type": "x", "embedding_types": types, "texts": texts });
    Bytes::from(body.to_string())
}

#[test]
fn sub_requests_of_a_failed_request_are_paid_once() {
    let cache = new_cache(1_000_000);
    let body = embed_body(&["a", "b", "c", "d", "e", "f", "g"], &["float"]);
    let mut cohere = Cohere::new("search", Some(2));
    assert!(serve_embed(&cache, &mut cohere, &body).is_none());
    cohere.fails_after = None;
    let served = serve_embed(&cache, &mut cohere, &body).unwrap();
    assert_eq!(served.outcome, CacheOutcome::Partial);
    assert_eq!(cohere.texts_billed, ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn types_are_cached_one_by_one() {
    let cache = new_cache(1_000_000);
    let mut cohere = Cohere::new("search", None);
    serve_embed(&cache, &mut cohere, &embed_body(&["a", "b"], &["float", "int8"])).unwrap();
    let served =
        serve_embed(&cache, &mut cohere, &embed_body(&["b", "b", "a"], &["int8"])).unwrap();
    assert_eq!((served.outcome, cohere.texts_billed.len()), (CacheOutcome::Hit, 2));
    let answer: Value = serde_json::from_slice(&served.answer).unwrap();
    let nothing = json!({ "input_tokens": 0, "image_tokens": 0 });
    assert_eq!(answer["meta"]["billed_units"], nothing);
    assert_eq!(answer["meta"]["tokens"], json!({ "input_tokens": 0 }));
    assert_eq!(answer["meta"]["cached_tokens"], json!(0));
    assert_eq!((&answer["id"], &answer["texts"]), (&json!("ours"), &json!(["B", "B", "A"])));

    // A request for fewer types does not make the gateway forget that there are more.
    serve_embed(&cache, &mut cohere, &embed_body(&["c"], &["int8"])).unwrap();
    let served = serve_embed(&cache, &mut cohere, &embed_body(&["a"], &["float", "int8"])).unwrap();
    assert_eq!(served.outcome, CacheOutcome::Hit);
}

#[test]
fn cached_types_stand_in_the_order_of_an_uncached_answer() {
    for follows_order in [true, false] {
        let cache = new_cache(1_000_000);
        let mut cohere = Cohere { follows_order, ..Cohere::new("search", None) };
        let orders = [["float", "int8"], ["int8", "float"], ["float", "int8"], ["int8", "float"]];
        for (round, types) in orders.iter().enumerate() {
            let body = embed_body(&["a"], types);
            let expected = cohere.embed(&serde_json::from_slice(&body).unwrap());
            let served = serve_embed(&cache, &mut cohere, &body).unwrap();
            assert_eq!(comparable(&served.answer), comparable(expected.as_bytes()), "{types:?}");
            // In an order that was not asked for yet, nobody knows how the answer would look.
            assert_eq!(served.outcome == CacheOutcome::Hit, round > 1, "{types:?}");
        }
    }
}

#[test]
fn news_of_equal_inputs_are_asked_for_as_they_stand() {
    let cache = new_cache(1_000_000);
    let body = embed_body(&["a", "b", "a"], &["float"]);
    serve_embed(&cache, &mut Cohere::new("search", None), &body).unwrap();
    let mut cohere = Cohere { news: News::List, ..Cohere::new("search", None) };
    let mut texts = |body: &Bytes| {
        let before = cohere.texts_billed.len();
        let served = serve_embed(&cache, &mut cohere, body).unwrap();
        let expected = cohere.embed(&serde_json::from_slice(body).unwrap());
        assert_eq!(comparable(&served.answer), comparable(expected.as_bytes()));
        cohere.texts_billed[before..].concat()
    };
    // What the cache holds is of a time without news, and so is an answer from it alone.
    let more = embed_body(&["a", "c", "a"], &["float"]);
    assert_eq!(texts(&more), "caca", "the new text first, then the request as it stands");
    assert_eq!(texts(&more), "aca", "it is remembered that such a request goes as it stands");
}

#[test]
fn embeddings_of_another_length_are_not_joined_with_cached_ones() {
    let cache = new_cache(1_000_000);
    let body = embed_body(&["a", "b"], &["float"]);
    let plan = EmbedPlan::new(&cache, "search", false, &embed_object(&body));
    let answer = |vector: &str| {
        let text = format!(r#"{{"embeddings":{{"float":[{vector}]}},"meta":{{}}}}"#);
        EmbedAnswer::parse(Bytes::from(text)).unwrap()
    };
    for (element, vector) in [(0, "[1,2,3]"), (1, "[4]")] {
        let part = plan.batch.split_into(&[element], PER_CALL).remove(0);
        plan.store_answer(&part, &answer(vector));
    }
    let plan = EmbedPlan::new(&cache, "search", false, &embed_object(&body));
    assert_eq!(plan.cached_table().missing_elements(), [0]);
}

#[test]
fn types_in_turn_do_not_evict_each_other() {
    let cache = new_cache(1_000_000);
    let mut cohere = Cohere::new("search", None);
    let mut ask = |types: &[&str]| {
        serve_embed(&cache, &mut cohere, &embed_body(&["a"], types)).unwrap().outcome
    };
    let in_turn = [&["float"][..], &["int8"], &["base64", "int8"], &["of-tomorrow"]];
    assert!(in_turn.iter().all(|types| ask(types) == CacheOutcome::Miss));
    for types in in_turn.iter().chain([&["base64"][..]].iter()) {
        assert_eq!(ask(types), CacheOutcome::Hit, "{types:?}");
    }
    // Cohere's order of these two was never seen.
    assert_eq!(ask(&["float", "int8"]), CacheOutcome::Miss);
    assert_eq!(ask(&["float", "int8"]), CacheOutcome::Hit);
}

#[test]
fn answer_of_another_form_is_asked_anew() {
    let cache = new_cache(1_000_000);
    let mut cohere = Cohere::new("search", None);
    serve_embed(&cache, &mut cohere, &embed_body(&["a"], &["float"])).unwrap();
    // Cohere stops to repeat the texts.
    let body = embed_body(&["a", "b"], &["float"]);
    let plan = EmbedPlan::new(&cache, "search", false, &embed_object(&body));
    let table = plan.cached_table();
    assert_eq!(table.missing_elements(), [1]);
    let answer = |part: &crate::batch::SubRequest| {
        let request: Value = serde_json::from_slice(&plan.batch.write_body(part)).unwrap();
        let answer = Cohere::new("search", None).embed(&request);
        let start = answer.find("\"texts\"").unwrap();
        let end = answer.find("\"embeddings\":").unwrap();
        EmbedAnswer::parse(Bytes::from(answer[..start].to_string() + &answer[end..])).unwrap()
    };
    let parts = |missing: &[usize]| {
        plan.batch.split_into(missing, PER_CALL).into_iter().map(|part| {
            let answer = answer(&part);
            (part, answer)
        })
    };
    let mut answers: Vec<_> = parts(&[1]).collect();
    let WrittenAnswer::Misfit(rest) = plan.write_answer(table, &answers, b"\"ours\"").unwrap()
    else {
        panic!("two forms were mixed");
    };
    assert_eq!(rest, [0]);
    answers.extend(parts(&rest));
    let WrittenAnswer::Complete(pieces) =
        plan.write_answer(plan.empty_table(), &answers, b"\"ours\"").unwrap()
    else {
        panic!("the new form does not fit itself");
    };
    let written: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    let expected = Cohere::new("search", None).embed(&serde_json::from_slice(&body).unwrap());
    let expected: Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(written["embeddings"], expected["embeddings"]);
    assert_eq!(written.get("texts"), None);
}

#[test]
fn unknown_or_unwanted_requests_bypass_the_cache() {
    let cache = new_cache(1_000_000);
    let outcome = |body: &Bytes, no_store| {
        EmbedPlan::new(&cache, "search", no_store, &embed_object(body)).batch_stats(&[0]).cache
    };
    let plain = embed_body(&["a"], &["float"]);
    assert_eq!(outcome(&plain, false), CacheOutcome::Miss);
    assert_eq!(outcome(&plain, true), CacheOutcome::Bypass);
    let unknown = Bytes::from_static(br#"{"model":"m","texts":["a"],"mood":"good"}"#);
    assert_eq!(outcome(&unknown, false), CacheOutcome::Bypass);
    let mixed = Bytes::from_static(br#"{"model":"m","inputs":[{"content":[]}]}"#);
    assert_eq!(outcome(&mixed, false), CacheOutcome::Bypass);
}

#[test]
fn answer_of_other_types_is_not_cached() {
    let cache = new_cache(1_000_000);
    for (requested, answered) in
        [("float", r#""float":[[1]],"int8":[[1]]"#), ("float\",\"int8", r#""float":[[1]]"#)]
    {
        let body = format!(
            r#"{{"model":"m","input_type":"x","embedding_types":["{requested}"],"texts":["a"]}}"#
        );
        let plan = EmbedPlan::new(&cache, "search", false, &embed_object(&Bytes::from(body)));
        let part = plan.batch.split_into(&[0], PER_CALL).remove(0);
        let answer =
            EmbedAnswer::parse(Bytes::from(format!(r#"{{"embeddings":{{{answered}}}}}"#))).unwrap();
        plan.store_answer(&part, &answer);
        assert_eq!(cache.bytes(), 0, "{requested}");
    }
}
