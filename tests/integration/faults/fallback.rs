//! Another model answers: when, what it is sent, and what the caller is told.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::stub::{Stub, write_json};
use gateway_tests::ways::{Way, status_and_code};
use serde_json::{Value, json};

const REQUESTED: &str = "command-a-03-2025";
const FALLBACK: &str = "command-r-plus-08-2024";

/// Lets the requested model fail and the fallback answer with this status.
fn fail_model(stub: &Stub, fallback_status: u16) {
    stub.answer_others(move |seen| match (seen.field("model").as_str(), fallback_status) {
        (REQUESTED | "embed-v4.0" | "rerank-v3.5", _) => {
            write_json(500, &json!({ "id": "first", "message": "the first failed" }))
        }
        (_, 200) => {
            let way = [Way::Chat, Way::Embed, Way::Rerank]
                .into_iter()
                .find(|way| way.path() == seen.path);
            way.expect("a known path").good_steps()
        }
        (_, status) => {
            write_json(status, &json!({ "id": "second", "message": "the second failed" }))
        }
    });
}

fn fallback_headers(answer: &Answer) -> [&str; 3] {
    ["x-gateway-model", "x-gateway-fallback-from", "x-gateway-attempts"]
        .map(|name| answer.header(name))
}

/// Sends a chat with more fields; a fresh environment, so that no request before it matters.
async fn send_chat(running: &Running, more: Value, option: Option<&str>) -> Answer {
    running.gateway.kill("chat").await;
    let mut body = json!({ "model": REQUESTED, "messages": [{ "role": "user", "content": "hi" }] });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let request = running.post("/v2/chat").body(body.to_string());
    read_answer(match option {
        Some(option) => request.header("x-gateway-fallback", option),
        None => request,
    })
    .await
}

#[tokio::test]
async fn chat_fallback_lowers_max_tokens_and_says_so() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    fail_model(&stub, 200);
    let answer =
        send_chat(&running, json!({ "max_tokens": 8000, "temperature": 0.30 }), None).await;
    assert_eq!((answer.status, fallback_headers(&answer)), (200, [FALLBACK, REQUESTED, "4"]));
    assert_eq!(answer.body, Way::Chat.good_body());
    let sent: Vec<Value> =
        stub.seen().iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    assert_eq!((&sent[0]["model"], &sent[0]["max_tokens"]), (&json!(REQUESTED), &json!(8000)));
    assert_eq!((&sent[3]["model"], &sent[3]["max_tokens"]), (&json!(FALLBACK), &json!(4000)));
    assert_eq!(sent[3]["temperature"], json!(0.3));
    assert_eq!(answer.header("x-gateway-max-tokens"), "4000", "the gateway chose what was sent");
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    assert!(line.contains("\"fell_back_from\":\"command-a-03-2025\""), "{line}");

    let chosen = send_chat(&running, json!({}), None).await;
    assert_eq!(
        (chosen.status, chosen.header("x-gateway-max-tokens")),
        (200, "4000"),
        "what was sent at last"
    );
}

#[tokio::test]
async fn stream_falls_back_before_first_content() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|seen| match seen.field("model") == REQUESTED {
        true => write_json(500, &json!({ "message": "oh" })),
        false => Way::Stream.good_steps(),
    });
    let answer = send_chat(&running, json!({ "stream": true }), None).await;
    assert_eq!((answer.status, fallback_headers(&answer)), (200, [FALLBACK, REQUESTED, "4"]));
    assert_eq!(answer.body, Way::Stream.good_body());
}

