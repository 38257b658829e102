//! The order of the pipeline's stages: a request that is wrong in every way is told so stage by stage.

use gateway_tests::gateway;
use gateway_tests::raw_event::{build_chat_event, invoke_chat};
use serde_json::{Value, json};

/// Builds an event that fails at every stage but the first `mended` ones.
fn build_event(mended: usize) -> Value {
    let mut message = json!({ "role": "user", "content": "hi" });
    if mended <= 1 {
        message["content"] = "a".repeat(4_500_000).into();
    }
    let mut body =
        json!({ "messages": [message], "model": "c4ai-aya-expanse-8b", "temperature": "hot" });
    if mended > 2 {
        body["temperature"] = 0.5.into();
    }
    if mended > 3 {
        body["model"] = "command-a-03-2025".into();
    }
    let models = if mended > 4 { "command-a-03-2025" } else { "command-r7b-12-2024" };
    let authorizer =
        if mended > 0 { json!({ "client": "c", "models": models }) } else { json!({}) };
    let option = if mended > 5 { "deny" } else { "maybe" };
    let mut event = build_chat_event(&body.to_string(), false, &authorizer);
    event["headers"] = json!({ "x-gateway-fallback": option });
    event["multiValueHeaders"] = json!({ "x-gateway-fallback": [option] });
    event
}

#[tokio::test]
async fn stages_judge_in_pipeline_order() {
    let settings = [("GATEWAY_SECRET_ID", "no/such/secret")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let expected = [
        ("unauthorized", "a token of this gateway"),
        ("too_large", "body: at most"),
        ("invalid_request", "temperature: must be a number"),
        ("model_retired", "was removed on April 4, 2026. Use 'command-r7b-12-2024' instead."),
        ("model_not_allowed", "only: command-r7b-12-2024"),
        ("invalid_request", "x-gateway-fallback: must be allow or deny"),
        ("key_missing", "no/such/secret"),
    ];
    for (mended, (code, message)) in expected.into_iter().enumerate() {
        let said = invoke_chat(&running, &build_event(mended)).await;
        assert_eq!(said["code"], code, "{mended} mended: {said}");
        assert!(said["message"].as_str().unwrap().contains(message), "{mended} mended: {said}");
    }
    assert_eq!(stub.seen().len(), 0);
}
