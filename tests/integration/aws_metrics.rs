//! What AWS would publish of the API and its functions stands beside their own lines, so that alarms on it
//! can be tried on this machine.

use gateway_tests::gateway::{self, FAKE_KEY, Running, read_answer};
use gateway_tests::stub::{Step, write_json};
use http::Method;
use local::{Options, Upstream};
use serde_json::{Value, json};
use shared::panic_on_request::PanicPoint;
use std::time::Duration;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const CHAT_FUNCTION: &str = "cohere-gateway-local-ChatFunction";

/// Returns the published lines of a namespace so far.
fn read_published(running: &Running, namespace: &str) -> Vec<Value> {
    let mut published = Vec::new();
    for line in running.read_lines() {
        let Some((_, line)) = line.split_once(": ") else { continue };
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        if line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == namespace {
            published.push(line);
        }
    }
    published
}

/// Waits for the first line about an invocation of a function.
async fn wait_for_invocation(running: &Running, function: &str) -> Value {
    for _ in 0..500 {
        let mut published = read_published(running, "AWS/Lambda").into_iter();
        if let Some(line) = published.find(|line| line["FunctionName"] == function) {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing about {function} in {:#?}", running.read_lines());
}

/// Returns count, client errors and server errors of the latest request, and its resource.
fn read_last_request(running: &Running) -> (Value, [f64; 3]) {
    let line = read_published(running, "AWS/ApiGateway").pop().expect("a request");
    let read = |name: &str| line[name].as_f64().unwrap_or(f64::NAN);
    assert_eq!(
        (&line["ApiName"], &line["Stage"]),
        (&json!("cohere-gateway-local-api"), &json!("live"))
    );
    (line["Resource"].clone(), ["Count", "4XXError", "5XXError"].map(read))
}

fn read_outcome(line: &Value) -> [Option<f64>; 3] {
    ["Invocations", "Errors", "Throttles"].map(|name| line[name].as_f64())
}

#[tokio::test]
async fn served_request_is_counted_with_zeros() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 200);
    assert_eq!(read_last_request(&running), (json!("/v2/chat"), [1.0, 0.0, 0.0]));
    let line = wait_for_invocation(&running, CHAT_FUNCTION).await;
    assert_eq!(read_outcome(&line), [Some(1.0), Some(0.0), Some(0.0)]);
    assert!(line["Duration"].as_f64() > Some(0.0), "{line}");
    let named = (line["Resource"].clone(), line["ExecutedVersion"].clone());
    assert_eq!(named, (json!(format!("{CHAT_FUNCTION}:live")), json!("1")));
    let sets = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    assert_eq!(sets[3], json!(["FunctionName", "Resource", "ExecutedVersion"]));
}

#[tokio::test]
async fn refusal_of_the_front_is_a_client_error() {
    let (_stub, running) = gateway::start_with_stub(&[]).await;
    let unknown = format!("Bearer cgw_{}", "x".repeat(43));
    let request = running.request_without_token(Method::POST, "/v2/chat");
    let answer = read_answer(request.header("authorization", unknown).body(CHAT)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(read_last_request(&running), (json!("/v2/chat"), [1.0, 1.0, 0.0]));
    let line = wait_for_invocation(&running, "cohere-gateway-local-AuthorizerFunction").await;
    assert_eq!(read_outcome(&line), [Some(1.0), Some(0.0), Some(0.0)], "to deny is no error");
    assert_eq!(running.send("/v2/nothing", CHAT).await.status, 404);
    assert_eq!(read_last_request(&running), (Value::Null, [1.0, 1.0, 0.0]), "no method's metrics");
}

#[tokio::test]
async fn crash_is_an_error_of_both() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(vec![Step::Hang]);
    let killing = async {
        while stub.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.gateway.kill("chat").await;
    };
    let (answer, ()) = tokio::join!(running.send("/v2/chat", CHAT), killing);
    assert_eq!(answer.status, 503);
    assert_eq!(read_last_request(&running), (json!("/v2/chat"), [1.0, 0.0, 1.0]));
    let line = wait_for_invocation(&running, CHAT_FUNCTION).await;
    assert_eq!(read_outcome(&line), [Some(1.0), Some(1.0), Some(0.0)]);
}

#[tokio::test]
async fn caller_that_leaves_is_no_error_of_the_function() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let late = write_json(200, &json!({ "message": {} }));
    stub.plan_answer([vec![Step::Wait(Duration::from_millis(400))], late].concat());
    let request = running.post("/v2/chat").timeout(Duration::from_millis(100)).body(CHAT);
    assert!(request.send().await.is_err(), "nobody waits so long");
    let line = wait_for_invocation(&running, CHAT_FUNCTION).await;
    assert_eq!(read_outcome(&line), [Some(1.0), Some(0.0), Some(0.0)]);
}

#[tokio::test]
async fn answered_500_is_no_error_of_the_function() {
    let (_stub, running) = gateway::start_with_stub(&[]).await;
    let answer = running.send("/v2/chat", CHAT.replace("hi", PanicPoint::Handler.mark())).await;
    assert_eq!(answer.status, 500);
    assert_eq!(read_last_request(&running), (json!("/v2/chat"), [1.0, 0.0, 1.0]));
    let line = wait_for_invocation(&running, CHAT_FUNCTION).await;
    assert_eq!(read_outcome(&line), [Some(1.0), Some(0.0), Some(0.0)]);
}

#[tokio::test]
async fn reported_error_is_an_error_of_the_function() {
    let (_stub, running) = gateway::start_with_stub(&[]).await;
    assert!(
        running.gateway.invoke("rotate-key", "{}").await.is_err(),
        "that is no event of a rotation"
    );
    let line = wait_for_invocation(&running, "cohere-gateway-local-RotateKeyFunction").await;
    assert_eq!(read_outcome(&line), [Some(1.0), Some(1.0), Some(0.0)]);
}

#[tokio::test]
async fn throttle_is_no_invocation() {
    let parameters = vec![("ChatReservedConcurrency".to_string(), "0".to_string())];
    let upstream = Upstream::Url { url: "http://127.0.0.1:9".into(), key: FAKE_KEY.into() };
    let running =
        gateway::start_with(&[], Options { upstream, parameters, ..Options::default() }).await;
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 503);
    assert_eq!(read_last_request(&running), (json!("/v2/chat"), [1.0, 0.0, 1.0]));
    let line = wait_for_invocation(&running, CHAT_FUNCTION).await;
    assert_eq!(read_outcome(&line), [None, None, Some(1.0)]);
}
