//! Faults that meet single sub-requests of a split request: what is retried, what is cached, what the
//! caller is told.

use gateway_tests::scripted_cohere::{
    ALWAYS, EMBED, RERANK, ScriptedCohere, answer_well, build_embed_body, build_rerank_body,
    contains_text, number_texts, read_inputs, refuse_late, write_embed_answer,
};
use gateway_tests::stub::{Seen, Step, cut_body, join_body, write_answer, write_json};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What one sub-request meets must not open the breaker in these tests.
const BREAKER_OFF: (&str, &str) = ("GATEWAY_BREAKER_FAILURES", "1000000");

fn refuse_call(status: u16, message: &str) -> Vec<Step> {
    write_json(status, &json!({ "id": "of-the-sub-request", "message": message }))
}

/// Half of an answer that looks complete from outside.
fn cut_json() -> Vec<Step> {
    write_answer(
        200,
        &[("content-type", "application/json")],
        br#"{"id":"x","texts":["a"],"embeddings":{"fl"#,
    )
}

/// A head that announces more than comes.
fn cut_answer() -> Vec<Step> {
    [cut_body(cut_json(), 9), vec![Step::Close]].concat()
}

fn numbers_of(calls: &[Seen], input: &str) -> usize {
    calls.iter().filter(|call| contains_text(&call.body, &format!("\"{input}\""))).count()
}

