//! Cost counts all that Cohere bills for a request, whoever sees the answer.

use super::{ENDED, check_event, send_for_event};
use gateway_tests::event::{read_events, read_metrics, wait_for_event};
use gateway_tests::gateway;
use gateway_tests::stub::write_json;
use serde_json::{Value, json};

fn chat_answer(input: u64, output: u64) -> Value {
    json!({ "message": {}, "usage": { "billed_units": { "input_tokens": input, "output_tokens": output } } })
}

fn rerank_answer(units: Value) -> Value {
    json!({ "results": [{ "index": 0, "relevance_score": 0.5 }], "meta": { "billed_units": units } })
}

#[tokio::test]
async fn answer_costs_its_units_at_the_models_price() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let chat = |model: &str| {
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#)
    };
    let rerank = |model: &str| format!(r#"{{"model":"{model}","query":"q","documents":["a"]}}"#);
    let embed =
        r#"{"model":"embed-v4.0","input_type":"image","images":["data:image/png;base64,AAAA"]}"#;
    let image = json!({ "embeddings": { "float": [[1]] },
        "meta": { "billed_units": { "image_tokens": 1_000, "images": 1 } } });
    for (path, body, answer, micro_usd, is_unpriced) in [
        ("/v2/chat", chat("command-a-03-2025"), chat_answer(1_000, 200), 4_500.0, false),
        ("/v2/chat", chat("command-a-plus-05-2026"), chat_answer(1_000, 200), 0.0, true),
        ("/v2/chat", chat("made-up"), chat_answer(1, 1), 0.0, true),
        (
            "/v2/rerank",
            rerank("rerank-v3.5"),
            rerank_answer(json!({ "search_units": 2 })),
            4_000.0,
            false,
        ),
        (
            "/v2/rerank",
            rerank("rerank-v5.0-fast"),
            rerank_answer(json!({ "text_tokens": 50_000 })),
            1_000.0,
            false,
        ),
        ("/v2/rerank", rerank("rerank-v3.5"), rerank_answer(json!({ "moons": 2 })), 0.0, true),
        ("/v2/embed", embed.to_string(), image, 470.0, false),
    ] {
        stub.plan_answer(write_json(200, &answer));
        // Nothing of one row may be answered from the cache for another.
        let body = body.replace("\"q\"", &format!("\"{micro_usd} {is_unpriced}\""));
        let event = send_for_event(&running, path, &body).await;
        let (metrics, counted) = check_event(&event);
        assert_eq!(metrics["CostMicroUsd"], micro_usd, "{event}");
        assert_eq!(counted.contains("UnpricedModel"), is_unpriced, "{event}");
    }
}

#[tokio::test]
async fn health_check_costs_its_token() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.plan_answer(write_json(200, &chat_answer(1_000_000, 0)));
    for _ in 0..2 {
        let asked = running.request_without_token(http::Method::GET, "/api/health");
        assert_eq!(gateway::read_answer(asked).await.status, 200);
    }
    let event = wait_for_event(&running, "health_checked", 0).await;
    assert_eq!(read_metrics(&event)["CostMicroUsd"], 37_500.0, "{event}");
    assert_eq!(read_events(&running, "health_checked").len(), 1, "a kept result costs nothing");
}

#[tokio::test]
async fn own_prices_replace_the_catalogues() {
    let prices = ("GATEWAY_PRICES", "made-up=input_tokens:1000+output_tokens:0");
    let (stub, running) = gateway::start_with_stub(&[prices]).await;
    stub.plan_answer(write_json(200, &chat_answer(3, 5)));
    let body = r#"{"model":"made-up","messages":[{"role":"user","content":"hi"}]}"#;
    let event = send_for_event(&running, "/v2/chat", body).await;
    assert_eq!(event["CostMicroUsd"], 3_000, "{event}");
}

#[tokio::test]
async fn answers_that_no_caller_sees_are_paid_too() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    // The answer lacks a vector, so that it is asked for again: both are billed.
    let texts = json!({ "model": "embed-v4.0", "input_type": "search_query", "texts": ["a", "b"] });
    let answer = |vectors: Value| {
        json!({ "id": "x", "texts": ["a", "b"], "embeddings": { "float": vectors },
        "meta": { "billed_units": { "input_tokens": 1_000 } }, "response_type": "embeddings_by_type" })
    };
    stub.plan_answer(write_json(200, &answer(json!([[1]]))));
    stub.plan_answer(write_json(200, &answer(json!([[1], [2]]))));
    let event = send_for_event(&running, "/v2/embed", &texts.to_string()).await;
    assert_eq!((&event["status"], &event["CostMicroUsd"]), (&json!(200), &json!(240)), "{event}");
    // Nor is one that is no answer at all, but says what it was billed.
    let broken = json!({ "id": "x", "meta": { "billed_units": { "input_tokens": 1_000 } } });
    stub.plan_answer(write_json(200, &broken));
    stub.plan_answer(write_json(200, &answer(json!([[1], [2]]))));
    let others = texts.to_string().replace("\"b\"", "\"c\"").replace("\"a\"", "\"d\"");
    let event = send_for_event(&running, "/v2/embed", &others).await;
    assert_eq!(event["CostMicroUsd"], 240, "{event}");
    // A hit is free.
    let event = send_for_event(&running, "/v2/embed", &texts.to_string()).await;
    assert_eq!((&event["cache"], &event["CostMicroUsd"]), (&json!("hit"), &json!(0)), "{event}");
    assert_eq!((&event["CacheInputs"], &event["CacheHits"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn sub_requests_beside_a_failed_one_are_paid() {
    let (stub, running) = gateway::start_single_with_stub(&[("GATEWAY_FALLBACKS", "none")]).await;
    let documents: Vec<_> = (0..1_500).map(|number| format!("d{number}")).collect();
    let body = json!({ "model": "rerank-v3.5", "query": "q", "documents": documents });
    stub.answer_others(|request| {
        let asked: Value = serde_json::from_slice(&request.body).expect("JSON");
        let count = asked["documents"].as_array().expect("documents").len();
        if count < 1_000 {
            let refusal = write_json(400, &json!({ "message": "no" }));
            let wait = gateway_tests::stub::Step::Wait(std::time::Duration::from_millis(500));
            return [vec![wait], refusal].concat();
        }
        let results: Vec<_> =
            (0..count).map(|index| json!({ "index": index, "relevance_score": 0.5 })).collect();
        let billed = json!({ "billed_units": { "search_units": 10 } });
        write_json(200, &json!({ "id": "x", "results": results, "meta": billed }))
    });
    let known = read_events(&running, ENDED).len();
    assert_eq!(running.send("/v2/rerank", body.to_string()).await.status, 400);
    let event = wait_for_event(&running, ENDED, known).await;
    assert_eq!(
        (&event["search_units"], &event["CostMicroUsd"]),
        (&json!(10), &json!(20_000)),
        "{event}"
    );
}
