//! Keys, models, warnings and the sandbox's own controls.

use serde_json::json;

use super::{CohereSandbox, Key, sandbox, send};

async fn check_key(sandbox: &CohereSandbox, key: &str) -> u16 {
    let authorization = format!("Bearer {key}");
    send(sandbox, "POST", "/v1/check-api-key", &[("authorization", &authorization)], String::new())
        .await
        .status
}

#[tokio::test]
async fn keys_are_accepted_and_revoked() {
    let sandbox = sandbox();
    assert_eq!(check_key(&sandbox, "new-key").await, 401);
    sandbox.accept_key(Key { value: "new-key".to_owned(), trial: false });
    assert_eq!(check_key(&sandbox, "new-key").await, 200);
    sandbox.revoke_key("new-key");
    assert_eq!(check_key(&sandbox, "new-key").await, 401);
    send(&sandbox, "PUT", "/_sandbox/keys/third?trial=true", &[], String::new()).await;
    assert_eq!(check_key(&sandbox, "third").await, 200);
    send(&sandbox, "DELETE", "/_sandbox/keys/third", &[], String::new()).await;
    assert_eq!(check_key(&sandbox, "third").await, 401);
}

#[tokio::test]
async fn trial_keys_alone_see_limits() {
    let sandbox = sandbox();
    let limit = async |key: &str, body: &str| {
        let authorization = format!("Bearer {key}");
        let answer = send(
            &sandbox,
            "POST",
            "/v2/chat",
            &[("authorization", &authorization)],
            body.to_owned(),
        )
        .await;
        answer.header("x-trial-endpoint-call-limit").map(str::to_owned)
    };
    assert_eq!(limit("trial-key", "{}").await.as_deref(), Some("20"));
    assert_eq!(limit("test-key", "{}").await, None);
    sandbox.plan_faults(vec!["status=429".parse().unwrap()]);
    assert_eq!(limit("trial-key", "{}").await, None);
}

#[tokio::test]
async fn warnings_name_deprecated_models_and_unknown_fields() {
    let body = json!({
        "model": "command-r-03-2024",
        "größe": 1,
        "messages": [{"role": "user", "content": "hi"}],
    });
    let answer = super::post("/v2/chat", body).await;
    let warnings: Vec<_> = answer.headers.get_all("x-api-warning").iter().collect();
    let [deprecated, unknown] = warnings[..] else { panic!("{warnings:?}") };
    assert!(deprecated.to_str().unwrap().starts_with(
        "model 'command-r-03-2024' is deprecated and will be removed September 15 2025."
    ));
    let said = "unknown field: parameter größe is not a valid field";
    assert_eq!(unknown.as_bytes(), said.as_bytes());
}

#[tokio::test]
async fn requests_are_recorded_as_received() {
    let sandbox = sandbox();
    let headers = [("authorization", "Bearer test-key"), ("x-client-name", "me")];
    send(&sandbox, "POST", "/v2/chat?a=b", &headers, "{ \"odd\" :1}".to_owned()).await;
    let [seen] = &sandbox.requests()[..] else { panic!("one request") };
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str(), seen.query.as_deref()),
        ("POST", "/v2/chat", Some("a=b"))
    );
    assert_eq!(seen.header("authorization"), Some("Bearer test-key"));
    assert_eq!(seen.body, "{ \"odd\" :1}");

    let listed = send(&sandbox, "GET", "/_sandbox/requests", &[], String::new()).await;
    assert_eq!(listed.json()[0]["body"], json!({"odd": 1}));
    assert!(!listed.body.contains("test-key"), "{}", listed.body);
    let count = send(&sandbox, "GET", "/_sandbox/count", &[], String::new()).await;
    assert_eq!(count.json(), json!({"count": 1}));
}

#[tokio::test]
async fn models_are_listed_by_endpoint_and_page() {
    let sandbox = sandbox();
    let get = async |path: &str| {
        send(&sandbox, "GET", path, &[("authorization", "Bearer test-key")], String::new()).await
    };
    let page = get("/v1/models?endpoint=rerank&page_size=5").await.json();
    assert_eq!(page["models"].as_array().unwrap().len(), 5);
    let token = page["next_page_token"].as_str().unwrap();
    let second_page =
        get(&format!("/v1/models?endpoint=rerank&page_size=5&page_token={token}")).await.json();
    assert_eq!(second_page["models"].as_array().unwrap().len(), 2);
    assert!(second_page.get("next_page_token").is_none());
    let default = get("/v1/models?endpoint=chat&default_only=true").await.json();
    assert_eq!(default["models"][0]["name"], "command-a-03-2025");
    assert_eq!(get("/v1/models/embed-v4.0").await.json()["context_length"], 128_000);
    assert_eq!(get("/v1/models/nothing").await.status, 404);
}

#[tokio::test]
async fn status_page_says_what_it_is_told() {
    let sandbox = sandbox();
    sandbox.plan_faults(vec!["status=503".parse().unwrap()]);
    let page = "/api/v2/status.json";
    let answer = send(&sandbox, "GET", page, &[], String::new()).await;
    assert_eq!((answer.status, &answer.json()["status"]["indicator"]), (200, &json!("none")));
    send(&sandbox, "PUT", "/_sandbox/status/major", &[], String::new()).await;
    let told = send(&sandbox, "GET", page, &[], String::new()).await.json();
    assert_eq!(told["status"]["indicator"], "major");
    assert!(sandbox.requests().is_empty(), "the page is no part of the API");
}
