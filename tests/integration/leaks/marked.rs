//! Marked texts, and the requests and answers that are full of them.

use gateway_tests::stub::{Seen, Step, write_answer, write_stream};
use gateway_tests::ways::{DONE, END, START};
use serde_json::{Value, json};

/// Stands in every text of a caller or of Cohere.
pub const TEXT: &str = "zqxtext";
/// An id of Cohere's that has not the form of one; what has it is logged on purpose.
pub const TEXT_AS_ID: &str = "zqxtext, a text";
/// Stands in every key and token.
pub const SECRET: &str = "zqxsecret";

pub const KEY: &str = "zqxsecret-cohere-key-fake-0001";
pub const TOKEN: &str = "cgw_zqxsecret-token-fake-0001";

/// What may stand in an answer's head.
pub const HEADERS: [(&str, &str); 7] = [
    ("x-api-warning", "zqxtext, and Bearer zqxsecret-cohere-key-fake-0001"),
    ("x-debug-trace-id", "zqxsecret-cohere-key-fake-0001"),
    ("num_tokens", "zqxtext"),
    ("set-cookie", "zqxsecret"),
    ("server", "zqxsecret"),
    ("x-zqxsecret", "zqxtext"),
    ("location", "https://zqxtext:zqxsecret@zqxtext.example/zqxtext"),
];

/// `data:image/png;base64,` and a marked text.
const IMAGE: &str = "data:image/png;base64,enF4dGV4dCBhcyBhbiBpbWFnZQ==";

/// A request of each kind, with marks wherever a text may stand.
pub fn marked_requests() -> Vec<(&'static str, Value)> {
    let tool = json!({
        "type": "function",
        "function": { "name": TEXT, "description": TEXT, "parameters": { TEXT: { "type": TEXT } } },
    });
    let arguments = format!(r#"{{"{TEXT}":"{TEXT}"}}"#);
    let call = json!({ "id": TEXT, "type": "function", "function": { "name": TEXT, "arguments": arguments } });
    let chat = json!({
        "model": "command-a-03-2025",
        "messages": [
            { "role": "system", "content": TEXT },
            { "role": "user", "content": [
                { "type": "text", "text": format!("{TEXT} \u{e9} \"{TEXT}\"\n{TEXT}") },
                { "type": "image_url", "image_url": { "url": IMAGE } },
            ] },
            { "role": "assistant", "tool_calls": [call], "tool_plan": TEXT },
            { "role": "tool", "tool_call_id": TEXT, "content": TEXT },
        ],
        "documents": [{ "id": TEXT, "data": { TEXT: TEXT } }, TEXT],
        "tools": [tool],
        "stop_sequences": [TEXT],
        TEXT: { TEXT: [TEXT] },
    });
    let mut streamed = chat.clone();
    streamed["stream"] = true.into();
    let embed = |of: &str, what: Value| json!({ "model": "embed-v4.0", "input_type": "search_query", of: what, TEXT: TEXT });
    let inputs = json!([{ "content": [{ "type": "text", "text": TEXT }] }]);
    let rerank =
        json!({ "model": "rerank-v3.5", "query": TEXT, "documents": [TEXT, TEXT], TEXT: TEXT });
    vec![
        ("/v2/chat", chat),
        ("/v2/chat", streamed),
        ("/v2/embed", embed("texts", json!([TEXT, format!("another {TEXT}")]))),
        ("/v2/embed", embed("images", json!([IMAGE]))),
        ("/v2/embed", embed("inputs", inputs)),
        ("/v2/rerank", rerank),
    ]
}

pub fn write_delta(text: &str) -> String {
    let data = json!({ "type": "content-delta", "delta": { "text": text } });
    format!("event: content-delta\ndata: {data}\n\n")
}

/// A good answer to any request, full of marks, over headers full of them.
pub fn answer_marked(seen: &Seen) -> Vec<Step> {
    let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let count = |field: &str| request[field].as_array().map_or(0, Vec::len);
    let body = match seen.path.as_str() {
        "/v2/embed" => {
            let inputs = count("texts") + count("images") + count("inputs");
            json!({ "id": TEXT_AS_ID, "embeddings": { "float": vec![[0.5]; inputs] }, "texts": request["texts"] })
        }
        "/v2/rerank" => {
            let result = |index| json!({ "index": index, "relevance_score": 0.5 });
            json!({ "id": TEXT_AS_ID, "results": (0..count("documents")).map(result).collect::<Vec<_>>() })
        }
        _ => {
            json!({ "id": TEXT_AS_ID, "message": { "content": [{ "type": "text", "text": TEXT }] } })
        }
    };
    let headers = [&HEADERS[..], &[("content-type", "application/json")]].concat();
    match request["stream"] == true {
        true => write_stream(&HEADERS, &[START, &write_delta(TEXT), END, DONE].map(str::as_bytes)),
        false => write_answer(200, &headers, body.to_string().as_bytes()),
    }
}
