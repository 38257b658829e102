//! The fallback of a split request: it answers the whole of it, or nothing.

use gateway_tests::scripted_cohere::{
    ALWAYS, Asked, EMBED, EMBED_FALLBACK, RERANK, RERANK_FALLBACK, Scripted, embed_body, good, holds,
    numbered, refused_late, rerank_body,
};
use serde_json::{Value, json};

/// Lets the asked model fail for good in the part that holds a text; the fallback answers.
fn fail_part(cohere: &Scripted, model: &'static str, text: &str) {
    let needle = format!("\"{text}\"");
    cohere.stub.otherwise(move |seen| {
        let struck = seen.field("model") == model && holds(&seen.body, &needle);
        if struck { refused_late(500, "oh") } else { good(seen) }
    });
}

async fn allowed(cohere: &Scripted, path: &str, body: &Value) -> Asked {
    cohere.ask(path, body, &[("x-gateway-fallback", "allow")]).await
}

/// Returns how many calls named each model.
fn calls(asked: &Asked, models: [&str; 2]) -> [usize; 2] {
    models.map(|model| asked.calls.iter().filter(|call| call.field("model") == model).count())
}

#[tokio::test]
async fn failed_part_sends_whole_request_to_fallback() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    fail_part(&cohere, EMBED, "sea-150");
    let asked = allowed(&cohere, "/v2/embed", &embed_body(&texts)).await;
    asked.assert_embeds(EMBED_FALLBACK, &texts);
    assert_eq!(asked.answer.header("x-gateway-fallback-from"), EMBED);
    assert_eq!(calls(&asked, [EMBED, EMBED_FALLBACK]), [5, 3]);
    assert_eq!(asked.answer.header("x-gateway-cache"), "miss");

    cohere.heal();
    let healed = allowed(&cohere, "/v2/embed", &embed_body(&texts)).await;
    healed.assert_embeds(EMBED, &texts);
    assert_eq!(calls(&healed, [EMBED, EMBED_FALLBACK])[1], 0, "the fallback's embeddings are its own");
}

#[tokio::test]
async fn fallback_answer_uses_no_primary_cache() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    assert_eq!(cohere.embed(&texts[..100]).await.cost(), ("miss", 2));
    fail_part(&cohere, EMBED, "sea-150");
    let asked = allowed(&cohere, "/v2/embed", &embed_body(&texts)).await;
    asked.assert_embeds(EMBED_FALLBACK, &texts);
    assert_eq!(calls(&asked, [EMBED, EMBED_FALLBACK])[1], 3, "all texts are asked for anew");
    assert_eq!(asked.billed(), json!({ "input_tokens": 200 }));
    assert_eq!(asked.answer.header("x-gateway-cache"), "miss");

    // The fallback's own answers are kept for it, and never answer for the asked model.
    let again = allowed(&cohere, "/v2/embed", &embed_body(&texts)).await;
    again.assert_embeds(EMBED_FALLBACK, &texts);
    assert_eq!(
        (again.answer.header("x-gateway-cache"), calls(&again, [EMBED, EMBED_FALLBACK])[1]),
        ("hit", 0)
    );
    let denied = cohere.ask("/v2/embed", &embed_body(&texts), &[("x-gateway-fallback", "deny")]).await;
    assert_ne!(denied.answer.status, 200);
}

#[tokio::test]
async fn fallback_ranks_all_documents_itself() {
    let cohere = Scripted::start(&[]).await;
    let documents = numbered("page", 0..1_001);
    fail_part(&cohere, RERANK, "page-1000");
    let asked = allowed(&cohere, "/v2/rerank", &rerank_body(&documents)).await;
    asked.assert_ranks(RERANK_FALLBACK, &documents, usize::MAX);
    assert_eq!(asked.answer.header("x-gateway-fallback-from"), RERANK);
    assert_eq!(calls(&asked, [RERANK, RERANK_FALLBACK]), [4, 2]);

    cohere.heal();
    let healed = allowed(&cohere, "/v2/rerank", &rerank_body(&documents)).await;
    healed.assert_ranks(RERANK, &documents, usize::MAX);
}

#[tokio::test]
async fn failing_fallback_part_leaves_primary_failure() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    cohere.fault("sea-150", ALWAYS, refused_late(500, "oh"));
    let asked = allowed(&cohere, "/v2/embed", &embed_body(&texts)).await;
    let message = "oh (texts 96-191 of 200, counted from 0)";
    assert_eq!(asked.failure(), (500, "upstream_error".into(), message.into()));
    assert_eq!(asked.answer.header("x-gateway-model"), EMBED);
    assert_eq!(asked.answer.header("x-gateway-fallback-from"), "");
}
