//! The order of the pipeline's stages: a request that is wrong in every way is told so stage by stage.

use gateway_tests::gateway;
use gateway_tests::stub::Stub;
use serde_json::{Value, json};

/// Builds an event that fails at every stage but the first `mended` ones.
fn event(mended: usize) -> Value {
    let is = |stage: usize| mended > stage;
    let mut message = json!({ "role": "user", "content": "hi" });
    if !is(1) {
        message["content"] = "a".repeat(4_500_000).into();
    }
    let mut body = json!({ "messages": [message], "model": "c4ai-aya-expanse-8b", "temperature": "hot" });
    if is(2) {
        body["temperature"] = 0.5.into();
    }
    if is(3) {
        body["model"] = "command-a-03-2025".into();
    }
    let models = if is(4) { "command-a-03-2025" } else { "command-r7b-12-2024" };
    let authorizer = if is(0) { json!({ "client": "c", "models": models }) } else { json!({}) };
    let wish = if is(5) { "deny" } else { "maybe" };
    json!({
        "resource": "/v2/chat", "path": "/v2/chat", "httpMethod": "POST",
        "headers": { "x-gateway-fallback": wish }, "multiValueHeaders": { "x-gateway-fallback": [wish] },
        "requestContext": {
            "requestId": "r", "stage": "live", "httpMethod": "POST", "path": "/live/v2/chat",
            "authorizer": authorizer, "identity": { "sourceIp": "127.0.0.1" },
        },
        "body": body.to_string(), "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn stages_judge_a_request_in_the_order_of_the_pipeline() {
    let stub = Stub::start().await;
    let running = gateway::start_at(&stub.url, &[("GATEWAY_SECRET_ID", "no/such/secret")]).await;
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
        let raw = running.gateway.invoke("chat", event(mended).to_string()).await.unwrap();
        let start = raw.windows(8).position(|window| window == [0; 8]).unwrap() + 8;
        let said: Value = serde_json::from_slice(&raw[start..]).unwrap();
        assert_eq!(said["code"], code, "{mended} mended: {said}");
        assert!(said["message"].as_str().unwrap().contains(message), "{mended} mended: {said}");
    }
    assert_eq!(stub.seen().len(), 0);
}
