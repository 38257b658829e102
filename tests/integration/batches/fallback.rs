//! The fallback of a split request: it answers the whole of it, or nothing.

use gateway_tests::scripted_cohere::{
    ALWAYS, CountedAnswer, EMBED, EMBED_FALLBACK, RERANK, RERANK_FALLBACK, ScriptedCohere,
    answer_well, build_embed_body, build_rerank_body, contains_text, number_texts, refuse_late,
};
use serde_json::{Value, json};

/// Lets the requested model fail for good in the sub-request that holds a text; the fallback answers.
fn fail_sub_request(cohere: &ScriptedCohere, model: &'static str, text: &str) {
    let needle = format!("\"{text}\"");
    cohere.stub.answer_others(move |seen| {
        let struck = seen.field("model") == model && contains_text(&seen.body, &needle);
        if struck { refuse_late(500, "oh") } else { answer_well(seen) }
    });
}

async fn send_with_fallback(cohere: &ScriptedCohere, path: &str, body: &Value) -> CountedAnswer {
    cohere.send_counted(path, body, &[("x-gateway-fallback", "allow")]).await
}

/// Returns how many calls named each model.
fn count_calls(answered: &CountedAnswer, models: [&str; 2]) -> [usize; 2] {
    models.map(|model| answered.calls.iter().filter(|call| call.field("model") == model).count())
}

#[tokio::test]
async fn failed_sub_request_sends_whole_request_to_fallback() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    fail_sub_request(&cohere, EMBED, "sea-150");
    let answered = send_with_fallback(&cohere, "/v2/embed", &build_embed_body(&texts)).await;
    answered.assert_embeds(EMBED_FALLBACK, &texts);
    assert_eq!(answered.answer.header("x-gateway-fallback-from"), EMBED);
    assert_eq!(count_calls(&answered, [EMBED, EMBED_FALLBACK]), [5, 3]);
    assert_eq!(answered.answer.header("x-gateway-cache"), "miss");

    cohere.answer_all();
    let healed = send_with_fallback(&cohere, "/v2/embed", &build_embed_body(&texts)).await;
    healed.assert_embeds(EMBED, &texts);
    assert_eq!(
        count_calls(&healed, [EMBED, EMBED_FALLBACK])[1],
        0,
        "the fallback's embeddings are its own"
    );
}

#[tokio::test]
async fn fallback_answer_uses_no_primary_cache() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    assert_eq!(cohere.embed_texts(&texts[..100]).await.cache_and_calls(), ("miss", 2));
    fail_sub_request(&cohere, EMBED, "sea-150");
    let answered = send_with_fallback(&cohere, "/v2/embed", &build_embed_body(&texts)).await;
    answered.assert_embeds(EMBED_FALLBACK, &texts);
    assert_eq!(
        count_calls(&answered, [EMBED, EMBED_FALLBACK])[1],
        3,
        "all texts are asked for anew"
    );
    assert_eq!(answered.billed_units(), json!({ "input_tokens": 200 }));
    assert_eq!(answered.answer.header("x-gateway-cache"), "miss");

    // The fallback's own answers are cached for it, and never answer for the requested model.
    let again = send_with_fallback(&cohere, "/v2/embed", &build_embed_body(&texts)).await;
    again.assert_embeds(EMBED_FALLBACK, &texts);
    assert_eq!(
        (again.answer.header("x-gateway-cache"), count_calls(&again, [EMBED, EMBED_FALLBACK])[1]),
        ("hit", 0)
    );
    let denied = cohere
        .send_counted("/v2/embed", &build_embed_body(&texts), &[("x-gateway-fallback", "deny")])
        .await;
    assert_ne!(denied.answer.status, 200);
}

#[tokio::test]
async fn model_of_the_same_space_stands_in_unasked() {
    const PRO: &str = "embed-v5.0-pro";
    const FAST: &str = "embed-v5.0-fast";
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    let mut body = build_embed_body(&texts);
    body["model"] = json!(PRO);
    fail_sub_request(&cohere, PRO, "sea-150");
    let answered = cohere.send_counted("/v2/embed", &body, &[]).await;
    answered.assert_embeds(FAST, &texts);
    assert_eq!(count_calls(&answered, [PRO, FAST]), [5, 3]);
    let headers = ["x-gateway-model", "x-gateway-fallback-from", "x-gateway-cache"];
    assert_eq!(headers.map(|name| answered.answer.header(name)), [FAST, PRO, "miss"]);

    // Its answer is cached as its own: the requested model is asked again, where it answers.
    cohere.answer_all();
    let healed = cohere.send_counted("/v2/embed", &body, &[]).await;
    healed.assert_embeds(PRO, &texts);
    assert_eq!(healed.answer.header("x-gateway-fallback-from"), "");
    body["model"] = json!(FAST);
    let own = cohere.send_counted("/v2/embed", &body, &[]).await;
    own.assert_embeds(FAST, &texts);
    assert_eq!(own.cache_and_calls(), ("hit", 0));
}

#[tokio::test]
async fn fallback_ranks_all_documents_itself() {
    let cohere = ScriptedCohere::start(&[]).await;
    let documents = number_texts("page", 0..1_001);
    fail_sub_request(&cohere, RERANK, "page-1000");
    let answered = send_with_fallback(&cohere, "/v2/rerank", &build_rerank_body(&documents)).await;
    answered.assert_ranks(RERANK_FALLBACK, &documents, usize::MAX);
    assert_eq!(answered.answer.header("x-gateway-fallback-from"), RERANK);
    assert_eq!(count_calls(&answered, [RERANK, RERANK_FALLBACK]), [4, 2]);

    cohere.answer_all();
    let healed = send_with_fallback(&cohere, "/v2/rerank", &build_rerank_body(&documents)).await;
    healed.assert_ranks(RERANK, &documents, usize::MAX);
}

#[tokio::test]
async fn failing_fallback_sub_request_leaves_primary_failure() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    cohere.fail_calls("sea-150", ALWAYS, refuse_late(500, "oh"));
    let answered = send_with_fallback(&cohere, "/v2/embed", &build_embed_body(&texts)).await;
    let message = "oh (texts 96-191 of 200, counted from 0)";
    assert_eq!(answered.read_failure(), (500, "upstream_error".into(), message.into()));
    assert_eq!(answered.answer.header("x-gateway-model"), EMBED);
    assert_eq!(answered.answer.header("x-gateway-fallback-from"), "");
}
