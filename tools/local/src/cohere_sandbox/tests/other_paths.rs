//! The paths beside the three of v2: v1's, and OpenAI's dialect.

use serde_json::{Value, json};

use super::{post, sandbox, send};

async fn post_accepting(path: &str, accept: &str, body: Value) -> super::Answer {
    let headers = [("authorization", "Bearer test-key"), ("accept", accept)];
    send(&sandbox(), "POST", path, &headers, body.to_string()).await
}

fn lines(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn v1_chat_answers_with_its_history() {
    let history =
        json!([{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "hello"}]);
    let body = json!({"model": "command-r-08-2024", "message": "red fox", "chat_history": history});
    let answer = post("/v1/chat", body).await.json();
    assert!(answer["text"].as_str().unwrap().contains("red fox"), "{answer}");
    assert_eq!(answer["finish_reason"], "COMPLETE");
    assert_eq!(answer["meta"]["api_version"]["version"], "1");
    assert_eq!(answer["chat_history"].as_array().unwrap().len(), 4);
    assert_eq!(answer["chat_history"][3]["message"], answer["text"]);
}

#[tokio::test]
async fn v1_stream_is_lines_that_join_to_the_answer() {
    let body = json!({"model": "command-r-08-2024", "message": "red fox", "stream": true});
    let answer = post("/v1/chat", body.clone()).await;
    assert_eq!(answer.header("content-type"), Some("application/stream+json"));
    let lines = lines(&answer.body);
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!(first["event_type"], "stream-start");
    assert_eq!((&last["event_type"], &last["is_finished"]), (&json!("stream-end"), &json!(true)));
    let text: String = lines.iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(text, last["response"]["text"]);
    assert_eq!(first["generation_id"], last["response"]["generation_id"]);

    let events = post_accepting("/v1/chat", "text/event-stream", body).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    assert!(events.body.starts_with("event: stream-start\ndata: {"), "{}", events.body);
    assert!(!events.body.contains("[DONE]"));
}

#[tokio::test]
async fn v1_chat_calls_tools_and_quotes_their_results() {
    let city = json!({"city": {"type": "str", "description": "a city", "required": true}});
    let tool = json!({"name": "weather", "description": "weather of a city", "parameter_definitions": city});
    let mut body =
        json!({"model": "command-r-08-2024", "message": "weather in Paris?", "tools": [tool]});
    let first = post("/v1/chat", body.clone()).await.json();
    assert_eq!(first["tool_calls"][0]["name"], "weather", "{first}");
    assert!(first["tool_calls"][0]["parameters"]["city"].is_string());

    let outputs = json!([{"forecast": "rain all day"}]);
    body["tool_results"] = json!([{"call": first["tool_calls"][0], "outputs": outputs}]);
    let second = post("/v1/chat", body).await.json();
    assert!(second["text"].as_str().unwrap().contains("rain all day"), "{second}");
    let cited = &second["citations"][0]["document_ids"][0];
    assert_eq!(second["documents"][0]["id"], *cited);
}

#[tokio::test]
async fn v1_chat_refuses_what_v1_does_not_have() {
    let body = json!({"model": "command-a-plus-05-2026", "message": "x"});
    let answer = post("/v1/chat", body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("please use '/v2/chat' instead"));
    let answer = post("/v1/chat", json!({"model": "command-r-08-2024"})).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn v2_lines_are_the_data_of_its_events() {
    let messages = json!([{"role": "user", "content": "red fox"}]);
    let body = json!({"model": "command-r-08-2024", "messages": messages, "stream": true});
    let events = post("/v2/chat", body.clone()).await.events();
    let answer = post_accepting("/v2/chat", "application/json", body.clone()).await;
    assert_eq!(lines(&answer.body), events);
    let both = post_accepting("/v2/chat", "application/json, */*", body).await;
    assert_eq!(both.header("content-type"), Some("text/event-stream"));
}

#[tokio::test]
async fn completion_says_the_same_whole_and_in_chunks() {
    let messages = json!([{"role": "developer", "content": "be short"}, {"role": "user", "content": "red fox"}]);
    let mut body = json!({"model": "command-r-08-2024", "messages": messages});
    let path = "/compatibility/v1/chat/completions";
    let whole = post(path, body.clone()).await.json();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert!(whole["usage"]["total_tokens"].as_u64().unwrap() > 0);

    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let streamed = post(path, body).await;
    let mut frames: Vec<&str> = streamed.body.split_terminator("\n\n").collect();
    assert_eq!(frames.pop(), Some("data: [DONE]"));
    let chunk = |frame: &str| -> Value {
        serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap()
    };
    let chunks: Vec<Value> = frames.into_iter().map(chunk).collect();
    let content =
        |chunk: &Value| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
    let text: String = chunks.iter().filter_map(content).collect();
    assert_eq!(text, whole["choices"][0]["message"]["content"]);
    assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
}

#[tokio::test]
async fn completion_calls_tools() {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let function = json!({"name": "weather", "parameters": parameters});
    let messages = json!([{"role": "user", "content": "weather in Paris?"}]);
    let tools = json!([{"type": "function", "function": function}]);
    let body = json!({"model": "command-r-08-2024", "messages": messages, "tools": tools});
    let answer = post("/compatibility/v1/chat/completions", body).await.json();
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let arguments = &answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
    let arguments: Value = serde_json::from_str(arguments.as_str().unwrap()).unwrap();
    assert!(arguments["city"].is_string());
}

#[tokio::test]
async fn embeddings_are_equal_on_all_three_paths() {
    let model = "embed-english-light-v3.0";
    let texts = json!({"model": model, "input_type": "search_document", "texts": ["red fox"]});
    let v2 = post("/v2/embed", texts.clone()).await.json();
    let v1 = post("/v1/embed", texts).await.json();
    assert_eq!(v1["response_type"], "embeddings_floats");
    assert_eq!(v1["embeddings"], v2["embeddings"]["float"]);
    assert_eq!(v1["meta"]["api_version"]["version"], "1");
    let input = json!({"model": model, "input": "red fox"});
    let openai = post("/compatibility/v1/embeddings", input).await.json();
    assert_eq!(openai["data"][0]["embedding"], v2["embeddings"]["float"][0]);
}

#[tokio::test]
async fn v1_rerank_shows_documents_on_request() {
    let documents = json!([{"text": "a blue whale"}, "a red fox"]);
    let mut body = json!({"model": "rerank-v3.5", "query": "red fox", "documents": documents});
    let bare = post("/v1/rerank", body.clone()).await.json();
    assert_eq!(bare["results"][0]["index"], 1);
    assert!(bare["results"][0].get("document").is_none());
    body["return_documents"] = json!(true);
    let shown = post("/v1/rerank", body).await.json();
    assert_eq!(shown["results"][0]["document"]["text"], "a red fox");
    assert_eq!(shown["meta"]["api_version"]["version"], "1");
}

#[tokio::test]
async fn detokenize_gives_the_text_back() {
    let body = json!({"model": "command-r-08-2024", "text": "Hello, world! é"});
    let tokens = post("/v1/tokenize", body).await.json();
    let strings = tokens["token_strings"].as_array().unwrap();
    assert_eq!(strings.len(), tokens["tokens"].as_array().unwrap().len());
    let body = json!({"model": "command-r-08-2024", "tokens": tokens["tokens"]});
    assert_eq!(post("/v1/detokenize", body).await.json()["text"], "Hello, world! é");
    let body = json!({"model": "command-r-08-2024", "tokens": [-1]});
    assert_eq!(post("/v1/detokenize", body).await.status, 400);
}

#[tokio::test]
async fn failed_stream_ends_in_its_own_form() {
    let question = json!([{"role": "user", "content": "x"}]);
    let v2 = json!({"model": "command-r-08-2024", "messages": question, "stream": true});
    let v1 = json!({"model": "command-r-08-2024", "message": "x", "stream": true});
    let cases = [
        ("/v2/chat", "application/json", v2.clone(), r#""finish_reason":"ERROR""#),
        ("/v1/chat", "*/*", v1, r#""event_type":"stream-end","finish_reason":"ERROR""#),
        ("/compatibility/v1/chat/completions", "*/*", v2, r#"data: {"error":{"message":"#),
    ];
    for (path, accept, body, ending) in cases {
        let fault = ("x-client-name", "fault stream_error=INVALID_TOOL_GENERATION after_events=2");
        let headers = [("authorization", "Bearer test-key"), ("accept", accept), fault];
        let answer = send(&sandbox(), "POST", path, &headers, body.to_string()).await;
        assert!(answer.body.contains(ending), "{path}: {}", answer.body);
    }
}
