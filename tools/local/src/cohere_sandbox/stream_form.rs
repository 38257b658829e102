//! The forms in which Cohere sends a stream: how an event is written, and how one ends that failed.

use serde_json::json;

use crate::cohere_sandbox::received::ReceivedRequest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamForm {
    /// v2, server-sent events; ends with `[DONE]`.
    V2Events,
    /// v2, the JSON of one event a line.
    V2Lines,
    /// v1, one object a line.
    V1Lines,
    /// v1, server-sent events, without `[DONE]`.
    V1Events,
    /// The compatibility API: `data` without an event line; ends with `[DONE]`.
    Chunks,
}

impl StreamForm {
    /// v2's events or lines: lines only for who asks for JSON and for nothing else.
    pub(super) fn of_v2(request: &ReceivedRequest) -> Self {
        let accept = request.header("accept").unwrap_or("*/*").to_lowercase();
        let names = |kind: &str| accept.contains(kind);
        if names("application/json") && !names("text/event-stream") && !names("*/*") {
            return StreamForm::V2Lines;
        }
        StreamForm::V2Events
    }

    /// v1's lines, or events for who asks for them.
    pub(super) fn of_v1(request: &ReceivedRequest) -> Self {
        let accept = request.header("accept").unwrap_or_default().to_lowercase();
        if accept.contains("text/event-stream") {
            return StreamForm::V1Events;
        }
        StreamForm::V1Lines
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            StreamForm::V2Events | StreamForm::V1Events | StreamForm::Chunks => "text/event-stream",
            StreamForm::V2Lines | StreamForm::V1Lines => "application/stream+json",
        }
    }

    /// Writes one event; `name` is its type where the form has a line for it.
    pub(super) fn frame(self, name: &str, data: &str) -> String {
        match self {
            StreamForm::V2Events | StreamForm::V1Events => {
                format!("event: {name}\ndata: {data}\n\n")
            }
            StreamForm::V2Lines | StreamForm::V1Lines => format!("{data}\n"),
            StreamForm::Chunks => format!("data: {data}\n\n"),
        }
    }

    /// What follows the last event, where the form has anything.
    pub(super) fn done(self) -> Option<String> {
        match self {
            StreamForm::V2Events | StreamForm::Chunks => Some("data: [DONE]\n\n".to_owned()),
            StreamForm::V2Lines | StreamForm::V1Lines | StreamForm::V1Events => None,
        }
    }

    /// How a stream ends whose generation failed. That of v2 was recorded; the others follow the
    /// types of Cohere's and OpenAI's clients.
    pub(super) fn error_ending(self, message: &str, error_type: &str) -> Vec<String> {
        let message = json!(message);
        let kind = json!(error_type);
        let ending = match self {
            StreamForm::V2Events | StreamForm::V2Lines => self.frame(
                "message-end",
                &format!(
                    r#"{{"type":"message-end","delta":{{"finish_reason":"ERROR","usage":{{}},"error":{message},"error_type":{kind}}}}}"#
                ),
            ),
            StreamForm::V1Lines | StreamForm::V1Events => self.frame(
                "stream-end",
                &format!(
                    r#"{{"is_finished":true,"event_type":"stream-end","finish_reason":"ERROR","error":{message},"response":{{"text":"","finish_reason":"ERROR"}}}}"#
                ),
            ),
            StreamForm::Chunks => {
                self.frame("", &format!(r#"{{"error":{{"message":{message},"code":{kind}}}}}"#))
            }
        };
        [Some(ending), self.done()].into_iter().flatten().collect()
    }

    /// An event whose JSON breaks off.
    pub(super) fn broken_event(self) -> String {
        let (name, data) = match self {
            StreamForm::V2Events | StreamForm::V2Lines => {
                ("content-delta", r#"{"type":"content-delta","index":0,"delta":{"mess"#)
            }
            StreamForm::V1Lines | StreamForm::V1Events => {
                ("text-generation", r#"{"is_finished":false,"event_type":"text-gener"#)
            }
            StreamForm::Chunks => ("", r#"{"id":"chatcmpl","object":"chat.compl"#),
        };
        self.frame(name, data)
    }
}
