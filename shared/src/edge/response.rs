//! Writes answers: statuses of codes, the error body, and the headers a caller may see.
//!
//! Headers are single-valued only: the streaming integration cannot carry a list.

use crate::config::LimitsConfig;
use crate::edge::header_value::{join_values, to_answer_value};
use crate::error::{Cause, Code, GatewayError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;

/// The body of every answer; it never yields an error, because the runtime would write that into the body.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Headers of the gateway's own. What is neither here nor among Cohere's below reaches no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnHeader {
    ContentType,
    RetryAfter,
    ServerTiming,
    /// The catalogue's word against a deprecated model, where Cohere has none.
    ApiWarning,
    RequestId,
    Model,
    FallbackFrom,
    Attempts,
    Cache,
    MaxTokens,
}

impl OwnHeader {
    pub const ALL: [OwnHeader; 10] = [
        OwnHeader::ContentType,
        OwnHeader::RetryAfter,
        OwnHeader::ServerTiming,
        OwnHeader::ApiWarning,
        OwnHeader::RequestId,
        OwnHeader::Model,
        OwnHeader::FallbackFrom,
        OwnHeader::Attempts,
        OwnHeader::Cache,
        OwnHeader::MaxTokens,
    ];

    pub fn name(self) -> &'static str {
        match self {
            OwnHeader::ContentType => "content-type",
            OwnHeader::RetryAfter => "retry-after",
            OwnHeader::ServerTiming => "server-timing",
            OwnHeader::ApiWarning => "x-api-warning",
            OwnHeader::RequestId => "x-request-id",
            OwnHeader::Model => "x-gateway-model",
            OwnHeader::FallbackFrom => "x-gateway-fallback-from",
            OwnHeader::Attempts => "x-gateway-attempts",
            OwnHeader::Cache => "x-gateway-cache",
            OwnHeader::MaxTokens => "x-gateway-max-tokens",
        }
    }

    /// Tells whether an answer has this header.
    pub fn is_in(self, headers: &HeaderMap) -> bool {
        headers.contains_key(self.name())
    }

    /// Sets the header in place of any other value.
    pub fn set(self, headers: &mut HeaderMap, value: HeaderValue) {
        headers.insert(HeaderName::from_static(self.name()), value);
    }

    /// Sets the header to a text, escaped where it has to be: a model id may be any text.
    pub fn set_text(self, headers: &mut HeaderMap, value: &str) {
        self.set(headers, to_answer_value(value.as_bytes()));
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Headers of Cohere that reach the caller.
pub const FROM_COHERE: [&str; 8] = [
    "content-type",
    "x-api-warning",
    "x-debug-trace-id",
    "num_tokens",
    "num_chars",
    "x-endpoint-monthly-call-limit",
    "x-trial-endpoint-call-limit",
    "x-trial-endpoint-call-remaining",
];

/// Returns the status of an error.
pub fn status_of(error: &GatewayError) -> StatusCode {
    let upstream = error.upstream.as_ref().map(|upstream| upstream.status);
    let number = match error.code {
        // What Cohere says about the request keeps Cohere's status.
        Code::InvalidRequest => upstream.unwrap_or(400),
        Code::Unauthorized => 401,
        Code::ModelNotAllowed => 403,
        Code::NotFound | Code::ModelRetired => 404,
        Code::TooLarge => 413,
        Code::RateLimited | Code::QuotaExhausted | Code::ClientThrottled => 429,
        Code::Internal => 500,
        Code::UpstreamAuth | Code::UpstreamBilling | Code::UpstreamMalformed => 502,
        // 499 would say that our caller had gone.
        Code::UpstreamError => upstream.filter(|status| *status >= 500).unwrap_or(503),
        Code::UpstreamUnreachable | Code::CircuitOpen | Code::KeyMissing => 503,
        Code::UpstreamTimeout | Code::Deadline => 504,
    };
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Writes an error: `{"id", "message", "code"}` and Cohere's `error_type` where it sent one.
pub fn write_error(
    error: &GatewayError,
    request_id: &str,
    limits: &LimitsConfig,
) -> Response<Body> {
    let upstream = match error.cause() {
        // What Cohere says to our key is not passed on.
        Cause::Auth | Cause::Billing => None,
        _ => error.upstream.as_deref(),
    };
    let id = upstream.and_then(|upstream| upstream.id.as_deref()).unwrap_or(request_id);
    let error_type = upstream.and_then(|upstream| upstream.error_type.as_deref());
    let body = ErrorBody { id, message: &error.message, code: error.code.as_str(), error_type };
    let mut response = write_json(status_of(error), &body);
    if let Some(seconds) = choose_retry_after(error, response.status(), limits.retry_after_max) {
        OwnHeader::RetryAfter.set(response.headers_mut(), HeaderValue::from(seconds));
    }
    response
}

/// The body of every error, in the order of Cohere's own.
#[derive(Serialize)]
struct ErrorBody<'a> {
    id: &'a str,
    message: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

/// Writes a JSON document.
pub fn write_json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // Plain structs of text and numbers cannot fail to be written.
    let mut response =
        Response::new(single_chunk(Bytes::from(serde_json::to_vec(body).unwrap_or_default())));
    *response.status_mut() = status;
    OwnHeader::ContentType.set(response.headers_mut(), JSON);
    response
}

/// Makes a body of bytes that are all there.
pub fn single_chunk(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}

/// Makes a body of chunks that are all there; each goes as it is, without being copied into one.
pub fn chunked(mut chunks: Vec<Bytes>) -> Body {
    match chunks.pop() {
        Some(only) if chunks.is_empty() => single_chunk(only),
        last => {
            let frames = chunks.into_iter().chain(last).map(|chunk| Ok(Frame::data(chunk)));
            StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
        }
    }
}

/// Returns whole seconds for a 429 or 503: what Cohere asked for, at least 1, at most the limit.
fn choose_retry_after(error: &GatewayError, status: StatusCode, longest: Duration) -> Option<u64> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let requested = error.retry_after.unwrap_or(Duration::from_secs(1)).as_secs_f64().ceil() as u64;
    Some(requested.clamp(1, longest.as_secs().max(1)))
}

