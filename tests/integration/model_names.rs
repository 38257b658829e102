//! A model's id is any text a caller likes: no log, metric or header shows one that nobody confirms.

use gateway_tests::gateway;
use gateway_tests::stub::write_json;
use serde_json::json;

/// What somebody has pasted into the wrong field; it has the form of an id.
const PASTED: &str = "Fake-Passw0rd-of-somebody";
const NAME: &str = "unknown-9425992f";

fn chat_with(model: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] }).to_string()
}

#[tokio::test]
async fn unconfirmed_id_is_shown_by_its_hash() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_BREAKER_FAILURES", "1")]).await;
    stub.plan_answer(write_json(404, &json!({ "message": "not found" })));
    let refused = running.send("/v2/chat", chat_with(PASTED)).await;
    assert_eq!((refused.status, refused.header("x-gateway-model")), (404, NAME));
    stub.answer_others(|_| write_json(500, &json!({ "message": "down" })));
    let failed = running.send("/v2/chat", chat_with(PASTED)).await;
    assert_eq!((failed.status, failed.header("x-gateway-model")), (500, NAME));
    let stopped = running.send("/v2/chat", chat_with(PASTED)).await;
    assert_eq!(stopped.json()["code"], "circuit_open", "{stopped:?}");
    for answer in [refused, failed, stopped] {
        assert!(!format!("{answer:?}").contains(PASTED), "{answer:?}");
    }
    let lines = running.stop_and_read_lines().await.join("\n");
    assert!(lines.contains("breaker_changed") && lines.contains("BreakerOpened"), "{lines}");
    assert!(lines.matches(NAME).count() >= 5, "{lines}");
    assert!(!lines.contains(PASTED), "{lines}");
}

#[tokio::test]
async fn id_that_cohere_answers_to_is_shown() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let answer = running.send("/v2/chat", chat_with("my-fine-tuned-ft")).await;
    assert_eq!(answer.header("x-gateway-model"), "my-fine-tuned-ft");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    assert!(line.contains("\"model\":\"my-fine-tuned-ft\""), "{line}");
    stub.plan_answer(write_json(400, &json!({ "message": "no" })));
    let refused = running.send("/v2/chat", chat_with("my-fine-tuned-ft")).await;
    assert_eq!((refused.status, refused.header("x-gateway-model")), (400, "my-fine-tuned-ft"));
}

#[tokio::test]
async fn id_of_the_catalogue_or_a_setting_is_shown() {
    let settings = [("GATEWAY_RERANK_MODEL", "rerank-of-ours")];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    stub.answer_others(|_| write_json(400, &json!({ "message": "no" })));
    let chat = running.send("/v2/chat", chat_with("command-a-vision-07-2025")).await;
    assert_eq!(chat.header("x-gateway-model"), "command-a-vision-07-2025");
    let rerank = running.send("/v2/rerank", r#"{"query":"q","documents":["d"]}"#).await;
    assert_eq!(rerank.header("x-gateway-model"), "rerank-of-ours");
}
