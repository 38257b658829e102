//! Versions of a function side by side: the alias's weights, calls of one version, and the bad versions that the
//! tests of a rollout are made of.

use faulty::Fault;
use gateway_tests::faulty_version::publish_faulty;
use gateway_tests::gateway::{self, Answer, Running, read_answer};
use http::Method;
use local::{NewVersion, Routing, Upstream};
use serde_json::{Value, json};
use shared::panic_on_request::PanicPoint;
use std::time::Duration;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str = r#"{"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const CHAT_FUNCTION: &str = "cohere-gateway-local-ChatFunction";

async fn start() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

/// Leads all requests to a version.
fn lead_to(running: &Running, function: &str, version: u32) {
    running.gateway.route_alias(function, Routing::to(version)).unwrap();
}

/// Waits for the first line that tells of an invocation under this name.
async fn wait_for_published(running: &Running, resource: &str) -> Value {
    let resource = format!("{CHAT_FUNCTION}{resource}");
    for _ in 0..500 {
        for line in running.read_lines() {
            let Some(line) = line.strip_prefix("lambda: ") else { continue };
            let line: Value = serde_json::from_str(line).unwrap();
            if line["Resource"] == resource {
                return line;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing about {resource}");
}

/// Calls Lambda's own API with this run's credentials.
async fn call_lambda(
    running: &Running,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let find = |name: &str| {
        let mut variables = running.gateway.aws.iter();
        variables.find(|(variable, _)| variable == name).map(|(_, value)| value.clone()).unwrap()
    };
    let url = format!("{}/2015-03-31/functions/{path}", find("AWS_ENDPOINT_URL"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let signed = format!("AWS4-HMAC-SHA256 Credential={}/x", find("AWS_ACCESS_KEY_ID"));
    let mut request = client.request(method, url).header("authorization", signed);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read_answer(request.body(body.to_string())).await
}

#[tokio::test]
async fn weight_leads_that_share_to_the_new_version() {
    let running = start().await;
    let gateway = &running.gateway;
    let new = gateway.publish_version("chat", NewVersion::default()).unwrap();
    assert_eq!(new, 2);
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 200);
    assert_eq!(gateway.invoked_count_of("chat", 2), 0, "publishing leads nothing to it");
    gateway.route_alias("chat", Routing::to(1).with_share(2, 0.5)).unwrap();
    for _ in 0..40 {
        assert_eq!(running.send("/v2/chat", CHAT).await.status, 200);
    }
    let share = gateway.invoked_count_of("chat", 2);
    assert!((6..=34).contains(&share), "{share} of 40 are no half");
    let line = wait_for_published(&running, ":live").await;
    assert!(line["ExecutedVersion"].is_string(), "{line}");
    let lines = running.read_lines();
    let of_new = lines.iter().find(|line| line.contains("\"FunctionVersion\":\"2\""));
    assert!(of_new.is_some_and(|line| line.contains("\"GateRequests\":1")), "{lines:#?}");
    assert!(gateway.drop_version("chat", 2).await.is_err(), "the alias leads to it");
    lead_to(&running, "chat", 1);
    gateway.drop_version("chat", 2).await.unwrap();
    assert!(gateway.invoke_version("chat", 2, "{}").await.is_err());
}

#[tokio::test]
async fn lambda_runs_the_version_that_is_named() {
    let running = start().await;
    running.gateway.publish_version("chat", NewVersion::default()).unwrap();
    for (name, executed, resource) in [
        ("chat:live", "1", ":live"),
        ("chat:2", "2", ":2"),
        ("cohere-gateway-local-ChatFunction", "2", ""),
    ] {
        let answer =
            call_lambda(&running, Method::POST, &format!("{name}/invocations"), &[], "{}").await;
        assert_eq!(answer.header("x-amz-executed-version"), executed, "{name}");
        assert!(answer.body.starts_with(b"{\"statusCode\":401"), "{:?}", answer.body);
        let line = wait_for_published(&running, resource).await;
        assert_eq!(line["ExecutedVersion"].is_string(), resource == ":live", "{line}");
    }
    for (path, status) in [
        ("chat/invocations?Qualifier=1", 200),
        ("chat:1/invocations?Qualifier=2", 400),
        ("chat:3/invocations", 404),
        ("chat:other/invocations", 404),
        ("nothing/invocations", 404),
    ] {
        let answer = call_lambda(&running, Method::POST, path, &[], "{}").await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn event_is_taken_before_its_function_has_run() {
    let running = start().await;
    let asynchronous = [("x-amz-invocation-type", "Event")];
    let path = "chat:1/invocations";
    let answer = call_lambda(&running, Method::POST, path, &asynchronous, "{}").await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    wait_for_published(&running, ":1").await;
    let dry = [("x-amz-invocation-type", "DryRun")];
    assert_eq!(call_lambda(&running, Method::POST, path, &dry, "{}").await.status, 204);
    assert_eq!(running.gateway.invoked_count_of("chat", 1), 1);
}

#[tokio::test]
async fn alias_is_read_and_moved_as_lambda_does() {
    let running = start().await;
    running.gateway.publish_version("chat", NewVersion::default()).unwrap();
    let path = "chat/aliases/live";
    let read = call_lambda(&running, Method::GET, path, &[], "").await.json();
    assert_eq!((&read["FunctionVersion"], &read["RoutingConfig"]), (&json!("1"), &Value::Null));
    let weights = r#"{"RoutingConfig":{"AdditionalVersionWeights":{"2":0.25}}}"#;
    let moved = call_lambda(&running, Method::PUT, path, &[], weights).await;
    assert_eq!(moved.json()["RoutingConfig"]["AdditionalVersionWeights"], json!({ "2": 0.25 }));
    let routing = running.gateway.read_routing("chat").unwrap();
    assert_eq!(routing, Routing::to(1).with_share(2, 0.25));
    let none = r#"{"FunctionVersion":"2","RoutingConfig":{}}"#;
    assert_eq!(call_lambda(&running, Method::PUT, path, &[], none).await.status, 200);
    assert_eq!(running.gateway.read_routing("chat").unwrap(), Routing::to(2));
    let absent = r#"{"FunctionVersion":"9"}"#;
    assert_eq!(call_lambda(&running, Method::PUT, path, &[], absent).await.status, 400);
    let other = call_lambda(&running, Method::GET, "chat/aliases/other", &[], "").await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn faulty_version_fails_as_it_is_told() {
    let running = start().await;
    let crash = Fault { crash_at_start: true, ..Fault::default() };
    let crash = publish_faulty(&running, "chat", &crash).await;
    lead_to(&running, "chat", crash);
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 503);
    let published = wait_for_published(&running, ":live").await;
    assert_eq!((&published["Errors"], &published["ExecutedVersion"]), (&json!(1.0), &json!("2")));

    let panic = Some(PanicPoint::Handler.mark().to_string());
    let panic = Fault { request_body: panic, ..Fault::default() };
    lead_to(&running, "chat", publish_faulty(&running, "chat", &panic).await);
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 500);
    running.wait_for_line("\"GateServerError\":1").await;

    let fault = "fault status=503".to_string();
    let headers = [("x-client-name".to_string(), fault)].into();
    let down = Fault { request_headers: headers, ..Fault::default() };
    lead_to(&running, "chat", publish_faulty(&running, "chat", &down).await);
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 503);
}

#[tokio::test]
async fn faulty_version_spoils_answers_unseen_by_its_lines() {
    let running = start().await;
    let good = running.send("/v2/chat", STREAM).await;
    assert!(good.body.ends_with(b"data: [DONE]\n\n") && !good.header("x-request-id").is_empty());

    let cut = Fault { kept_body_bytes: Some(200), ..Fault::default() };
    lead_to(&running, "chat", publish_faulty(&running, "chat", &cut).await);
    let broken = running.send("/v2/chat", STREAM).await;
    assert_eq!((broken.status, broken.body.len()), (200, 200));

    let lost = Fault { lost_headers: vec!["x-request-id".to_string()], ..Fault::default() };
    lead_to(&running, "chat", publish_faulty(&running, "chat", &lost).await);
    let answer = running.send("/v2/chat", CHAT).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, ""));
    running.wait_for_line("\"FunctionVersion\":\"3\"").await;
}

#[tokio::test]
async fn faulty_authorizer_denies_everybody() {
    let running = start().await;
    let token = Some(format!("cgw_{}", "x".repeat(43)));
    let deny = Fault { token, ..Fault::default() };
    lead_to(&running, "authorizer", publish_faulty(&running, "authorizer", &deny).await);
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 401);
    let line = running.wait_for_line("\"GateDenied\":1").await;
    assert!(line.contains("\"FunctionVersion\":\"2\""), "{line}");
}