#[tokio::test]
async fn refusing_fallback_leaves_primary_failure() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    for status in [400, 401, 402, 404, 422, 429, 500] {
        fail_model(&stub, status);
        let answer = send_chat(&running, json!({}), None).await;
        assert_eq!(status_and_code(&answer), "500 upstream_error", "{status}");
        assert_eq!(
            (&answer.json()["message"], &answer.json()["id"]),
            (&json!("the first failed"), &json!("first"))
        );
        assert_eq!(fallback_headers(&answer), [REQUESTED, "", "4"], "{status}");
        // The key's refusal is known from the fallback alone, too.
        let calls = stub.seen().len();
        assert!(calls.is_multiple_of(4), "{status}: {calls} calls");
    }
}

#[tokio::test]
async fn fallback_header_decides_and_is_validated() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    fail_model(&stub, 200);
    let denied = send_chat(&running, json!({}), Some("deny")).await;
    assert_eq!(
        (status_and_code(&denied).as_str(), fallback_headers(&denied)),
        ("500 upstream_error", [REQUESTED, "", "3"])
    );
    let allowed = send_chat(&running, json!({}), Some("allow")).await;
    assert_eq!((allowed.status, fallback_headers(&allowed)), (200, [FALLBACK, REQUESTED, "4"]));
    let calls = stub.seen().len();
    let bad = send_chat(&running, json!({}), Some("perhaps")).await;
    assert_eq!((status_and_code(&bad).as_str(), stub.seen().len()), ("400 invalid_request", calls));
}

#[tokio::test]
async fn embed_and_rerank_fall_back_only_if_allowed() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_RERANK_FALLBACK", "on")]).await;
    fail_model(&stub, 200);
    for (way, option, status) in [
        (Way::Embed, None, 500),
        (Way::Embed, Some("deny"), 500),
        (Way::Embed, Some("allow"), 200),
        (Way::Rerank, None, 200),
        (Way::Rerank, Some("deny"), 500),
    ] {
        running.gateway.kill(way.function()).await;
        let mut request = running.post(&way.path()).body(way.body());
        if let Some(option) = option {
            request = request.header("x-gateway-fallback", option);
        }
        let answer = read_answer(request).await;
        let from = if status == 200 { way.model() } else { "" };
        assert_eq!(
            (answer.status, answer.header("x-gateway-fallback-from")),
            (status, from),
            "{way:?} {option:?}"
        );
    }
}

#[tokio::test]
async fn fallback_is_skipped_if_it_lacks_a_feature() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    fail_model(&stub, 200);
    let image = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:," } }] }]);
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    for more in [
        json!({ "messages": image }),
        json!({ "thinking": { "type": "enabled" } }),
        json!({ "tools": tools, "tool_choice": "REQUIRED" }),
        json!({ "messages": [{ "role": "user", "content": "long ".repeat(60_000) }] }),
    ] {
        let answer = send_chat(&running, more, Some("allow")).await;
        assert_eq!(
            (status_and_code(&answer).as_str(), fallback_headers(&answer)),
            ("500 upstream_error", [REQUESTED, "", "3"])
        );
    }
    assert_eq!(stub.count_calls(FALLBACK), 0);
}

#[tokio::test]
async fn open_breaker_goes_straight_to_fallback() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_BREAKER_FAILURES", "3")]).await;
    fail_model(&stub, 200);
    send_chat(&running, json!({}), None).await;
    let answer = Way::Chat.send_request(&running, "allow").await;
    assert_eq!((answer.status, fallback_headers(&answer)), (200, [FALLBACK, REQUESTED, "1"]));
    assert_eq!(stub.count_calls(REQUESTED), 3);
}

