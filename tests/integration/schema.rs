//! What reaches Cohere and what reaches the caller, against Cohere's own OpenAPI document.
//!
//! The document is not part of this repository. Where recordings show that the real API does
//! otherwise, the recordings are right: `document` names each such place.

mod document;

use document::{Document, escape_pointer};
use gateway_tests::exchange::{self, Exchange};
use gateway_tests::gateway::{self, Answer, read_answer};
use gateway_tests::recordings;
use gateway_tests::replay::Replay;
use local::Upstream;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Twins that differ from the document on purpose: two are newer, one asks for what Cohere refuses.
const DIFFERENT: [(&str, &str); 3] = [
    ("chat-stream--text", "type: \"weather-report\" is no kind that is known"),
    ("error--400", "k: 9000 is over 500"),
    ("embed--several-types", "embedding_types[6]: \"ternary\" is none of the values"),
];

fn read_document(what: &str) -> Option<Document> {
    recordings::find_or_skip("cohere/openapi-v2.yaml", what).map(|path| Document::read(&path))
}

#[tokio::test]
async fn exchanges_follow_coheres_document() {
    let Some(document) =
        read_document("what is sent and answered against Cohere's OpenAPI document")
    else {
        return;
    };
    let replay = Replay::start().await;
    let recorded =
        recordings::find_or_skip("cohere/recorded", "recordings against Cohere's document");
    let recorded = recorded.map(|folder| exchange::read_recorded(&folder)).unwrap_or_default();
    for exchange in exchange::read_twins().iter().chain(&recorded) {
        let played = replay.replay_whole(exchange).await;
        let mut problems = document
            .find_problems(&request_schema(&exchange.path), &drop_absent(&played.sent.body));
        problems.extend(answer_problems(&document, &exchange.path, &played.answer));
        let different =
            DIFFERENT.iter().find(|(name, _)| *name == exchange.name).map(|(_, problem)| *problem);
        assert_eq!(problems, Vec::from_iter(different), "{}", exchange.name);
    }
}

