//! `POST /v1/chat`: one message and a history in, a text out; streams are lines, or events on request.

mod request;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::chat::answer::{ChatAnswer, FinishReason};
use crate::cohere_sandbox::chat::body::to_json;
use crate::cohere_sandbox::chat::citation::Citation;
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

/// An answer, and what the last line of a stream repeats.
#[derive(Serialize)]
struct V1Answer<'a> {
    response_id: String,
    text: &'a str,
    generation_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<V1Citation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    documents: Vec<Map<String, Value>>,
    chat_history: Vec<Turn<'a>>,
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<V1ToolCall<'a>>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct V1Citation<'a> {
    start: usize,
    end: usize,
    text: &'a str,
    document_ids: Vec<&'a str>,
}

#[derive(Serialize)]
struct V1ToolCall<'a> {
    name: &'a str,
    parameters: Value,
}

/// A turn of the conversation: one of the request's, as it came, or a new one.
#[derive(Serialize)]
#[serde(untagged)]
enum Turn<'a> {
    Given(&'a Value),
    New { role: &'static str, message: &'a str },
}

#[derive(Serialize)]
struct Meta<'a> {
    api_version: ApiVersion,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    billed_units: TokenCounts,
    tokens: TokenCounts,
}

#[derive(Serialize)]
struct ApiVersion {
    version: &'static str,
}

#[derive(Serialize)]
struct TokenCounts {
    input_tokens: usize,
    output_tokens: usize,
}

impl From<(usize, usize)> for TokenCounts {
    fn from((input_tokens, output_tokens): (usize, usize)) -> Self {
        Self { input_tokens, output_tokens }
    }
}

pub(in crate::cohere_sandbox) fn answer_v1_chat(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let fields = Fields::new(&object, "v1/chat");
    let translated = request::to_v2(fields)?;
    let mut request = ChatRequest::from_object(&translated)?;
    request.warnings.extend(request::unknown_field_warnings(fields));
    request::check_model(request.model)?;

    let digest = digest::digest_request(seen);
    let answer = ChatAnswer::compose(&request, digest);
    let usage = ChatUsage::count(&request, &answer);
    let generation_id = digest::to_uuid(digest);
    let whole = write_answer(fields, &request, &answer, &usage, &generation_id)?;
    let reply = if request.stream {
        stream_reply(StreamForm::of_v1(seen), stream_events(&answer, &whole))
    } else {
        let counts = (usage.prompt_chars, usage.billed_tokens());
        Reply::from_json(to_json(&whole)).with_counts(counts.0, counts.1)
    };
    Ok(reply.with_warnings(&request.warnings))
}

fn write_answer<'a>(
    fields: Fields<'a>,
    request: &'a ChatRequest,
    answer: &'a ChatAnswer,
    usage: &ChatUsage,
    generation_id: &'a str,
) -> Result<V1Answer<'a>, ApiError> {
    let text = answer.text.as_deref().or(answer.tool_plan.as_deref()).unwrap_or_default();
    let given = fields.read_list("chat_history")?.unwrap_or_default();
    let mut chat_history: Vec<Turn> = given.iter().map(Turn::Given).collect();
    if let Some(message) = fields.read_text("message")?.filter(|message| !message.is_empty()) {
        chat_history.push(Turn::New { role: "USER", message });
    }
    chat_history.push(Turn::New { role: "CHATBOT", message: text });
    Ok(V1Answer {
        response_id: digest::to_uuid(digest::digest_bytes(generation_id.as_bytes())),
        text,
        generation_id,
        citations: answer.citations.iter().map(to_v1_citation).collect(),
        documents: cited_documents(request, answer),
        chat_history,
        finish_reason: finish_reason(answer.finish),
        tool_calls: answer.calls.iter().map(to_v1_call).collect(),
        meta: Meta {
            api_version: ApiVersion { version: "1" },
            warnings: &request.warnings,
            billed_units: usage.billed().into(),
            tokens: usage.tokens().into(),
        },
    })
}

/// v1 has no reason of its own for calls of tools.
fn finish_reason(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::ToolCall => "COMPLETE",
        other => other.name(),
    }
}

fn to_v1_citation(citation: &Citation) -> V1Citation<'_> {
    let Citation { start, end, .. } = *citation;
    V1Citation { start, end, text: citation.text(), document_ids: citation.source_ids() }
}

fn to_v1_call(call: &super::answer::ToolCall) -> V1ToolCall<'_> {
    let parameters = call.arguments.clone().unwrap_or_else(|| json!({}));
    V1ToolCall { name: &call.name, parameters }
}

/// The documents that a citation names, each with its id.
fn cited_documents(request: &ChatRequest, answer: &ChatAnswer) -> Vec<Map<String, Value>> {
    let cited: Vec<&str> = answer.citations.iter().flat_map(Citation::source_ids).collect();
    let outputs = request.messages.iter().flat_map(|message| &message.outputs);
    let mut documents = Vec::new();
    for document in request.documents.iter().chain(outputs) {
        if cited.contains(&document.id.as_str()) {
            let mut shown = document.data.clone();
            shown.insert("id".to_owned(), Value::from(document.id.clone()));
            documents.push(shown);
        }
    }
    documents
}

fn stream_events(answer: &ChatAnswer, whole: &V1Answer) -> Vec<StreamEvent> {
    let id = whole.generation_id;
    let mut events = vec![event("stream-start", &format!(r#""generation_id":"{id}""#))];
    for piece in split_pieces(whole.text) {
        events.push(event("text-generation", &format!(r#""text":{}"#, to_json(&piece))));
    }
    if !whole.citations.is_empty() {
        let citations = to_json(&whole.citations);
        events.push(event("citation-generation", &format!(r#""citations":{citations}"#)));
    }
    if !answer.calls.is_empty() {
        let calls = to_json(&whole.tool_calls);
        events.push(event("tool-calls-generation", &format!(r#""tool_calls":{calls}"#)));
    }
    let (finish, response) = (whole.finish_reason, to_json(whole));
    events.push(StreamEvent {
        name: "stream-end",
        data: format!(
            r#"{{"is_finished":true,"event_type":"stream-end","response":{response},"finish_reason":"{finish}"}}"#
        ),
    });
    events
}

fn event(name: &'static str, fields: &str) -> StreamEvent {
    StreamEvent { name, data: format!(r#"{{"is_finished":false,"event_type":"{name}",{fields}}}"#) }
}