#[tokio::test]
async fn failed_embed_sub_request_is_retried_alone() {
    let cohere =
        ScriptedCohere::start(&[BREAKER_OFF, ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", "1500")]).await;
    let faults = [
        ("500", refuse_call(500, "oh")),
        ("reset", vec![Step::Reset]),
        ("cut-body", cut_answer()),
        ("cut-json", cut_json()),
        ("silence", vec![Step::Hang]),
        ("429", refuse_call(429, "slow down")),
    ];
    for (name, steps) in faults {
        let texts = number_texts(name, 0..200);
        cohere.fail_calls(&format!("{name}-150"), 1, steps);
        let answered = cohere.embed_texts(&texts).await;
        answered.assert_embeds(EMBED, &texts);
        assert_eq!(answered.cache_and_calls(), ("miss", 4), "{name}");
        let calls =
            [0, 96, 192].map(|first| numbers_of(&answered.calls, &format!("{name}-{first}")));
        assert_eq!(calls, [1, 2, 1], "{name}");
        assert_eq!(answered.billed_units(), json!({ "input_tokens": 200 }), "{name}");
    }
}

#[tokio::test]
async fn failed_rerank_sub_request_is_retried_alone() {
    let cohere = ScriptedCohere::start(&[]).await;
    let documents = number_texts("page", 0..2_001);
    cohere.fail_calls("page-1500", 1, refuse_call(503, "busy"));
    let answered = cohere.send_counted("/v2/rerank", &build_rerank_body(&documents), &[]).await;
    answered.assert_ranks(RERANK, &documents, usize::MAX);
    assert_eq!(answered.cache_and_calls(), ("miss", 4));
    assert_eq!(numbers_of(&answered.calls, "page-1500"), 2);
}

#[tokio::test]
async fn failing_sub_request_names_its_error_and_inputs() {
    let cohere =
        ScriptedCohere::start(&[BREAKER_OFF, ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", "800")]).await;
    cohere.fail_calls("tide-100", ALWAYS, refuse_late(500, "oh"));
    let texts = number_texts("tide", 0..200);
    let answered = cohere.embed_texts(&texts).await;
    let message = "oh (texts 96-191 of 200, counted from 0)";
    assert_eq!(answered.read_failure(), (500, "upstream_error".into(), message.into()));
    assert_eq!(numbers_of(&answered.calls, "tide-100"), 3);
    assert_eq!(answered.answer.json()["id"], "of-the-sub-request");

    cohere.fail_calls("moon-100", ALWAYS, vec![Step::Hang]);
    let (status, code, message) =
        cohere.embed_texts(&number_texts("moon", 0..200)).await.read_failure();
    assert_eq!((status, code.as_str()), (504, "upstream_timeout"));
    assert!(message.ends_with(" (texts 96-191 of 200, counted from 0)"), "{message}");

    cohere.fail_calls("page-1000", ALWAYS, refuse_late(422, "no such page"));
    let body = build_rerank_body(&number_texts("page", 0..2_001));
    let answered = cohere.send_counted("/v2/rerank", &body, &[]).await;
    let message = "no such page (documents 1000-1999 of 2001, counted from 0)";
    assert_eq!(answered.read_failure(), (422, "invalid_request".into(), message.into()));

    cohere.answer_all();
    let answered = cohere.embed_texts(&texts).await;
    answered.assert_embeds(EMBED, &texts);
}

#[tokio::test]
async fn final_failure_stops_calls_and_caches_the_rest() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..1_920);
    let leave = Arc::new(Semaphore::new(0));
    let waiting = leave.clone();
    // Of the sixteen sub-requests that go at once two are answered, so that two more go; one is refused in the end.
    cohere.stub.answer_others(move |seen| match read_inputs(seen)[0].as_str() {
        "sea-0" | "sea-192" => answer_well(seen),
        "sea-96" => [vec![Step::Leave(waiting.clone())], refuse_call(400, "bad text")].concat(),
        _ => vec![Step::Hang],
    });
    let body = build_embed_body(&texts);
    let refusing = async {
        cohere.wait_for_calls(18).await;
        leave.add_permits(1);
    };
    let (answered, ()) = tokio::join!(cohere.send_counted("/v2/embed", &body, &[]), refusing);
    let message = "bad text (texts 96-191 of 1920, counted from 0)";
    assert_eq!(answered.read_failure(), (400, "invalid_request".into(), message.into()));
    assert_eq!(answered.calls.len(), 18, "two of twenty sub-requests are never sent");

    cohere.answer_all();
    let retried = cohere.embed_texts(&texts).await;
    retried.assert_embeds(EMBED, &texts);
    assert_eq!(retried.cache_and_calls(), ("partial", 18));
    let mut paid: Vec<_> = retried.calls.iter().flat_map(read_inputs).collect();
    let mut expected = [&texts[96..192], &texts[288..]].concat();
    paid.sort();
    expected.sort();
    assert_eq!(paid, expected);
    assert_eq!(retried.billed_units(), json!({ "input_tokens": 1_920 - 192 }));
}

#[tokio::test]
async fn deadline_names_inputs_and_caches_the_rest() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    cohere.fail_calls("sea-150", ALWAYS, vec![Step::Hang]);
    let answered = cohere
        .send_counted("/v2/embed", &build_embed_body(&texts), &[("x-gateway-timeout-ms", "1500")])
        .await;
    let (status, code, message) = answered.read_failure();
    assert_eq!((status, code.as_str()), (504, "deadline"));
    let ours = "no answer within 1500 ms, the request's own x-gateway-timeout-ms";
    assert_eq!(message, format!("{ours} (texts 96-191 of 200, counted from 0)"));
    cohere.answer_all();
    let retried = cohere.embed_texts(&texts).await;
    retried.assert_embeds(EMBED, &texts);
    assert_eq!(retried.cache_and_calls(), ("partial", 1));
}

#[tokio::test]
async fn replaced_key_is_read_once_for_all_sub_requests() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.embed_texts(&number_texts("before", 0..1)).await;
    let gateway = &cohere.running.gateway;
    gateway.secrets.put(local::secrets_manager::API_KEY, r#"{"CO_API_KEY":"fake-replaced-key"}"#);
    cohere.stub.answer_others(|seen| {
        match seen.headers["authorization"] == "Bearer fake-replaced-key" {
            true => answer_well(seen),
            false => refuse_call(401, "invalid api token"),
        }
    });
    let (texts, reads) = (number_texts("sea", 0..1_920), gateway.secrets.reads());
    let answered = cohere.embed_texts(&texts).await;
    answered.assert_embeds(EMBED, &texts);
    assert!((21..=36).contains(&answered.calls.len()), "{} calls", answered.calls.len());
    assert_eq!(gateway.secrets.reads() - reads, 1);
}

#[tokio::test]
async fn short_embed_sub_request_is_malformed_others_cached() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    cohere.stub.answer_others(|seen| {
        let mut of_call = read_inputs(seen);
        if of_call.contains(&"sea-150".to_string()) {
            of_call.pop();
        }
        let request: Value = serde_json::from_slice(&seen.body).unwrap();
        let body = write_embed_answer(&request, EMBED, &of_call);
        write_answer(200, &[("content-type", "application/json")], body.as_bytes())
    });
    let answered = cohere.embed_texts(&texts).await;
    let (status, code, message) = answered.read_failure();
    assert_eq!((status, code.as_str()), (502, "upstream_malformed"), "{message}");
    cohere.answer_all();
    let retried = cohere.embed_texts(&texts).await;
    retried.assert_embeds(EMBED, &texts);
    assert_eq!(retried.cache_and_calls(), ("partial", 1));
    assert_eq!(read_inputs(&retried.calls[0]), texts[96..192]);
}

