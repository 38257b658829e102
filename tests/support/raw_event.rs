//! Events sent to a function past the front, in the form that API Gateway gives them.

use crate::gateway::Running;
use serde_json::{Value, json};

/// The prelude of an answer ends in so many bytes of zero.
const PRELUDE_END: [u8; 8] = [0; 8];

/// Builds an event for the chat function, as the authorizer has let it pass.
pub fn build_chat_event(body: &str, is_base64: bool, authorizer: &Value) -> Value {
    json!({
        "resource": "/v2/chat", "path": "/v2/chat", "httpMethod": "POST",
        "headers": { "content-type": "application/json" },
        "multiValueHeaders": { "content-type": ["application/json"] },
        "requestContext": {
            "requestId": "r", "stage": "live", "httpMethod": "POST", "path": "/live/v2/chat",
            "authorizer": authorizer, "identity": { "sourceIp": "127.0.0.1" },
        },
        "body": body, "isBase64Encoded": is_base64,
    })
}

/// Sends an event to the chat function; returns the JSON body of its answer.
pub async fn invoke_chat(running: &Running, event: &Value) -> Value {
    let answer = running.gateway.invoke("chat", event.to_string()).await.expect("an answer");
    let prelude = answer.windows(PRELUDE_END.len()).position(|window| window == PRELUDE_END);
    let body = &answer[prelude.expect("a prelude") + PRELUDE_END.len()..];
    serde_json::from_slice(body).expect("a JSON body")
}
