//! `POST /v2/chat`: an answer that quotes the question, whole or as a stream of events.
//!
//! `request` reads and refuses, `answer` decides the content, `body` and `stream` write it. The older
//! `/v1/chat` (`v1`) and OpenAI's dialect of it (`compatibility`) are read into a request of v2, answered
//! as such, and written in their own shapes.

mod answer;
mod arguments;
mod body;
mod citation;
mod compatibility;
mod messages;
mod request;
mod stream;
mod usage;
mod v1;

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::fields;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;
use crate::cohere_sandbox::stream_form::StreamForm;

use answer::ChatAnswer;
use request::ChatRequest;
use stream::StreamEvent;
use usage::ChatUsage;

pub(super) use compatibility::answer_completion;
pub(super) use v1::answer_v1_chat;

pub(super) fn answer_chat(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let request = ChatRequest::from_object(&object)?;
    let digest = digest::digest_request(seen);
    let answer = ChatAnswer::compose(&request, digest);
    let usage = ChatUsage::count(&request, &answer);
    let id = digest::to_uuid(digest);
    let reply = if request.stream {
        let events = stream::stream_events(&id, &answer, &usage, request.logprobs);
        stream_reply(StreamForm::of_v2(seen), events)
    } else {
        let body = body::chat_body(&id, &answer, &usage, request.logprobs);
        Reply::from_json(body).with_counts(usage.prompt_chars, usage.billed_tokens())
    };
    Ok(reply.with_warnings(&request.warnings))
}

/// Writes events in a form, with what that form has after the last one.
fn stream_reply(form: StreamForm, events: Vec<StreamEvent>) -> Reply {
    let frames = events.into_iter().map(|event| form.frame(event.name, &event.data));
    Reply::from_events(form, frames.chain(form.done()).collect())
}

/// The API's messages for generations that fail after they began.
pub(super) fn stream_error_message(error_type: &str) -> String {
    match error_type {
        "INVALID_TOOL_GENERATION" => {
            let message = "your request resulted in an invalid tool generation. Try updating the \
                           messages or tool definitions";
            message.to_owned()
        }
        "NO_VALID_RESPONSE_GENERATED" => {
            "No valid response generated. Try updating messages".to_owned()
        }
        other => format!("the response could not be generated ({other})"),
    }
}
