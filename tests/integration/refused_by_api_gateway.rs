//! What API Gateway answers by itself: over a rate, and where no function takes a request.

use gateway_tests::gateway::{self, Answer, FAKE_KEY, Running, read_answer};
use gateway_tests::stub::{Step, Stub, write_json};
use http::Method;
use local::{Options, Upstream};
use serde_json::json;
use std::time::Duration;

const CHAT: &str =
    r#"{"model":"command-r7b-12-2024","messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#;

async fn start(stub: &Stub, options: Options) -> Running {
    let upstream = Upstream::Url { url: stub.url.clone(), key: FAKE_KEY.into() };
    gateway::start_with(&[], Options { upstream, ..options }).await
}

fn assert_refused(answer: &Answer, status: u16, code: &str, message: &str) {
    let said = answer.json();
    assert_eq!((answer.status, said["code"].as_str()), (status, Some(code)), "{said}");
    assert_eq!(answer.header("retry-after"), "1", "{said}");
    assert!(said["message"].as_str().unwrap_or_default().contains(message), "{said}");
}

#[tokio::test]
async fn route_has_one_rate_for_all_clients() {
    let stub = Stub::start().await;
    let limits = [("RouteRequestsPerSecond", "1"), ("RouteBurst", "2")];
    let parameters = limits.map(|(name, value)| (name.to_string(), value.to_string()));
    let options = Options { parameters: parameters.into(), ..Options::default() };
    let running = start(&stub, options).await;
    stub.answer_others(|_| write_json(200, &json!({ "message": {} })));
    let mut refused = 0;
    for _ in 0..6 {
        let answer = running.send("/v2/chat", CHAT).await;
        if answer.status != 200 {
            assert_refused(&answer, 429, "client_throttled", "of this route for all clients");
            refused += 1;
        }
    }
    assert!(refused >= 2, "only {refused} of six were refused");
    let rerank = r#"{"query":"a","documents":["b"]}"#;
    assert_ne!(running.send("/v2/rerank", rerank).await.status, 429, "each route has its own");
    let health = read_answer(running.request_without_token(Method::GET, "/api/health")).await;
    assert_eq!(health.status, 200, "the open route has a rate of its own");
}

#[tokio::test]
async fn function_has_no_more_than_its_reserve() {
    let stub = Stub::start().await;
    let parameters = vec![("ChatReservedConcurrency".to_string(), "0".to_string())];
    let running = start(&stub, Options { parameters, ..Options::default() }).await;
    stub.answer_others(|_| write_json(200, &json!({ "message": {} })));
    let answer = running.send("/v2/chat", CHAT).await;
    assert_refused(&answer, 503, "internal", "no instance of the gateway");
    let health = read_answer(running.request_without_token(Method::GET, "/api/health")).await;
    assert_eq!(health.status, 200, "a reserve of one function stops no other");
}

#[tokio::test]
async fn busy_function_is_told_with_retry_after() {
    let stub = Stub::start().await;
    let busy_wait = Duration::from_millis(50);
    let running =
        start(&stub, Options { max_environments: 1, busy_wait, ..Options::default() }).await;
    stub.plan_answer(vec![Step::Hang]);
    let busy = async {
        while stub.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answer = running.send("/v2/chat", CHAT).await;
        running.gateway.kill("chat").await;
        answer
    };
    let (_, answer) = tokio::join!(running.send("/v2/chat", CHAT), busy);
    assert_refused(&answer, 503, "internal", "no instance of the gateway");
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 200);
}
