//! The HTTP contract of answers that are not streamed: codes, statuses, headers in both directions.

use gateway_tests::gateway::{self, FAKE_KEY, Running, read_answer};
use gateway_tests::stub::{Step, Stub, cut_body, write_answer, write_json};
use http::Method;
use serde_json::json;
use shared::edge::response::{FROM_COHERE, OwnHeader};
use std::time::{Duration, Instant};

const CHAT: &str =
    r#"{"model":"command-r7b-12-2024","messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#;

/// Lets every call end in the same way, for an environment that remembers nothing.
async fn answer_always(stub: &Stub, running: &Running, steps: Vec<Step>) {
    running.gateway.kill("chat").await;
    stub.answer_others(move |_| steps.clone());
}

#[tokio::test]
async fn upstream_answer_maps_to_code_and_status() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    let said = |message: &str| json!({ "id": "cohere-id", "message": message });
    let cases = [
        (400, said("bad"), 400, "invalid_request", "bad"),
        (
            401,
            said("invalid api token"),
            502,
            "upstream_auth",
            "Cohere refused the gateway's own key",
        ),
        (402, said("pay"), 502, "upstream_billing", "Cohere refused the gateway's account"),
        (404, said("model 'x' not found"), 404, "invalid_request", "model 'x' not found"),
        (422, said("no"), 422, "invalid_request", "no"),
        (
            429,
            said("past the per minute request limit"),
            429,
            "rate_limited",
            "past the per minute",
        ),
        (
            429,
            said("limited to 1000 API calls / month."),
            429,
            "quota_exhausted",
            "limited to 1000 API calls / month",
        ),
        (403, said("no access"), 403, "invalid_request", "no access"),
        (407, json!({}), 502, "upstream_malformed", "something before Cohere refused the call"),
        (408, said("too slow"), 504, "upstream_timeout", "too slow"),
        (498, said("blocked input"), 498, "invalid_request", "blocked input"),
        (499, said("cancelled"), 503, "upstream_error", "cancelled"),
        (500, said("oh"), 500, "upstream_error", "oh"),
        (503, said("busy"), 503, "upstream_error", "busy"),
        (504, said("slow"), 504, "upstream_error", "slow"),
        (200, json!([1]), 502, "upstream_malformed", "Cohere's answer cannot be read"),
        (200, json!({ "id": "x" }), 502, "upstream_malformed", "Cohere's answer cannot be read"),
        (302, json!({}), 502, "upstream_malformed", "Cohere answered with the unexpected"),
    ];
    for (upstream, body, status, code, message) in cases {
        answer_always(&stub, &running, write_json(upstream, &body)).await;
        let answer = running.send("/v2/chat", CHAT).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, said["code"].as_str()),
            (status, Some(code)),
            "{upstream}: {said}"
        );
        assert!(
            said["message"].as_str().unwrap_or_default().starts_with(message),
            "{upstream}: {said}"
        );
        assert_eq!(answer.header("content-type"), "application/json");
        let attempts = match code {
            "upstream_error" | "upstream_malformed" | "upstream_timeout" => "3",
            "rate_limited" => "2",
            _ => "1",
        };
        assert_eq!(answer.header("x-gateway-attempts"), attempts, "{upstream}");
        // What Cohere says of our key and account, or in no form of its own, is not passed on.
        let is_ours = [200, 302, 401, 402, 407].contains(&upstream);
        let id = if is_ours { answer.header("x-request-id") } else { "cohere-id" };
        assert_eq!(said["id"], id, "{upstream}");
        let retry_after = match (status, code) {
            // After a second 429 the model is in cooldown for two seconds.
            (_, "rate_limited") => "2",
            (429 | 503, _) => "1",
            _ => "",
        };
        assert_eq!(answer.header("retry-after"), retry_after, "{upstream}");
    }
}

#[tokio::test]
async fn error_type_and_retry_after_pass_within_bounds() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    let refusal =
        write_json(422, &json!({ "message": "no", "error_type": "NO_VALID_RESPONSE_GENERATED" }));
    answer_always(&stub, &running, refusal).await;
    assert_eq!(
        running.send("/v2/chat", CHAT).await.json()["error_type"],
        "NO_VALID_RESPONSE_GENERATED"
    );
    for (asked, told) in [("2", "2"), ("1.2", "2"), ("600", "5"), ("0", "1")] {
        answer_always(
            &stub,
            &running,
            write_answer(429, &[("retry-after", asked)], b"{\"message\":\"slow down\"}"),
        )
        .await;
        // Too short a time to wait for the end of the model's cooldown.
        let request = running.post("/v2/chat").header("x-gateway-timeout-ms", "1000").body(CHAT);
        assert_eq!(read_answer(request).await.header("retry-after"), told, "{asked}");
    }
}

