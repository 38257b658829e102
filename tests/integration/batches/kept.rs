//! What memory answers: `x-gateway-cache` says it, and the upstream's socket shows it.

use super::cohere::{EMBED, Embedded, RERANK, Scripted, embed_body, inputs, numbered, rerank_body};
use gateway_tests::gateway::read;
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
async fn miss_then_hit_then_partial_and_each_text_is_paid_for_once() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..300);
    let first = cohere.embed(&texts[..200]).await;
    assert_eq!(first.cost(), ("miss", 3));
    assert_eq!(first.billed(), json!({ "input_tokens": 200 }));

    let second = cohere.embed(&texts[..200]).await;
    assert_eq!(second.cost(), ("hit", 0));
    second.assert_embeds(EMBED, &texts[..200]);
    assert_eq!(second.billed(), json!({ "input_tokens": 0 }));
    assert_eq!(Embedded::of(&second.answer).id, second.answer.header("x-request-id"));

    let third = cohere.embed(&texts[150..]).await;
    assert_eq!(third.cost(), ("partial", 2));
    third.assert_embeds(EMBED, &texts[150..]);
    assert_eq!(third.calls.iter().flat_map(inputs).collect::<Vec<_>>(), texts[200..]);
    assert_eq!(third.billed(), json!({ "input_tokens": 100 }));

    let mut backwards = texts.clone();
    backwards.reverse();
    let fourth = cohere.embed(&backwards).await;
    assert_eq!(fourth.cost(), ("hit", 0));
    fourth.assert_embeds(EMBED, &backwards);
}

#[tokio::test]
async fn a_ranking_is_kept_part_by_part() {
    let cohere = Scripted::start(&[]).await;
    let documents = numbered("page", 0..2_500);
    for (cache, calls, units) in [("miss", 3, 25), ("hit", 0, 0)] {
        let asked = cohere.ask("/v2/rerank", &rerank_body(&documents), &[]).await;
        assert_eq!(asked.cost(), (cache, calls));
        asked.assert_ranks(RERANK, &documents, usize::MAX);
        assert_eq!(asked.billed(), json!({ "search_units": units }));
    }
    let mut changed = documents.clone();
    changed[2_400] = "another".into();
    let asked = cohere.ask("/v2/rerank", &rerank_body(&changed), &[]).await;
    assert_eq!(asked.cost(), ("partial", 1));
    asked.assert_ranks(RERANK, &changed, usize::MAX);
    assert_eq!(asked.billed(), json!({ "search_units": 5 }));
    let mut other = rerank_body(&documents);
    other["query"] = json!("another");
    assert_eq!(cohere.ask("/v2/rerank", &other, &[]).await.cost(), ("miss", 3));
}

#[tokio::test]
async fn equal_texts_of_one_request_go_upstream_once() {
    for bytes in ["0", "64000000"] {
        let cohere = Scripted::start(&[("GATEWAY_CACHE_BYTES", bytes)]).await;
        let texts: Vec<_> = (0..200).map(|number| format!("sea-{}", number * 7 % 50)).collect();
        let asked = cohere.embed(&texts).await;
        asked.assert_embeds(EMBED, &texts);
        assert_eq!(asked.calls.len(), 1, "{bytes} bytes");
        assert_eq!(inputs(&asked.calls[0]), texts[..50], "in the order of their first places");
        assert_eq!(asked.billed(), json!({ "input_tokens": 50 }));
    }
}

#[tokio::test]
async fn another_model_type_dimension_or_way_of_asking_is_another_embedding() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..3);
    cohere.embed(&texts).await;
    for (field, value) in [
        ("model", json!("embed-v5.0-pro")),
        ("input_type", json!("search_query")),
        ("output_dimension", json!(256)),
        ("truncate", json!("START")),
    ] {
        let mut body = embed_body(&texts);
        body[field] = value;
        assert_eq!(cohere.ask("/v2/embed", &body, &[]).await.cost(), ("miss", 1), "{field}");
        assert_eq!(cohere.ask("/v2/embed", &body, &[]).await.cost(), ("hit", 0), "{field}");
    }
    assert_eq!(cohere.embed(&texts).await.cost(), ("hit", 0));
}

#[tokio::test]
async fn types_that_are_asked_for_in_turn_are_each_paid_for_once() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..3);
    let body = |types: &[&str]| {
        let mut body = embed_body(&texts);
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
        let asked = cohere.ask("/v2/embed", &body(types), &[]).await;
        assert_eq!(asked.cost(), cost, "{types:?}");
        assert_eq!(Embedded::of(&asked.answer).types(), types);
    }
}

