//! Refusals of Cohere: its words, status and id reach the caller, and one caller's are nobody else's.

use gateway_tests::gateway;
use gateway_tests::scripted_cohere::{
    ScriptedCohere, build_embed_body, build_rerank_body, number_texts, refuse_late,
};
use gateway_tests::stub::{Step, cut_body, write_answer, write_json};
use gateway_tests::ways::{Way, status_and_code};
use serde_json::json;
use std::time::{Duration, Instant};

const WAYS: [Way; 4] = [Way::Chat, Way::Stream, Way::Embed, Way::Rerank];
const BLOCKED: &str = "blocked input: please adjust your prompt and try again";

#[tokio::test]
async fn blocked_text_is_the_callers_affair() {
    let (stub, running) =
        gateway::start_single_with_stub(&[("GATEWAY_BREAKER_FAILURES", "1")]).await;
    for way in WAYS {
        stub.answer_others(|_| write_json(498, &json!({ "id": "c-498", "message": BLOCKED })));
        let before = stub.seen().len();
        let answer = way.send_request(&running, "allow").await;
        let expected = json!({ "id": "c-498", "message": BLOCKED, "code": "invalid_request" });
        assert_eq!((answer.status, answer.json()), (498, expected), "{way:?}");
        assert_eq!(stub.seen().len() - before, 1, "{way:?}: calls");
        // Neither key nor model is worse for it.
        stub.answer_others(move |_| way.good_steps());
        assert_eq!(way.send_request(&running, "deny").await.status, 200, "{way:?}");
    }
    let lines = running.stop_and_read_lines().await.join("\n");
    assert!(!lines.contains("breaker") && !lines.contains("upstream_auth"), "{lines}");
}

#[tokio::test]
async fn blocked_text_of_a_split_request_is_named() {
    let cohere = ScriptedCohere::start(&[]).await;
    let (texts, documents) = (number_texts("sea", 0..200), number_texts("doc", 0..2_500));
    for (path, body, struck, inputs) in [
        ("/v2/embed", build_embed_body(&texts), "sea-100", "texts 96-191 of 200, counted from 0"),
        (
            "/v2/rerank",
            build_rerank_body(&documents),
            "doc-1500",
            "documents 1000-1999 of 2500, counted from 0",
        ),
    ] {
        cohere.fail_calls(struck, usize::MAX, refuse_late(498, BLOCKED));
        let sent = cohere.send_counted(path, &body, &[("x-gateway-fallback", "allow")]).await;
        let message = format!("{BLOCKED} ({inputs})");
        let expected =
            json!({ "id": "of-the-sub-request", "message": message, "code": "invalid_request" });
        assert_eq!((sent.answer.status, sent.answer.json()), (498, expected), "{path}");
        assert_eq!(sent.calls.len(), 3, "{path}: a refusal is not tried again");
        cohere.answer_all();
        assert_eq!(cohere.send_counted(path, &body, &[]).await.answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn words_of_a_refusal_pass_in_any_form() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let words = "temperature is too high";
    for (body, id) in [
        (r#"{"id":7,"message":"temperature is too high"}"#, Some("7")),
        (r#"{"message":"temperature is too high","error_type":{"a":1}}"#, None),
        (r#"{"message":"temperature is too high","message":"temperature is too high"}"#, None),
        (r#"{"message":{"detail":"temperature is too high"}}"#, None),
        (r#"{"error":{"message":"temperature is too high"}}"#, None),
        (r#"["temperature is too high"]"#, None),
        (r#""temperature is too high""#, None),
        ("temperature is too high", None),
        (r#"{"message":"temperature is too high \ud83d"}"#, None),
    ] {
        for way in WAYS {
            stub.plan_answer(write_answer(400, &[], body.as_bytes()));
            let answer = way.send_request(&running, "allow").await;
            let said = answer.json();
            assert_eq!(status_and_code(&answer), "400 invalid_request", "{body}");
            assert!(said["message"].as_str().unwrap().contains(words), "{body}: {said}");
            let expected = id.unwrap_or(answer.header("x-request-id"));
            assert_eq!(said["id"], expected, "{body}");
        }
    }
    let page = "<html><body>temperature</body></html>".repeat(2_000);
    stub.plan_answer(write_answer(400, &[("content-type", "text/html")], page.as_bytes()));
    let said = Way::Chat.send_request(&running, "allow").await.json();
    assert_eq!(said["message"], "Cohere refused the request with status 400");
}

#[tokio::test]
async fn long_refusal_is_cut() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let long = json!({ "id": "c".repeat(5_000), "message": "é".repeat(20_000) });
    stub.plan_answer(write_json(400, &long));
    let answer = Way::Chat.send_request(&running, "allow").await;
    let said = answer.json();
    assert!(answer.body.len() < 5_000 && said["message"].as_str().unwrap().ends_with("é…"));
    assert_eq!(said["id"], answer.header("x-request-id"));
}

/// Writes the head of a refusal that promises a body of which only the beginning comes.
fn begin_refusal(status: u16, last: Step) -> Vec<Step> {
    let whole = write_json(status, &json!({ "id": "c", "message": "not so far as this" }));
    [cut_body(whole, 12), vec![last]].concat()
}

#[tokio::test]
async fn stalled_body_of_a_refusal_changes_nothing() {
    let settings = [("GATEWAY_FALLBACKS", "none"), ("GATEWAY_BREAKER_FAILURES", "100")];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    for (status, expected) in [
        (429, "429 rate_limited"),
        (401, "502 upstream_auth"),
        (503, "503 upstream_error"),
        (400, "400 invalid_request"),
        (498, "498 invalid_request"),
    ] {
        for last in [Step::Hang, Step::Reset, Step::Close] {
            for way in [Way::Chat, Way::Stream] {
                running.gateway.kill("chat").await;
                let steps = begin_refusal(status, last.clone());
                stub.answer_others(move |_| steps.clone());
                let started = Instant::now();
                let request = running.post("/v2/chat").header("x-gateway-timeout-ms", "1000");
                let answer = gateway::read_answer(request.body(way.body())).await;
                assert_eq!(status_and_code(&answer), expected, "{last:?}, {way:?}");
                assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
            }
        }
    }
}