#[tokio::test]
async fn sandbox_answers_follow_coheres_document() {
    let Some(document) = read_document("the sandbox's answers against Cohere's OpenAPI document")
    else {
        return;
    };
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let is_asked = |twin: &Exchange| twin.status == 200 && twin.name != "embed--several-types";
    for twin in exchange::read_twins().into_iter().filter(is_asked).chain([all_types()]) {
        let answer = read_answer(running.post(&twin.path).body(twin.request_body)).await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", twin.name);
        assert_eq!(answer_problems(&document, &twin.path, &answer), [""; 0], "{}", twin.name);
    }
    let refused = read_answer(
        running
            .post("/v2/chat")
            .body(r#"{"model":"no-such-model","messages":[{"role":"user","content":"hi"}]}"#),
    )
    .await;
    assert_eq!(refused.status, 404);
    assert_eq!(answer_problems(&document, "/v2/chat", &refused), [""; 0]);
}

#[test]
fn schema_check_finds_wrong_values() {
    let Some(document) = read_document("the check against Cohere's OpenAPI document itself") else {
        return;
    };
    let message = json!({ "role": "user", "content": "hi" });
    let chat = |field: &str, value: Value| {
        let mut body = json!({ "model": "m", "messages": [message], "safety_mode": "OFF" });
        body[field] = value;
        document.find_problems(&request_schema("/v2/chat"), &body)
    };
    assert_eq!(chat("unknown", json!([1])), [""; 0]);
    assert_eq!(chat("k", json!(501)), ["k: 501 is over 500"]);
    assert_eq!(chat("p", json!(0)), ["p: 0 is under 0.01"]);
    assert_eq!(chat("seed", json!(1.5)), ["seed: 1.5 is no integer"]);
    assert_eq!(chat("stream", json!("true")), ["stream: \"true\" is no boolean"]);
    assert_eq!(chat("stop_sequences", json!(["a", 1])), ["stop_sequences[1]: 1 is no string"]);
    assert_eq!(chat("tool_choice", json!("AUTO")), ["tool_choice: \"AUTO\" is none of the values"]);
    assert_eq!(chat("messages", json!([{ "role": "user" }])), ["messages[0]: content is missing"]);
    assert_eq!(
        chat("messages", json!([{ "role": "x" }])),
        ["messages[0].role: \"x\" is no kind that is known"]
    );
    assert_eq!(chat("documents", json!([{ "id": "x" }])), ["documents[0]: 0 of 2 kinds fit"]);
    let texts = vec!["t"; 97];
    let embed = json!({ "model": "m", "input_type": "search_query", "texts": texts });
    assert_eq!(
        document.find_problems(&request_schema("/v2/embed"), &embed),
        ["texts: 97 elements are over 96"]
    );
    let call = json!({ "id": "x", "message": { "role": "assistant", "tool_calls": [{ "type": "function" }] } });
    let problems = document.find_problems("/components/schemas/ChatResponseV2", &call);
    assert_eq!(problems, ["finish_reason is missing", "message.tool_calls[0]: id is missing"]);
    let event = json!({ "type": "content-delta", "index": "0" });
    let problems = document.find_problems("/components/schemas/StreamedChatResponseV2", &event);
    assert_eq!(problems, ["index: \"0\" is no integer"]);
    let citation = json!({ "start": "0", "sources": [{ "type": "tool", "id": 1 }] });
    let event =
        json!({ "type": "citation-start", "delta": { "message": { "citations": citation } } });
    let problems = document.find_problems("/components/schemas/StreamedChatResponseV2", &event);
    assert_eq!(
        problems,
        [
            "delta.message.citations.sources[0].id: 1 is no string",
            "delta.message.citations.start: \"0\" is no integer",
        ]
    );
}

#[test]
fn wrong_answer_of_each_endpoint_is_found() {
    let Some(document) = read_document("wrong answers against Cohere's OpenAPI document") else {
        return;
    };
    let mut paths = BTreeSet::new();
    for twin in exchange::read_twins().iter().filter(|twin| twin.status == 200 && !twin.streamed) {
        let mut body: Value = serde_json::from_slice(&twin.body).unwrap();
        body["id"] = json!(7);
        let content_type = [("content-type".parse().unwrap(), "application/json".parse().unwrap())];
        let body = body.to_string().into();
        let answer = Answer { status: 200, headers: content_type.into_iter().collect(), body };
        let problems = answer_problems(&document, &twin.path, &answer);
        assert!(
            problems.contains(&"id: 7 is no string".to_string()),
            "{}: {problems:?}",
            twin.name
        );
        paths.insert(twin.path.clone());
    }
    assert_eq!(paths.len(), 3, "{paths:?}");
}

#[test]
fn document_has_no_broken_reference() {
    let Some(document) = read_document("the references inside Cohere's OpenAPI document") else {
        return;
    };
    assert_eq!(document.broken_references(), [""; 0]);
}

/// All types there are, in the smallest dimension.
fn all_types() -> Exchange {
    let body = json!({
        "model": "embed-v4.0",
        "input_type": "search_document",
        "texts": ["one", "two"],
        "embedding_types": ["float", "int8", "uint8", "binary", "ubinary", "base64"],
        "output_dimension": 256,
    });
    Exchange {
        name: "all types".into(),
        path: "/v2/embed".into(),
        request_headers: Default::default(),
        request_body: body.to_string(),
        status: 200,
        headers: Default::default(),
        body: Default::default(),
        streamed: false,
    }
}

/// A request without its explicit nulls, which count as absent and which the document does not name.
fn drop_absent(body: &[u8]) -> Value {
    fn drop_nulls(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|_, field| !field.is_null());
                fields.values_mut().for_each(drop_nulls);
            }
            Value::Array(elements) => elements.iter_mut().for_each(drop_nulls),
            _ => {}
        }
    }
    let mut body = serde_json::from_slice(body).unwrap();
    drop_nulls(&mut body);
    body
}

fn request_schema(path: &str) -> String {
    format!("/paths/{}/post/requestBody/content/application~1json/schema", escape_pointer(path))
}

fn answer_problems(document: &Document, path: &str, answer: &Answer) -> Vec<String> {
    if answer.header("content-type") == "text/event-stream" {
        let events = read_events(&answer.body);
        let schema = "/components/schemas/StreamedChatResponseV2";
        return events.iter().flat_map(|event| document.find_problems(schema, event)).collect();
    }
    let schema = match (answer.status, path) {
        // All refusals have the same shape there.
        (400.., _) => "/components/schemas/BadRequest/content/application~1json/schema".to_owned(),
        (_, "/v2/chat") => "/components/schemas/ChatResponseV2".to_owned(),
        _ => format!(
            "/paths/{}/post/responses/200/content/application~1json/schema",
            escape_pointer(path)
        ),
    };
    document.find_problems(&schema, &answer.json())
}

fn read_events(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let events = text.strip_suffix("data: [DONE]\n\n").expect("[DONE] at the end");
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}
