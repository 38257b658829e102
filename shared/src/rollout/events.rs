//! The events of marked calls, as API Gateway would send them, with the mark that only an invoker can set.

use http::Method;
use serde_json::{Map, Value, json};

/// The client that a marked call is of, in logs and costs.
const CLIENT: &str = "rollout";
/// How long a function may work on a marked call.
const LIMIT_MS: &str = "25000";
/// Of a method that an authorizer is asked about; it names no API that there is.
const METHOD_ARN: &str =
    "arn:aws:execute-api:us-east-1:123456789012:rollout/live/GET/api/health/check";

/// Builds the event of a request; `body` is null where there is none.
pub(super) fn build_request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Value {
    let mut all = Map::new();
    all.insert("content-type".to_string(), json!("application/json"));
    all.insert("x-gateway-timeout-ms".to_string(), json!(LIMIT_MS));
    for (name, value) in headers {
        all.insert(name.to_string(), json!(value));
    }
    let lists: Map<_, _> = all.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    json!({
        "resource": path,
        "path": path,
        "httpMethod": method.as_str(),
        "headers": all,
        "multiValueHeaders": lists,
        "requestContext": {
            "requestId": format!("rollout-{:016x}", fastrand::u64(..)),
            "stage": "live",
            "httpMethod": method.as_str(),
            "path": format!("/live{path}"),
            "authorizer": { "client": CLIENT, "gate": "true" },
        },
        "body": if body.is_null() { Value::Null } else { json!(body.to_string()) },
        "isBase64Encoded": false,
    })
}

/// Builds the event of a request below a route that takes all paths, such as `/v1/{proxy+}`.
pub(super) fn build_greedy_request(method: Method, path: &str, body: &Value) -> Value {
    let mut event = build_request(method, path, &[], body);
    let below = path[1..].find('/').map_or(path.len(), |slash| slash + 2);
    event["resource"] = json!(format!("{}{{proxy+}}", &path[..below]));
    event["pathParameters"] = json!({ "proxy": &path[below..] });
    event
}

/// Builds the question of an authorizer.
pub(super) fn build_question(token: &str) -> Value {
    json!({
        "type": "TOKEN",
        "methodArn": METHOD_ARN,
        "authorizationToken": format!("Bearer {token}"),
        "requestContext": { "authorizer": { "gate": "true" } },
    })
}
