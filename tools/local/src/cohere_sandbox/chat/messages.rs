//! The messages of a conversation: who said what, which tools were called, what they gave back.

use serde_json::{Map, Value};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::fields::Fields;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
    System,
    Tool,
}

pub(super) struct Message<'a> {
    pub(super) role: Role,
    pub(super) text: String,
    pub(super) images: usize,
    /// Of an assistant's message: the calls it made.
    pub(super) calls: Vec<PastCall<'a>>,
    /// Of a tool's message: the id of the call it answers.
    pub(super) answers: Option<&'a str>,
    /// Of a tool's message: what came back.
    pub(super) outputs: Vec<Document>,
}

pub(super) struct PastCall<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

/// A document of the request, or one part of a tool's result.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) data: Map<String, Value>,
}

impl Document {
    /// The values of its fields, one on a line.
    pub(super) fn joined_text(&self) -> String {
        let mut texts = Vec::new();
        for value in self.data.values() {
            texts.push(match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
        }
        texts.join("\n")
    }
}

pub(super) fn read_messages<'a>(fields: Fields<'a>) -> Result<Vec<Message<'a>>, ApiError> {
    let given = fields.read_list("messages")?.unwrap_or_default();
    if given.is_empty() {
        return Err(ApiError::invalid_request(
            "message must be at least 1 token long or tool results must be specified.",
        ));
    }
    let mut messages: Vec<Message> = Vec::new();
    for (index, message) in given.iter().enumerate() {
        let message = read_message(index, message, &messages)?;
        if message.role == Role::System
            && messages.iter().any(|earlier| earlier.role != Role::System)
        {
            return Err(ApiError::bad_request("system turn must be the first in the list"));
        }
        messages.push(message);
    }
    Ok(messages)
}

fn read_message<'a>(
    index: usize,
    given: &'a Value,
    earlier: &[Message],
) -> Result<Message<'a>, ApiError> {
    let role = match given["role"].as_str() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("tool") => Role::Tool,
        _ => {
            return Err(ApiError::invalid_request(format!(
                "Invalid role in messages at index {index}. Role must be one of the following: \
                 user, assistant, system, tool"
            )));
        }
    };
    let ReadContent { text, images, parts } = read_content(&given["content"]);
    let mut message =
        Message { role, text, images, calls: Vec::new(), answers: None, outputs: Vec::new() };
    match role {
        Role::Assistant => message.calls = read_calls(given)?,
        Role::Tool => {
            let id = given["tool_call_id"].as_str().filter(|id| !id.is_empty());
            let id = id.ok_or_else(|| {
                ApiError::bad_request("tool call id must be provided with tool message")
            })?;
            if !earlier.iter().flat_map(|message| &message.calls).any(|call| call.id == id) {
                return Err(ApiError::bad_request("tool call id not found in previous tool calls"));
            }
            message.answers = Some(id);
            message.outputs = tool_outputs(id, parts);
        }
        Role::User | Role::System if message.text.is_empty() && message.images == 0 => {
            return Err(ApiError::bad_request("message must not be empty in a turn"));
        }
        Role::User | Role::System => {}
    }
    Ok(message)
}

#[derive(Default)]
struct ReadContent {
    text: String,
    images: usize,
    /// Given ids, if any, and data.
    parts: Vec<(Option<String>, Map<String, Value>)>,
}

/// A tool's results with the ids that citations name.
fn tool_outputs(call: &str, parts: Vec<(Option<String>, Map<String, Value>)>) -> Vec<Document> {
    let mut outputs = Vec::new();
    for (index, (id, data)) in parts.into_iter().enumerate() {
        outputs.push(Document { id: id.unwrap_or_else(|| format!("{call}:{index}")), data });
    }
    outputs
}

fn read_content(content: &Value) -> ReadContent {
    let mut read = ReadContent::default();
    if let Some(text) = content.as_str() {
        read.text = text.to_owned();
        read.parts.push((None, text_data("content", text)));
    }
    let mut texts = Vec::new();
    for part in content.as_array().into_iter().flatten() {
        match part["type"].as_str() {
            Some("image_url") => read.images += 1,
            Some("document") => {
                let document = &part["document"];
                let data = match &document["data"] {
                    Value::Object(data) => data.clone(),
                    other => text_data("content", other.as_str().unwrap_or_default()),
                };
                read.parts.push((document["id"].as_str().map(str::to_owned), data));
            }
            _ => {
                let text = part["text"].as_str().unwrap_or_default();
                read.parts.push((None, text_data("content", text)));
                texts.push(text);
            }
        }
    }
    if !texts.is_empty() {
        read.text = texts.join("\n");
    }
    read
}

/// The data of a document that was given as a mere text.
pub(super) fn text_data(name: &str, text: &str) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), Value::from(text))])
}

fn read_calls(message: &Value) -> Result<Vec<PastCall<'_>>, ApiError> {
    let mut calls: Vec<PastCall> = Vec::new();
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        if call["type"].as_str() != Some("function") {
            return Err(ApiError::bad_request("tool call must be of type function"));
        }
        let id = call["id"].as_str().unwrap_or_default();
        if calls.iter().any(|known| known.id == id) {
            return Err(ApiError::bad_request("cannot have duplicate tool ids"));
        }
        calls.push(PastCall { id, name: call["function"]["name"].as_str().unwrap_or_default() });
    }
    Ok(calls)
}
