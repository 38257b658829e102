//! What a web page of elsewhere could send to a gateway on a laptop: refused before anything is spent.

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::stub::write_json;
use http::Method;
use serde_json::json;

const BODY: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn foreign_page_spends_no_key() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("host", "evil.example:8080", 421),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
    ] {
        let answer = read_answer(running.post("/v2/chat").header(name, value).body(BODY)).await;
        let said = answer.json();
        assert_eq!((answer.status, said["code"].as_str()), (status, Some("invalid_request")));
        assert!(answer.body.starts_with(b"{\"id\":\"") && said["message"].is_string(), "{said}");
        let health = running.request_without_token(Method::GET, "/api/health").header(name, value);
        assert_eq!(read_answer(health).await.status, status, "{name}: {value}");
    }
    assert_eq!(stub.seen().len(), 0);
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    let local = running.post("/v2/chat").header("origin", "http://localhost:3000").body(BODY);
    assert_eq!(read_answer(local).await.status, 200);
}

#[tokio::test]
async fn foreign_page_reaches_no_secret_either() {
    let running = gateway::start(local::Upstream::Sandbox, &[]).await;
    let (_, secrets) = &running.gateway.aws[0];
    for url in [secrets, &running.gateway.upstream_url] {
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
        assert_eq!(read_answer(request.header("host", "evil.example")).await.status, 421, "{url}");
    }
}
