//! What the cache answers: `x-gateway-cache` says it, and the upstream's socket shows it.

use gateway_tests::gateway::read_answer;
use gateway_tests::scripted_cohere::{
    EMBED, EmbedAnswer, RERANK, ScriptedCohere, build_embed_body, build_rerank_body, number_texts,
    read_inputs,
};
use gateway_tests::stub::Seen;
use http::Method;
use local::secrets_manager::CLIENTS;
use serde_json::{Value, json};
use std::time::Duration;

/// Obviously no secret.
const OTHER_TOKEN: &str = "cgw_not_a_secret_other_client_00000000";
const OTHER_HASH: &str = "16eedfc1ed14903c91dc9507f8bf45d211459b727909778d1190cedbc7e346ed";
/// The hash of the local token.
const OWN_HASH: &str = "bc3a823510a03aa702655a96521614d7cf53c7ac0a22d10a434e328b6982d7e9";

#[tokio::test]
async fn cached_text_is_billed_once() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..300);
    let first = cohere.embed_texts(&texts[..200]).await;
    assert_eq!(first.cache_and_calls(), ("miss", 3));
    assert_eq!(first.billed_units(), json!({ "input_tokens": 200 }));

    let second = cohere.embed_texts(&texts[..200]).await;
    assert_eq!(second.cache_and_calls(), ("hit", 0));
    second.assert_embeds(EMBED, &texts[..200]);
    assert_eq!(second.billed_units(), json!({ "input_tokens": 0 }));
    assert_eq!(EmbedAnswer::parse(&second.answer).id, second.answer.header("x-request-id"));

    let third = cohere.embed_texts(&texts[150..]).await;
    assert_eq!(third.cache_and_calls(), ("partial", 2));
    third.assert_embeds(EMBED, &texts[150..]);
    assert_eq!(third.calls.iter().flat_map(read_inputs).collect::<Vec<_>>(), texts[200..]);
    assert_eq!(third.billed_units(), json!({ "input_tokens": 100 }));

    let mut backwards = texts.clone();
    backwards.reverse();
    let fourth = cohere.embed_texts(&backwards).await;
    assert_eq!(fourth.cache_and_calls(), ("hit", 0));
    fourth.assert_embeds(EMBED, &backwards);
}

#[tokio::test]
async fn ranking_is_cached_by_sub_request() {
    let cohere = ScriptedCohere::start(&[]).await;
    let documents = number_texts("page", 0..2_500);
    for (cache, calls, units) in [("miss", 3, 25), ("hit", 0, 0)] {
        let answered = cohere.send_counted("/v2/rerank", &build_rerank_body(&documents), &[]).await;
        assert_eq!(answered.cache_and_calls(), (cache, calls));
        answered.assert_ranks(RERANK, &documents, usize::MAX);
        assert_eq!(answered.billed_units(), json!({ "search_units": units }));
    }
    let mut changed = documents.clone();
    changed[2_400] = "another".into();
    let answered = cohere.send_counted("/v2/rerank", &build_rerank_body(&changed), &[]).await;
    assert_eq!(answered.cache_and_calls(), ("partial", 1));
    answered.assert_ranks(RERANK, &changed, usize::MAX);
    assert_eq!(answered.billed_units(), json!({ "search_units": 5 }));
    let mut other = build_rerank_body(&documents);
    other["query"] = json!("another");
    assert_eq!(cohere.send_counted("/v2/rerank", &other, &[]).await.cache_and_calls(), ("miss", 3));
}

#[tokio::test]
async fn duplicate_texts_go_upstream_once() {
    for bytes in ["0", "64000000"] {
        let cohere = ScriptedCohere::start(&[("GATEWAY_CACHE_BYTES", bytes)]).await;
        let texts: Vec<_> = (0..200).map(|number| format!("sea-{}", number * 7 % 50)).collect();
        let answered = cohere.embed_texts(&texts).await;
        answered.assert_embeds(EMBED, &texts);
        assert_eq!(answered.calls.len(), 1, "{bytes} bytes");
        assert_eq!(
            read_inputs(&answered.calls[0]),
            texts[..50],
            "in the order of their first places"
        );
        assert_eq!(answered.billed_units(), json!({ "input_tokens": 50 }));
    }
}

