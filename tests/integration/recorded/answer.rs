//! The answer that reaches the caller: Cohere's bytes, or the gateway's own form of an error.

use super::check_headers;
use gateway_tests::exchange::Exchange;
use gateway_tests::gateway::Answer;
use gateway_tests::replay::Played;
use serde_json::Value;
use std::collections::BTreeMap;

/// Headers of Cohere that reach the caller.
const PASSING: [&str; 8] = [
    "content-type",
    "num_chars",
    "num_tokens",
    "x-api-warning",
    "x-debug-trace-id",
    "x-endpoint-monthly-call-limit",
    "x-trial-endpoint-call-limit",
    "x-trial-endpoint-call-remaining",
];

/// Headers on every answer: the gateway's, and two of the connection.
const ALWAYS: [&str; 7] = [
    "date",
    "server-timing",
    "transfer-encoding",
    "x-gateway-attempts",
    "x-gateway-cache",
    "x-gateway-model",
    "x-request-id",
];

/// Models of recordings that the gateway warns of.
const DEPRECATED: [&str; 4] = ["command", "command-light", "command-r", "command-r-plus"];

/// Checks status, headers and body of what the caller got.
pub fn check(exchange: &Exchange, played: &Played) {
    let (name, answer) = (exchange.name.as_str(), &played.answer);
    let calls = expected_calls(exchange);
    assert_eq!(played.calls, calls, "{name}: calls of the upstream");
    let calls = calls.to_string();
    let mut headers: BTreeMap<&str, Option<&str>> =
        ALWAYS.into_iter().map(|name| (name, None)).collect();
    headers.insert("x-gateway-attempts", Some(&calls));
    // Chat is never cached; elsewhere the replay asks for no caching.
    let cache = if exchange.path == "/v2/chat" { "off" } else { "bypass" };
    headers.insert("x-gateway-cache", Some(cache));
    let request: Value = serde_json::from_str(&exchange.request_body).unwrap();
    if let Some(model) = request["model"].as_str() {
        // An id that no answer has confirmed is named by its hash.
        headers.insert("x-gateway-model", (exchange.status == 200).then_some(model));
        if DEPRECATED.contains(&model) {
            headers.insert("x-api-warning", None);
        }
    }
    if exchange.path == "/v2/chat" && request["max_tokens"].is_null() {
        headers.insert("x-gateway-max-tokens", None);
    }
    let upstream =
        exchange.headers.iter().map(|(name, value)| (name.as_str(), Some(value.as_str())));
    headers.extend(upstream.filter(|(name, _)| PASSING.contains(name)));
    if exchange.status == 200 {
        check_bytes(name, &answer.body, &exchange.body);
        assert_eq!(answer.status, 200, "{name}");
    } else {
        let (status, code) = expected_status_and_code(exchange.status, &exchange.body);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{name}");
        check_error(exchange, answer, code);
        headers.insert("content-type", Some("application/json"));
        if matches!(status, 429 | 503) {
            // After two 429s in a row the model is in cooldown for two seconds.
            let own = if code == "rate_limited" { "2" } else { "1" };
            headers.insert(
                "retry-after",
                Some(exchange.headers.get("retry-after").map_or(own, String::as_str)),
            );
        }
    }
    check_headers(&format!("{name}, caller"), &answer.headers, &headers);
    assert!(
        is_timing(answer.header("server-timing")),
        "{name}: {}",
        answer.header("server-timing")
    );
}

/// Returns the status and code the contract gives to a refusal of Cohere.
fn expected_status_and_code(status: u16, body: &[u8]) -> (u16, &'static str) {
    let names_a_month = body.windows(5).any(|word| word == b"month");
    match status {
        401 => (502, "upstream_auth"),
        402 => (502, "upstream_billing"),
        429 if names_a_month => (429, "quota_exhausted"),
        429 => (429, "rate_limited"),
        499 => (503, "upstream_error"),
        400..=498 => (status, "invalid_request"),
        _ => (status, "upstream_error"),
    }
}

/// Returns how often the gateway calls before it passes the answer on.
fn expected_calls(exchange: &Exchange) -> usize {
    let retry_after =
        exchange.headers.get("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    match expected_status_and_code(exchange.status, &exchange.body) {
        (200, _) => 1,
        // A request waits two seconds at most.
        _ if retry_after.is_some_and(|seconds| seconds > 2) => 1,
        (_, "upstream_error") => 3,
        (_, "rate_limited") => 2,
        _ if exchange.body.windows(27).any(|text| text == b"NO_VALID_RESPONSE_GENERATED") => 2,
        _ => 1,
    }
}

fn check_error(exchange: &Exchange, answer: &Answer, code: &str) {
    let name = &exchange.name;
    let upstream: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let said = answer.json();
    let fields: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
    let typed = &["code", "error_type", "id", "message"][..];
    let plain = &["code", "id", "message"][..];
    assert_eq!(fields, if upstream["error_type"].is_string() { typed } else { plain }, "{name}");
    assert_eq!(said["error_type"], upstream["error_type"], "{name}");
    let message = said["message"].as_str().unwrap();
    // What Cohere says of our key or account is the operator's, and so is the id of it.
    let is_operators = matches!(code, "upstream_auth" | "upstream_billing");
    let id =
        upstream["id"].as_str().filter(|_| !is_operators).unwrap_or(answer.header("x-request-id"));
    assert_eq!(said["id"], id, "{name}");
    match upstream["message"].as_str() {
        Some(words) if is_operators => assert!(!message.contains(words), "{name}: {message}"),
        Some(words) => assert_eq!(message, words, "{name}"),
        None => assert!(!message.is_empty() && !message.contains(['<', '>']), "{name}: {message}"),
    }
}

/// Compares bytes and shows where they part; a whole embedding in a message helps nobody.
fn check_bytes(name: &str, got: &[u8], sent: &[u8]) {
    let same = got.iter().zip(sent).take_while(|(got, sent)| got == sent).count();
    let around = |bytes: &[u8]| {
        let part =
            bytes.get(same.saturating_sub(60)..bytes.len().min(same + 60)).unwrap_or_default();
        String::from_utf8_lossy(part).into_owned()
    };
    assert!(
        got == sent,
        "{name}: differs at byte {same}: sent …{}…, got …{}…",
        around(sent),
        around(got)
    );
}

/// `upstream;dur=1.5, gateway;dur=0.2`
fn is_timing(text: &str) -> bool {
    let duration = |part: &str, name: &str| {
        let number = part.strip_prefix(name).and_then(|rest| rest.strip_prefix(";dur="));
        number.is_some_and(|number| number.parse::<f64>().is_ok_and(|number| number >= 0.0))
    };
    match text.split(", ").collect::<Vec<_>>()[..] {
        [upstream, gateway] => duration(upstream, "upstream") && duration(gateway, "gateway"),
        [upstream, gateway, waiting] => {
            duration(upstream, "upstream")
                && duration(gateway, "gateway")
                && duration(waiting, "wait")
        }
        _ => false,
    }
}