/// Adds the headers of Cohere that a caller may see to the answer's own.
pub fn add_from_cohere(headers: &mut HeaderMap, upstream: &HeaderMap) {
    for name in FROM_COHERE {
        if headers.contains_key(name) {
            continue;
        }
        if let Some(value) = join_values(&upstream.get_all(name)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::UpstreamAnswer;
    use http::header;

    fn limits() -> LimitsConfig {
        LimitsConfig {
            max_body_bytes: 0,
            retry_after_max: Duration::from_secs(5),
            embed_max_inputs: 0,
            embed_max_answer_bytes: 0,
        }
    }

    fn with_upstream(code: Code, status: u16) -> GatewayError {
        let upstream =
            UpstreamAnswer { status, id: Some("up".into()), error_type: Some("T".into()) };
        GatewayError { upstream: Some(Box::new(upstream)), ..GatewayError::new(code, "m") }
    }

    #[test]
    fn coheres_status_passes_for_its_own_verdicts() {
        assert_eq!(status_of(&with_upstream(Code::InvalidRequest, 422)), 422);
        assert_eq!(status_of(&with_upstream(Code::UpstreamError, 504)), 504);
        assert_eq!(status_of(&with_upstream(Code::UpstreamError, 499)), 503);
        assert_eq!(status_of(&with_upstream(Code::UpstreamAuth, 401)), 502);
        assert_eq!(status_of(&with_upstream(Code::UpstreamBilling, 402)), 502);
    }

    #[tokio::test]
    async fn error_body_carries_coheres_id_and_type() {
        let response = write_error(&with_upstream(Code::InvalidRequest, 422), "ours", &limits());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"id":"up","message":"m","code":"invalid_request","error_type":"T"}"#);
    }

    #[tokio::test]
    async fn refused_key_has_the_requests_own_id() {
        let response = write_error(&with_upstream(Code::UpstreamAuth, 401), "ours", &limits());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"id":"ours","message":"m","code":"upstream_auth"}"#);
    }

    #[test]
    fn retry_after_is_whole_seconds_and_bounded() {
        let seconds = |code, requested: Option<f64>| {
            let mut failed = GatewayError::new(code, "m");
            failed.retry_after = requested.map(Duration::from_secs_f64);
            let response = write_error(&failed, "id", &limits());
            response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_string())
        };
        assert_eq!(seconds(Code::RateLimited, None).as_deref(), Some("1"));
        assert_eq!(seconds(Code::RateLimited, Some(1.2)).as_deref(), Some("2"));
        assert_eq!(seconds(Code::KeyMissing, Some(60.0)).as_deref(), Some("5"));
        assert_eq!(seconds(Code::InvalidRequest, Some(2.0)), None);
    }

    #[test]
    fn only_listed_headers_of_cohere_reach_the_caller() {
        let upstream =
            [("num_tokens", "3"), ("x-api-warning", "w"), ("server", "envoy"), ("set-cookie", "a")];
        let upstream: HeaderMap = upstream
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let mut seen = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )]);
        add_from_cohere(&mut seen, &upstream);
        assert_eq!(seen.len(), 3);
        assert!(seen.contains_key("num_tokens") && seen.contains_key("x-api-warning"));
        assert_eq!(
            seen[header::CONTENT_TYPE],
            "application/json",
            "our error is JSON, whatever Cohere's answer was"
        );
    }
}
