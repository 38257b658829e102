//! Secrets that cannot be used, a store that fails over them, and keys that a rotation tries.

use super::marked::{SECRET, TEXT, TOKEN, answer_marked, marked_requests};
use super::suite::{May, Suite};
use gateway_tests::rotation::{NEXT, STEPS};
use gateway_tests::stub::write_json;
use local::secrets_manager::{API_KEY, Behaviour, CLIENTS, SYNTHETIC_CLIENT};
use serde_json::json;

pub async fn play(suite: &mut Suite) {
    spoil_rotations(suite).await;
    spoil_keys(suite).await;
    spoil_probes(suite).await;
    spoil_clients(suite).await;
}

/// Keys that a rotation must refuse, and a Cohere that repeats them.
async fn spoil_rotations(suite: &mut Suite) {
    let said =
        |key: &str| json!({ "message": format!("{TEXT} Bearer {key} trial key"), "valid": TEXT });
    let new = format!("{SECRET}-next-key");
    let cases = [
        (format!("{SECRET} with a space"), 200),
        (format!("{{\"CO_API_KEY\": \"{SECRET}"), 200),
        (new.clone(), 200),
        (new.clone(), 401),
        (new.clone(), 429),
        (new.clone(), 500),
        (format!("{{\"CO_API_KEY\": \"{new}\"}}"), 302),
    ];
    for (number, (value, status)) in cases.into_iter().enumerate() {
        let answered = write_json(status, &said(&new));
        suite.stub.answer_others(move |_| answered.clone());
        suite.running.gateway.secrets.put_under(API_KEY, &value, NEXT);
        let token = format!("00000000-0000-4000-8000-{number:012}");
        suite.running.gateway.secrets.begin_rotation(API_KEY, &token);
        for step in STEPS {
            let event = json!({ "Step": step, "SecretId": API_KEY, "ClientRequestToken": token, TEXT: SECRET });
            let Err(problem) = suite.running.gateway.invoke("rotate-key", event.to_string()).await
            else {
                continue;
            };
            suite.assert_no_secret(problem.to_string().as_bytes(), step);
            break;
        }
    }
}

async fn spoil_keys(suite: &mut Suite) {
    let (path, body) = marked_requests().remove(0);
    let before = suite.running.gateway.secrets.current(API_KEY).expect("a key");
    let values = [
        format!("{SECRET} {SECRET}"),
        format!("{SECRET}\u{e9}"),
        format!("{{\"CO_API_KEY\": \"{SECRET}"),
        format!("{{\"CO_API_KEY\": [\"{SECRET}\"]}}"),
        format!("{{\"{SECRET}\": \"{SECRET}\"}}"),
        SECRET.repeat(100),
        String::new(),
    ];
    for value in &values {
        suite.running.gateway.secrets.put(API_KEY, value);
        key_missing(suite, path, &body.to_string()).await;
    }
    suite.running.gateway.secrets.put(API_KEY, &before);
    for behaviour in
        [Behaviour::Garbled, Behaviour::Failing, Behaviour::Denying, Behaviour::Throttling]
    {
        suite.running.gateway.secrets.behave(behaviour);
        key_missing(suite, path, &body.to_string()).await;
    }
    suite.running.gateway.secrets.behave(Behaviour::Normal);
}

/// Looks of the probe: with the marked token and key, at a Cohere that repeats both, and with secrets that are none.
async fn spoil_probes(suite: &mut Suite) {
    let said = json!({ "message": format!("{TEXT} {SECRET}"), "code": SECRET });
    for token in [TOKEN.to_string(), format!("{SECRET} {TEXT}"), format!("cgw_{SECRET}-of-nobody")]
    {
        suite.running.gateway.secrets.put(SYNTHETIC_CLIENT, &token);
        suite.stub.answer_others(answer_marked);
        look(suite).await;
        for status in [302, 401, 403, 404, 429, 500] {
            let answered = write_json(status, &said);
            suite.stub.answer_others(move |_| answered.clone());
            look(suite).await;
        }
    }
    for behaviour in [Behaviour::Garbled, Behaviour::Failing, Behaviour::Denying] {
        suite.running.gateway.secrets.behave(behaviour);
        suite.running.gateway.kill("probe").await;
        look(suite).await;
    }
    suite.running.gateway.secrets.behave(Behaviour::Normal);
}

async fn look(suite: &Suite) {
    let event = json!({ "detail": TEXT, TEXT: SECRET }).to_string();
    let seen = suite.running.gateway.invoke("probe", event).await.expect("a look never fails");
    suite.assert_no_secret(&seen, "a look");
}

async fn key_missing(suite: &mut Suite, path: &str, body: &str) {
    suite.running.gateway.kill("chat").await;
    let answer = suite.post(path, body, May::RepeatNothing).await;
    assert_eq!(answer.json()["code"], "key_missing", "{answer:?}");
}

async fn spoil_clients(suite: &mut Suite) {
    let (path, body) = marked_requests().remove(0);
    let hash = format!("{SECRET}{}", "0".repeat(64 - SECRET.len()));
    let values = [
        TEXT.to_string(),
        format!("{{\"clients\": [{{\"name\": \"{TEXT}\", \"{SECRET}\": 1}}]}}"),
        format!(
            "{{\"clients\": [{{\"name\": \"{TEXT} {TEXT}\", \"token_sha256\": [\"{hash}\"]}}]}}"
        ),
        format!("{{\"clients\": [{{\"name\": \"{TEXT}\", \"token_sha256\": [\"{hash}\"]}}]}}"),
        format!("{{\"clients\": [{{\"name\": {{\"{TEXT}\": \"{SECRET}\"}}}}]}}"),
        format!("{{\"clients\": \"{SECRET}"),
    ];
    for (number, value) in values.iter().enumerate() {
        suite.running.gateway.secrets.put(CLIENTS, value);
        suite.running.gateway.kill("authorizer").await;
        // The front remembers what was said of a token.
        let token = format!("cgw_{SECRET}-of-a-bad-list-{number}");
        let request = suite
            .running
            .request_without_token(http::Method::POST, path)
            .bearer_auth(&token)
            .body(body.to_string());
        let answer = suite.send(request, value, May::RepeatNothing).await;
        assert_eq!(answer.status, 503, "{value}");
    }
}
