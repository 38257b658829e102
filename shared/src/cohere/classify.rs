//! Turns what Cohere answered, or did not, into the gateway's error.
//!
//! A refused key and a refused payment are the operator's affair: they become 502 and never look as
//! if the caller had done something wrong. What is wrong with the request keeps Cohere's words.

use crate::error::{Code, GatewayError, UpstreamAnswer};
use crate::transport::TransportError;
use crate::wire::stream::StreamFailure;
use http::{HeaderMap, header};
use serde::Deserialize;
use std::time::Duration;

#[derive(Default, Deserialize)]
#[serde(default)]
struct CohereErrorBody {
    id: Option<String>,
    message: Option<String>,
    error_type: Option<String>,
}

/// Classifies an answer whose status is not 2xx.
pub fn from_response(status: u16, headers: &HeaderMap, body: &[u8]) -> GatewayError {
    // A proxy in front of Cohere may answer HTML or plain text; only Cohere's own words are passed on.
    let body: CohereErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let said = body.message.filter(|message| !message.trim().is_empty());
    let (code, message) = classify_status(status, said);
    // What Cohere says to our key is not passed on, and neither is the id of it.
    let id = body.id.filter(|_| !matches!(status, 401 | 402 | 498));
    let mut error = GatewayError::new(code, message);
    error.retry_after = parse_retry_after(headers);
    error.upstream = Some(Box::new(UpstreamAnswer { status, id, error_type: body.error_type }));
    error
}

/// Returns the code of a status and the words for the caller: what Cohere `said`, where it may be told.
fn classify_status(status: u16, said: Option<String>) -> (Code, String) {
    let (code, default) = match status {
        401 | 498 => {
            let message = "Cohere refused the gateway's own key; its operator has to act";
            return (Code::UpstreamAuth, message.to_string());
        }
        402 => {
            let message =
                "Cohere refused the gateway's account for billing; its operator has to act";
            return (Code::UpstreamBilling, message.to_string());
        }
        429 if is_about_a_month(said.as_deref()) => (Code::QuotaExhausted, String::new()),
        429 => {
            let message = "Cohere's rate limit is reached, please try again later";
            (Code::RateLimited, message.to_string())
        }
        499 => (Code::UpstreamError, "Cohere cancelled the request".to_string()),
        400..=498 => {
            (Code::InvalidRequest, format!("Cohere refused the request with status {status}"))
        }
        500..=599 => (Code::UpstreamError, format!("Cohere answered with status {status}")),
        _ => {
            let message = format!("Cohere answered with the unexpected status {status}");
            return (Code::UpstreamMalformed, message);
        }
    };
    (code, said.unwrap_or(default))
}

/// Tells whether a 429 speaks of the month's quota.
fn is_about_a_month(said: Option<&str>) -> bool {
    match said {
        Some(text) => text.contains("month"),
        None => false,
    }
}

/// Reads `Retry-After` in seconds; Cohere's front never sends a date.
fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Classifies a call that brought no answer, or no whole one.
pub fn from_transport(error: &TransportError) -> GatewayError {
    match error {
        TransportError::Connect(_)
        | TransportError::NotProcessed(_)
        | TransportError::WantsHttp1(_)
        | TransportError::Broken(_) => {
            GatewayError::new(Code::UpstreamUnreachable, "Cohere cannot be reached")
                .with_detail(error)
        }
        TransportError::TooLarge(limit) => GatewayError::new(
            Code::TooLarge,
            format!(
                "Cohere's answer is larger than the {limit} bytes the gateway reads into memory"
            ),
        ),
    }
}

/// Classifies an answer of status 200 that is not what was asked for.
pub fn malformed_answer(detail: &str) -> GatewayError {
    GatewayError::new(Code::UpstreamMalformed, "Cohere's answer cannot be read").with_detail(detail)
}

/// Classifies an answer that has more or fewer results than there were inputs.
pub fn wrong_count(expected: usize) -> GatewayError {
    malformed_answer(&format!("it has not one result of each kind for each of {expected} inputs"))
}

/// Classifies a stream that Cohere ended with an error before any content.
///
/// The same failure without streaming is a 422 with the same `error_type`; without one it is Cohere's own.
pub fn from_stream_end(failure: &StreamFailure) -> GatewayError {
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
    fn refused_key_is_told_in_our_words() {
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
            parse_retry_after(&HeaderMap::from_iter([(
                header::RETRY_AFTER,
                http::HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(read("2"), Some(Duration::from_secs(2)));
        assert_eq!(read("0.5"), Some(Duration::from_millis(500)));
        assert_eq!((read("-1"), read("soon")), (None, None));
    }
}
