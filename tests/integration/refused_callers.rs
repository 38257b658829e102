//! A request that API Gateway refuses leaves a line too, though no function has seen it.

use gateway_tests::gateway;
use local::Upstream;
use serde_json::{Value, json};

#[tokio::test]
async fn request_that_meets_no_function_leaves_a_line() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let (token, key) = ("cgw_fake_token_of_nobody_0123456789", "FakeCohereKeyOfNobody0123456789");
    let url = running.gateway.url.clone();
    let client = reqwest::Client::new();
    let ask =
        |path: &str, token: &str| client.post(format!("{url}{path}")).bearer_auth(token).body("{}");
    let too_large = client
        .post(format!("{url}/v2/chat"))
        .bearer_auth(&running.gateway.token)
        .body(vec![b' '; 11 << 20]);
    for (request, path, status, response_type) in [
        (ask("/v2/chat", token), "/v2/chat", 401, "ACCESS_DENIED"),
        (client.post(format!("{url}/v2/embed")), "/v2/embed", 401, "UNAUTHORIZED"),
        (ask(&format!("/v2/models?token={token}"), key), "/v2/models", 404, "INVALID_SIGNATURE"),
        (ask(&format!("/{key}/chat"), key), "/…/chat", 404, "INVALID_SIGNATURE"),
        (too_large, "/v2/chat", 413, "REQUEST_TOO_LARGE"),
    ] {
        let answer = gateway::read_answer(request).await;
        let id = answer.json()["id"].as_str().expect("an id").to_string();
        assert_eq!(answer.status, status, "{path}: {:?}", answer.json());
        let line = running.wait_for_line(&id).await;
        let line: Value =
            serde_json::from_str(line.strip_prefix("gateway: ").expect("the front's line"))
                .expect("JSON");
        for (field, value) in [
            ("level", json!("INFO")),
            ("event", json!("request_refused")),
            ("method", json!("POST")),
            ("path", json!(path)),
            ("status", json!(status)),
            ("response_type", json!(response_type)),
        ] {
            assert_eq!(line[field], value, "{field} of {line}");
        }
    }
    // Throttled: the route of strangers has a burst of five.
    for _ in 0..12 {
        let _ = client.get(format!("{url}/api/health")).send().await;
    }
    running.wait_for_line("\"THROTTLED\"").await;
    let lines = running.stop_and_read_lines().await.join("\n");
    assert!(!lines.contains("fake_token") && !lines.contains("FakeCohereKey"), "{lines}");
}
