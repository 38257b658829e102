//! Blank documents pass to Cohere, which takes them among others and refuses a call of nothing else.

use gateway_tests::gateway;
use gateway_tests::stub::{Seen, Step, write_json};
use serde_json::{Value, json};

fn documents_of(seen: &Seen) -> Vec<String> {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    serde_json::from_value(body["documents"].clone()).unwrap()
}

/// Scores a document by its length, and refuses a call of blank ones.
fn judge(seen: &Seen) -> Vec<Step> {
    let documents = documents_of(seen);
    if documents.iter().all(|document| document.trim().is_empty()) {
        let message = "invalid request: list of documents must not contain only empty strings";
        return write_json(400, &json!({ "id": "r", "message": message }));
    }
    let mut results: Vec<_> = documents
        .iter()
        .enumerate()
        .map(|(index, document)| json!({ "index": index, "relevance_score": document.len() }))
        .collect();
    results.sort_by_key(|result| std::cmp::Reverse(result["relevance_score"].as_u64()));
    let meta = json!({ "billed_units": { "search_units": 1 } });
    write_json(200, &json!({ "id": "r", "results": results, "meta": meta }))
}

#[tokio::test]
async fn blank_document_among_others_is_ranked() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(judge);
    let mostly_blank = |filled: usize| {
        let blank = (0..3_000 - filled).map(|number| " ".repeat(number % 2));
        blank.chain((0..filled).map(|number| "x".repeat(number + 5))).collect::<Vec<_>>()
    };
    let cases: [(Vec<String>, usize); 5] = [
        (vec!["a".into(), String::new(), "ccc".into()], 1),
        (vec!["a".into(), " \n".into(), "ccc".into()], 1),
        (mostly_blank(1_000), 3),
        (mostly_blank(2), 2),
        (mostly_blank(1), 1),
    ];
    for (documents, calls) in cases {
        let before = stub.seen().len();
        let body = json!({ "model": "rerank-v3.5", "query": "q", "documents": documents });
        for cache in ["miss", "hit"] {
            let answer = running.send("/v2/rerank", body.to_string()).await;
            let shown = String::from_utf8_lossy(&answer.body[..200.min(answer.body.len())]);
            assert_eq!((answer.status, answer.header("x-gateway-cache")), (200, cache), "{shown}");
            assert_eq!(stub.seen().len(), before + calls);
            let mut expected: Vec<usize> = (0..documents.len()).collect();
            expected.sort_by_key(|index| std::cmp::Reverse(documents[*index].len()));
            let said = answer.json();
            let results = said["results"].as_array().unwrap();
            let ranked: Vec<_> =
                results.iter().map(|result| result["index"].as_u64().unwrap() as usize).collect();
            assert_eq!(ranked, expected);
        }
    }
}

#[tokio::test]
async fn list_of_nothing_but_blanks_is_coheres_refusal() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(judge);
    for count in [1, 3, 1_001] {
        let documents: Vec<_> = (0..count).map(|number| " ".repeat(number % 3)).collect();
        let body = json!({ "query": "q", "documents": documents });
        let before = stub.seen().len();
        let answer = running.send("/v2/rerank", body.to_string()).await;
        let said = answer.json();
        assert_eq!((answer.status, stub.seen().len()), (400, before + 1), "{said}");
        let message = said["message"].as_str().unwrap();
        assert!(message.starts_with("invalid request: list of documents must not contain"));
    }
}
