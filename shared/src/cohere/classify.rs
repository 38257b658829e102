//! Turns what Cohere answered, or did not, into the gateway's error.
//!
//! A refused key and a refused payment are the operator's affair: they become 502 and never look as
//! if the caller had done something wrong. What is wrong with the request keeps Cohere's words.

use crate::clock::{parse_http_date, since_epoch};
use crate::error::{About, Code, GatewayError, UpstreamAnswer};
use crate::transport::TransportError;
use crate::wire::refusal::Refusal;
use http::{HeaderMap, header};
use std::time::Duration;

/// Classifies an answer whose status is not 2xx.
pub fn from_response(status: u16, headers: &HeaderMap, body: &[u8]) -> GatewayError {
    let mut error = from_refusal(status, Refusal::read(body));
    error.retry_after = parse_retry_after(headers);
    error
}

/// Classifies a refusal by its status; its words are passed on where they are for the caller.
fn from_refusal(status: u16, refusal: Refusal) -> GatewayError {
    let (id, error_type) = (refusal.id.clone(), refusal.error_type.clone());
    let (code, message) = classify_status(status, refusal);
    let mut error = GatewayError::new(code, message);
    error.upstream = Some(Box::new(UpstreamAnswer { status, id, error_type }));
    error
}

/// Returns the code of a status and the words for the caller: Cohere's, where they may be told.
///
/// 498 is about a text of the caller's that Cohere has on a list, and not about the key.
fn classify_status(status: u16, refusal: Refusal) -> (Code, String) {
    let has_coheres_form = refusal.has_coheres_form;
    let said = refusal.message;
    let (code, default) = match status {
        401 => {
            let message = "Cohere refused the gateway's own key; its operator has to act";
            return (Code::UpstreamAuth, message.to_string());
        }
        402 => {
            let message =
                "Cohere refused the gateway's account for billing; its operator has to act";
            return (Code::UpstreamBilling, message.to_string());
        }
        // Cohere says why; a proxy or a firewall on the way to it does not.
        403 | 407 if !has_coheres_form => {
            let message = format!("something before Cohere refused the call with status {status}");
            return (Code::UpstreamMalformed, message);
        }
        408 => (Code::UpstreamTimeout, "Cohere gave the request up with status 408".to_string()),
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
        Some(text) => text.to_ascii_lowercase().contains("month"),
        None => false,
    }
}

/// Longest time that is understood; what is done about it has limits of its own.
const LONGEST_RETRY_AFTER_SECS: f64 = 1e9;

/// Reads `Retry-After`, in seconds or as a date; a date that is past is no wait at all.
fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let seconds: f64 = value.parse().ok()?;
        return Duration::try_from_secs_f64(seconds.min(LONGEST_RETRY_AFTER_SECS)).ok();
    }
    let date = parse_http_date(value)?;
    Some(date.saturating_sub(since_epoch()))
}

/// Classifies a call that brought no answer.
pub fn from_transport(error: &TransportError) -> GatewayError {
    let message = match error {
        TransportError::Connect(_)
        | TransportError::NotProcessed(_)
        | TransportError::WantsHttp1(_) => "Cohere cannot be reached",
        TransportError::Broken(_) => "the connection to Cohere broke before an answer came",
        TransportError::TooLarge(limit) => return too_large_answer(*limit),
    };
    let about = match error {
        TransportError::Connect(_) => About::Host,
        _ => About::Model,
    };
    let failure = GatewayError::new(Code::UpstreamUnreachable, message).with_detail(error);
    GatewayError { about, ..failure }
}

/// Classifies an answer of which the head came, and not the whole body.
pub fn from_broken_body(error: &TransportError) -> GatewayError {
    match error {
        TransportError::TooLarge(limit) => too_large_answer(*limit),
        TransportError::Connect(_)
        | TransportError::NotProcessed(_)
        | TransportError::WantsHttp1(_)
        | TransportError::Broken(_) => cut_short(&error.to_string()),
    }
}

fn too_large_answer(limit: usize) -> GatewayError {
    let message =
        format!("Cohere's answer is larger than the {limit} bytes the gateway reads into memory");
    GatewayError::new(Code::TooLarge, message)
}

/// Classifies an answer that stopped before its end.
pub fn cut_short(detail: &str) -> GatewayError {
    GatewayError::new(Code::UpstreamMalformed, "Cohere's answer broke off before its end")
        .with_detail(detail)
}

/// Classifies an answer of status 200 that is not what was asked for.
pub fn malformed_answer(detail: &str) -> GatewayError {
    GatewayError::new(Code::UpstreamMalformed, "Cohere's answer cannot be read").with_detail(detail)
}