#[tokio::test]
async fn proxy_html_never_reaches_the_caller() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    stub.answer_others(|_| {
        write_answer(
            502,
            &[("content-type", "text/html")],
            b"<html><body>Bad Gateway</body></html>",
        )
    });
    let answer = running.send("/v2/chat", CHAT).await;
    assert_eq!(answer.json()["message"], "Cohere answered with status 502");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_error")));
}

#[tokio::test]
async fn broken_and_slow_upstream_has_codes_and_bounds() {
    let settings = [("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "300"), ("GATEWAY_FALLBACKS", "none")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let half = write_answer(200, &[("content-type", "application/json")], br#"{"message":{}}"#);
    let half = cut_body(half, 5);
    let cut = [half.clone(), vec![Step::Reset]].concat();
    let slow = vec![Step::Wait(Duration::from_secs(2))];
    let stalled = [half, vec![Step::Hang]].concat();
    let cases = [
        (vec![Step::Reset], 503, "upstream_unreachable"),
        (
            vec![Step::Raw("no http at all\r\n\r\n".into()), Step::Reset],
            503,
            "upstream_unreachable",
        ),
        (cut, 502, "upstream_malformed"),
        (slow, 504, "upstream_timeout"),
        (stalled, 504, "upstream_timeout"),
    ];
    for (steps, status, code) in cases {
        let shown = format!("{steps:?}");
        answer_always(&stub, &running, steps).await;
        let started = Instant::now();
        let answer = running.send("/v2/chat", CHAT).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (status, Some(code)),
            "{shown}"
        );
        assert_eq!(answer.header("x-gateway-attempts"), "3", "{shown}");
        // Three attempts, and 0.75 s between them at most.
        assert!(started.elapsed() < Duration::from_millis(3 * 300 + 750 + 1_200), "{shown}");
    }
}

#[tokio::test]
async fn caller_timeout_is_respected_and_named() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(vec![Step::Hang]);
    let started = Instant::now();
    let answer =
        read_answer(running.post("/v2/chat").header("x-gateway-timeout-ms", "200").body(CHAT))
            .await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (504, Some("deadline")));
    assert_eq!(
        answer.json()["message"],
        "no answer within 200 ms, the request's own x-gateway-timeout-ms"
    );
    assert!(
        (Duration::from_millis(200)..Duration::from_millis(1_200)).contains(&started.elapsed())
    );
}

#[tokio::test]
async fn closed_port_is_upstream_unreachable() {
    let running = gateway::start_at("http://127.0.0.1:9", &[]).await;
    let answer = running.send("/v2/chat", CHAT).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (503, Some("upstream_unreachable"))
    );
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn headers_pass_only_if_listed() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let upstream = [
        ("content-type", "application/json"),
        ("x-api-warning", "model is deprecated"),
        ("x-debug-trace-id", "0123"),
        ("num_tokens", "3"),
        ("num_chars", "9"),
        ("x-trial-endpoint-call-limit", "40"),
        ("x-trial-endpoint-call-remaining", "39"),
        ("x-endpoint-monthly-call-limit", "1000"),
        ("set-cookie", "a=b"),
        ("server", "envoy"),
        ("x-envoy-upstream-service-time", "4"),
        ("cache-control", "no-store"),
    ];
    stub.plan_answer(write_answer(200, &upstream, br#"{"message":{}}"#));
    let request = running
        .post("/v2/chat")
        .header("user-agent", "cohere/7.3.1")
        .header("x-client-name", "tests")
        .header("x-fern-language", "Python")
        .header("request-source", "unspecified:tests")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("cookie", "session=1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("accept-encoding", "gzip")
        .header("x-gateway-cache", "no-store")
        .body(CHAT);
    let answer = read_answer(request).await;
    let mut seen: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_string()).collect();
    seen.sort();
    let expected = [
        "content-type",
        "date",
        "num_chars",
        "num_tokens",
        "server-timing",
        "transfer-encoding",
        "x-api-warning",
        "x-debug-trace-id",
        "x-endpoint-monthly-call-limit",
        "x-gateway-attempts",
        "x-gateway-cache",
        "x-gateway-model",
        "x-request-id",
        "x-trial-endpoint-call-limit",
        "x-trial-endpoint-call-remaining",
    ];
    assert_eq!(seen, expected);
    let listed = OwnHeader::ALL.map(OwnHeader::name);
    for name in &seen {
        let is_listed = listed.contains(&name.as_str()) || FROM_COHERE.contains(&name.as_str());
        // The front adds these two.
        assert!(is_listed || ["date", "transfer-encoding"].contains(&name.as_str()), "{name}");
    }

    let sent = &stub.seen()[0];
    let mut names: Vec<_> = sent.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "request-source",
        "traceparent",
        "user-agent",
        "x-client-name",
        "x-fern-language",
    ];
    assert_eq!(names, expected);
    assert_eq!(sent.headers["authorization"], format!("Bearer {FAKE_KEY}"));
    assert_eq!(sent.path, "/v2/chat");
    running.wait_for_line("\"trial_key\":true").await;
}

