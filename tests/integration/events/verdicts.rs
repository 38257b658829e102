//! The authorizer's verdicts: one event each, with what is counted of all and by version.

use super::CHAT;
use gateway_tests::event::{read_metrics, wait_for_event};
use gateway_tests::gateway::{self, read_answer};
use local::secrets_manager::Behaviour;
use serde_json::{Value, json};

/// Checks which verdict an event counts.
fn check_verdict(event: &Value, verdict: &str, is_marked: bool) {
    let metrics = read_metrics(event);
    for name in ["Allowed", "Denied", "Failed"] {
        let counted = f64::from(u8::from(name == verdict));
        assert_eq!(metrics[&format!("Gate{name}")], counted, "{event}");
        let all = metrics.get(&format!("Authorizer{name}"));
        let is_counted = name == verdict && !is_marked;
        assert_eq!(all.is_some(), is_counted, "{name}: {event}");
    }
    assert!(event["request_id"].is_string() && event["FunctionVersion"].is_string(), "{event}");
}

#[tokio::test]
async fn every_verdict_is_counted() {
    let (_, running) = gateway::start_with_stub(&[]).await;
    running.send("/v2/chat", CHAT).await;
    check_verdict(&wait_for_event(&running, "caller_allowed", 0).await, "Allowed", false);
    let unknown = running.request_without_token(http::Method::POST, "/v2/chat");
    let token = format!("Bearer cgw_{}", "0".repeat(43));
    assert_eq!(read_answer(unknown.header("authorization", token).body(CHAT)).await.status, 401);
    check_verdict(&wait_for_event(&running, "caller_denied", 0).await, "Denied", false);
    running.gateway.kill("authorizer").await;
    running.gateway.secrets.behave(Behaviour::Slow(std::time::Duration::from_secs(9)));
    let question = json!({ "type": "TOKEN", "authorizationToken": format!("Bearer {}", running.gateway.token),
        "methodArn": "arn:aws:execute-api:r:1:abc/live/POST/v2/chat" });
    let _ = running.gateway.invoke("authorizer", question.to_string()).await;
    check_verdict(&wait_for_event(&running, "caller_not_judged", 0).await, "Failed", false);
}

#[tokio::test]
async fn marked_question_is_counted_by_version_alone() {
    let (_, running) = gateway::start_with_stub(&[]).await;
    let question = json!({
        "type": "TOKEN", "authorizationToken": format!("Bearer {}", running.gateway.token),
        "methodArn": "arn:aws:execute-api:r:1:abc/live/POST/v2/chat",
        "requestContext": { "authorizer": { "gate": "true" } },
    });
    running.gateway.invoke("authorizer", question.to_string()).await.expect("an answer");
    check_verdict(&wait_for_event(&running, "caller_allowed", 0).await, "Allowed", true);
}
