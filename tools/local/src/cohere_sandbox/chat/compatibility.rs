//! `POST /compatibility/v1/chat/completions`: OpenAI's request and answer over the same conversation.
//!
//! No answer of Cohere's is on record here: shapes follow what OpenAI's clients read.

use serde_json::{Map, Value, json};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::chat::answer::{ChatAnswer, FinishReason, ToolCall};
use crate::cohere_sandbox::chat::body::to_json;
use crate::cohere_sandbox::chat::request::ChatRequest;
use crate::cohere_sandbox::chat::stream::StreamEvent;
use crate::cohere_sandbox::chat::stream_reply;
use crate::cohere_sandbox::chat::usage::ChatUsage;
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::fields::{self, Fields};
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;
use crate::cohere_sandbox::stream_form::StreamForm;
use crate::cohere_sandbox::text::split_pieces;

/// The same moment in every answer, since equal requests get equal ones.
const CREATED: u64 = 1_767_225_600;
/// Fields under their name here, and in v2.
const RENAMED: &[(&str, &str)] = &[
    ("model", "model"),
    ("stream", "stream"),
    ("tools", "tools"),
    ("max_tokens", "max_tokens"),
    ("max_completion_tokens", "max_tokens"),
    ("temperature", "temperature"),
    ("top_p", "p"),
    ("seed", "seed"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
];

pub(in crate::cohere_sandbox) fn answer_completion(
    seen: &ReceivedRequest,
) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let fields = Fields::new(&object, "compatibility-api");
    let translated = to_v2(fields)?;
    let request = ChatRequest::from_object(&translated)?;
    let digest = digest::digest_request(seen);
    let answer = ChatAnswer::compose(&request, digest);
    let usage = usage_json(&ChatUsage::count(&request, &answer));
    let head = format!(
        r#""id":"{}","created":{CREATED},"model":"{}""#,
        digest::to_uuid(digest),
        request.model.id
    );
    if request.stream {
        let options = fields.read_object("stream_options", "stream_options.")?;
        let asked = options.map(|options| options.read_flag("include_usage")).transpose()?;
        let usage = asked.flatten().unwrap_or(false).then_some(usage);
        let chunks = write_chunks(&head, &answer, usage.as_deref());
        return Ok(stream_reply(StreamForm::Chunks, chunks).with_warnings(&request.warnings));
    }
    let body = format!(
        r#"{{{head},"object":"chat.completion","choices":[{{"index":0,"finish_reason":"{}","message":{}}}],"usage":{usage}}}"#,
        finish_reason(answer.finish),
        write_message(&answer),
    );
    Ok(Reply::from_json(body).with_warnings(&request.warnings))
}

fn to_v2(fields: Fields) -> Result<Map<String, Value>, ApiError> {
    let mut request = Map::new();
    for (name, v2_name) in RENAMED {
        if let Some(value) = fields.value(name) {
            request.insert((*v2_name).to_owned(), value.clone());
        }
    }
    let mut messages = fields.read_list("messages")?.unwrap_or_default().to_vec();
    for message in &mut messages {
        if message["role"] == "developer" {
            message["role"] = json!("system");
        }
    }
    request.insert("messages".to_owned(), Value::Array(messages));
    match fields.value("stop") {
        Some(Value::String(one)) => request.insert("stop_sequences".to_owned(), json!([one])),
        Some(many) => request.insert("stop_sequences".to_owned(), many.clone()),
        None => None,
    };
    match fields.value("tool_choice") {
        Some(Value::String(choice)) if choice == "none" => {
            request.insert("tool_choice".to_owned(), json!("NONE"))
        }
        Some(Value::String(choice)) if choice == "auto" => None,
        Some(_) => request.insert("tool_choice".to_owned(), json!("REQUIRED")),
        None => None,
    };
    if let Some(format) = fields.value("response_format") {
        let schema = &format["json_schema"]["schema"];
        let format = match format["type"].as_str() {
            Some("json_schema") => json!({"type": "json_object", "json_schema": schema}),
            _ => format.clone(),
        };
        request.insert("response_format".to_owned(), format);
    }
    if let Some(effort) = fields.read_text("reasoning_effort")? {
        let kind = if effort == "none" { "disabled" } else { "enabled" };
        request.insert("thinking".to_owned(), json!({"type": kind}));
    }
    Ok(request)
}

fn finish_reason(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Complete | FinishReason::StopSequence => "stop",
        FinishReason::MaxTokens => "length",
        FinishReason::ToolCall => "tool_calls",
    }
}

fn usage_json(usage: &ChatUsage) -> String {
    let (prompt, completion) = usage.billed();
    let total = prompt + completion;
    format!(
        r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}}}"#
    )
}

fn write_message(answer: &ChatAnswer) -> String {
    let text = answer.text.as_ref().or(answer.tool_plan.as_ref());
    let mut message = format!(r#"{{"role":"assistant","content":{}"#, to_json(&text));
    if !answer.calls.is_empty() {
        let calls: Vec<String> = answer.calls.iter().map(|call| write_call(call, None)).collect();
        message += &format!(r#","tool_calls":[{}]"#, calls.join(","));
    }
    message + "}"
}

/// A call of a tool; in a stream with its index.
fn write_call(call: &ToolCall, index: Option<usize>) -> String {
    let index = index.map(|index| format!(r#""index":{index},"#)).unwrap_or_default();
    let arguments = call.arguments.clone().unwrap_or_else(|| json!({})).to_string();
    let (id, name, arguments) = (to_json(&call.id), to_json(&call.name), to_json(&arguments));
    format!(
        r#"{{{index}"id":{id},"type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#
    )
}

fn write_chunks(head: &str, answer: &ChatAnswer, usage: Option<&str>) -> Vec<StreamEvent> {
    let mut chunks = vec![delta(head, r#"{"role":"assistant","content":""}"#, None)];
    let text = answer.text.as_deref().or(answer.tool_plan.as_deref()).unwrap_or_default();
    for piece in split_pieces(text) {
        chunks.push(delta(head, &format!(r#"{{"content":{}}}"#, to_json(&piece)), None));
    }
    for (index, call) in answer.calls.iter().enumerate() {
        let call = write_call(call, Some(index));
        chunks.push(delta(head, &format!(r#"{{"tool_calls":[{call}]}}"#), None));
    }
    chunks.push(delta(head, "{}", Some(finish_reason(answer.finish))));
    if let Some(usage) = usage {
        chunks.push(chunk(head, &format!(r#""choices":[],"usage":{usage}"#)));
    }
    chunks
}

fn delta(head: &str, delta: &str, finish: Option<&str>) -> StreamEvent {
    let finish = to_json(&finish);
    chunk(head, &format!(r#""choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]"#))
}

fn chunk(head: &str, fields: &str) -> StreamEvent {
    StreamEvent {
        name: "",
        data: format!(r#"{{{head},"object":"chat.completion.chunk",{fields}}}"#),
    }
}
