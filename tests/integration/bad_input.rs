//! Bad requests: each is refused with its code, its status and a message that names field and limit,
//! and none of them reaches Cohere.

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::raw_event::{build_chat_event, invoke_chat};
use http::Method;
use serde_json::json;

/// Path, body, status, code, and what the message must hold.
type Case = (&'static str, String, u16, &'static str, &'static str);

fn list_cases() -> Vec<Case> {
    let invalid =
        |path, body: &str, message| (path, body.to_string(), 400, "invalid_request", message);
    let (chat, embed, rerank) = ("/v2/chat", "/v2/embed", "/v2/rerank");
    let nested = format!(r#"{{"messages":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let texts = |count| vec![r#""t""#; count].join(",");
    let embed_with =
        |rest: &str| format!(r#"{{"model":"embed-v4.0","input_type":"search_query"{rest}}}"#);
    let documents = format!(r#"{{"query":"q","documents":[{}]}}"#, texts(10_001));
    let large =
        format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "a".repeat(4_600_000));
    vec![
        invalid(chat, "", "body: is empty"),
        invalid(chat, "nope", "body: is not JSON"),
        invalid(chat, r#"{"messages":[{}]"#, "body: is not JSON"),
        invalid(chat, "[]", "body: must be a JSON object"),
        invalid(chat, "\"text\"", "body: must be a JSON object"),
        invalid(chat, &nested, "body: is nested deeper than 128 levels"),
        invalid(chat, "{}", "messages: is required"),
        invalid(chat, r#"{"messages":null}"#, "messages: is required"),
        invalid(chat, r#"{"messages":[]}"#, "messages: must hold at least 1 message"),
        invalid(chat, r#"{"messages":"hi"}"#, "messages: must be an array, got a string"),
        invalid(chat, r#"{"messages":["hi"]}"#, "messages[0]: must be an object"),
        invalid(chat, r#"{"messages":[{}],"model":7}"#, "model: must be a string, got a number"),
        invalid(
            chat,
            r#"{"messages":[{}],"stream":"yes"}"#,
            "stream: must be true or false, got a string",
        ),
        invalid(
            chat,
            r#"{"messages":[{}],"max_tokens":0}"#,
            "max_tokens: must be a whole number of at least 1",
        ),
        invalid(
            chat,
            r#"{"messages":[{}],"max_tokens":1.5}"#,
            "max_tokens: must be a whole number",
        ),
        invalid(
            chat,
            r#"{"messages":[{}],"temperature":"hot"}"#,
            "temperature: must be a number, got a string",
        ),
        invalid(
            chat,
            r#"{"messages":[{}],"stop_sequences":[1]}"#,
            "stop_sequences[0]: must be a string",
        ),
        invalid(chat, r#"{"messages":[{}],"messages":[{}]}"#, "messages: stands twice"),
        invalid(chat, r#"{"messages":[{}],"Stream":true}"#, "Stream: must be written \"stream\""),
        invalid(chat, r#"{"messages":[{}],"x":1,"\u0078":2}"#, "x: stands twice"),
        (chat, large, 413, "too_large", "body: at most 4500000 bytes are taken, got 46000"),
        invalid(embed, r#"{"input_type":"search_query","texts":["a"]}"#, "model: is required"),
        invalid(embed, r#"{"model":"embed-v4.0","texts":["a"]}"#, "input_type: is required"),
        invalid(embed, &embed_with(""), "texts: one of texts, images or inputs is required"),
        invalid(embed, &embed_with(r#","texts":[]"#), "texts: must hold at least 1 element"),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"images":["b"]"#),
            "texts and images stand together",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a",1]"#),
            "texts[1]: must be a string, got a number",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"embedding_types":"float""#),
            "embedding_types: must be an array",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"embedding_types":[8]"#),
            "embedding_types[0]: must be a string",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"embedding_types":[]"#),
            "embedding_types: must name at least 1",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"TEXTS":["b"]"#),
            "TEXTS: must be written \"texts\"",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a","b","","d"]"#),
            "invalid request: texts contains an element that is the empty string at index 2",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"output_dimension":300"#),
            "output_dimension: embed-v4.0 makes 256, 512, 1024, 1536, not 300",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"output_dimension":0"#),
            "output_dimension: must be at least 1, got 0",
        ),
        invalid(
            embed,
            r#"{"model":"of-tomorrow","input_type":"x","texts":["a"],"output_dimension":-256}"#,
            "output_dimension: must be at least 1, got -256",
        ),
        invalid(
            chat,
            r#"{"model":"embed-v4.0","messages":[{}]}"#,
            "model: 'embed-v4.0' is served by /v2/embed only, not by /v2/chat",
        ),
        invalid(
            embed,
            r#"{"model":"rerank-v3.5","input_type":"x","texts":["a"]}"#,
            "model: 'rerank-v3.5' is served by /v2/rerank only, not by /v2/embed",
        ),
        invalid(
            rerank,
            r#"{"model":"command-r7b-12-2024","query":"q","documents":["d"]}"#,
            "model: 'command-r7b-12-2024' is served by /v2/chat only, not by /v2/rerank",
        ),
        invalid(
            embed,
            &embed_with(r#","texts":["a"],"output_dimension":1.5"#),
            "output_dimension: must be a whole number",
        ),
        (
            embed,
            embed_with(&format!(r#","texts":[{}]"#, texts(1_921))),
            413,
            "too_large",
            "texts: at most 1920 are taken in one request, got 1921",
        ),
        (
            embed,
            embed_with(&format!(
                r#","texts":[{}],"embedding_types":["float","int8"]"#,
                texts(1_920)
            )),
            413,
            "too_large",
            "texts: 1920 embeddings of 1536 numbers in the asked types are about 53084160 bytes, \
             at most 48000000 are answered at once",
        ),
        invalid(rerank, r#"{"documents":["a"]}"#, "query: is required"),
        invalid(
            rerank,
            r#"{"query":"","documents":["a"]}"#,
            "query: must hold at least 1 character",
        ),
        invalid(rerank, r#"{"query":"q"}"#, "documents: is required"),
        invalid(
            rerank,
            r#"{"query":"q","documents":[]}"#,
            "documents: must hold at least 1 document",
        ),
        invalid(
            rerank,
            r#"{"query":"q","documents":[{"text":"a"}]}"#,
            "documents[0]: must be a string, got an object",
        ),
        invalid(
            rerank,
            r#"{"query":"q","documents":["a"],"top_n":"2"}"#,
            "top_n: must be a whole number",
        ),
        invalid(
            rerank,
            r#"{"query":"q","documents":["a"],"top_n":0}"#,
            "top_n: must be at least 1, got 0",
        ),
        (
            rerank,
            documents,
            413,
            "too_large",
            "documents: at most 10000 are taken in one request, got 10001",
        ),
    ]
}

#[tokio::test]
async fn bad_body_is_refused_with_field_and_limit() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    for (path, body, status, code, message) in list_cases() {
        let shown: String = body.chars().take(80).collect();
        let answer = running.send(path, body).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, said["code"].as_str()),
            (status, Some(code)),
            "{path} {shown}: {said}"
        );
        assert!(
            said["message"].as_str().unwrap_or_default().contains(message),
            "{path} {shown}: {said}"
        );
        assert_eq!(said["id"].as_str(), Some(answer.header("x-request-id")), "{path} {shown}");
        assert_eq!(answer.header("x-gateway-attempts"), "0");
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn bad_option_header_is_refused() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let cases = [
        ("x-gateway-cache", "off", "x-gateway-cache: must be no-store"),
        ("x-gateway-fallback", "maybe", "x-gateway-fallback: must be allow or deny"),
        (
            "x-gateway-timeout-ms",
            "99",
            "x-gateway-timeout-ms: must be a whole number from 100 to 290000",
        ),
        (
            "x-gateway-timeout-ms",
            "soon",
            "x-gateway-timeout-ms: must be a whole number from 100 to 290000",
        ),
    ];
    for (name, value, message) in cases {
        let request = running.post("/v2/chat").header(name, value).body(r#"{"messages":[{}]}"#);
        let answer = read_answer(request).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some("invalid_request")),
            "{name}"
        );
        assert!(
            answer.json()["message"].as_str().unwrap_or_default().contains(message),
            "{:?}",
            answer.body
        );
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn missing_or_foreign_token_is_unauthorized() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let wrong = format!("Bearer cgw_{}", "w".repeat(40));
    for token in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer short"),
        Some("Basic abc"),
        Some(wrong.as_str()),
    ] {
        let mut request =
            running.request_without_token(Method::POST, "/v2/chat").body(r#"{"messages":[{}]}"#);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let answer = read_answer(request).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, said["code"].as_str()),
            (401, Some("unauthorized")),
            "{token:?}: {said}"
        );
        assert_eq!(
            said["message"],
            "a token of this gateway is expected, not a Cohere key; \
             this one is missing, unknown, expired or revoked",
            "{token:?}"
        );
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn unknown_route_is_told_what_is_served() {
    let (_, running) = gateway::start_with_stub(&[]).await;
    let cases = [
        (Method::POST, "/v2/batches"),
        (Method::POST, "/chat"),
        (Method::GET, "/v2/chat"),
        (Method::DELETE, "/v2/embed"),
        (Method::POST, "/api/health"),
        (Method::GET, "/"),
        (Method::POST, "/v2/chat/"),
        (Method::POST, "//v2/chat"),
        (Method::POST, "/v2//embed"),
        (Method::POST, "/v2/%72erank/"),
    ];
    for (method, path) in cases {
        let answer = read_answer(running.request_without_token(method.clone(), path)).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, said["code"].as_str()),
            (404, Some("not_found")),
            "{method} {path}: {said}"
        );
        let message = said["message"].as_str().unwrap_or_default();
        assert!(message.contains("POST /v2/chat"), "{said}");
        assert!(message.contains("without a slash at the end or a doubled one"), "{said}");
    }
}

#[tokio::test]
async fn raw_event_is_judged_like_a_request() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let cases = [
        // {"x":"<FF>"}: not UTF-8.
        (
            "eyJ4Ijoi/yJ9",
            true,
            json!({ "client": "c" }),
            "invalid_request",
            "body: is not UTF-8, at byte 6: another charset",
        ),
        (
            r#"{"messages":[{}]}"#,
            false,
            json!({}),
            "unauthorized",
            "a token of this gateway is expected",
        ),
        (
            r#"{"messages":[{}]}"#,
            false,
            json!({ "client": "c", "models": null }),
            "unauthorized",
            "a token of this gateway is expected",
        ),
        (
            r#"{"messages":[{}],"model":"other"}"#,
            false,
            json!({ "client": "c", "models": "command-a-03-2025,command-r7b-12-2024" }),
            "model_not_allowed",
            "model: is not allowed for this client, only: command-a-03-2025, command-r7b-12-2024",
        ),
    ];
    for (body, base64, authorizer, code, message) in cases {
        let answer = invoke_chat(&running, &build_chat_event(body, base64, &authorizer)).await;
        assert_eq!(answer["code"], code, "{answer}");
        assert!(answer["message"].as_str().unwrap_or_default().contains(message), "{answer}");
    }
    assert_eq!(stub.seen().len(), 0);
}
