//! Whatever Cohere bills stands in the request's log line: one unit's name forgotten is money unseen.

use gateway_tests::gateway;
use gateway_tests::stub::write_json;
use serde_json::{Value, json};

const EMBED: &str =
    r#"{"model":"embed-v4.0","input_type":"image","images":["data:image/png;base64,AAAA"]}"#;
const RERANK: &str = r#"{"model":"rerank-v5.0-pro","query":"q","documents":["a"]}"#;
const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn every_billed_unit_is_logged() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let cases = [
        (
            "/v2/embed",
            EMBED,
            json!({ "embeddings": { "float": [[1]] },
                "meta": { "billed_units": { "input_tokens": 0, "image_tokens": 259, "images": 1 } } }),
            json!({ "input_tokens": 0, "image_tokens": 259, "images": 1 }),
        ),
        (
            "/v2/rerank",
            RERANK,
            json!({ "results": [{ "index": 0, "relevance_score": 0.5 }],
                "meta": { "billed_units": { "input_tokens": 42, "of_tomorrow": 7 }, "cached_tokens": 3 } }),
            json!({ "input_tokens": 42, "cached_tokens": 3, "other_units": "of_tomorrow=7" }),
        ),
        (
            "/v2/chat",
            CHAT,
            json!({ "message": {}, "usage": { "billed_units": { "input_tokens": 5, "output_tokens": 9 },
                "tokens": { "reasoning_tokens": 4 }, "cached_tokens": 2 } }),
            json!({ "output_tokens": 9, "reasoning_tokens": 4, "cached_tokens": 2 }),
        ),
    ];
    for (path, body, answer, expected) in cases {
        stub.plan_answer(write_json(200, &answer));
        let answer = running.send(path, body).await;
        assert_eq!(answer.status, 200, "{path}");
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        let start = line.find('{').expect("a line of JSON");
        let line: Value = serde_json::from_str(&line[start..]).expect("a line of JSON");
        for (name, amount) in expected.as_object().expect("an object") {
            assert_eq!(&line[name], amount, "{path}: {name} in {line}");
        }
    }
}
