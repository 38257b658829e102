//! Lists of models: kept for minutes, and shown without what a client may not use.

use super::{get, read_failure};
use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::ops;
use gateway_tests::stub::{Stub, write_json};
use http::Method;
use serde_json::{Value, json};

const ALLOWED: &str = "command-r7b-12-2024";

fn list(names: &[&str]) -> Value {
    let models: Vec<_> =
        names.iter().map(|name| json!({ "name": name, "endpoints": [] })).collect();
    json!({ "models": models, "next_page_token": "t" })
}

/// Answers with a default model, unless all are asked for.
fn answer_lists(stub: &Stub) {
    stub.answer_others(|seen| match &*seen.path {
        path if path.contains("default_only=true") => {
            write_json(200, &list(&["command-a-03-2025"]))
        }
        path if path.starts_with("/v1/models/") => write_json(200, &json!({ "name": "m" })),
        "/compatibility/v1/models" => {
            write_json(200, &json!({ "data": [{ "id": "a" }, { "id": ALLOWED }] }))
        }
        _ => write_json(200, &list(&["command-a-03-2025", ALLOWED])),
    });
}

async fn get_as(running: &Running, token: &str, path: &str) -> Answer {
    let request = running.request_without_token(Method::GET, path);
    read_answer(request.header("authorization", format!("Bearer {token}"))).await
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let list = body["models"].as_array().or(body["data"].as_array()).expect("a list");
    let name = |model: &Value| model["name"].as_str().or(model["id"].as_str()).map(str::to_string);
    list.iter().filter_map(name).collect()
}

#[tokio::test]
async fn list_is_kept_by_its_query() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    answer_lists(&stub);
    for (path, cache) in [
        ("/v1/models?page_size=1&endpoint=chat", "miss"),
        ("/v1/models?endpoint=chat&page_size=1", "hit"),
        ("/v1/models?endpoint=embed&page_size=1", "miss"),
        ("/v1/models", "miss"),
        ("/compatibility/v1/models", "miss"),
        ("/v1/models/command-a-03-2025", "miss"),
        ("/v1/models/command-a-03-2025", "hit"),
    ] {
        let answer = get(&running, path).await;
        assert_eq!((answer.status, answer.header("x-gateway-cache")), (200, cache), "{path}");
    }
    let paths: Vec<_> = stub.seen().into_iter().map(|call| call.path).collect();
    assert_eq!(paths[0], "/v1/models?endpoint=chat&page_size=1");
    assert_eq!(paths.len(), 5);
    assert!(stub.seen().iter().all(|call| call.body.is_empty()));
}

#[tokio::test]
async fn client_sees_only_the_models_it_may_use() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    answer_lists(&stub);
    let arguments = ["clients", "add", "small", "--models", ALLOWED];
    let token = ops::run_ops(&running, &arguments, "").await.data().to_string();
    let all = get(&running, "/v1/models").await;
    assert_eq!(names(&all), ["command-a-03-2025", ALLOWED]);
    let own = get_as(&running, &token, "/v1/models").await;
    assert_eq!((names(&own), own.header("x-gateway-cache")), (vec![ALLOWED.to_string()], "hit"));
    assert_eq!(own.json()["next_page_token"], "t");
    assert_eq!(names(&get_as(&running, &token, "/compatibility/v1/models").await), [ALLOWED]);
    // Who asks for the default model takes the first one, so there is always one.
    let default = get_as(&running, &token, "/v1/models?default_only=true&endpoint=chat").await;
    assert_eq!(names(&default), [ALLOWED]);
    assert!(default.header("x-api-warning").contains("none of the default models"));
    assert_eq!(get_as(&running, &token, &format!("/v1/models/{ALLOWED}")).await.status, 200);
    let answer = get_as(&running, &token, "/v1/models/command-a-03-2025").await;
    assert_eq!(read_failure(&answer).1, "model_not_allowed");
    let chat = running.request_without_token(Method::POST, "/v1/chat");
    let chat = chat.header("authorization", format!("Bearer {token}"));
    let answer = read_answer(chat.body(r#"{"message":"a","model":"command-a-03-2025"}"#)).await;
    assert_eq!(read_failure(&answer).1, "model_not_allowed");
}

#[tokio::test]
async fn path_of_a_model_leads_nowhere_else() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    answer_lists(&stub);
    for id in ["..%2Fconnectors", "a%2Fb", "a%3Fb", "%2E%2E", "a%20b", "%C3%A9"] {
        let answer = get(&running, &format!("/v1/models/{id}")).await;
        let (status, code, _) = read_failure(&answer);
        assert_eq!((status, code.as_str()), (404, "not_found"), "{id}");
    }
    let long = format!("/v1/models?page_token={}", "a".repeat(2_000));
    let (status, _, message) = read_failure(&get(&running, &long).await);
    assert_eq!(status, 400);
    assert!(message.contains("at most 1024 bytes"), "{message}");
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn list_that_is_none_is_no_answer_and_is_not_kept() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|_| write_json(200, &json!({ "of": "tomorrow" })));
    assert_eq!(read_failure(&get(&running, "/v1/models").await).1, "upstream_malformed");
    answer_lists(&stub);
    assert_eq!(get(&running, "/v1/models").await.header("x-gateway-cache"), "miss");
    stub.answer_others(|_| write_json(404, &json!({ "message": "model 'x' not found" })));
    let (status, code, message) = read_failure(&get(&running, "/v1/models/x").await);
    assert_eq!((status, code.as_str()), (404, "invalid_request"));
    assert_eq!(message, "model 'x' not found");
}
