//! The list of clients cannot be read: nobody is taken for a stranger, and nothing of it is remembered.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use http::Method;
use local::secrets_manager::{Behaviour, CLIENTS};
use local::{Options, Upstream};
use serde_json::json;
use shared::secrets::token::hash_token_as_hex;
use std::time::Duration;

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;
/// A store that does not answer in the authorizer's time.
const SILENT: Behaviour = Behaviour::Slow(Duration::from_secs(30));

/// Starts a gateway whose authorizer has one environment; verdicts are kept for a minute as on AWS.
async fn start_gateway() -> Running {
    let options =
        Options { upstream: Upstream::Sandbox, max_environments: 1, ..Options::default() };
    gateway::start_with(&[], options).await
}

async fn send_rerank(running: &Running, token: &str) -> Answer {
    let request = running.request_without_token(Method::POST, "/v2/rerank");
    let request = request.header("authorization", format!("Bearer {token}")).body(BODY);
    read_answer(request).await
}

fn assert_not_judged(answer: &Answer) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("internal")));
    assert_eq!(answer.header("retry-after"), "1");
    let fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields.len(), 3, "id, message and code: {fields:?}");
}

/// The text of a list in which each of these is the token of a client.
fn list_of(tokens: &[String]) -> String {
    let client = |(number, token): (usize, &String)| {
        let (name, hash) = (format!("client-{number}"), hash_token_as_hex(token));
        json!({ "name": name, "token_sha256": [hash] })
    };
    json!({ "clients": tokens.iter().enumerate().map(client).collect::<Vec<_>>() }).to_string()
}

#[tokio::test]
async fn cold_authorizer_without_a_list_denies_nobody() {
    let running = start_gateway().await;
    let failures =
        [Behaviour::Failing, Behaviour::Denying, Behaviour::Throttling, Behaviour::Garbled, SILENT];
    // One for each, because the front remembers who was let in.
    let tokens: Vec<_> = (0..=failures.len())
        .map(|number| format!("cgw_fake_token_of_the_tests_{number}"))
        .collect();
    let secrets = &running.gateway.secrets;
    secrets.put(CLIENTS, &list_of(&tokens));
    for (behaviour, token) in failures.into_iter().zip(&tokens) {
        secrets.behave(behaviour);
        running.gateway.kill("authorizer").await;
        assert_not_judged(&send_rerank(&running, token).await);
        secrets.behave(Behaviour::Normal);
        assert_eq!(send_rerank(&running, token).await.status, 200, "{behaviour:?} is remembered");
    }
    let token = &tokens[failures.len()];
    secrets.put(CLIENTS, "no list");
    running.gateway.kill("authorizer").await;
    assert_not_judged(&send_rerank(&running, token).await);
    secrets.put(CLIENTS, &list_of(&tokens));
    assert_eq!(send_rerank(&running, token).await.status, 200);
    // Each time it was the authorizer that gave up, and not Lambda.
    let lines = running.stop_and_read_lines().await;
    let told = lines.iter().filter(|line| line.contains("\"there is no list of clients\""));
    assert_eq!(told.count(), tokens.len(), "{lines:#?}");
}

#[tokio::test]
async fn warm_authorizer_denies_no_token_it_cannot_look_up() {
    let running = start_gateway().await;
    let secrets = &running.gateway.secrets;
    let known = running.gateway.token.clone();
    assert_eq!(send_rerank(&running, &known).await.status, 200);
    let new = "cgw_fake_token_of_the_tests_new".to_string();
    secrets.put(CLIENTS, &list_of(&[known.clone(), new.clone()]));
    secrets.behave(Behaviour::Throttling);
    assert_not_judged(&send_rerank(&running, &new).await);
    assert_eq!(send_rerank(&running, &known).await.status, 200, "the list in memory serves on");
}
