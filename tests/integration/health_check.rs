//! `GET /api/health/check`: the check of the open route for those with a token.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::stub::write_json;
use http::Method;
use serde_json::json;

const OPEN: &str = "/api/health";
const CHECK: &str = "/api/health/check";

async fn get(running: &Running, path: &str, token: Option<&str>) -> Answer {
    let mut request = running.request_without_token(Method::GET, path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    read_answer(request).await
}

#[tokio::test]
async fn check_answers_a_token_as_the_open_route_does() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let token = running.gateway.token.clone();
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let answer = get(&running, CHECK, Some(&token)).await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ok")));
    let open = get(&running, OPEN, None).await;
    assert_eq!(open.json(), answer.json(), "one check for both");
    assert_eq!(stub.seen().len(), 1, "and one call of Cohere");

    running.gateway.kill("health").await;
    stub.answer_others(|_| write_json(500, &json!({ "message": "no" })));
    let answer = get(&running, CHECK, Some(&token)).await;
    assert_eq!((answer.status, answer.json()["cohere"]["status"].as_str()), (503, Some("down")));
}

#[tokio::test]
async fn check_without_a_good_token_reaches_no_function() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let unknown = format!("cgw_{}", "x".repeat(43));
    for token in [None, Some(unknown.as_str()), Some("fake-cohere-key"), Some("")] {
        let answer = get(&running, CHECK, token).await;
        let said = answer.json();
        assert_eq!((answer.status, said["code"].as_str()), (401, Some("unauthorized")), "{said}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for (method, path) in [(Method::POST, CHECK), (Method::GET, "/api/health/check/")] {
        let answer = read_answer(running.request_without_token(method, path)).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")));
        let message = answer.json()["message"].as_str().unwrap_or_default().to_string();
        assert!(message.contains("/api/health/check"), "{message}");
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn strangers_cannot_use_up_the_rate_of_the_check() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.answer_others(|_| write_json(200, &json!({ "message": {} })));
    let token = running.gateway.token.clone();
    let mut throttled = 0;
    for _ in 0..20 {
        throttled += usize::from(get(&running, OPEN, None).await.status == 429);
    }
    assert!(throttled > 0, "the open route is throttled");
    for _ in 0..20 {
        assert_eq!(get(&running, CHECK, Some(&token)).await.status, 200);
    }
}
