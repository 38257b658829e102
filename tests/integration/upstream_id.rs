//! Cohere's own id of an answer or refusal stands in the log line, so that one that is reported is found.

use gateway_tests::gateway::{self, Answer, Running};
use gateway_tests::scripted_cohere::{
    EmbedAnswer, ScriptedCohere, build_embed_body, number_texts, refuse_late,
};
use gateway_tests::stub::{Step, write_json, write_stream};
use gateway_tests::ways::{DELTA, DONE, END, START, Way};
use serde_json::{Value, json};

/// Returns the logged id of Cohere's for an answer.
async fn read_logged_id(running: &Running, answer: &Answer) -> Option<String> {
    let line = running.wait_for_request(answer.header("x-request-id")).await;
    let (_, line) = line.split_once(": ").expect("a function's name before it");
    let line: Value = serde_json::from_str(line).expect("a JSON line");
    line["upstream_id"].as_str().map(str::to_string)
}

#[tokio::test]
async fn id_of_an_answer_or_refusal_is_logged() {
    let (stub, running) = gateway::start_single_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    let stream = |last: &str| write_stream(&[], &[[START, DELTA, last].concat().as_bytes()]);
    let refusal =
        |status: u16, id: Value| write_json(status, &json!({ "id": id, "message": "no" }));
    let chat = |id: Value| write_json(200, &json!({ "id": id, "message": {} }));
    let failed_first = "event: error\ndata: {\"id\":\"of-the-error\",\"message\":\"no\"}\n\n";
    let cases: [(Way, Vec<Step>, Option<&str>); 14] = [
        (Way::Chat, chat(json!("9f-1")), Some("9f-1")),
        (Way::Chat, chat(json!(7)), Some("7")),
        (Way::Chat, chat(json!("two words\n")), Some("(no id)")),
        (Way::Chat, chat(json!("a".repeat(300))), None),
        (Way::Chat, chat(Value::Null), None),
        (Way::Stream, stream(&[END, DONE].concat()), Some("x")),
        (Way::Stream, stream(""), Some("x")),
        (Way::Stream, write_stream(&[], &[failed_first.as_bytes()]), Some("of-the-error")),
        (Way::Chat, refusal(400, json!("of-a-400")), Some("of-a-400")),
        (Way::Stream, refusal(498, json!("of-a-498")), Some("of-a-498")),
        (Way::Embed, refusal(422, json!("of-a-422")), Some("of-a-422")),
        (Way::Rerank, refusal(500, json!("of-a-500")), Some("of-a-500")),
        (Way::Rerank, refusal(402, json!("of-a-402")), Some("of-a-402")),
        (Way::Chat, refusal(401, json!("of-a-401")), Some("of-a-401")),
    ];
    for (way, steps, id) in cases {
        running.gateway.kill(way.function()).await;
        let shown = format!("{way:?}: {steps:?}");
        stub.answer_others(move |_| steps.clone());
        let answer = way.send_request(&running, "deny").await;
        assert_eq!(read_logged_id(&running, &answer).await.as_deref(), id, "{shown}");
        if answer.status == 502 {
            assert_eq!(answer.json()["id"], answer.header("x-request-id"), "{shown}");
        }
    }
}

#[tokio::test]
async fn fallbacks_id_is_logged_only_where_it_answers() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    for (fallback_status, id) in [(200, "of-the-fallback"), (500, "of-the-first")] {
        running.gateway.kill("chat").await;
        stub.answer_others(move |seen| match seen.field("model") == Way::Chat.model() {
            true => write_json(500, &json!({ "id": "of-the-first", "message": "oh" })),
            false => {
                write_json(fallback_status, &json!({ "id": "of-the-fallback", "message": {} }))
            }
        });
        let answer = Way::Chat.send_request(&running, "allow").await;
        assert_eq!(answer.status, fallback_status);
        assert_eq!(read_logged_id(&running, &answer).await.as_deref(), Some(id));
    }
}

#[tokio::test]
async fn split_request_logs_the_first_or_the_failed_id() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    let whole = cohere.embed_texts(&texts).await.answer;
    let logged = read_logged_id(&cohere.running, &whole).await;
    assert_eq!(logged, Some(EmbedAnswer::parse(&whole).id));
    // From the cache: nothing was asked.
    let cached = cohere.embed_texts(&texts).await.answer;
    assert_eq!(read_logged_id(&cohere.running, &cached).await, None);

    let others = number_texts("hill", 0..200);
    cohere.fail_calls("hill-100", usize::MAX, refuse_late(400, "no"));
    let failed = cohere.send_counted("/v2/embed", &build_embed_body(&others), &[]).await.answer;
    assert_eq!(failed.json()["id"], "of-the-sub-request");
    let logged = read_logged_id(&cohere.running, &failed).await;
    assert_eq!(logged.as_deref(), Some("of-the-sub-request"));
}
