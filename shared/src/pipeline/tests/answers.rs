use super::super::*;
use super::scripted::{ScriptedChat, start_app};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

/// Sends a chat from a client that may use these models, all where there are none.
pub(super) fn incoming(body: &str, models: &str) -> Incoming {
    let authorizer = match models {
        "" => json!({ "client": "tests" }),
        _ => json!({ "client": "tests", "models": models }),
    };
    let context = json!({ "requestId": "the-request", "authorizer": authorizer });
    let event = json!({ "body": body, "requestContext": context });
    let mut incoming = Incoming::new(&event.to_string(), "an-invocation", 0);
    incoming.invocation_left = Duration::from_secs(900);
    incoming
}

/// Answers it: the status, the headers that are ours and the body.
async fn answer(setting: (&str, &str), incoming: Incoming) -> (u16, HeaderMap, String) {
    read_answer(handle::<ScriptedChat>(start_app(setting, &["v1"]), incoming).await).await
}

/// Reads an answer to its end.
pub(super) async fn read_answer(response: Response<Body>) -> (u16, HeaderMap, String) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap_or_else(|never| match never {}).to_bytes();
    (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// A setting that changes nothing.
pub(super) const NONE: (&str, &str) = ("GATEWAY_RETIRED_MODELS", "reject");

#[tokio::test(start_paused = true)]
async fn answer_has_the_gateways_headers() {
    let body = r#"{"messages":[{}],"script":"quota | ok"}"#;
    let (status, headers, body) = answer(NONE, incoming(body, "")).await;
    assert_eq!((status, body.as_str()), (200, "command-r-plus-08-2024"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-request-id", "the-request"),
        ("x-gateway-model", "command-r-plus-08-2024"),
        ("x-gateway-fallback-from", "command-a-03-2025"),
        ("x-gateway-attempts", "2"),
        ("x-gateway-cache", "off"),
        ("x-gateway-max-tokens", "4000"),
        ("x-debug-trace-id", "command-r-plus-08-2024"),
        ("server-timing", "upstream;dur=0.000, gateway;dur=0.000"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(!headers.contains_key("x-api-warning"));
}

#[tokio::test(start_paused = true)]
async fn model_must_be_of_the_endpoint_alive_and_allowed() {
    let pass = ("GATEWAY_RETIRED_MODELS", "pass");
    let retired = "model 'c4ai-aya-expanse-8b' was removed on April 4, 2026. \
                   Use 'command-r7b-12-2024' instead.";
    let other = "invalid request: model: 'embed-v4.0' is served by /v2/embed only, not by /v2/chat";
    let denied = "model: is not allowed for this client, only: command-a-03-2025";
    for (model, setting, status, told) in [
        ("command-a-03-2025", NONE, 200, "command-a-03-2025"),
        ("of-tomorrow", NONE, 403, denied),
        ("embed-v4.0", NONE, 400, other),
        ("c4ai-aya-expanse-8b", NONE, 404, retired),
        ("c4ai-aya-expanse-8b", pass, 403, denied),
    ] {
        let body = format!(r#"{{"messages":[{{}}],"model":"{model}"}}"#);
        let (got, _, body) = answer(setting, incoming(&body, "command-a-03-2025")).await;
        let said = match serde_json::from_str::<Value>(&body) {
            Ok(error) => error["message"].as_str().unwrap().to_string(),
            Err(_) => body,
        };
        assert_eq!((got, said.as_str()), (status, told), "{model}");
    }
}

#[tokio::test(start_paused = true)]
async fn deprecated_model_answers_with_a_warning() {
    let body = r#"{"messages":[{}],"model":"command-light"}"#;
    let (status, headers, _) = answer(NONE, incoming(body, "")).await;
    assert_eq!(status, 200);
    assert_eq!(
        headers["x-api-warning"],
        "model 'command-light' is deprecated since September 15, 2025. \
         Use 'command-r-08-2024' instead."
    );
}

#[tokio::test(start_paused = true)]
async fn request_ends_at_the_earliest_of_its_limits() {
    for (own, left, margin, limit) in [
        // Two calls and the waits between them.
        (None, 900, "1000", 62_050),
        (Some("500"), 900, "1000", 500),
        (None, 10, "1000", 9_000),
        (None, 10, "4000", 6_000),
    ] {
        let mut incoming = incoming(r#"{"messages":[{}],"max_tokens":1,"script":"hang"}"#, "");
        if let Some(own) = own {
            incoming.headers.insert("x-gateway-timeout-ms", HeaderValue::from_static(own));
        }
        incoming.headers.insert("x-gateway-fallback", HeaderValue::from_static("deny"));
        incoming.invocation_left = Duration::from_secs(left);
        let started = crate::clock::now();
        let (status, ..) = answer(("GATEWAY_DEADLINE_MARGIN_MS", margin), incoming).await;
        assert_eq!((status, started.elapsed().as_millis()), (504, limit));
    }
}
