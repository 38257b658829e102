//! Embed and rerank in the words of v1: what v2 answers, in v1's form, from the same calls and cache.

use gateway_tests::gateway::Answer;
use gateway_tests::scripted_cohere::{
    ALWAYS, EMBED_FALLBACK, RERANK, ScriptedCohere, build_embed_body, build_rerank_body,
    number_texts, refuse_late,
};
use serde_json::{Value, json};

const NO_STORE: (&str, &str) = ("x-gateway-cache", "no-store");

fn read_body(answer: &Answer) -> String {
    let body = String::from_utf8(answer.body.to_vec()).expect("text");
    assert_eq!(answer.status, 200, "{body}");
    body
}

/// Rewrites an answer of v2 as v1 has it where no type was named.
fn with_bare_floats(answer: &str) -> String {
    answer
        .replace(r#""embeddings":{"float":["#, r#""embeddings":["#)
        .replace(r#"]},"meta""#, r#"],"meta""#)
        .replace(r#""version":"2""#, r#""version":"1""#)
        .replace("embeddings_by_type", "embeddings_floats")
}

/// An answer without its id.
fn after_id(answer: &str) -> &str {
    answer.split_once("\",").expect("an id first").1
}

#[tokio::test]
async fn v1_embeddings_are_those_of_v2() {
    let cohere = ScriptedCohere::start(&[]).await;
    for (count, calls) in [(1, 1), (96, 1), (200, 3)] {
        let body = build_embed_body(&number_texts("sea", 0..count));
        let v2 = cohere.send_counted("/v2/embed", &body, &[NO_STORE]).await;
        let v1 = cohere.send_counted("/v1/embed", &body, &[NO_STORE]).await;
        assert!(read_body(&v1.answer) == with_bare_floats(&read_body(&v2.answer)), "{count}");
        assert_eq!((v1.calls.len(), v2.calls.len()), (calls, calls));
        for (one, other) in v1.calls.iter().zip(&v2.calls) {
            assert_eq!(one.path, "/v2/embed");
            assert_eq!(one.body, other.body);
        }
        assert_eq!(v1.answer.header("x-gateway-cache"), "bypass");
    }
}

#[tokio::test]
async fn v1_embeddings_by_type_keep_their_form() {
    let cohere = ScriptedCohere::start(&[]).await;
    let mut body = build_embed_body(&number_texts("sea", 0..100));
    for types in [json!(["float"]), json!(["int8", "base64"])] {
        body["embedding_types"] = types;
        let v2 = cohere.send_counted("/v2/embed", &body, &[NO_STORE]).await;
        let v1 = cohere.send_counted("/v1/embed", &body, &[NO_STORE]).await;
        let expected = read_body(&v2.answer).replace(r#"{"version":"2"}"#, r#"{"version":"1"}"#);
        assert!(read_body(&v1.answer) == expected);
    }
}

#[tokio::test]
async fn cache_is_one_for_both_dialects() {
    let cohere = ScriptedCohere::start(&[]).await;
    let body = build_embed_body(&number_texts("sea", 0..100));
    let more = build_embed_body(&number_texts("sea", 0..150));
    let v2 = cohere.send_counted("/v2/embed", &body, &[]).await;
    assert_eq!(v2.cache_and_calls(), ("miss", 2));
    let v1 = cohere.send_counted("/v1/embed", &body, &[]).await;
    assert_eq!(v1.cache_and_calls(), ("hit", 0));
    assert_eq!(
        cohere.send_counted("/v1/embed", &more, &[]).await.cache_and_calls(),
        ("partial", 1)
    );
    let v2 = cohere.send_counted("/v2/embed", &more, &[]).await;
    assert_eq!(v2.cache_and_calls(), ("hit", 0));
    let v1 = cohere.send_counted("/v1/embed", &more, &[]).await;
    let expected = with_bare_floats(&read_body(&v2.answer));
    assert!(after_id(&read_body(&v1.answer)) == after_id(&expected));

    let mut ranking = build_rerank_body(&number_texts("page", 0..5));
    assert_eq!(
        cohere.send_counted("/v2/rerank", &ranking, &[]).await.cache_and_calls(),
        ("miss", 1)
    );
    ranking["return_documents"] = json!(true);
    let v1 = cohere.send_counted("/v1/rerank", &ranking, &[]).await;
    assert_eq!(v1.cache_and_calls(), ("hit", 0));
    assert!(read_body(&v1.answer).contains(r#""document":{"text":"page-"#));
}

#[tokio::test]
async fn v1_ranking_returns_the_documents_it_was_given() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("page", 0..2_500);
    let documents: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| match number % 3 {
            0 => json!(text),
            1 => json!({ "text": text }),
            _ => json!({ "id": number, "text": text }),
        })
        .collect();
    for (count, top_n) in [(3, None), (1_000, Some(7)), (2_500, Some(1_200)), (2_500, None)] {
        let mut body = json!({ "model": RERANK, "query": "q", "documents": texts[..count] });
        if let Some(top_n) = top_n {
            body["top_n"] = json!(top_n);
        }
        let v2 = cohere.send_counted("/v2/rerank", &body, &[NO_STORE]).await;
        let mut expected = v2.answer.json();
        expected["meta"]["api_version"]["version"] = json!("1");
        body["documents"] = json!(documents[..count]);
        let v1 = cohere.send_counted("/v1/rerank", &body, &[NO_STORE]).await;
        assert_eq!(v1.answer.json(), expected, "{count}");
        body["return_documents"] = json!(true);
        let v1 = cohere.send_counted("/v1/rerank", &body, &[NO_STORE]).await;
        for result in expected["results"].as_array_mut().expect("results") {
            let index = result["index"].as_u64().expect("an index") as usize;
            result["document"] = match &documents[index] {
                Value::String(text) => json!({ "text": text }),
                object => object.clone(),
            };
        }
        assert_eq!(v1.answer.json(), expected, "{count}");
        let sent: Value = serde_json::from_slice(&v1.calls[0].body).expect("JSON");
        assert_eq!(
            (&sent["documents"][0], &sent["return_documents"]),
            (&json!("page-0"), &Value::Null)
        );
        assert!(v1.calls.iter().all(|call| call.path == "/v2/rerank"));
    }
}

#[tokio::test]
async fn v1_request_hears_what_it_must_name() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = json!(["a"]);
    let model = json!("embed-v4.0");
    for (path, body, expected) in [
        ("/v1/embed", json!({ "texts": texts, "input_type": "x" }), "model: is required"),
        ("/v1/embed", json!({ "texts": texts, "model": model }), "input_type: is required"),
        ("/v1/rerank", json!({ "query": "q" }), "documents: is required"),
        (
            "/v1/rerank",
            json!({ "query": "q", "documents": [{ "title": "t" }], "rank_fields": ["title"] }),
            "rank_fields: is not served",
        ),
        (
            "/v1/rerank",
            json!({ "query": "q", "documents": ["a", { "title": "t" }] }),
            "documents[1].text: is required",
        ),
    ] {
        let answered = cohere.send_counted(path, &body, &[]).await;
        let (status, code, message) = answered.read_failure();
        assert_eq!((status, code.as_str()), (400, "invalid_request"));
        assert!(message.starts_with(&format!("invalid request: {expected}")), "{message}");
        assert_eq!(answered.calls.len(), 0);
    }
    let without_model = json!({ "query": "q", "documents": ["a"], "rank_fields": null });
    let answered = cohere.send_counted("/v1/rerank", &without_model, &[]).await;
    assert_eq!(answered.answer.header("x-gateway-model"), RERANK);
}

#[tokio::test]
async fn v1_failures_and_fallbacks_are_those_of_v2() {
    let cohere = ScriptedCohere::start(&[]).await;
    let body = build_embed_body(&number_texts("sea", 0..200));
    cohere.fail_calls("sea-100", 1, refuse_late(400, "invalid request: bad text"));
    let (status, code, message) = cohere.send_counted("/v1/embed", &body, &[]).await.read_failure();
    assert_eq!((status, code.as_str()), (400, "invalid_request"));
    assert!(message.contains("texts 96-191 of 200"), "{message}");
    cohere.fail_calls("embed-v4.0", ALWAYS, refuse_late(503, "no"));
    let fell_back = [("x-gateway-fallback", "allow")];
    let answered = cohere.send_counted("/v1/embed", &body, &fell_back).await;
    assert_eq!(answered.answer.header("x-gateway-model"), EMBED_FALLBACK);
    let answer = answered.answer.json();
    assert_eq!(answer["embeddings"].as_array().map(Vec::len), Some(200));
    assert_eq!(answer["response_type"], "embeddings_floats");
}

#[tokio::test]
async fn request_log_names_the_old_dialect() {
    let cohere = ScriptedCohere::start(&[]).await;
    let body = build_embed_body(&number_texts("sea", 0..2));
    cohere.send_counted("/v2/embed", &body, &[]).await;
    let line = cohere.running.wait_for_line("\"event\":\"request_ended\"").await;
    assert!(!line.contains("dialect"), "{line}");
    cohere.send_counted("/v1/embed", &body, &[]).await;
    cohere.running.wait_for_line("\"endpoint\":\"embed\",\"dialect\":\"v1\"").await;
}

#[tokio::test]
async fn fields_of_v1_in_v2_pass_and_are_cached() {
    let cohere = ScriptedCohere::start(&[]).await;
    for (number, fields) in [
        json!({ "return_documents": false }),
        json!({ "return_documents": true, "max_chunks_per_doc": 10 }),
        json!({ "max_chunks_per_doc": 1 }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = build_rerank_body(&number_texts("page", 0..3));
        body.as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("fields").clone());
        let first = cohere.send_counted("/v2/rerank", &body, &[]).await;
        assert_eq!(first.cache_and_calls(), ("miss", 1), "{number}");
        assert_eq!(first.calls[0].body, body.to_string());
        assert_eq!(
            cohere.send_counted("/v2/rerank", &body, &[]).await.cache_and_calls(),
            ("hit", 0)
        );
    }
}
