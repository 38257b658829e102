//! Requests that the API refuses, with its messages.

use serde_json::{Value, json};

use super::{PIXEL, post, sandbox, send};

async fn assert_refused(path: &str, body: Value, status: u16, message: &str) {
    let answer = post(path, body.clone()).await;
    assert_eq!((answer.status, answer.message().as_str()), (status, message), "{body}");
    assert!(answer.body.starts_with(r#"{"id":""#), "{}", answer.body);
}

fn with_fields(base: Value, fields: Value) -> Value {
    let mut body = base;
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn bad_model_has_one_message_everywhere() {
    for path in ["/v2/chat", "/v2/embed", "/v2/rerank"] {
        assert_refused(path, json!({}), 400, "a model parameter is required for this endpoint.")
            .await;
        let unknown = "model 'x' not found, make sure the correct model ID was used and that you \
                       have access to the model.";
        assert_refused(path, json!({"model": "x"}), 404, unknown).await;
    }
    let removed = "model 'command-r-plus' was removed on September 15, 2025. See \
                   https://docs.cohere.com/docs/models#command for a list of models you can use instead.";
    assert_refused("/v2/chat", json!({"model": "command-r-plus"}), 404, removed).await;
    let wrong = "invalid request: model 'embed-v4.0' is not supported by the chat API";
    assert_refused("/v2/chat", json!({"model": "embed-v4.0"}), 400, wrong).await;
}

#[tokio::test]
async fn chat_refuses_what_the_api_refuses() {
    let base =
        json!({"model": "command-a-03-2025", "messages": [{"role": "user", "content": "hi"}]});
    let tool = |name: &str| json!([{"type": "function", "function": {"name": name}}]);
    let turns = |turn: Value| json!([{"role": "user", "content": "hi"}, turn]);
    let no_message =
        "invalid request: message must be at least 1 token long or tool results must be specified.";
    for (fields, message) in [
        (json!({"messages": null}), no_message),
        (json!({"messages": []}), no_message),
        (
            json!({"messages": [{"role": "user", "content": ""}]}),
            "message must not be empty in a turn",
        ),
        (
            json!({"messages": turns(json!({"role": "system", "content": "s"}))}),
            "system turn must be the first in the list",
        ),
        (
            json!({"messages": turns(json!({"role": "tool", "content": "s"}))}),
            "tool call id must be provided with tool message",
        ),
        (
            json!({"messages": turns(json!({"role": "tool", "tool_call_id": "a", "content": "s"}))}),
            "tool call id not found in previous tool calls",
        ),
        (
            json!({"temperature": 1.5}),
            "invalid request: temperature must be between 0 and 1.0 inclusive.",
        ),
        (
            json!({"max_tokens": 8193}),
            "too many tokens: max tokens must be less than or equal to 8192, the maximum output \
             for this model - received 8193.",
        ),
        (
            json!({"stop_sequences": ["a", "b", "c", "d", "e", "f"]}),
            "invalid request: too many stop sequences provided, maximum is 5, received 6.",
        ),
        (
            json!({"frequency_penalty": 0.5, "presence_penalty": 0.5}),
            "invalid request: cannot specify both frequency_penalty and presence_penalty.",
        ),
        (
            json!({"tools": tool("9x")}),
            "invalid request: tool names can only contain certain characters (A-Za-z0-9_) and \
             can't begin with a digit (provided name: '9x').",
        ),
        (
            json!({"documents": [{"id": "a", "data": {"t": "x"}}, {"id": "a", "data": {"t": "y"}}]}),
            "invalid request: duplicate document ID a at index 1 and 0",
        ),
        (
            json!({"documents": ["d"], "response_format": {"type": "json_object"}}),
            "invalid request: response_format is not supported with RAG.",
        ),
        (
            json!({"safety_mode": "WILD"}),
            "unrecognized safety mode 'WILD'. For proper usage, please refer to \
             https://docs.cohere.com/reference/chat",
        ),
        (
            json!({"stream": "yes"}),
            "invalid type: parameter 'stream' is of type string but should be of type boolean. \
             For proper usage, please refer to https://docs.cohere.com/reference/chat",
        ),
    ] {
        assert_refused("/v2/chat", with_fields(base.clone(), fields), 400, message).await;
    }
}

#[tokio::test]
async fn embed_refuses_what_the_api_refuses() {
    let base = json!({"model": "embed-v4.0", "input_type": "search_document"});
    let input_type = "invalid request: valid input_type must be provided with the provided model";
    for (fields, message) in [
        (json!({"texts": ["a"], "input_type": null}), input_type),
        (json!({"texts": ["a"], "input_type": "other"}), input_type),
        (
            json!({"texts": vec!["a"; 97]}),
            "invalid request: total number of texts must be at most 96 - received 97",
        ),
        (
            json!({"texts": ["a", ""]}),
            "invalid request: texts contains an element that is the empty string at index 1",
        ),
        (json!({"texts": []}), "invalid request: texts must not be empty"),
        (json!({}), "invalid request: one of texts, images or inputs must be provided"),
        (
            json!({"texts": ["a"], "images": [PIXEL]}),
            "invalid request: only one of texts, images or inputs can be provided",
        ),
        (json!({"texts": ["a"], "embedding_types": []}), "embedding_types parameter is required"),
        (
            json!({"model": "embed-english-v3.0", "images": [PIXEL]}),
            "invalid request: images must be used with input_type=image",
        ),
        (
            json!({"texts": [1]}),
            "invalid type: parameter 'texts[0]' is of type number but should be of type string. \
             For proper usage, please refer to https://docs.cohere.com/reference/embed",
        ),
        (
            json!({"texts": ["one two three"], "truncate": "NONE", "max_tokens": 2}),
            "too many tokens: total number of tokens in the prompt cannot exceed 2 - received 3. \
             Try using a shorter prompt, or enabling prompt truncating. See \
             https://docs.cohere.com/reference/embed for more details.",
        ),
    ] {
        assert_refused("/v2/embed", with_fields(base.clone(), fields), 400, message).await;
    }
    let dimension = "invalid request: output_dimension 999 is not supported, only [256 512 1024 \
                     1536] is supported";
    assert_refused(
        "/v2/embed",
        with_fields(base, json!({"texts": ["a"], "output_dimension": 999})),
        422,
        dimension,
    )
    .await;
}

#[tokio::test]
async fn rerank_refuses_what_the_api_refuses() {
    let base = json!({"model": "rerank-v3.5", "query": "q", "documents": ["a", "b"]});
    let many = "invalid request: number of total max chunks (number of documents * max chunks per \
                doc) must be less than 10000";
    for (fields, message) in [
        (json!({"query": " "}), "invalid request: query must not be empty or be only whitespace"),
        (json!({"documents": []}), "invalid request: list of documents must not be empty"),
        (
            json!({"documents": ["", " \n"]}),
            "invalid request: list of documents must not contain only empty strings or only whitespace",
        ),
        (json!({"documents": vec!["a"; 10_001]}), many),
        (
            json!({"top_n": 0}),
            "invalid request: return_top_n is invalid, value must be between 1 and 2",
        ),
    ] {
        assert_refused("/v2/rerank", with_fields(base.clone(), fields), 400, message).await;
    }
}

#[tokio::test]
async fn keys_are_checked_between_path_and_body() {
    let sandbox = sandbox();
    for (authorization, message) in [
        (None, "no api key supplied"),
        (Some("Bearer "), "no api key supplied"),
        (Some("Bearer x"), "invalid api token"),
    ] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        let answer = send(&sandbox, "POST", "/v2/chat", &headers, "{".to_owned()).await;
        assert_eq!((answer.status, answer.message().as_str()), (401, message));
    }
    for (method, path) in [("POST", "/v1/generate"), ("GET", "/v2/chat"), ("POST", "/")] {
        let answer = send(&sandbox, method, path, &[], String::new()).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, "404 page not found"),
            "{method} {path}"
        );
    }
}
