//! Errors that refuse a request, with the messages of the real API.
//!
//! Messages from Cohere's error page or from recorded traffic are used as they are; where no
//! message is public, the nearest known one is followed, and a comment says so.

use http::StatusCode;
use serde::Serialize;

use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) error_type: Option<String>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    id: String,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

impl ApiError {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), error_type: None }
    }

    /// A 400 with exactly this message.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// A 400 that begins, as most do, with `invalid request: `.
    pub(super) fn invalid_request(problem: impl AsRef<str>) -> Self {
        Self::bad_request(format!("invalid request: {}", problem.as_ref()))
    }

    /// A 400 about length, which begins with `too many tokens: `.
    pub(super) fn too_many_tokens(problem: impl AsRef<str>) -> Self {
        Self::bad_request(format!("too many tokens: {}", problem.as_ref()))
    }

    pub(super) fn with_type(mut self, error_type: &str) -> Self {
        self.error_type = Some(error_type.to_owned());
        self
    }

    pub(super) fn into_reply(self, request: &ReceivedRequest) -> Reply {
        let body = ErrorBody {
            id: digest::to_uuid(digest::digest_request(request)),
            message: &self.message,
            error_type: self.error_type.as_deref(),
        };
        let body = serde_json::to_string(&body).expect("strings serialize");
        Reply::from_json(body)
            .with_status(StatusCode::from_u16(self.status).expect("a valid status"))
    }
}