/// Classifies a stream that Cohere ended with an error, as `message-end` or as an event of its own.
///
/// The same failure without streaming is a 422 with the same `error_type`; without one it is Cohere's own,
/// unless the event names a status.
pub fn from_stream_end(failure: &Refusal) -> GatewayError {
    let implied = if failure.error_type.is_some() { 422 } else { 500 };
    let mut failure = failure.clone();
    failure.message.get_or_insert_with(|| "Cohere ended the stream with an error".to_string());
    from_refusal(failure.status.unwrap_or(implied), failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

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
            (403, "no access to this model", Code::InvalidRequest),
            (407, "proxy", Code::InvalidRequest),
            (408, "too slow", Code::UpstreamTimeout),
            (498, "blocked input", Code::InvalidRequest),
            (499, "cancelled", Code::UpstreamError),
            (500, "oh", Code::UpstreamError),
            (503, "oh", Code::UpstreamError),
            (302, "", Code::UpstreamMalformed),
        ];
        for (status, message, code) in cases {
            let body = serde_json::json!({ "id": "i", "message": message }).to_string();
            let error = from_response(status, &HeaderMap::new(), body.as_bytes());
            assert_eq!(error.code, code, "{status}");
            let upstream = error.upstream.unwrap();
            assert_eq!((upstream.status, upstream.id.as_deref()), (status, Some("i")), "{status}");
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
    fn blocked_text_is_told_in_coheres_words() {
        let body = br#"{"id":"i","message":"blocked input: please adjust your prompt"}"#;
        let error = from_response(498, &HeaderMap::new(), body);
        assert_eq!((error.code, error.cause()), (Code::InvalidRequest, Cause::BadRequest));
        assert_eq!(error.message, "blocked input: please adjust your prompt");
    }

    #[test]
    fn refusal_of_a_proxy_is_not_the_callers() {
        for status in [403, 407] {
            for body in [&b"<html>Forbidden</html>"[..], b"Forbidden", b"", br#"{"error":"no"}"#] {
                let error = from_response(status, &HeaderMap::new(), body);
                assert_eq!(error.code, Code::UpstreamMalformed);
                assert!(error.message.contains(&status.to_string()), "{}", error.message);
            }
        }
    }

    #[test]
    fn error_in_a_stream_has_the_status_it_names() {
        for (text, status, code) in [
            (&br#"{"message":"no"}"#[..], 500, Code::UpstreamError),
            (br#"{"message":"no","error_type":"T"}"#, 422, Code::InvalidRequest),
            (br#"{"message":"no","status":498}"#, 498, Code::InvalidRequest),
            (br#"{"error":{"message":"no","code":429}}"#, 429, Code::RateLimited),
            (br#"{"message":"no","code":1020}"#, 500, Code::UpstreamError),
        ] {
            let error = from_stream_end(&Refusal::read(text));
            let found = (error.upstream.unwrap().status, error.code, error.message.as_str());
            assert_eq!(found, (status, code, "no"));
        }
    }

    #[test]
    fn only_a_call_that_was_not_sent_is_the_hosts() {
        let cause = |error: TransportError| from_transport(&error).cause();
        assert_eq!(cause(TransportError::Connect("refused".into())), Cause::Connect);
        for sent in [
            TransportError::Broken("reset".into()),
            TransportError::NotProcessed("goodbye".into()),
            TransportError::WantsHttp1("no".into()),
        ] {
            assert_eq!(cause(sent), Cause::Broken);
        }
    }

    #[test]
    fn cut_answer_is_not_called_unreachable() {
        let broken = TransportError::Broken("reset".into());
        assert_eq!(from_transport(&broken).code, Code::UpstreamUnreachable);
        let cut = from_broken_body(&broken);
        assert_eq!((cut.code, cut.cause()), (Code::UpstreamMalformed, Cause::Server));
        assert!(cut.message.contains("broke off"), "{}", cut.message);
        assert_eq!(from_broken_body(&TransportError::TooLarge(1)).code, Code::TooLarge);
    }

    fn read_retry_after(value: &str) -> Option<Duration> {
        let value = http::HeaderValue::from_str(value).unwrap();
        parse_retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value)]))
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(read_retry_after("2"), Some(Duration::from_secs(2)));
        assert_eq!(read_retry_after("0.5"), Some(Duration::from_millis(500)));
        assert!(read_retry_after(&"9".repeat(400)) > Some(Duration::from_secs(60)));
        for nonsense in ["-1", "soon", "", ".", "1.2.3", "NaN", "inf", "1e400"] {
            assert_eq!(read_retry_after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn retry_after_may_be_any_date_of_http() {
        for past in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(read_retry_after(past), Some(Duration::ZERO), "{past}");
        }
        for coming in ["Sat, 01 Jan 2135 00:00:00 GMT", "Sat Jan  1 00:00:00 2135"] {
            assert!(read_retry_after(coming).unwrap() > Duration::from_secs(60), "{coming}");
        }
        for none in ["Sun, 06 Nov 1994", "Sun, 99 Nov 1994 08:49:37 GMT", "06 Nov 1994 08:49:37"] {
            assert_eq!(read_retry_after(none), None, "{none}");
        }
    }
}