#[tokio::test]
async fn short_rerank_sub_request_is_malformed_and_uncached() {
    let cohere = ScriptedCohere::start(&[]).await;
    let documents = number_texts("page", 0..2_001);
    cohere.stub.answer_others(|seen| {
        let steps = answer_well(seen);
        if !contains_text(&seen.body, "\"page-1500\"") {
            return steps;
        }
        let mut ranking: Value = serde_json::from_slice(&join_body(&steps)).unwrap();
        ranking["results"].as_array_mut().unwrap().pop();
        write_json(200, &ranking)
    });
    let body = build_rerank_body(&documents);
    let answered = cohere.send_counted("/v2/rerank", &body, &[]).await;
    let (status, code, message) = answered.read_failure();
    assert_eq!((status, code.as_str()), (502, "upstream_malformed"), "{message}");
    cohere.answer_all();
    let retried = cohere.send_counted("/v2/rerank", &body, &[]).await;
    retried.assert_ranks(RERANK, &documents, usize::MAX);
    assert_eq!(retried.cache_and_calls(), ("partial", 1));
}

#[tokio::test]
async fn failed_sub_request_gives_its_trace_id() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.stub.answer_others(|seen| {
        let first = read_inputs(seen).remove(0);
        let headers = [("content-type", "application/json"), ("x-debug-trace-id", first.as_str())];
        match first.as_str() {
            "sea-96" => {
                let wait = Step::Wait(Duration::from_millis(300));
                [vec![wait], write_answer(400, &headers, br#"{"message":"bad"}"#)].concat()
            }
            _ => {
                let request: Value = serde_json::from_slice(&seen.body).unwrap();
                write_answer(
                    200,
                    &headers,
                    write_embed_answer(&request, EMBED, &read_inputs(seen)).as_bytes(),
                )
            }
        }
    });
    let answered = cohere.embed_texts(&number_texts("sea", 0..200)).await;
    assert_eq!(answered.read_failure().0, 400);
    assert_eq!(answered.answer.header("x-debug-trace-id"), "sea-96");
}

#[tokio::test]
async fn simultaneous_sub_request_failures_leave_retries_for_others() {
    for status in [503, 429] {
        let cohere = ScriptedCohere::start(&[]).await;
        let calls = AtomicUsize::new(0);
        cohere.stub.answer_others(move |seen| match calls.fetch_add(1, Ordering::SeqCst) {
            // The first sixteen calls of the first request, and the first one of the second.
            0..16 | 36 => refuse_late(status, "oh"),
            _ => answer_well(seen),
        });
        let texts = number_texts("sea", 0..1_920);
        let answered = cohere.embed_texts(&texts).await;
        assert_eq!(answered.cache_and_calls(), ("miss", 36), "{status}");
        answered.assert_embeds(EMBED, &texts);
        let next = cohere.embed_texts(&number_texts("next", 0..1)).await;
        assert_eq!((next.answer.status, next.calls.len()), (200, 2), "{status}");
    }
}