#[tokio::test]
async fn fallbacks_refusal_is_told_behind_an_open_breaker() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_BREAKER_FAILURES", "3")]).await;
    for way in [Way::Chat, Way::Stream, Way::Embed, Way::Rerank] {
        for (status, told) in [
            (400, "400 invalid_request"),
            (422, "422 invalid_request"),
            (498, "498 invalid_request"),
            // About the fallback's own id, its rate, or Cohere: not the caller's mistakes.
            (404, "503 circuit_open"),
            (429, "503 circuit_open"),
            (500, "503 circuit_open"),
        ] {
            running.gateway.kill(way.function()).await;
            stub.answer_others(move |seen| match seen.field("model") == way.model() {
                true => write_json(500, &json!({ "message": "oh" })),
                false => write_json(status, &json!({ "id": "f", "message": "too long" })),
            });
            let failed = way.send_request(&running, "allow").await;
            assert_eq!(status_and_code(&failed), "500 upstream_error", "{way:?}: it was called");
            assert_eq!(fallback_headers(&failed), [way.model(), "", "4"], "{way:?}");
            let refused = way.send_request(&running, "allow").await;
            assert_eq!(status_and_code(&refused), told, "{way:?} {status}");
            if told.starts_with("503") {
                assert_eq!(fallback_headers(&refused)[..2], [way.model(), ""], "{way:?}");
                continue;
            }
            let said = refused.json();
            assert_eq!((&said["message"], &said["id"]), (&json!("too long"), &json!("f")));
            let headers = [way.fallback(), way.model(), "1"];
            assert_eq!(fallback_headers(&refused), headers, "{way:?} {status}");
        }
    }
}

#[tokio::test]
async fn uncalled_fallback_costs_no_budget() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_BREAKER_FAILURES", "3")]).await;
    stub.answer_others(|seen| match seen.field("model") == REQUESTED {
        true => write_json(429, &json!({ "message": "limited to 1000 API calls / month" })),
        false => write_json(500, &json!({ "message": "oh" })),
    });
    for _ in 0..20 {
        assert_eq!(
            status_and_code(&Way::Chat.send_request(&running, "allow").await),
            "429 quota_exhausted"
        );
    }
    assert_eq!(stub.count_calls(FALLBACK), 3, "then its breaker is open");
    stub.answer_others(|_| Way::Chat.good_steps());
    stub.plan_answer(write_json(500, &json!({ "message": "oh" })));
    let retried = Way::Chat.send_request(&running, "allow").await;
    assert_eq!(
        (retried.status, fallback_headers(&retried)),
        (200, [REQUESTED, "", "2"]),
        "there is budget for a retry"
    );
}

#[tokio::test]
async fn retired_model_is_refused_deprecated_one_warned() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    let ask = |model: &str| Way::Chat.body().replace(REQUESTED, model);
    let retired = running.send("/v2/chat", ask("c4ai-aya-expanse-8b")).await;
    assert_eq!((status_and_code(&retired).as_str(), stub.seen().len()), ("404 model_retired", 0));
    let said = retired.json()["message"].as_str().unwrap_or_default().to_string();
    assert_eq!(
        said,
        "model 'c4ai-aya-expanse-8b' was removed on April 4, 2026. Use 'command-r7b-12-2024' instead."
    );
    let embed = Way::Embed.body().replace(Way::Embed.model(), "embed-english-v2.0");
    let rerank = Way::Rerank.body().replace(Way::Rerank.model(), "rerank-english-v2.0");
    assert_eq!(status_and_code(&running.send("/v2/embed", embed).await), "404 model_retired");
    assert_eq!(status_and_code(&running.send("/v2/rerank", rerank).await), "404 model_retired");

    let deprecated = running.send("/v2/chat", ask("command-r")).await;
    assert_eq!(deprecated.status, 200);
    assert!(deprecated.header("x-api-warning").contains("Use 'command-r-08-2024' instead"));
    running.wait_for_line("\"deprecated\":true").await;
    let unknown = running.send("/v2/chat", ask("my-fine-tuned-model")).await;
    assert_eq!((unknown.status, unknown.header("x-api-warning")), (200, ""));
}

#[tokio::test]
async fn retired_model_passes_if_operator_allows() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_RETIRED_MODELS", "pass")]).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    let body = Way::Chat.body().replace(REQUESTED, "c4ai-aya-expanse-8b");
    assert_eq!(running.send("/v2/chat", body).await.status, 200);
}