#[tokio::test]
async fn defaults_add_model_and_max_tokens() {
    let settings =
        [("GATEWAY_RERANK_MODEL", "rerank-v4.0-fast"), ("GATEWAY_CHAT_MAX_TOKENS_CEILING", "5000")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    stub.plan_answer(write_json(200, &json!({ "results": [] })));
    let chat =
        running.send("/v2/chat", r#"{"messages":[{"role":"user","content":"hi"}],"x":1.0}"#).await;
    let rerank = running.send("/v2/rerank", r#"{"query":"q","documents":["d"]}"#).await;
    assert_eq!(
        (chat.header("x-gateway-model"), chat.header("x-gateway-max-tokens")),
        ("command-a-03-2025", "5000")
    );
    assert_eq!(rerank.header("x-gateway-model"), "rerank-v4.0-fast");
    let seen = stub.seen();
    assert_eq!(
        seen[0].body,
        r#"{"messages":[{"role":"user","content":"hi"}],"x":1.0,"model":"command-a-03-2025","max_tokens":5000}"#
    );
    assert_eq!(seen[1].body, r#"{"query":"q","documents":["d"],"model":"rerank-v4.0-fast"}"#);
    let over = running.send("/v2/chat", r#"{"messages":[{}],"max_tokens":5001}"#).await;
    assert_eq!(over.status, 400);
    assert!(
        over.json()["message"].as_str().unwrap_or_default().contains("must be at most 5000"),
        "{:?}",
        over.body
    );
}

#[tokio::test]
async fn missing_key_is_found_by_the_next_request() {
    let (stub, running) =
        gateway::start_with_stub(&[("GATEWAY_SECRET_ID", "another/secret")]).await;
    let answer = running.send("/v2/chat", CHAT).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("key_missing")));
    assert!(answer.json()["message"].as_str().unwrap_or_default().contains("another/secret"));
    assert_eq!((answer.header("retry-after"), answer.header("x-gateway-attempts")), ("1", "0"));
    running.gateway.secrets.put("another/secret", "fake-bare-key");
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 200);
    assert_eq!(stub.seen()[0].headers["authorization"], "Bearer fake-bare-key");
}

#[tokio::test]
async fn health_tells_coheres_state_and_is_throttled() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_HEALTH_CACHE_SECS", "0")]).await;
    let get = || read_answer(running.request_without_token(Method::GET, "/api/health"));
    let refused = write_json(404, &json!({ "message": "model 'command-r7b-12-2024' not found" }));
    let cases = [
        (vec![write_json(200, &json!({ "message": {} }))], 200, "ok", "healthy"),
        (vec![write_json(429, &json!({ "message": "slow down" }))], 200, "degraded", "degraded"),
        (
            vec![refused.clone(), write_json(200, &json!({ "message": {} }))],
            200,
            "degraded",
            "degraded",
        ),
        (vec![write_json(401, &json!({ "message": "no" }))], 503, "degraded", "down"),
    ];
    for (answers, status, overall, cohere) in cases {
        answers.into_iter().for_each(|answer| stub.plan_answer(answer));
        let answer = get().await;
        let said = answer.json();
        assert_eq!((answer.status, said["status"].as_str()), (status, Some(overall)), "{said}");
        assert_eq!(said["cohere"]["status"], cohere);
        assert!(said["cohere"]["latencyMs"].is_u64() && said["version"] == "1", "{said}");
        assert_eq!(said.as_object().map(serde_json::Map::len), Some(4));
        let timestamp = said["timestamp"].as_str().unwrap_or_default();
        assert!(timestamp.len() >= 20 && timestamp.ends_with('Z'), "{timestamp}");
        assert!(!answer.header("x-request-id").is_empty());
        // The route is throttled to 2 a second.
        tokio::time::sleep(Duration::from_millis(550)).await;
    }
    running.gateway.secrets.remove(local::secrets_manager::API_KEY);
    running.gateway.kill("health").await;
    let answer = get().await;
    let said = answer.json();
    assert_eq!((answer.status, said["status"].as_str()), (503, Some("key_missing")), "{said}");
    assert_eq!(said["cohere"]["status"], "unknown");
    assert_eq!(said.as_object().map(serde_json::Map::len), Some(4));
    running.gateway.secrets.put(local::secrets_manager::API_KEY, gateway::FAKE_KEY);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let models: Vec<_> = stub.seen().iter().map(|seen| seen.body.clone()).collect();
    assert!(
        models.iter().all(|body| body.windows(14).any(|window| window == b"\"max_tokens\":1")),
        "{models:?}"
    );
    let mut throttled = None;
    for _ in 0..10 {
        stub.plan_answer(write_json(200, &json!({ "message": {} })));
        throttled = Some(get().await).filter(|answer| answer.status == 429).or(throttled);
    }
    let throttled = throttled.expect("a burst of 10 is throttled");
    assert_eq!(
        (throttled.json()["code"].as_str(), throttled.header("retry-after")),
        (Some("client_throttled"), "1")
    );
}

#[tokio::test]
async fn request_is_one_log_line_without_content() {
    let (stub, running) = gateway::start_with_stub(&[("GATEWAY_SERVICE", "my-stack")]).await;
    stub.plan_answer(write_json(200, &json!({ "message": { "content": "MARK-ANSWER" }, "usage": { "billed_units": { "input_tokens": 3, "output_tokens": 4 } } })));
    stub.plan_answer(write_json(400, &json!({ "message": "MARK-REFUSAL" })));
    let body = r#"{"messages":[{"role":"user","content":"MARK-PROMPT"}]}"#;
    let answer = running.send("/v2/chat", body).await;
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    for field in [
        r#""endpoint":"chat""#,
        r#""client":"local""#,
        r#""status":200"#,
        r#""input_tokens":3"#,
        r#""attempts":1"#,
    ] {
        assert!(line.contains(field), "{field} in {line}");
    }
    let refused = running.send("/v2/chat", body).await;
    running.wait_for_request(refused.header("x-request-id")).await;
    let all = running.read_lines().join("\n");
    assert_eq!(all.matches("\"message\":\"request\"").count(), 2, "{all}");
    for mark in ["MARK", FAKE_KEY, running.gateway.token.as_str()] {
        assert!(!all.contains(mark), "{mark} in {all}");
    }
}

#[tokio::test]
async fn killed_function_is_one_503_then_serves() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(vec![Step::Hang]);
    let sending = running.send("/v2/chat", CHAT);
    let killing = async {
        while stub.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.gateway.kill("chat").await;
    };
    let (answer, ()) = tokio::join!(sending, killing);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("internal")));
    assert_eq!(answer.header("retry-after"), "1");
    stub.plan_answer(write_json(200, &json!({ "message": {} })));
    assert_eq!(running.send("/v2/chat", CHAT).await.status, 200);
}

#[tokio::test]
async fn bad_settings_stop_the_start_and_are_named() {
    gateway::start_at("http://127.0.0.1:9", &[]).await;
    let options = local::Options {
        port: Some(0),
        settings: vec![
            ("GATEWAY_CHAT_TOTAL_TIMEOUT_MS".into(), "soon".into()),
            ("GATEWAY_NO_SUCH_THING".into(), "1".into()),
        ],
        output: local::Output::To(std::sync::Arc::new(|_, _| {})),
        ..local::Options::default()
    };
    let Err(error) = local::start_stack(options).await else { panic!("the gateway started") };
    let said = format!("{error:#}");
    for problem in [
        "GATEWAY_NO_SUCH_THING is not a setting",
        "GATEWAY_CHAT_TOTAL_TIMEOUT_MS is",
        "from 100 to 900000",
    ] {
        assert!(said.contains(problem), "{problem} in {said}");
    }
}
