//! Serves a request as the pipeline does, without the network, and tells what it cost.

use super::super::super::embed::{EmbedPlan, WrittenAnswer};
use super::super::super::rerank::RerankPlan;
use super::cohere::{Cohere, count_texts};
use crate::batch::Batch;
use crate::batch::rerank::SubAnswer;
use crate::cache::Cache;
use crate::config::CacheConfig;
use crate::record::CacheOutcome;
use crate::wire::embed::EmbedAnswer;
use crate::wire::object::RequestObject;
use crate::wire::rerank::RerankAnswer;
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

pub(super) const PER_CALL: usize = 3;

pub(super) fn new_cache(max_bytes: usize) -> Cache {
    Cache::new(CacheConfig { max_bytes, ttl: Duration::from_secs(3_600), shared: false })
}

pub(super) fn embed_object(body: &Bytes) -> RequestObject {
    RequestObject::parse(body.clone(), crate::wire::embed::KNOWN).unwrap()
}

pub(super) fn rerank_object(body: &Bytes) -> RequestObject {
    RequestObject::parse(body.clone(), crate::wire::rerank::KNOWN).unwrap()
}

/// An answer without its id and its counts, and the counts.
pub(super) fn split_counts(answer: &[u8]) -> (String, String) {
    let text = String::from_utf8(answer.to_vec()).unwrap();
    let (_, text) = text.split_once(r#"{"id":""#).unwrap();
    let (_, text) = text.split_once('"').unwrap();
    let (before, counts) = text.split_once(r#""billed_units""#).unwrap();
    let (counts, after) = counts.split_once(r#""cached_tokens":"#).unwrap();
    let cached = after.bytes().take_while(u8::is_ascii_digit).count();
    let counts = format!(r#""billed_units"{counts}"cached_tokens":{}"#, &after[..cached]);
    (format!("{before}-{}", &after[cached..]), counts)
}

/// Blanks the id and the counts.
pub(super) fn comparable(answer: &[u8]) -> String {
    split_counts(answer).0
}

/// An answer of the gateway, and what it cost.
pub(super) struct Served {
    pub(super) answer: Vec<u8>,
    pub(super) outcome: CacheOutcome,
    /// Texts that were asked for, for this answer.
    pub(super) requested: Vec<String>,
}

impl Served {
    /// Checks that the counts are those of what was asked for.
    pub(super) fn assert_counts(&self) {
        let expected = count_texts(self.requested.iter().map(String::as_str));
        assert_eq!(split_counts(&self.answer).1, expected);
    }
}

/// Serves a request as the pipeline does; `None` where a part failed.
pub(super) fn serve_embed(cache: &Cache, cohere: &mut Cohere, body: &Bytes) -> Option<Served> {
    let object = embed_object(body);
    let plan = EmbedPlan::new(cache, cohere.client, false, &object);
    match serve_plan(&plan, cohere)? {
        Some(served) => Some(served),
        None => {
            let plan = EmbedPlan::as_it_stands(cache, cohere.client, &object);
            Some(serve_plan(&plan, cohere)?.expect("it is asked for as it stands"))
        }
    }
}

/// Serves a request by one plan; the inner `None` is for answers that it cannot join.
fn serve_plan(plan: &EmbedPlan<'_>, cohere: &mut Cohere) -> Option<Option<Served>> {
    let mut table = plan.cached_table();
    let mut missing = table.missing_elements();
    let mut answers = Vec::new();
    let billed_before = cohere.texts_billed.len();
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
            WrittenAnswer::Complete(pieces) => {
                let requested = cohere.texts_billed[billed_before..].to_vec();
                return Some(Some(Served { answer: pieces.concat(), outcome, requested }));
            }
            WrittenAnswer::Misfit(rest) => (table, missing) = (plan.empty_table(), rest),
            WrittenAnswer::UnknownParts => return Some(None),
        }
    }
}

pub(super) fn serve_rerank(cache: &Cache, cohere: &mut Cohere, body: &Bytes) -> Option<Served> {
    let plan = RerankPlan::new(cache, cohere.client, false, &rerank_object(body), PER_CALL);
    let mut answers = plan.cached_answers();
    let mut missing = plan.missing_sub_requests(&answers);
    let outcome = plan.batch_stats(&missing).cache;
    loop {
        for sub_request in &missing {
            let answer = cohere.call(&plan.batch.write_body(sub_request), Cohere::rerank)?;
            let answer = RerankAnswer::parse(answer).unwrap();
            plan.store_answer(sub_request, &answer);
            let mut all = plan.batch.sub_requests().iter();
            let number = all.position(|known| known == sub_request).unwrap();
            answers[number] = Some(SubAnswer { answer, is_cached: false });
        }
        missing = plan.outdated_sub_requests(&answers);
        if missing.is_empty() {
            break;
        }
    }
    let answers: Vec<_> = answers.into_iter().map(Option::unwrap).collect();
    let answer = plan.batch.write_answer(&answers, b"\"ours\"").unwrap().concat();
    let fresh = answers.iter().zip(plan.batch.sub_requests()).filter(|(sub, _)| !sub.is_cached);
    let bodies = fresh.map(|(_, sub_request)| plan.batch.write_body(sub_request));
    let requested = bodies.flat_map(|body| {
        let body: Value = serde_json::from_slice(&body).unwrap();
        serde_json::from_value::<Vec<String>>(body["documents"].clone()).unwrap()
    });
    Some(Served { answer, outcome, requested: requested.collect() })
}
