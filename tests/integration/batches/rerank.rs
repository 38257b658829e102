//! Rerank, one document to ten thousand: the ranking that one call about all of them gives.

use gateway_tests::gateway::Answer;
use gateway_tests::sandbox_pair::SandboxPair;
use gateway_tests::scripted_cohere::{RERANK, ScriptedCohere, build_rerank_body, number_texts};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Ranking {
    results: Vec<Box<RawValue>>,
    meta: Value,
}

impl Ranking {
    fn of(answer: &Answer) -> Self {
        serde_json::from_slice(&answer.body).expect("a ranking")
    }

    /// Returns index and score of each, as they are written.
    fn results(&self) -> Vec<&str> {
        self.results.iter().map(|result| result.get()).collect()
    }
}

/// Many equal documents far from each other, so that scores tie within calls and across them.
fn make_documents(count: usize) -> Vec<String> {
    let words = ["tide", "moon", "bread", "the sea", "password", "ship", "harbour"];
    (0..count)
        .map(|number| format!("{} {} page {}", words[number % 7], words[number % 5], number % 911))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn split_ranking_equals_one_call() {
    let both = SandboxPair::start(&[]).await;
    let all = make_documents(10_000);
    for count in [1, 1_000, 1_001, 10_000] {
        let mut body =
            json!({ "model": RERANK, "query": "the tide of the sea", "documents": &all[..count] });
        let expected = Ranking::of(&both.send_directly("/v2/rerank", &body).await);
        let calls = count.div_ceil(1_000);
        let ranking = Ranking::of(&both.send_past_cache("/v2/rerank", &body, calls).await);
        assert!(ranking.results() == expected.results(), "{count} documents have another ranking");
        assert_eq!(ranking.meta, expected.meta, "{count}");
        body["top_n"] = json!(7);
        let best = Ranking::of(&both.send_past_cache("/v2/rerank", &body, calls).await);
        assert_eq!(best.results(), expected.results()[..count.min(7)], "{count}");
        assert_eq!(best.meta["billed_units"], expected.meta["billed_units"], "{count}");
    }
}

#[tokio::test]
async fn equal_scores_rank_by_index() {
    let cohere = ScriptedCohere::start(&[]).await;
    let documents = number_texts("page", 0..2_500);
    for top_n in [None, Some(1), Some(1_200), Some(9_000)] {
        let mut body = build_rerank_body(&documents);
        if let Some(top_n) = top_n {
            body["top_n"] = json!(top_n);
        }
        let asked =
            cohere.send_counted("/v2/rerank", &body, &[("x-gateway-cache", "no-store")]).await;
        assert_eq!(asked.cache_and_calls(), ("bypass", 3));
        asked.assert_ranks(RERANK, &documents, top_n.unwrap_or(usize::MAX));
        assert_eq!(asked.billed_units(), json!({ "search_units": 25 }));
        assert!(asked.calls.iter().all(|call| call.field("model") == RERANK));
    }
}