#[tokio::test]
async fn a_client_sees_its_own_answers_unless_the_operator_shares_them() {
    for (shared, expected) in [("false", ("miss", "1")), ("true", ("hit", "0"))] {
        let cohere = Scripted::start(&[("GATEWAY_CACHE_SHARED", shared)]).await;
        let clients = json!({ "clients": [
            { "name": "local", "token_sha256": [OWN_HASH] },
            { "name": "other", "token_sha256": [OTHER_HASH] },
        ] });
        cohere.running.gateway.secrets.put(CLIENTS, &clients.to_string());
        cohere.running.gateway.kill("authorizer").await;
        let texts = numbered("sea", 0..5);
        assert_eq!(cohere.embed(&texts).await.cost(), ("miss", 1));
        let request = cohere.running.plain(Method::POST, "/v2/embed");
        let request = request.header("authorization", format!("Bearer {OTHER_TOKEN}"));
        let other = read(request.body(embed_body(&texts).to_string())).await;
        assert_eq!(other.status, 200, "{:?}", other.body);
        let told = ["x-gateway-cache", "x-gateway-attempts"].map(|name| other.header(name));
        assert_eq!((told[0], told[1]), expected, "shared: {shared}");
        let line = cohere.running.line_with(other.header("x-request-id")).await;
        assert!(line.contains("\"client\":\"other\""), "{line}");
        assert_eq!(cohere.embed(&texts).await.cost(), ("hit", 0), "shared: {shared}");
    }
}

#[tokio::test]
async fn no_store_calls_again_and_keeps_nothing() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    let no_store = [("x-gateway-cache", "no-store")];
    for _ in 0..2 {
        let asked = cohere.ask("/v2/embed", &embed_body(&texts), &no_store).await;
        assert_eq!(asked.cost(), ("bypass", 3));
        asked.assert_embeds(EMBED, &texts);
    }
    assert_eq!(cohere.embed(&texts).await.cost(), ("miss", 3), "nothing was kept");
    assert_eq!(cohere.ask("/v2/embed", &embed_body(&texts), &no_store).await.cost(), ("bypass", 3));
    let documents = rerank_body(&numbered("page", 0..1_001));
    assert_eq!(cohere.ask("/v2/rerank", &documents, &no_store).await.cost(), ("bypass", 2));
    assert_eq!(cohere.ask("/v2/rerank", &documents, &[]).await.cost(), ("miss", 2));
}

#[tokio::test]
async fn a_field_of_tomorrow_goes_past_memory() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    cohere.embed(&texts).await;
    let mut body = embed_body(&texts);
    body["of_tomorrow"] = json!({ "x": 1 });
    for _ in 0..2 {
        let asked = cohere.ask("/v2/embed", &body, &[]).await;
        assert_eq!(asked.cost(), ("bypass", 3));
        asked.assert_embeds(EMBED, &texts);
        let sent = |call: &Seen| {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            body["of_tomorrow"] == json!({ "x": 1 })
        };
        assert!(asked.calls.iter().all(sent), "every part carries the field");
    }
    let mut documents = rerank_body(&numbered("page", 0..3));
    documents["of_tomorrow"] = json!(1);
    assert_eq!(cohere.ask("/v2/rerank", &documents, &[]).await.cost(), ("bypass", 1));
}

#[tokio::test]
async fn chat_is_never_kept_and_a_memory_of_no_bytes_keeps_nothing() {
    let cohere = Scripted::start(&[("GATEWAY_CACHE_BYTES", "0")]).await;
    let texts = numbered("sea", 0..200);
    for _ in 0..2 {
        let asked = cohere.embed(&texts).await;
        assert_eq!(asked.cost(), ("off", 3));
        asked.assert_embeds(EMBED, &texts);
    }
    let cohere = Scripted::start(&[]).await;
    let chat = json!({ "model": "command-a-03-2025", "messages": [{ "role": "user", "content": "hi" }] });
    for _ in 0..2 {
        assert_eq!(cohere.ask("/v2/chat", &chat, &[]).await.cost(), ("off", 1));
    }
}

#[tokio::test]
async fn what_is_kept_is_forgotten_after_its_time() {
    let cohere = Scripted::start(&[("GATEWAY_CACHE_TTL_SECS", "1")]).await;
    let texts = numbered("sea", 0..100);
    assert_eq!(cohere.embed(&texts).await.cost(), ("miss", 2));
    let mut outcomes = Vec::new();
    for _ in 0..100 {
        let asked = cohere.embed(&texts).await;
        asked.assert_embeds(EMBED, &texts);
        outcomes.push(asked.answer.header("x-gateway-cache").to_string());
        if asked.calls.len() == 2 {
            assert_eq!(outcomes.last().map(String::as_str), Some("miss"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("after five seconds it is still kept: {outcomes:?}");
}

#[tokio::test]
async fn a_full_memory_keeps_what_was_asked_for_last() {
    // Room for the cells of about three hundred texts.
    let cohere = Scripted::start(&[("GATEWAY_CACHE_BYTES", "150000")]).await;
    for number in 0..6 {
        let texts = numbered("sea", number * 200..(number + 1) * 200);
        assert_eq!(cohere.embed(&texts).await.cost().0, "miss", "request {number}");
        assert_eq!(cohere.embed(&texts).await.cost(), ("hit", 0), "request {number}, again");
    }
    assert_eq!(
        cohere.embed(&numbered("sea", 0..200)).await.cost().0,
        "miss",
        "the first was used longest ago"
    );
}
