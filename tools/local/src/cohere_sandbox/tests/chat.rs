//! Answers of chat, whole and streamed.

use serde_json::{Value, json};

use super::post;
use crate::cohere_sandbox::tests::{Answer, PIXEL};

const MODEL: &str = "command-a-03-2025";
const REASONING: &str = "command-a-reasoning-08-2025";

/// Asks `question`, with `more` fields.
async fn ask_chat(question: &str, more: Value) -> Answer {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": question}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post("/v2/chat", body).await
}

fn weather_tool() -> Value {
    json!([{"type": "function", "function": {"name": "get_weather", "description": "weather of a city", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])
}

/// The names of the events, repeated ones once.
fn event_names(answer: &Answer) -> Vec<String> {
    let mut names: Vec<String> =
        answer.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    names.dedup();
    names
}

fn joined_texts(answer: &Answer, pointer: &str) -> String {
    answer
        .events()
        .iter()
        .filter_map(|event| event.pointer(pointer)?.as_str().map(str::to_owned))
        .collect()
}

fn assert_citations_slice(text: &str, citations: &[Value]) {
    assert!(!citations.is_empty());
    for citation in citations {
        let at = |name: &str| citation[name].as_u64().unwrap() as usize;
        let cited: String = text.chars().skip(at("start")).take(at("end") - at("start")).collect();
        assert_eq!(citation["text"], cited);
    }
}

#[tokio::test]
async fn plain_answer_has_the_fields_of_cohere() {
    let answer = ask_chat("Hi \"you\"", json!({})).await;
    let (head, rest) = answer.body.split_once(r#","message":"#).unwrap();
    assert_eq!(head.len(), r#"{"id":"00000000-0000-4000-8000-000000000000""#.len());
    let text = r#"You said: \"Hi \"you\"\". I am the Cohere sandbox: my answers have the shape of the real ones, but no model wrote them."#;
    assert_eq!(
        rest,
        format!(
            r#"{{"role":"assistant","content":[{{"type":"text","text":"{text}"}}]}},"finish_reason":"COMPLETE","usage":{{"billed_units":{{"input_tokens":2,"output_tokens":23}},"tokens":{{"input_tokens":497,"output_tokens":26}},"cached_tokens":480}}}}"#
        )
    );
    assert_eq!(answer.header("num_tokens"), Some("25"));
    assert!(answer.header("num_chars").is_some());
}

#[tokio::test]
async fn equal_requests_get_equal_answers() {
    let [first, again, other] = [
        ask_chat("one", json!({})).await,
        ask_chat("one", json!({})).await,
        ask_chat("two", json!({})).await,
    ];
    assert_eq!(first.body, again.body);
    assert_ne!(first.json()["id"], other.json()["id"]);
}

#[tokio::test]
async fn limits_end_answers_with_a_reason() {
    let short = ask_chat("hello", json!({"max_tokens": 3})).await.json();
    assert_eq!(short["message"]["content"][0]["text"], "You said: \"hello\".");
    assert_eq!(short["finish_reason"], "MAX_TOKENS");
    assert_eq!(short["usage"]["billed_units"]["output_tokens"], 3);
    let stopped = ask_chat("hello", json!({"stop_sequences": ["never", "hello"]})).await.json();
    assert_eq!(stopped["message"]["content"][0]["text"], "You said: \"");
    assert_eq!(stopped["finish_reason"], "STOP_SEQUENCE");
}

#[tokio::test]
async fn fitting_tool_gets_arguments_from_question() {
    let answer =
        ask_chat("What is the weather in San Francisco?", json!({"tools": weather_tool()}))
            .await
            .json();
    let message = &answer["message"];
    assert_eq!(answer["finish_reason"], "TOOL_CALL");
    assert!(message["tool_plan"].is_string() && message.get("content").is_none());
    let call = &message["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"city":"San Francisco"}"#);
    let suffix = call["id"].as_str().unwrap().strip_prefix("get_weather_").unwrap();
    assert!(
        suffix.len() == 12 && suffix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
        "{suffix}"
    );
}

#[tokio::test]
async fn tool_without_parameters_gets_null() {
    let tools = json!([{"type": "function", "function": {"name": "now"}}]);
    let answer = ask_chat("time", json!({"tools": tools})).await.json();
    assert_eq!(answer["message"]["tool_calls"][0]["function"]["arguments"], "null");
    let stream = ask_chat("time", json!({"tools": tools, "stream": true})).await;
    assert_eq!(
        event_names(&stream),
        ["message-start", "tool-plan-delta", "tool-call-start", "tool-call-end", "message-end"]
    );
}

#[tokio::test]
async fn tool_choice_forbids_or_forces_calls() {
    let none =
        ask_chat("weather", json!({"tools": weather_tool(), "tool_choice": "NONE"})).await.json();
    assert_eq!(none["finish_reason"], "COMPLETE");
    let mut body = after_a_tool_result();
    let answered = post("/v2/chat", body.clone()).await.json();
    assert_eq!(answered["finish_reason"], "COMPLETE");
    body["tool_choice"] = json!("REQUIRED");
    assert_eq!(post("/v2/chat", body).await.json()["finish_reason"], "TOOL_CALL");
}

fn after_a_tool_result() -> Value {
    let function = json!({"name": "get_weather", "arguments": "{}"});
    let call = json!({"id": "w_1", "type": "function", "function": function});
    json!({"model": MODEL, "tools": weather_tool(), "messages": [
        {"role": "user", "content": "weather in Zürich?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "w_1", "content": "Über 22°C"}]})
}

#[tokio::test]
async fn tool_result_is_quoted_and_cited() {
    let answer = post("/v2/chat", after_a_tool_result()).await.json();
    let message = &answer["message"];
    let text = message["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "According to get_weather: Über 22°C.");
    assert_citations_slice(text, message["citations"].as_array().unwrap());
    let source = json!([{"type": "tool", "id": "w_1:0", "tool_output": {"content": "Über 22°C"}}]);
    assert_eq!(message["citations"][0]["sources"], source);
}

#[tokio::test]
async fn document_sentences_answer_with_citations() {
    let documents = json!(["Bread is — flour. And water.", {"id": "tower", "data": {"title": "T", "text": "The tower is 330 m tall."}}]);
    let fields = json!({"documents": documents, "thinking": {"type": "enabled"}});
    let message = ask_chat("How tall is the tower?", fields).await.json()["message"].clone();
    let text = message["content"][1]["text"].as_str().unwrap();
    assert_eq!(text, "The documents say: The tower is 330 m tall.");
    assert_citations_slice(text, message["citations"].as_array().unwrap());
    assert_eq!(message["citations"][0]["content_index"], 1);
    assert_eq!(message["citations"][0]["sources"][0]["document"]["id"], "tower");

    let unnamed =
        ask_chat("Bread?", json!({"documents": ["Bread is — flour. And water."]})).await.json();
    assert_eq!(unnamed["message"]["citations"][0]["sources"][0]["id"], "doc:0");
    let uncited = ask_chat(
        "Bread?",
        json!({"documents": ["Bread."], "citation_options": {"mode": "DISABLED"}}),
    )
    .await;
    assert!(uncited.json()["message"].get("citations").is_none());
}

#[tokio::test]
async fn thinking_follows_the_model_unless_the_request_decides() {
    let thinks = |answer: Value| answer["message"]["content"][0]["type"] == "thinking";
    for (model, thinking, expected) in [
        (REASONING, Value::Null, true),
        (REASONING, json!({"type": "disabled"}), false),
        (MODEL, Value::Null, false),
        (MODEL, json!({"type": "enabled"}), true),
    ] {
        let answer = ask_chat("why", json!({"model": model, "thinking": thinking})).await.json();
        assert_eq!(thinks(answer), expected, "{model} {thinking}");
    }
    let called =
        ask_chat("weather", json!({"model": REASONING, "tools": weather_tool()})).await.json();
    assert!(called["message"].get("tool_plan").is_none() && thinks(called));
}

#[tokio::test]
async fn json_answer_fits_its_schema() {
    let properties = json!({"name": {"type": "string"}, "age": {"type": "integer"}});
    let schema = json!({"type": "object", "properties": properties});
    let format = json!({"response_format": {"type": "json_object", "json_schema": schema}});
    let answer = ask_chat("The person is John and he is 30 years old", format).await.json();
    let answer: Value =
        serde_json::from_str(answer["message"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(answer["age"], 30);
    assert!(answer["name"].as_str().unwrap().contains("John"));
}

#[tokio::test]
async fn images_and_log_probabilities_are_counted() {
    let content = json!([
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]);
    let body = json!({
        "model": "command-a-vision-07-2025",
        "logprobs": true,
        "messages": [{"role": "user", "content": content}],
    });
    let answer = post("/v2/chat", body).await.json();
    assert_eq!(answer["usage"]["tokens"]["image_tokens"], 259);
    assert_eq!(answer["usage"]["billed_units"]["input_tokens"], 260);
    let logprobs = answer["logprobs"].as_array().unwrap();
    let joined: String = logprobs.iter().map(|item| item["text"].as_str().unwrap()).collect();
    assert_eq!(answer["message"]["content"][0]["text"], joined);
    assert!(
        logprobs.iter().all(|item| item["token_ids"][0].is_u64() && item["logprobs"][0].is_f64())
    );
}

#[tokio::test]
async fn stream_events_have_the_order_of_cohere() {
    let text = ask_chat("hi", json!({"stream": true})).await;
    let block = ["content-start", "content-delta", "content-end"];
    let expected = |middle: &[&[&'static str]]| {
        let mut names = vec!["message-start"];
        names.extend(middle.iter().copied().flatten());
        names.push("message-end");
        names
    };
    assert_eq!(event_names(&text), expected(&[&block]));
    assert_eq!(text.header("content-type"), Some("text/event-stream"));
    assert!(text.header("num_tokens").is_none());

    let call = ["tool-call-start", "tool-call-delta", "tool-call-end"];
    let tools = ask_chat("weather in Rome", json!({"stream": true, "tools": weather_tool()})).await;
    assert_eq!(event_names(&tools), expected(&[&["tool-plan-delta"], &call]));
    assert_eq!(
        joined_texts(&tools, "/delta/message/tool_calls/function/arguments"),
        "{\n    \"city\": \"Rome\"\n}"
    );

    let reasoning = ask_chat("hi", json!({"stream": true, "model": REASONING})).await;
    assert_eq!(event_names(&reasoning), expected(&[&block, &block]));
    let both =
        ask_chat("weather", json!({"stream": true, "model": REASONING, "tools": weather_tool()}))
            .await;
    assert_eq!(event_names(&both), expected(&[&block, &call]));
}

#[tokio::test]
async fn stream_says_what_whole_answer_says() {
    for fields in [
        json!({}),
        json!({"max_tokens": 5}),
        json!({"stop_sequences": ["shape"]}),
        json!({"model": REASONING}),
    ] {
        let whole = ask_chat("tell", fields.clone()).await.json();
        let mut streamed = fields;
        streamed["stream"] = json!(true);
        let stream = ask_chat("tell", streamed).await;
        let text = joined_texts(&stream, "/delta/message/content/text");
        let blocks = whole["message"]["content"].as_array().unwrap();
        assert_eq!(blocks.last().unwrap()["text"], text);
        let end = stream.events().pop().unwrap();
        assert_eq!(end["delta"]["finish_reason"], whole["finish_reason"]);
        assert_eq!(end["delta"]["usage"], whole["usage"]);
    }
}

#[tokio::test]
async fn streamed_citation_follows_its_words() {
    let mut body = after_a_tool_result();
    body["stream"] = json!(true);
    let stream = post("/v2/chat", body).await;
    let events = stream.events();
    let start = events.iter().position(|event| event["type"] == "citation-start").unwrap();
    let text: String = events[..start]
        .iter()
        .filter_map(|event| event.pointer("/delta/message/content/text")?.as_str())
        .collect();
    let citation = events[start].pointer("/delta/message/citations").unwrap();
    assert_citations_slice(&text, std::slice::from_ref(citation));
    assert_eq!(events[start + 1], json!({"type": "citation-end", "index": 0}));
}
