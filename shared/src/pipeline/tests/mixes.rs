//! Random mixes of hits, misses, duplicates, types, orders and failures, against a Cohere that would
//! take everything in one call: what the gateway answers is that answer, byte for byte, but for its id
//! and what was billed.
//!
//! A million requests: `PROPTEST_CASES=50000 cargo test --release -p shared mixes`.

use super::super::embed::{EmbedPlan, WrittenAnswer};
use super::super::rerank::RerankPlan;
use crate::batch::Batch;
use crate::batch::rerank::SubAnswer;
use crate::cache::Cache;
use crate::config::CacheConfig;
use crate::record::CacheOutcome;
use crate::wire::embed::EmbedAnswer;
use crate::wire::envelope::Envelope;
use crate::wire::object::RequestObject;
use crate::wire::rerank::RerankAnswer;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

const PER_CALL: usize = 3;
const CLIENTS: [&str; 2] = ["search", "support"];
const MODELS: [&str; 2] = ["embed-v4.0", "embed-english-v3.0"];
/// In Cohere's order; the last one is of tomorrow.
const TYPES: [&str; 4] = ["float", "int8", "base64", "of-tomorrow"];

fn new_cache(max_bytes: usize) -> Cache {
    Cache::new(CacheConfig { max_bytes, ttl: Duration::from_secs(3_600), shared: false })
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Cohere for one client: another account would answer otherwise, so that a leak is seen.
struct Cohere {
    client: &'static str,
    /// Parts left before one fails.
    fails_after: Option<usize>,
    texts_billed: Vec<String>,
}

impl Cohere {
    fn new(client: &'static str, fails_after: Option<usize>) -> Self {
        Self { client, fails_after, texts_billed: Vec::new() }
    }

    /// Answers one call, or fails.
    fn call(&mut self, body: &[u8], answer: impl Fn(&Self, &Value) -> String) -> Option<Bytes> {
        if self
            .fails_after
            .as_mut()
            .is_some_and(|left| left.checked_sub(1).map(|less| *left = less).is_none())
        {
            return None;
        }
        let request: Value = serde_json::from_slice(body).unwrap();
        let inputs = request["texts"].as_array().or(request["documents"].as_array()).unwrap();
        self.texts_billed.extend(inputs.iter().map(|text| text.as_str().unwrap().to_string()));
        Some(Bytes::from(answer(self, &request)))
    }

    fn embed(&self, request: &Value) -> String {
        let texts = request["texts"].as_array().unwrap();
        let requested = request["embedding_types"].as_array().unwrap();
        let types = TYPES.iter().filter(|name| requested.contains(&json!(name)));
        let columns: Vec<_> = types
            .map(|name| {
                let cells: Vec<_> =
                    texts.iter().map(|text| self.cell(name, request, text)).collect();
                format!("\"{name}\":[{}]", cells.join(","))
            })
            .collect();
        let echo: Vec<_> =
            texts.iter().map(|text| json!(text.as_str().unwrap().to_uppercase())).collect();
        let warned = texts.iter().any(|text| text.as_str().unwrap().contains("long"));
        let warnings = if warned { r#","warnings":["a text was cut"]"# } else { "" };
        let units = texts.len();
        format!(
            r#"{{"id":"{:x}","texts":{},"embeddings":{{{}}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"input_tokens":{units},"image_tokens":0}}{warnings}}},"response_type":"embeddings_by_type"}}"#,
            hash(request.to_string()),
            json!(echo),
            columns.join(",")
        )
    }

    /// One embedding, in notations that no parser would give back.
    fn cell(&self, name: &str, request: &Value, text: &Value) -> String {
        let of =
            (self.client, name, request["model"].to_string(), request["input_type"].to_string());
        let seed = hash((of, text.to_string()));
        match name {
            "base64" => format!("\"{seed:x}],[{{\\\"\""),
            "int8" => format!("[{},{}]", seed % 256, -((seed >> 8) as i64 % 128)),
            _ => format!("[0.{}0,-{}e-{},1.0]", seed % 10_000, seed % 7, seed % 30),
        }
    }

    fn rerank(&self, request: &Value) -> String {
        let documents = request["documents"].as_array().unwrap();
        let of = |text: &Value| hash((self.client, request["query"].to_string(), text.to_string()));
        // Few different scores, so that many are equal, in several notations of one number.
        let score = |document: &Value| {
            ["0.5", "0.50", "5e-1", "0.25", "9e-1", "1e-9"][of(document) as usize % 6]
        };
        let mut ranked: Vec<_> = documents.iter().map(score).enumerate().collect();
        ranked.sort_by(|(_, left), (_, right)| {
            right.parse::<f64>().unwrap().total_cmp(&left.parse::<f64>().unwrap())
        });
        let top_n = request["top_n"].as_u64().unwrap_or(u64::MAX) as usize;
        let results: Vec<_> = ranked
            .iter()
            .take(top_n)
            .map(|(index, score)| {
                format!(r#"{{"index":{index},"relevance_score":{score},"new":["]"]}}"#)
            })
            .collect();
        format!(
            r#"{{"id":"{:x}","results":[{}],"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"search_units":{}}}}}}}"#,
            hash(request.to_string()),
            results.join(","),
            documents.len()
        )
    }
}

fn embed_object(body: &Bytes) -> RequestObject {
    RequestObject::parse(body.clone(), crate::wire::embed::KNOWN).unwrap()
}

fn rerank_object(body: &Bytes) -> RequestObject {
    RequestObject::parse(body.clone(), crate::wire::rerank::KNOWN).unwrap()
}

/// Blanks the id and what was billed.
fn comparable(answer: &[u8]) -> String {
    let envelope = Envelope::read(answer, |_, _| None).expect("no complete answer");
    let mut text = answer.to_vec();
    let mut spans = [envelope.id.unwrap(), envelope.units.unwrap()];
    spans.sort_by_key(|span| std::cmp::Reverse(span.start));
    for span in spans {
        text.splice(span, *b"-");
    }
    String::from_utf8(text).unwrap()
}

/// Serves a request as the pipeline does; `None` where a part failed.
fn serve_embed(
    cache: &Cache,
    cohere: &mut Cohere,
    body: &Bytes,
) -> Option<(Vec<u8>, CacheOutcome)> {
    let plan = EmbedPlan::new(cache, cohere.client, false, &embed_object(body));
    let mut table = plan.cached_table();
    let mut missing = table.missing_elements();
    let mut answers = Vec::new();
    loop {
        let outcome = plan.batch_stats(&missing).cache;
        for part in plan.batch.split_into(&missing, PER_CALL) {
            let answer =
                EmbedAnswer::parse(cohere.call(&plan.batch.write_body(&part), Cohere::embed)?)
                    .unwrap();
            plan.store_answer(&part, &answer);
            answers.push((part, answer));
        }
        match plan.write_answer(table, &answers, b"\"ours\"").unwrap() {
            WrittenAnswer::Complete(pieces) => return Some((pieces.concat(), outcome)),
            WrittenAnswer::Misfit(rest) => (table, missing) = (plan.empty_table(), rest),
        }
    }
}

fn serve_rerank(
    cache: &Cache,
    cohere: &mut Cohere,
    body: &Bytes,
) -> Option<(Vec<u8>, CacheOutcome)> {
    let plan = RerankPlan::new(cache, cohere.client, false, &rerank_object(body), PER_CALL);
    let cached = plan.cached_answers();
    let missing = plan.missing_sub_requests(&cached);
    let outcome = plan.batch_stats(&missing).cache;
    let mut answers = Vec::new();
    for (cached, sub_request) in cached.into_iter().zip(plan.batch.sub_requests()) {
        let is_cached = cached.is_some();
        let answer = match cached {
            Some(answer) => answer,
            None => {
                let fresh = RerankAnswer::parse(
                    cohere.call(&plan.batch.write_body(sub_request), Cohere::rerank)?,
                );
                let fresh = fresh.unwrap();
                plan.store_answer(sub_request, &fresh);
                fresh
            }
        };
        answers.push(SubAnswer { answer, is_cached });
    }
    Some((plan.batch.write_answer(&answers, b"\"ours\"").unwrap().concat(), outcome))
}

#[derive(Clone, Debug)]
struct Ask {
    client: usize,
    model: usize,
    input_type: usize,
    types: Vec<usize>,
    texts: Vec<usize>,
    fails_after: Option<usize>,
}

impl Ask {
    fn embed_body(&self) -> Bytes {
        let input_type = ["search_document", "search_query"][self.input_type];
        let body = json!({
            "model": MODELS[self.model],
            "input_type": input_type,
            "embedding_types": self.types.iter().map(|number| TYPES[*number]).collect::<Vec<_>>(),
            "texts": self.words(),
        });
        Bytes::from(body.to_string())
    }

    fn rerank_body(&self) -> Bytes {
        let mut body =
            json!({ "model": "rerank-v3.5", "query": self.types, "documents": self.words() });
        body["query"] = format!("{:?}", self.types).into();
        if self.model == 1 {
            body["top_n"] = (1 + self.input_type * 4).into();
        }
        Bytes::from(body.to_string())
    }

    fn words(&self) -> Vec<String> {
        let word = |number: &usize| match number {
            0 => "a \"quoted\", [bracketed] {text}".to_string(),
            1 => "a long text".to_string(),
            2 => "ünïcödé 🦀".to_string(),
            number => format!("text {number}"),
        };
        self.texts.iter().map(word).collect()
    }
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let types = prop_oneof![
        4 => Just(vec![0usize]),
        3 => prop::collection::vec(0..TYPES.len(), 1..4),
    ];
    let texts = prop::collection::vec(0..14usize, 1..11);
    let fails_after = prop_oneof![4 => Just(None), 1 => (0..4usize).prop_map(Some)];
    let ask = (
        0..2usize,
        prop_oneof![5 => Just(0usize), 1 => Just(1)],
        0..2usize,
        types,
        texts,
        fails_after,
    );
    let ask = ask.prop_map(|(client, model, input_type, types, texts, fails_after)| Ask {
        client,
        model,
        input_type,
        types,
        texts,
        fails_after,
    });
    prop::collection::vec(ask, 1..40)
}

proptest! {
    #[test]
    fn mixes_of_embed_requests_are_answered_as_by_one_call(asks in asks(), small in any::<bool>()) {
        // A small cache forgets at any moment, in any order.
        let cache = new_cache(if small { 3_000 } else { 1_000_000 });
        let off = new_cache(0);
        for ask in asks {
            let (body, client) = (ask.embed_body(), CLIENTS[ask.client]);
            let expected = comparable(Cohere::new(client, None).embed(&serde_json::from_slice(&body).unwrap()).as_bytes());
            let mut cohere = Cohere::new(client, ask.fails_after);
            if let Some((answer, outcome)) = serve_embed(&cache, &mut cohere, &body) {
                prop_assert_eq!(comparable(&answer), &expected[..]);
                let different: std::collections::BTreeSet<_> = ask.texts.iter().collect();
                prop_assert_eq!(outcome == CacheOutcome::Hit, cohere.texts_billed.is_empty());
                prop_assert!(cohere.texts_billed.len() <= different.len(), "a text was paid for twice");
            }
            let (uncached, outcome) = serve_embed(&off, &mut Cohere::new(client, None), &body).unwrap();
            prop_assert_eq!(comparable(&uncached), &expected[..]);
            prop_assert_eq!(outcome, CacheOutcome::Off);
        }
    }

    #[test]
    fn mixes_of_rerank_requests_are_answered_as_by_one_call(asks in asks()) {
        let (cache, off) = (new_cache(1_000_000), new_cache(0));
        for ask in asks {
            let (body, client) = (ask.rerank_body(), CLIENTS[ask.client]);
            let expected = comparable(Cohere::new(client, None).rerank(&serde_json::from_slice(&body).unwrap()).as_bytes());
            let mut cohere = Cohere::new(client, ask.fails_after);
            if let Some((answer, outcome)) = serve_rerank(&cache, &mut cohere, &body) {
                prop_assert_eq!(comparable(&answer), &expected[..]);
                prop_assert_eq!(outcome == CacheOutcome::Hit, cohere.texts_billed.is_empty());
            }
            let (uncached, _) = serve_rerank(&off, &mut Cohere::new(client, None), &body).unwrap();
            prop_assert_eq!(comparable(&uncached), &expected[..]);
        }
    }

    #[test]
    fn no_answer_mixes_two_models(texts in prop::collection::vec(0..12usize, 4..12), answered in 1..4usize) {
        // The requested model answers some parts and fails; the fallback's answer has nothing of them.
        let cache = new_cache(1_000_000);
        let mut ask = Ask { client: 0, model: 0, input_type: 0, types: vec![0, 1], texts, fails_after: None };
        let _ = serve_embed(&cache, &mut Cohere::new(CLIENTS[0], Some(answered)), &ask.embed_body());
        ask.model = 1;
        let body = ask.embed_body();
        let alone = Cohere::new(CLIENTS[0], None).embed(&serde_json::from_slice(&body).unwrap());
        let (answer, outcome) = serve_embed(&cache, &mut Cohere::new(CLIENTS[0], None), &body).unwrap();
        prop_assert_eq!(comparable(&answer), comparable(alone.as_bytes()));
        prop_assert_eq!(outcome, CacheOutcome::Miss);
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
    let (_, outcome) = serve_embed(&cache, &mut cohere, &body).unwrap();
    assert_eq!(outcome, CacheOutcome::Partial);
    assert_eq!(cohere.texts_billed, ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn types_are_cached_one_by_one() {
    let cache = new_cache(1_000_000);
    let mut cohere = Cohere::new("search", None);
    serve_embed(&cache, &mut cohere, &embed_body(&["a", "b"], &["float", "int8"])).unwrap();
    let (answer, outcome) =
        serve_embed(&cache, &mut cohere, &embed_body(&["b", "b", "a"], &["int8"])).unwrap();
    assert_eq!((outcome, cohere.texts_billed.len()), (CacheOutcome::Hit, 2));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["meta"]["billed_units"], json!({ "input_tokens": 0, "image_tokens": 0 }));
    assert_eq!((&answer["id"], &answer["texts"]), (&json!("ours"), &json!(["B", "B", "A"])));

    // A request for fewer types does not make the gateway forget that there are more.
    serve_embed(&cache, &mut cohere, &embed_body(&["c"], &["int8"])).unwrap();
    let (_, outcome) =
        serve_embed(&cache, &mut cohere, &embed_body(&["a"], &["int8", "float"])).unwrap();
    assert_eq!(outcome, CacheOutcome::Hit);
}

#[test]
fn types_in_turn_do_not_evict_each_other() {
    let cache = new_cache(1_000_000);
    let mut cohere = Cohere::new("search", None);
    let mut ask = |types: &[&str]| {
        let (_, outcome) = serve_embed(&cache, &mut cohere, &embed_body(&["a"], types)).unwrap();
        outcome
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
