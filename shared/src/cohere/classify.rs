//! Turns what Cohere answered, or did not, into the gateway's error.
//!
//! A refused key and a refused payment are the operator's affair: they become 502 and never look as
//! if the caller had done something wrong. What is wrong with the request keeps Cohere's words.

use crate::error::{Code, GatewayError, UpstreamAnswer};
use crate::transport::TransportError;
use crate::wire::stream::Failure;
use http::{HeaderMap, header};
use serde::Deserialize;
use std::time::Duration;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    id: Option<String>,
    message: Option<String>,
    error_type: Option<String>,
}

/// Classifies an answer whose status is not 2xx.
pub fn from_response(status: u16, headers: &HeaderMap, body: &[u8]) -> GatewayError {
    // A proxy in front of Cohere may answer HTML or plain text; only Cohere's own words are passed on.
    let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let said = body.message.filter(|message| !message.trim().is_empty());
    // What Cohere says to our key is not passed on, and neither is the id of it.
    let id = body.id.filter(|_| !matches!(status, 401 | 402 | 498));
    let upstream = UpstreamAnswer { status, id, error_type: body.error_type };
    let or = |default: String| said.clone().unwrap_or(default);
    let (code, message) = match status {
        401 | 498 => {
            (Code::UpstreamAuth, "Cohere refused the gateway's own key; its operator has to act".into())
        }
        402 => (
            Code::UpstreamBilling,
            "Cohere refused the gateway's account for billing; its operator has to act".into(),
        ),
        429 => match said.as_deref().is_some_and(|text| text.contains("month")) {
            true => (Code::QuotaExhausted, or(String::new())),
            false => (Code::RateLimited, or("Cohere's rate limit is reached, please try again later".into())),
        },
        499 => (Code::UpstreamError, or("Cohere cancelled the request".into())),
        400..=498 => (Code::InvalidRequest, or(format!("Cohere refused the request with status {status}"))),
        500..=599 => (Code::UpstreamError, or(format!("Cohere answered with status {status}"))),
        _ => (Code::UpstreamMalformed, format!("Cohere answered with the unexpected status {status}")),
    };
    let mut error = GatewayError::new(code, message);
    error.retry_after = retry_after(headers);
    error.upstream = Some(Box::new(upstream));
    error
}

/// Reads `Retry-After` in seconds; Cohere's front never sends a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Classifies a call that brought no answer, or no whole one.
pub fn from_transport(error: &TransportError) -> GatewayError {
    match error {
        TransportError::Connect(_) | TransportError::Broken(_) => {
            GatewayError::new(Code::UpstreamUnreachable, "Cohere cannot be reached").with_detail(error)
        }
        TransportError::TooLarge(limit) => GatewayError::new(
            Code::TooLarge,
            format!("Cohere's answer is larger than the {limit} bytes the gateway reads into memory"),
        ),
    }
}

/// Classifies an answer of status 200 that is not what was asked for.
pub fn malformed(detail: &str) -> GatewayError {
    GatewayError::new(Code::UpstreamMalformed, "Cohere's answer cannot be read").with_detail(detail)
}

/// Classifies a stream that Cohere ended with an error before any content.
///
/// The same failure without streaming is a 422 with the same `error_type`; without one it is Cohere's own.
pub fn from_stream_end(failure: &Failure) -> GatewayError {
    let message = match failure.message.as_str() {
        "" => "Cohere ended the stream with an error",
        message => message,
    };
    let (code, status) = match failure.error_type {
        Some(_) => (Code::InvalidRequest, 422),
        None => (Code::UpstreamError, 500),
    };
    let mut error = GatewayError::new(code, message);
    error.upstream =
        Some(Box::new(UpstreamAnswer { status, id: None, error_type: failure.error_type.clone() }));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_code() {
        let cases = [
            (400, "bad", Code::InvalidRequest),
            (401, "invalid api token", Code::UpstreamAuth),
            (402, "pay", Code::UpstreamBilling),
            (404, "model 'x' not found", Code::InvalidRequest),
            (422, "no", Code::InvalidRequest),
            (429, "limited to 1000 API calls / month", Code::QuotaExhausted),
            (429, "past the per minute request limit", Code::RateLimited),
            (498, "denied", Code::UpstreamAuth),
            (499, "cancelled", Code::UpstreamError),
            (500, "oh", Code::UpstreamError),
            (503, "oh", Code::UpstreamError),
            (302, "", Code::UpstreamMalformed),
        ];
        for (status, message, code) in cases {
            let body = serde_json::json!({ "id": "i", "message": message }).to_string();
            let error = from_response(status, &HeaderMap::new(), body.as_bytes());
            assert_eq!(error.code, code, "{status}");
            let ours = matches!(code, Code::UpstreamAuth | Code::UpstreamBilling);
            assert_eq!(error.upstream.unwrap().id.as_deref(), (!ours).then_some("i"), "{status}");
        }
    }

    #[test]
    fn a_refused_key_is_told_in_our_words_and_a_bad_request_in_coheres() {
        let body = br#"{"message":"invalid api token"}"#;
        assert!(!from_response(401, &HeaderMap::new(), body).message.contains("invalid api token"));
        assert_eq!(from_response(400, &HeaderMap::new(), body).message, "invalid api token");
    }

    #[test]
    fn html_never_reaches_the_caller() {
        let error = from_response(502, &HeaderMap::new(), b"<html>bad gateway</html>");
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::UpstreamError, "Cohere answered with status 502")
        );
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let read = |value: &'static str| {
            retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, http::HeaderValue::from_static(value))]))
        };
        assert_eq!(read("2"), Some(Duration::from_secs(2)));
        assert_eq!(read("0.5"), Some(Duration::from_millis(500)));
        assert_eq!((read("-1"), read("soon")), (None, None));
    }
}
