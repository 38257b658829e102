use super::answers::{NONE, incoming, read_answer};
use super::stub::{Reply, json, start};
use crate::app::App;
use crate::pipeline::{chat, embed, rerank};
use http::HeaderMap;
use serde_json::{Value, json as value};

/// Draws short waits for the next request's retries, which are real here.
fn shorten_backoff() {
    fastrand::seed(1855);
}

pub(super) async fn ask_chat(app: &'static App, body: &str) -> (u16, HeaderMap, String) {
    shorten_backoff();
    read_answer(chat::handle(app, incoming(body, "")).await).await
}

/// Embeds texts, and gives each one's length as its vector.
fn embed_texts(body: &Value) -> Value {
    let texts = body["texts"].as_array().unwrap();
    let vectors: Vec<_> = texts.iter().map(|text| value!([text.as_str().unwrap().len()])).collect();
    let units = value!({ "billed_units": { "input_tokens": texts.len() } });
    value!({ "id": "coheres", "texts": texts, "embeddings": { "float": vectors }, "meta": units })
}

async fn ask_embed(app: &'static App, texts: &[String]) -> (u16, HeaderMap, Value) {
    shorten_backoff();
    let body = value!({ "model": "embed-v4.0", "input_type": "x", "texts": texts }).to_string();
    let answer = embed::handle(app, incoming(&body, "")).await;
    let (status, headers, body) = read_answer(answer).await;
    (status, headers, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn chat_is_coheres_answer_or_a_failure() {
    let whole = r#"{"id":"coheres","message":{},"usage":{}}"#;
    let (app, calls) = start(NONE, move |body, _| match body["messages"][0]["content"].as_str() {
        Some("well") => json(whole),
        _ => json("{\"message\":"),
    })
    .await;
    let (status, headers, body) =
        ask_chat(app, r#"{"messages":[{"content":"well"}],"model":"command-r-08-2024"}"#).await;
    assert_eq!((status, body.as_str()), (200, whole));
    assert_eq!(headers["x-gateway-attempts"], "1");
    let (status, headers, body) =
        ask_chat(app, r#"{"messages":[{}],"model":"command-r-08-2024"}"#).await;
    assert_eq!((status, headers["x-gateway-attempts"].to_str().unwrap()), (502, "3"));
    assert!(body.contains("\"code\":\"upstream_malformed\""), "{body}");
    assert_eq!(calls.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn embed_request_is_split_joined_and_cached() {
    let (app, calls) = start(NONE, |body, _| json(embed_texts(body))).await;
    let texts: Vec<_> = (0..200).map(|length| "t".repeat(1 + length)).collect();
    let (status, headers, body) = ask_embed(app, &texts).await;
    assert_eq!((status, headers["x-gateway-attempts"].to_str().unwrap()), (200, "3"));
    assert_eq!(headers["x-gateway-cache"], "miss");
    let vectors: Vec<_> = (1..=200).map(|length| value!([length])).collect();
    assert_eq!(body["embeddings"]["float"], Value::from(vectors));
    assert_eq!(body["id"], "coheres");
    assert_eq!(body["meta"]["billed_units"]["input_tokens"], 200);
    let (_, headers, body) = ask_embed(app, &texts[..2]).await;
    assert_eq!(
        (headers["x-gateway-cache"].to_str().unwrap(), &body["id"]),
        ("hit", &"the-request".into())
    );
    assert_eq!(headers["x-gateway-attempts"], "0");
    assert_eq!(calls.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn answer_of_unknown_form_is_asked_for_as_it_stands() {
    // What each input has in this field, nobody here knows.
    let (app, calls) = start(NONE, |body, _| {
        let mut answer = embed_texts(body);
        answer["new"] = body["texts"].clone();
        json(answer)
    })
    .await;
    let texts = ["a", "bb", "a"].map(str::to_string);
    let (status, _, body) = ask_embed(app, &texts).await;
    assert_eq!((status, &body["new"]), (200, &value!(texts)));
    let seen: Vec<_> = calls.lock().unwrap().iter().map(|body| body["texts"].clone()).collect();
    assert_eq!(seen, [value!(["a", "bb"]), value!(texts)]);
}

#[tokio::test]
async fn cached_rows_of_another_form_are_asked_for_again() {
    // The second answer has longer vectors.
    let (app, calls) = start(NONE, |body, number| {
        let mut answer = embed_texts(body);
        if number > 0 {
            for vector in answer["embeddings"]["float"].as_array_mut().unwrap() {
                vector.as_array_mut().unwrap().push(value!(0));
            }
        }
        json(answer)
    })
    .await;
    let texts = ["a", "bb", "ccc"].map(str::to_string);
    ask_embed(app, &texts[1..]).await;
    let (status, headers, body) = ask_embed(app, &texts).await;
    assert_eq!((status, headers["x-gateway-attempts"].to_str().unwrap()), (200, "2"));
    assert_eq!(body["embeddings"]["float"], value!([[1, 0], [2, 0], [3, 0]]));
    let seen: Vec<_> = calls.lock().unwrap().iter().map(|body| body["texts"].clone()).collect();
    assert_eq!(seen, [value!(["bb", "ccc"]), value!(["a"]), value!(["bb", "ccc"])]);
}

#[tokio::test]
async fn embedding_that_is_missing_is_a_failure_of_cohere() {
    let (app, _) = start(NONE, |body, _| {
        let mut answer = embed_texts(body);
        answer["embeddings"]["float"].as_array_mut().unwrap().pop();
        json(answer)
    })
    .await;
    let (status, headers, body) = ask_embed(app, &["a".to_string(), "b".to_string()]).await;
    assert_eq!((status, headers["x-gateway-attempts"].to_str().unwrap()), (502, "3"));
    assert_eq!(body["code"], "upstream_malformed");
}

/// Ranks documents by their length, the longest first.
fn rank_documents(body: &Value) -> Reply {
    let documents = body["documents"].as_array().unwrap();
    let mut ranked: Vec<_> =
        documents.iter().map(|document| document.as_str().unwrap().len()).enumerate().collect();
    ranked.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    let results = ranked.iter().map(
        |(index, length)| value!({ "index": index, "relevance_score": *length as f64 / 10_000.0 }),
    );
    let results: Vec<_> = results.collect();
    json(
        value!({ "id": "coheres", "results": results, "meta": { "billed_units": { "search_units": 1 } } }),
    )
}

#[tokio::test]
async fn rerank_request_is_split_sorted_and_cached() {
    let (app, calls) = start(NONE, |body, _| rank_documents(body)).await;
    let documents: Vec<_> = (0..1_002).map(|length| "d".repeat(1 + length % 1_001)).collect();
    let body = value!({ "query": "q", "documents": documents }).to_string();
    for (cache, attempts, id) in [("miss", "2", "coheres"), ("hit", "0", "the-request")] {
        let answer = rerank::handle(app, incoming(&body, "")).await;
        let (status, headers, body) = read_answer(answer).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, headers["x-gateway-attempts"].to_str().unwrap()), (200, attempts));
        assert_eq!(headers["x-gateway-cache"], cache);
        let results = body["results"].as_array().unwrap();
        assert_eq!((results.len(), &body["id"]), (1_002, &id.into()));
        let best: Vec<_> = results[..2].iter().map(|result| result["index"].clone()).collect();
        assert_eq!(best, [1_000, 999]);
    }
    assert_eq!(calls.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn news_about_documents_makes_cached_rankings_outdated() {
    let (app, calls) = start(NONE, |body, number| {
        let mut answer: Value = serde_json::from_str(&rank_documents(body).pieces[0].1).unwrap();
        if number > 1 {
            answer["new"] = value!(["of these documents"]);
        }
        json(answer)
    })
    .await;
    for (last, calls_so_far) in [("first", 2), ("second", 4)] {
        let mut documents = vec!["d".to_string(); 1_000];
        documents.push(last.to_string());
        let body = value!({ "query": "q", "documents": documents }).to_string();
        let (status, headers, _) =
            read_answer(rerank::handle(app, incoming(&body, "")).await).await;
        assert_eq!((status, headers["x-gateway-cache"].to_str().unwrap()), (200, "miss"), "{last}");
        assert_eq!(calls.lock().unwrap().len(), calls_so_far, "{last}");
    }
}
