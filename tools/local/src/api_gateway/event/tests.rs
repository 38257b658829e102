//! The proxy event of a request, field by field.

use super::*;

fn event_of(request: http::request::Builder, body: &[u8], caller: Option<Caller>) -> Value {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let request = of_chat(&parts);
    serde_json::from_slice(&request.to_event(body, caller)).unwrap()
}

fn of_chat(parts: &Parts) -> ProxyRequest<'_> {
    ProxyRequest { id: "id-1", stage: "live", resource: "/v2/chat", greedy_rest: None, parts }
}

fn chat() -> http::request::Builder {
    http::Request::post("/v2/chat").header("host", "127.0.0.1:8080")
}

#[test]
fn request_becomes_a_rest_proxy_event() {
    let event = event_of(chat().header("user-agent", "curl/8"), b"{\"a\":1}", None);
    assert_eq!(event["resource"], "/v2/chat");
    assert_eq!(event["path"], "/v2/chat");
    assert_eq!(event["httpMethod"], "POST");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("eyJhIjoxfQ=="), &json!(true)));
    for absent in [
        "pathParameters",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "stageVariables",
    ] {
        assert_eq!(event.get(absent), Some(&Value::Null), "{absent}");
    }
    let context = &event["requestContext"];
    assert_eq!(context["requestId"], "id-1");
    assert_eq!(context["stage"], "live");
    assert_eq!(context["path"], "/live/v2/chat");
    assert_eq!(context["resourcePath"], "/v2/chat");
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["identity"]["userAgent"], "curl/8");
    assert_eq!(context.get("authorizer"), None, "an open route has no caller");
    assert_eq!(event["headers"]["X-Forwarded-Port"], "8080");
}

#[test]
fn event_is_readable_by_the_functions() {
    let (parts, ()) = chat().uri("/v2/chat?x=1").body(()).unwrap().into_parts();
    let request = of_chat(&parts);
    let context = json!({"principalId": "a-client", "integrationLatency": 0});
    let caller = Caller { context, usage_plan_key: None };
    let request = shared_reads(&request.to_event("größe".as_bytes(), Some(caller)));
    assert_eq!((request.0.as_str(), request.1.as_str()), ("/v2/chat", "größe"));
}

/// Path and body as the event type of the function libraries has them.
fn shared_reads(event: &[u8]) -> (String, String) {
    let request = lambda_http::request::from_str(std::str::from_utf8(event).unwrap()).unwrap();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    (request.uri().path().trim_start_matches("/live").to_owned(), body)
}

#[test]
fn authorizer_context_is_in_the_event() {
    let context = json!({"principalId": "a-client", "models": "[\"m\"]", "integrationLatency": 3});
    let caller = Caller { context: context.clone(), usage_plan_key: Some("plan".to_owned()) };
    let event = event_of(chat(), b"", Some(caller));
    assert_eq!(event["requestContext"]["authorizer"], context);
    assert_eq!(event["requestContext"]["identity"]["apiKey"], "plan");
}

#[test]
fn repeated_headers_have_last_and_all_values() {
    let request = chat()
        .header("x-a", "1")
        .header("x-a", "2")
        .header("connection", "close")
        .header("te", "gzip");
    let event = event_of(request, b"", None);
    assert_eq!(event["headers"]["x-a"], "2");
    assert_eq!(event["multiValueHeaders"]["x-a"], json!(["1", "2"]));
    assert_eq!(event["multiValueHeaders"]["host"], json!(["127.0.0.1:8080"]));
    assert_eq!((event["headers"].get("connection"), event["headers"].get("te")), (None, None));
}

#[test]
fn query_parameters_are_decoded() {
    let event = event_of(chat().uri("/v2/chat?a=1&a=b%20c&d"), b"", None);
    assert_eq!(event["queryStringParameters"], json!({"a": "b c", "d": ""}));
    assert_eq!(event["multiValueQueryStringParameters"], json!({"a": ["1", "b c"], "d": [""]}));
}

#[test]
fn body_of_any_bytes_arrives_whole() {
    let event = event_of(chat(), b"a\xff\xc3b", None);
    assert_eq!(STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), b"a\xff\xc3b");
    let event = event_of(chat(), b"", None);
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&Value::Null, &json!(false)));
}

#[test]
fn request_time_has_access_log_format() {
    assert_eq!(common_log_time(0), "01/Jan/1970:00:00:00 +0000");
    assert_eq!(common_log_time(951_782_399), "28/Feb/2000:23:59:59 +0000");
    assert_eq!(common_log_time(951_782_400), "29/Feb/2000:00:00:00 +0000");
    assert_eq!(common_log_time(4_107_542_400), "01/Mar/2100:00:00:00 +0000");
    assert_eq!(common_log_time(1_798_761_599), "31/Dec/2026:23:59:59 +0000");
}

#[test]
fn greedy_rest_of_the_path_is_decoded() {
    let (parts, ()) = chat().uri("/v1/models/a%20b").body(()).unwrap().into_parts();
    let request = ProxyRequest { greedy_rest: Some("models/a%20b"), ..of_chat(&parts) };
    let event: Value = serde_json::from_slice(&request.to_event(b"", None)).unwrap();
    assert_eq!(event["pathParameters"], json!({"proxy": "models/a b"}));
    assert_eq!(event["path"], "/v1/models/a%20b");
}
