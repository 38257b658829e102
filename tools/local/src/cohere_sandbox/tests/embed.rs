//! Answers of embed and rerank.

use serde_json::{Value, json};

use super::{PIXEL, post};

async fn post_embed(fields: Value) -> super::Answer {
    let mut body = json!({"model": "embed-v4.0", "input_type": "search_document"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    post("/v2/embed", body).await
}

#[tokio::test]
async fn embeddings_have_requested_types_and_sizes() {
    let types = ["float", "int8", "uint8", "binary", "ubinary", "base64"];
    for dimension in [256, 512, 1024, 1536] {
        let fields = json!({
            "texts": ["one", "two"],
            "embedding_types": types,
            "output_dimension": dimension,
        });
        let embeddings = post_embed(fields).await.json()["embeddings"].clone();
        for (name, size) in
            types.iter().zip([dimension, dimension, dimension, dimension / 8, dimension / 8])
        {
            assert_eq!(embeddings[name][1].as_array().unwrap().len(), size, "{name}");
        }
        assert_eq!(
            embeddings["base64"][1].as_str().unwrap().len(),
            (dimension * 4).div_ceil(3) * 4
        );
    }
    let default =
        post_embed(json!({"texts": ["one"], "embedding_types": null, "output_dimension": null}))
            .await
            .json();
    assert_eq!(default["embeddings"].as_object().unwrap().keys().collect::<Vec<_>>(), ["float"]);
    assert_eq!(default["embeddings"]["float"][0].as_array().unwrap().len(), 1536);
}

#[tokio::test]
async fn embed_answer_repeats_and_counts_texts() {
    let answer = post_embed(json!({"texts": ["Hello, world!"]})).await;
    assert_eq!(answer.header("num_tokens"), Some("4"));
    assert_eq!(answer.header("num_chars"), Some("13"));
    let body = answer.json();
    assert_eq!(body["texts"], json!(["Hello, world!"]));
    assert_eq!(body["meta"]["billed_units"], json!({"input_tokens": 4, "image_tokens": 0}));
    let light = json!({"model": "embed-english-light-v3.0", "texts": ["Washington, D.C.  (also)"]});
    let light = post_embed(light).await.json();
    assert_eq!(light["texts"], json!(["washington, d. c. ( also )"]));
    assert!(light["meta"]["billed_units"].get("image_tokens").is_none());
}

#[tokio::test]
async fn images_are_embedded_and_described() {
    let facts = json!([{"width": 1, "height": 1, "format": "png", "bit_depth": 32}]);
    let old = post_embed(
        json!({"model": "embed-english-v3.0", "input_type": "image", "images": [PIXEL]}),
    )
    .await
    .json();
    assert_eq!(old["images"], facts);
    assert_eq!(old["texts"], json!([]));
    assert_eq!(old["meta"]["billed_units"], json!({"images": 1}));
    let content = json!([
        {"type": "text", "text": "a pixel"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]);
    let new = post_embed(
        json!({"inputs": [{"content": content}, {"content": [{"type": "text", "text": "b"}]}]}),
    )
    .await
    .json();
    assert_eq!(new["images"], facts);
    assert_eq!(new["embeddings"]["float"].as_array().unwrap().len(), 2);
    assert_eq!(new["meta"]["billed_units"], json!({"input_tokens": 3, "image_tokens": 259}));
}

#[tokio::test]
async fn rerank_puts_shared_words_first() {
    let documents = json!([
        "Bread",
        "Paris is the capital of France",
        "Berlin is the capital of Germany",
        "Bread"
    ]);
    let body =
        json!({"model": "rerank-v3.5", "query": "capital of France", "documents": documents});
    let answer = post("/v2/rerank", body.clone()).await.json();
    let results = answer["results"].as_array().unwrap();
    let order: Vec<u64> = results.iter().map(|result| result["index"].as_u64().unwrap()).collect();
    assert_eq!(order, [1, 2, 0, 3]);
    let scores: Vec<f64> =
        results.iter().map(|result| result["relevance_score"].as_f64().unwrap()).collect();
    assert!(scores[0] > 0.9 && scores[3] < 0.1, "{scores:?}");
    for (top_n, expected) in [(2, 2), (99, 4)] {
        let mut body = body.clone();
        body["top_n"] = json!(top_n);
        assert_eq!(
            post("/v2/rerank", body).await.json()["results"].as_array().unwrap().len(),
            expected
        );
    }
}

#[tokio::test]
async fn search_unit_is_a_hundred_documents() {
    for (count, units) in [(1, 1), (100, 1), (101, 2)] {
        let body = json!({"model": "rerank-v3.5", "query": "q", "documents": vec!["d"; count]});
        let answer = post("/v2/rerank", body).await;
        assert_eq!(answer.json()["meta"]["billed_units"], json!({"search_units": units}));
        assert!(answer.header("num_tokens").is_none());
    }
}