#[tokio::test]
async fn cache_key_holds_every_embed_option() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..3);
    cohere.embed_texts(&texts).await;
    for (field, value) in [
        ("model", json!("embed-v5.0-pro")),
        ("input_type", json!("search_query")),
        ("output_dimension", json!(256)),
        ("truncate", json!("START")),
    ] {
        let mut body = build_embed_body(&texts);
        body[field] = value;
        assert_eq!(
            cohere.send_counted("/v2/embed", &body, &[]).await.cache_and_calls(),
            ("miss", 1),
            "{field}"
        );
        assert_eq!(
            cohere.send_counted("/v2/embed", &body, &[]).await.cache_and_calls(),
            ("hit", 0),
            "{field}"
        );
    }
    assert_eq!(cohere.embed_texts(&texts).await.cache_and_calls(), ("hit", 0));
}

#[tokio::test]
async fn embedding_types_are_cached_separately() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..3);
    let body = |types: &[&str]| {
        let mut body = build_embed_body(&texts);
        body["embedding_types"] = json!(types);
        body
    };
    for (types, cost) in [
        (&["float"][..], ("miss", 1)),
        (&["int8"], ("miss", 1)),
        (&["float"], ("hit", 0)),
        (&["int8"], ("hit", 0)),
        (&["base64", "int8"], ("miss", 1)),
        (&["base64"], ("hit", 0)),
        (&["float"], ("hit", 0)),
    ] {
        let answered = cohere.send_counted("/v2/embed", &body(types), &[]).await;
        assert_eq!(answered.cache_and_calls(), cost, "{types:?}");
        assert_eq!(EmbedAnswer::parse(&answered.answer).types(), types);
    }
}

#[tokio::test]
async fn cache_is_per_client_unless_shared() {
    for (shared, expected) in [("false", ("miss", "1")), ("true", ("hit", "0"))] {
        let cohere = ScriptedCohere::start(&[("GATEWAY_CACHE_SHARED", shared)]).await;
        let clients = json!({ "clients": [
            { "name": "local", "token_sha256": [OWN_HASH] },
            { "name": "other", "token_sha256": [OTHER_HASH] },
        ] });
        cohere.running.gateway.secrets.put(CLIENTS, &clients.to_string());
        cohere.running.gateway.kill("authorizer").await;
        let texts = number_texts("sea", 0..5);
        assert_eq!(cohere.embed_texts(&texts).await.cache_and_calls(), ("miss", 1));
        let request = cohere.running.request_without_token(Method::POST, "/v2/embed");
        let request = request.header("authorization", format!("Bearer {OTHER_TOKEN}"));
        let other = read_answer(request.body(build_embed_body(&texts).to_string())).await;
        assert_eq!(other.status, 200, "{:?}", other.body);
        let told = ["x-gateway-cache", "x-gateway-attempts"].map(|name| other.header(name));
        assert_eq!((told[0], told[1]), expected, "shared: {shared}");
        let line = cohere.running.wait_for_request(other.header("x-request-id")).await;
        assert!(line.contains("\"client\":\"other\""), "{line}");
        assert_eq!(
            cohere.embed_texts(&texts).await.cache_and_calls(),
            ("hit", 0),
            "shared: {shared}"
        );
    }
}

