//! Reads a request of v1 as one of v2: the same conversation in other words.

use serde_json::{Map, Value, json};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::fields::Fields;
use crate::cohere_sandbox::models::Model;

/// What v1 falls back to where no model is named.
const DEFAULT_MODEL: &str = "command-a-03-2025";
/// Fields that mean the same in both.
const SAME: &[&str] = &[
    "model",
    "stream",
    "max_tokens",
    "temperature",
    "k",
    "p",
    "seed",
    "stop_sequences",
    "frequency_penalty",
    "presence_penalty",
    "safety_mode",
    "response_format",
];
/// Fields that v2 has not, or has under another name.
const OF_V1: &[&str] = &[
    "message",
    "preamble",
    "chat_history",
    "conversation_id",
    "prompt_truncation",
    "connectors",
    "search_queries_only",
    "documents",
    "citation_quality",
    "max_input_tokens",
    "raw_prompting",
    "return_prompt",
    "tools",
    "tool_results",
    "force_single_step",
];

/// One warning for each field that v1 does not have.
pub(super) fn unknown_field_warnings(fields: Fields) -> Vec<String> {
    fields.unknown_field_warnings(&[SAME, OF_V1].concat())
}

/// Models that came after v1.
pub(super) fn check_model(model: &Model) -> Result<(), ApiError> {
    if model.has_reasoning || model.has_vision {
        return Err(ApiError::invalid_request(
            "this model is not supported with '/v1/chat', please use '/v2/chat' instead. More \
             details in the migration guide: https://docs.cohere.com/docs/migrating-v1-to-v2",
        ));
    }
    Ok(())
}

pub(super) fn to_v2(fields: Fields) -> Result<Map<String, Value>, ApiError> {
    let mut request = Map::new();
    for name in SAME {
        if let Some(value) = fields.value(name) {
            request.insert((*name).to_owned(), value.clone());
        }
    }
    request.entry("model").or_insert_with(|| json!(DEFAULT_MODEL));
    request.insert("messages".to_owned(), Value::Array(read_conversation(fields)?));
    request.insert("tools".to_owned(), Value::Array(read_tools(fields)?));
    request.insert("documents".to_owned(), Value::Array(read_documents(fields)?));
    Ok(request)
}

fn read_conversation(fields: Fields) -> Result<Vec<Value>, ApiError> {
    let mut messages = Vec::new();
    if let Some(preamble) = fields.read_text("preamble")?.filter(|text| !text.is_empty()) {
        messages.push(json!({"role": "system", "content": preamble}));
    }
    for turn in fields.read_list("chat_history")?.unwrap_or_default() {
        let message = turn["message"].as_str().unwrap_or_default();
        match turn["role"].as_str() {
            Some("TOOL") => push_results(&mut messages, turn["tool_results"].as_array()),
            // A turn of nothing but calls is told again by its results.
            Some(_) if message.is_empty() => {}
            Some("CHATBOT") => messages.push(json!({"role": "assistant", "content": message})),
            Some("SYSTEM") if messages.is_empty() => {
                messages.push(json!({"role": "system", "content": message}));
            }
            Some("USER" | "SYSTEM") => messages.push(json!({"role": "user", "content": message})),
            _ => {
                return Err(ApiError::invalid_request(
                    "role in chat_history must be one of USER, CHATBOT, SYSTEM, TOOL",
                ));
            }
        }
    }
    if let Some(message) = fields.read_text("message")?.filter(|text| !text.is_empty()) {
        messages.push(json!({"role": "user", "content": message}));
    } else if !fields.has_value("tool_results") {
        return Err(ApiError::invalid_request(
            "message must be at least 1 token long or tool results must be specified.",
        ));
    }
    let results = fields.read_list("tool_results")?.map(<[Value]>::to_vec);
    push_results(&mut messages, results.as_ref());
    Ok(messages)
}

/// The calls as an assistant's message, and what each gave.
fn push_results(messages: &mut Vec<Value>, results: Option<&Vec<Value>>) {
    let results = results.map(Vec::as_slice).unwrap_or_default();
    if results.is_empty() {
        return;
    }
    let id = |index: usize| format!("call_{}_{index}", messages.len());
    let (mut calls, mut answers) = (Vec::new(), Vec::new());
    for (index, result) in results.iter().enumerate() {
        let call = &result["call"];
        let function = json!({"name": call["name"], "arguments": call["parameters"].to_string()});
        calls.push(json!({"id": id(index), "type": "function", "function": function}));
        let outputs = result["outputs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let content: Vec<Value> = outputs
            .iter()
            .map(|output| json!({"type": "document", "document": {"data": output}}))
            .collect();
        answers.push(json!({"role": "tool", "tool_call_id": id(index), "content": content}));
    }
    messages.push(json!({"role": "assistant", "tool_calls": calls}));
    messages.append(&mut answers);
}

fn read_tools(fields: Fields) -> Result<Vec<Value>, ApiError> {
    let mut tools = Vec::new();
    for tool in fields.read_list("tools")?.unwrap_or_default() {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (name, given) in tool["parameter_definitions"].as_object().into_iter().flatten() {
            let kind = json_type(given["type"].as_str().unwrap_or_default());
            let property = json!({"type": kind, "description": given["description"]});
            properties.insert(name.clone(), property);
            if given["required"] == true {
                required.push(name);
            }
        }
        let parameters = json!({"type": "object", "properties": properties, "required": required});
        let (name, description) = (&tool["name"], &tool["description"]);
        let function = json!({"name": name, "description": description, "parameters": parameters});
        tools.push(json!({"type": "function", "function": function}));
    }
    Ok(tools)
}

/// v1 names types as Python does.
fn json_type(name: &str) -> &'static str {
    match name.to_lowercase().as_str() {
        "int" | "integer" => "integer",
        "float" | "number" => "number",
        "bool" | "boolean" => "boolean",
        name if name.starts_with("list") || name == "array" => "array",
        name if name.starts_with("dict") || name == "object" => "object",
        _ => "string",
    }
}

/// Documents of v1 hold their fields at the top, `id` among them.
fn read_documents(fields: Fields) -> Result<Vec<Value>, ApiError> {
    let mut documents = Vec::new();
    for (index, given) in fields.read_list("documents")?.unwrap_or_default().iter().enumerate() {
        let mut data = given.as_object().cloned().unwrap_or_default();
        let id = match data.remove("id") {
            Some(Value::String(id)) => id,
            _ => format!("doc_{index}"),
        };
        documents.push(json!({"id": id, "data": data}));
    }
    Ok(documents)
}
