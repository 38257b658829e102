//! Faults that meet single parts of a split request: what is asked again, what is kept, what the caller hears.

use super::cohere::{
    ALWAYS, EMBED, RERANK, Scripted, embed_body, embedded, good, holds, inputs, numbered, refused_late,
    rerank_body,
};
use gateway_tests::stub::{Seen, Step, answer, json};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What one part meets must not open the breaker in these tests.
const BREAKER_OFF: (&str, &str) = ("GATEWAY_BREAKER_FAILURES", "1000000");

fn failed(status: u16, message: &str) -> Vec<Step> {
    json(status, &json!({ "id": "of-the-part", "message": message }))
}

/// Half of an answer that looks complete from outside.
fn cut_json() -> Vec<Step> {
    answer(200, &[("content-type", "application/json")], br#"{"id":"x","texts":["a"],"embeddings":{"fl"#)
}

/// A head that announces more than comes.
fn cut_body() -> Vec<Step> {
    let Step::Write(whole) = cut_json().remove(0) else { panic!("an answer is one write") };
    vec![Step::Write(whole.slice(..whole.len() - 9)), Step::Close]
}

fn numbers_of(calls: &[Seen], input: &str) -> usize {
    calls.iter().filter(|call| holds(&call.body, &format!("\"{input}\""))).count()
}

#[tokio::test]
async fn a_part_that_fails_once_is_asked_again_alone_and_the_answer_is_exact() {
    let cohere = Scripted::start(&[BREAKER_OFF, ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", "1500")]).await;
    let faults = [
        ("500", failed(500, "oh")),
        ("reset", vec![Step::Reset]),
        ("cut-body", cut_body()),
        ("cut-json", cut_json()),
        ("silence", vec![Step::Hang]),
        ("429", failed(429, "slow down")),
    ];
    for (name, steps) in faults {
        let texts = numbered(name, 0..200);
        cohere.fault(&format!("{name}-150"), 1, steps);
        let asked = cohere.embed(&texts).await;
        asked.assert_embeds(EMBED, &texts);
        assert_eq!(asked.cost(), ("miss", 4), "{name}");
        let calls = [0, 96, 192].map(|first| numbers_of(&asked.calls, &format!("{name}-{first}")));
        assert_eq!(calls, [1, 2, 1], "{name}");
        assert_eq!(asked.billed(), json!({ "input_tokens": 200 }), "{name}");
    }
}

#[tokio::test]
async fn a_ranked_part_that_fails_once_is_asked_again_alone() {
    let cohere = Scripted::start(&[]).await;
    let documents = numbered("page", 0..2_001);
    cohere.fault("page-1500", 1, failed(503, "busy"));
    let asked = cohere.ask("/v2/rerank", &rerank_body(&documents), &[]).await;
    asked.assert_ranks(RERANK, &documents, usize::MAX);
    assert_eq!(asked.cost(), ("miss", 4));
    assert_eq!(numbers_of(&asked.calls, "page-1500"), 2);
}

#[tokio::test]
async fn a_part_that_keeps_failing_fails_the_request_with_its_own_error_and_its_inputs() {
    let cohere = Scripted::start(&[BREAKER_OFF, ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", "800")]).await;
    cohere.fault("tide-100", ALWAYS, refused_late(500, "oh"));
    let texts = numbered("tide", 0..200);
    let asked = cohere.embed(&texts).await;
    let message = "oh (texts 96-191 of 200, counted from 0)";
    assert_eq!(asked.failure(), (500, "upstream_error".into(), message.into()));
    assert_eq!(numbers_of(&asked.calls, "tide-100"), 3);
    assert_eq!(asked.answer.json()["id"], "of-the-part");

    cohere.fault("moon-100", ALWAYS, vec![Step::Hang]);
    let (status, code, message) = cohere.embed(&numbered("moon", 0..200)).await.failure();
    assert_eq!((status, code.as_str()), (504, "upstream_timeout"));
    assert!(message.ends_with(" (texts 96-191 of 200, counted from 0)"), "{message}");

    cohere.fault("page-1000", ALWAYS, refused_late(422, "no such page"));
    let body = rerank_body(&numbered("page", 0..2_001));
    let asked = cohere.ask("/v2/rerank", &body, &[]).await;
    let message = "no such page (documents 1000-1999 of 2001, counted from 0)";
    assert_eq!(asked.failure(), (422, "invalid_request".into(), message.into()));

    cohere.heal();
    let asked = cohere.embed(&texts).await;
    asked.assert_embeds(EMBED, &texts);
}

#[tokio::test]
async fn after_a_final_failure_nothing_more_is_sent_and_what_came_is_kept_for_the_retry() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..1_920);
    let leave = Arc::new(Semaphore::new(0));
    let waiting = leave.clone();
    // Of the sixteen parts that go at once two are answered, so that two more go; one is refused in the end.
    cohere.stub.otherwise(move |seen| match inputs(seen)[0].as_str() {
        "sea-0" | "sea-192" => good(seen),
        "sea-96" => [vec![Step::Leave(waiting.clone())], failed(400, "bad text")].concat(),
        _ => vec![Step::Hang],
    });
    let body = embed_body(&texts);
    let refusing = async {
        cohere.calls_reach(18).await;
        leave.add_permits(1);
    };
    let (asked, ()) = tokio::join!(cohere.ask("/v2/embed", &body, &[]), refusing);
    let message = "bad text (texts 96-191 of 1920, counted from 0)";
    assert_eq!(asked.failure(), (400, "invalid_request".into(), message.into()));
    assert_eq!(asked.calls.len(), 18, "two of twenty parts are never sent");

    cohere.heal();
    let retried = cohere.embed(&texts).await;
    retried.assert_embeds(EMBED, &texts);
    assert_eq!(retried.cost(), ("partial", 18));
    let mut paid: Vec<_> = retried.calls.iter().flat_map(inputs).collect();
    let mut expected = [&texts[96..192], &texts[288..]].concat();
    paid.sort();
    expected.sort();
    assert_eq!(paid, expected);
    assert_eq!(retried.billed(), json!({ "input_tokens": 1_920 - 192 }));
}

#[tokio::test]
async fn a_caller_whose_time_is_over_is_told_the_inputs_and_finds_the_rest_kept() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    cohere.fault("sea-150", ALWAYS, vec![Step::Hang]);
    let asked = cohere.ask("/v2/embed", &embed_body(&texts), &[("x-gateway-timeout-ms", "1500")]).await;
    let (status, code, message) = asked.failure();
    assert_eq!((status, code.as_str()), (504, "deadline"));
    let ours = "no answer within 1500 ms, the request's own x-gateway-timeout-ms";
    assert_eq!(message, format!("{ours} (texts 96-191 of 200, counted from 0)"));
    cohere.heal();
    let retried = cohere.embed(&texts).await;
    retried.assert_embeds(EMBED, &texts);
    assert_eq!(retried.cost(), ("partial", 1));
}

#[tokio::test]
async fn a_replaced_key_is_taken_up_by_all_parts_and_read_once() {
    let cohere = Scripted::start(&[]).await;
    cohere.embed(&numbered("before", 0..1)).await;
    let gateway = &cohere.running.gateway;
    gateway.secrets.put(local::secrets_manager::API_KEY, r#"{"CO_API_KEY":"fake-replaced-key"}"#);
    cohere.stub.otherwise(|seen| match seen.headers["authorization"] == "Bearer fake-replaced-key" {
        true => good(seen),
        false => failed(401, "invalid api token"),
    });
    let (texts, reads) = (numbered("sea", 0..1_920), gateway.secrets.reads());
    let asked = cohere.embed(&texts).await;
    asked.assert_embeds(EMBED, &texts);
    assert!((21..=36).contains(&asked.calls.len()), "{} calls", asked.calls.len());
    assert_eq!(gateway.secrets.reads() - reads, 1);
}

#[tokio::test]
async fn a_part_with_one_embedding_too_few_is_unreadable_and_the_others_are_kept() {
    let cohere = Scripted::start(&[]).await;
    let texts = numbered("sea", 0..200);
    cohere.stub.otherwise(|seen| {
        let mut of_call = inputs(seen);
        if of_call.contains(&"sea-150".to_string()) {
            of_call.pop();
        }
        let request: Value = serde_json::from_slice(&seen.body).unwrap();
        let body = embedded(&request, EMBED, &of_call);
        answer(200, &[("content-type", "application/json")], body.as_bytes())
    });
    let asked = cohere.embed(&texts).await;
    let (status, code, message) = asked.failure();
    assert_eq!((status, code.as_str()), (502, "upstream_malformed"), "{message}");
    cohere.heal();
    let retried = cohere.embed(&texts).await;
    retried.assert_embeds(EMBED, &texts);
    assert_eq!(retried.cost(), ("partial", 1));
    assert_eq!(inputs(&retried.calls[0]), texts[96..192]);
}

#[tokio::test]
async fn a_ranked_part_with_a_result_too_few_is_unreadable_and_not_kept() {
    let cohere = Scripted::start(&[]).await;
    let documents = numbered("page", 0..2_001);
    cohere.stub.otherwise(|seen| {
        let steps = good(seen);
        let Step::Write(whole) = &steps[0] else { panic!("an answer is one write") };
        let text = String::from_utf8(whole.to_vec()).unwrap();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap();
        if !holds(&seen.body, "\"page-1500\"") {
            return steps;
        }
        let mut ranking: Value = serde_json::from_str(body).unwrap();
        ranking["results"].as_array_mut().unwrap().pop();
        json(200, &ranking)
    });
    let body = rerank_body(&documents);
    let asked = cohere.ask("/v2/rerank", &body, &[]).await;
    let (status, code, message) = asked.failure();
    assert_eq!((status, code.as_str()), (502, "upstream_malformed"), "{message}");
    cohere.heal();
    let retried = cohere.ask("/v2/rerank", &body, &[]).await;
    retried.assert_ranks(RERANK, &documents, usize::MAX);
    assert_eq!(retried.cost(), ("partial", 1));
}

#[tokio::test]
async fn a_failed_parts_trace_is_the_one_the_caller_gets() {
    let cohere = Scripted::start(&[]).await;
    cohere.stub.otherwise(|seen| {
        let first = inputs(seen).remove(0);
        let headers = [("content-type", "application/json"), ("x-debug-trace-id", first.as_str())];
        match first.as_str() {
            "sea-96" => {
                let wait = Step::Wait(Duration::from_millis(300));
                [vec![wait], answer(400, &headers, br#"{"message":"bad"}"#)].concat()
            }
            _ => {
                let request: Value = serde_json::from_slice(&seen.body).unwrap();
                answer(200, &headers, embedded(&request, EMBED, &inputs(seen)).as_bytes())
            }
        }
    });
    let asked = cohere.embed(&numbered("sea", 0..200)).await;
    assert_eq!(asked.failure().0, 400);
    assert_eq!(asked.answer.header("x-debug-trace-id"), "sea-96");
}

#[tokio::test]
async fn parts_that_all_fail_at_once_are_all_asked_again_and_leave_retries_for_others() {
    for status in [503, 429] {
        let cohere = Scripted::start(&[]).await;
        let calls = AtomicUsize::new(0);
        cohere.stub.otherwise(move |seen| match calls.fetch_add(1, Ordering::SeqCst) {
            // The first sixteen calls of the first request, and the first one of the second.
            0..16 | 36 => refused_late(status, "oh"),
            _ => good(seen),
        });
        let texts = numbered("sea", 0..1_920);
        let asked = cohere.embed(&texts).await;
        assert_eq!(asked.cost(), ("miss", 36), "{status}");
        asked.assert_embeds(EMBED, &texts);
        let next = cohere.embed(&numbered("next", 0..1)).await;
        assert_eq!((next.answer.status, next.calls.len()), (200, 2), "{status}");
    }
}