#[tokio::test]
async fn no_store_neither_reads_nor_fills_cache() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    let no_store = [("x-gateway-cache", "no-store")];
    for _ in 0..2 {
        let answered = cohere.send_counted("/v2/embed", &build_embed_body(&texts), &no_store).await;
        assert_eq!(answered.cache_and_calls(), ("bypass", 3));
        answered.assert_embeds(EMBED, &texts);
    }
    assert_eq!(
        cohere.embed_texts(&texts).await.cache_and_calls(),
        ("miss", 3),
        "nothing was cached"
    );
    assert_eq!(
        cohere
            .send_counted("/v2/embed", &build_embed_body(&texts), &no_store)
            .await
            .cache_and_calls(),
        ("bypass", 3)
    );
    let documents = build_rerank_body(&number_texts("page", 0..1_001));
    assert_eq!(
        cohere.send_counted("/v2/rerank", &documents, &no_store).await.cache_and_calls(),
        ("bypass", 2)
    );
    assert_eq!(
        cohere.send_counted("/v2/rerank", &documents, &[]).await.cache_and_calls(),
        ("miss", 2)
    );
}

#[tokio::test]
async fn unknown_field_bypasses_cache() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    cohere.embed_texts(&texts).await;
    let mut body = build_embed_body(&texts);
    body["of_tomorrow"] = json!({ "x": 1 });
    for _ in 0..2 {
        let answered = cohere.send_counted("/v2/embed", &body, &[]).await;
        assert_eq!(answered.cache_and_calls(), ("bypass", 3));
        answered.assert_embeds(EMBED, &texts);
        let sent = |call: &Seen| {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            body["of_tomorrow"] == json!({ "x": 1 })
        };
        assert!(answered.calls.iter().all(sent), "every sub-request carries the field");
    }
    let mut documents = build_rerank_body(&number_texts("page", 0..3));
    documents["of_tomorrow"] = json!(1);
    assert_eq!(
        cohere.send_counted("/v2/rerank", &documents, &[]).await.cache_and_calls(),
        ("bypass", 1)
    );
}

#[tokio::test]
async fn chat_and_zero_bytes_turn_cache_off() {
    let cohere = ScriptedCohere::start(&[("GATEWAY_CACHE_BYTES", "0")]).await;
    let texts = number_texts("sea", 0..200);
    for _ in 0..2 {
        let answered = cohere.embed_texts(&texts).await;
        assert_eq!(answered.cache_and_calls(), ("off", 3));
        answered.assert_embeds(EMBED, &texts);
    }
    let cohere = ScriptedCohere::start(&[]).await;
    let chat =
        json!({ "model": "command-a-03-2025", "messages": [{ "role": "user", "content": "hi" }] });
    for _ in 0..2 {
        assert_eq!(cohere.send_counted("/v2/chat", &chat, &[]).await.cache_and_calls(), ("off", 1));
    }
}

#[tokio::test]
async fn cache_entry_expires_after_its_ttl() {
    let cohere = ScriptedCohere::start(&[("GATEWAY_CACHE_TTL_SECS", "1")]).await;
    // Texts of one call: those of two calls expire at two times, and then are never all missing.
    let texts = number_texts("sea", 0..50);
    assert_eq!(cohere.embed_texts(&texts).await.cache_and_calls(), ("miss", 1));
    let mut outcomes = Vec::new();
    for _ in 0..100 {
        let answered = cohere.embed_texts(&texts).await;
        answered.assert_embeds(EMBED, &texts);
        outcomes.push(answered.answer.header("x-gateway-cache").to_string());
        if answered.calls.len() == 1 {
            assert_eq!(outcomes.last().map(String::as_str), Some("miss"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("after five seconds it is still cached: {outcomes:?}");
}

#[tokio::test]
async fn full_cache_keeps_the_most_recent() {
    // Room for the cells of about three hundred texts.
    let cohere = ScriptedCohere::start(&[("GATEWAY_CACHE_BYTES", "150000")]).await;
    for number in 0..6 {
        let texts = number_texts("sea", number * 200..(number + 1) * 200);
        assert_eq!(
            cohere.embed_texts(&texts).await.cache_and_calls().0,
            "miss",
            "request {number}"
        );
        assert_eq!(
            cohere.embed_texts(&texts).await.cache_and_calls(),
            ("hit", 0),
            "request {number}, again"
        );
    }
    assert_eq!(
        cohere.embed_texts(&number_texts("sea", 0..200)).await.cache_and_calls().0,
        "miss",
        "the first was used longest ago"
    );
}
