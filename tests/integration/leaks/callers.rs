//! What callers send: good requests full of marks, and every way of getting them wrong.

use super::marked::{SECRET, TEXT, TOKEN, answer_marked, marked_requests};
use super::suite::{May, Suite};
use gateway_tests::stub::write_json;
use http::Method;
use serde_json::{Value, json};
use shared::panic_on_request::PanicPoint;

/// Good answers, then everything that is refused before Cohere is asked.
pub async fn play(suite: &mut Suite) {
    suite.stub.answer_others(answer_marked);
    for (path, body) in marked_requests() {
        let answer = suite.post(path, body.to_string(), May::RepeatNothing).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    for (path, body) in marked_requests() {
        send_broken(suite, path, &body).await;
    }
    send_unusual_models(suite).await;
    send_wrong_options_and_paths(suite).await;
    send_as_stranger(suite).await;
    provoke_panics(suite).await;
}

/// Cuts and spoils a good body.
async fn send_broken(suite: &mut Suite, path: &str, body: &Value) {
    let text = body.to_string();
    for part in 1..8 {
        suite.post(path, &text.as_bytes()[..text.len() * part / 8], May::RepeatNothing).await;
    }
    let mut not_utf8 = text.clone().into_bytes();
    not_utf8[text.len() / 2] = 0xff;
    // The front replaces what is no UTF-8, so this may be a good request.
    suite.post(path, not_utf8, May::RepeatNothing).await;
    let doubled = text.replacen('{', &format!(r#"{{"{TEXT}":1,"#), 1);
    let cases = [
        (text.replacen('{', TEXT, 1).into_bytes(), May::RepeatNothing),
        (format!("[{text}]").into_bytes(), May::RepeatNothing),
        (format!("\"{TEXT}\"").into_bytes(), May::RepeatNothing),
        (format!("{text}{TEXT}").into_bytes(), May::RepeatNothing),
        ([text.as_bytes(), &b" ".repeat(30_000)].concat(), May::RepeatNothing),
        // The name of the caller's own field stands in the message.
        (doubled.into_bytes(), May::RepeatText),
    ];
    for (body, may) in cases {
        let answer = suite.post(path, body, may).await;
        assert!((400..=413).contains(&answer.status), "{answer:?}");
    }
    for field in body.as_object().expect("an object").keys().filter(|key| *key != TEXT) {
        // A model of this form is logged on purpose.
        let text = (field != "model").then(|| json!(TEXT));
        for value in text.into_iter().chain([json!([TEXT]), json!({ TEXT: TEXT })]) {
            let mut spoiled = body.clone();
            spoiled[field] = value;
            suite.post(path, spoiled.to_string(), May::RepeatNothing).await;
        }
    }
}

/// Whatever stands in place of a model's id, it is only logged if it has the form of one.
async fn send_unusual_models(suite: &mut Suite) {
    for model in
        [format!("tell me {TEXT}"), format!("{TEXT}\n"), format!("{{{TEXT}}}"), TEXT.repeat(50)]
    {
        for (path, mut body) in marked_requests() {
            body["model"] = model.clone().into();
            suite.post(path, body.to_string(), May::RepeatText).await;
        }
    }
    let (path, mut body) = marked_requests().remove(0);
    body["model"] = TOKEN.into();
    let answer = suite.post(path, body.to_string(), May::RepeatText).await;
    assert_eq!(answer.status, 200, "Cohere answers to any id here");
}

async fn send_wrong_options_and_paths(suite: &mut Suite) {
    let (path, body) = marked_requests().remove(0);
    for option in ["x-gateway-cache", "x-gateway-fallback", "x-gateway-timeout-ms"] {
        let request = suite.running.post(path).header(option, TEXT).body(body.to_string());
        let answer = suite.send(request, option, May::RepeatNothing).await;
        assert_eq!(answer.status, 400, "{option}");
    }
    for (method, path) in [
        (Method::GET, "/v2/chat".to_string()),
        (Method::POST, format!("/v2/{TEXT}")),
        (Method::POST, format!("/{SECRET}?{TEXT}={TEXT}")),
        (Method::DELETE, format!("/api/health?{TEXT}")),
    ] {
        let request = suite
            .running
            .request_without_token(method, &path)
            .bearer_auth(TOKEN)
            .body(body.to_string());
        suite.send(request, &path, May::RepeatNothing).await;
    }
    let answer =
        suite.post(&format!("/v2/chat?{TEXT}={TEXT}"), body.to_string(), May::RepeatNothing).await;
    assert_eq!(answer.status, 200);
}

async fn send_as_stranger(suite: &mut Suite) {
    let (path, body) = marked_requests().remove(0);
    for authorization in [
        format!("Bearer cgw_{SECRET}-unknown-0000000000"),
        format!("Bearer {SECRET}"),
        format!("Basic {SECRET}"),
        format!("Bearer cgw_{SECRET} 0000000000000000000000000000000000"),
        format!("{TOKEN}{SECRET}"),
        SECRET.to_string(),
        format!("Bearer cgw_{SECRET}{}", PanicPoint::Authorizer.mark()),
    ] {
        let request = suite
            .running
            .request_without_token(Method::POST, path)
            .header("authorization", &authorization);
        let answer =
            suite.send(request.body(body.to_string()), &authorization, May::RepeatNothing).await;
        let expected =
            if authorization.contains(PanicPoint::Authorizer.mark()) { 503 } else { 401 };
        assert_eq!(answer.status, expected, "{authorization}");
    }
}

async fn provoke_panics(suite: &mut Suite) {
    for (path, mut body) in marked_requests() {
        body[TEXT] = format!("{TEXT} {} {SECRET}", PanicPoint::Handler.mark()).into();
        let answer = suite.post(path, body.to_string(), May::RepeatNothing).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("internal")));
    }
}

/// Events that come past the front, as only an operator can send them.
pub async fn send_raw_events(suite: &mut Suite) {
    suite.stub.answer_others(|_| write_json(200, &json!({ "message": {} })));
    let body = marked_requests().remove(0).1.to_string();
    let event = |client: &str, id: &str| {
        json!({
            "resource": TEXT, "path": "/v2/chat", "httpMethod": "POST",
            "headers": { TEXT: TEXT }, "multiValueHeaders": { TEXT: [TEXT] },
            "requestContext": {
                "requestId": id, "authorizer": { "client": client, TEXT: TEXT },
                "identity": { "sourceIp": TEXT, "apiKey": SECRET }, "httpMethod": TEXT,
            },
            "body": body, "isBase64Encoded": false,
        })
    };
    let no_text =
        json!({ "type": TEXT, "authorizationToken": { SECRET: SECRET }, "methodArn": [TEXT] });
    let good_token = json!({ "type": "TOKEN", "authorizationToken": format!("Bearer {TOKEN}"), "methodArn": TEXT });
    let events = [
        event(&format!("a client {TEXT}"), "an-id").to_string(),
        event("client", &format!("an id\n{TEXT}")).to_string(),
        event("", "an-id").to_string(),
        json!({ TEXT: TEXT }).to_string(),
        json!([TEXT]).to_string(),
        json!({ "requestContext": TEXT, "httpMethod": TEXT, "body": [TEXT] }).to_string(),
        TEXT.to_string(),
        format!("{{\"{TEXT}"),
        no_text.to_string(),
        good_token.to_string(),
        json!({ "Step": TEXT, "SecretId": TEXT, "ClientRequestToken": TEXT }).to_string(),
        json!({ "Step": "finishSecret", "SecretId": "a", "ClientRequestToken": format!("{TEXT} {SECRET}") })
            .to_string(),
        json!({ "Step": "createSecret", "SecretId": { SECRET: SECRET }, "ClientRequestToken": 1 })
            .to_string(),
    ];
    for function in ["chat", "embed", "rerank", "health", "authorizer", "rotate-key"] {
        for event in &events {
            let answer = suite.running.gateway.invoke(function, event.clone()).await;
            let answer = answer.unwrap_or_else(|error| error.to_string().into());
            suite.assert_no_secret(&answer, &format!("{function} {event}"));
        }
    }
}
