//! What Cohere says to a key: whether it accepts it, and whether it is a trial key.
//!
//! The call that checks keys does not tell trial keys, but the headers of a chat do, also of a refused
//! one. A rate limit tells nothing, so another model is asked then: limits are per model. Of Cohere's
//! words nothing is passed on but the status.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde::Deserialize;
use shared::cohere::ping::{is_trial_answer, ping_body};
use shared::config::HealthConfig;
use shared::endpoint::Endpoint;
use shared::secrets::key::ApiKey;
use shared::transport::{Transport, TransportError};

/// What is known of a key in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyVerdict {
    Production,
    Trial,
    /// It will not be accepted later either.
    Refused(String),
    /// Nothing is known; the same question may be answered later.
    Unclear(String),
}

/// Asks Cohere. Scope: environment.
pub(crate) struct KeyCheck {
    transport: Transport,
    base_url: String,
    /// The light models, and the time of one call.
    config: HealthConfig,
}

/// An answer, read to its end.
struct CheckResponse {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Deserialize)]
struct Checked {
    valid: bool,
}

impl KeyCheck {
    pub(crate) fn new(transport: Transport, base_url: &str, config: HealthConfig) -> Self {
        Self { transport, base_url: base_url.to_string(), config }
    }

    pub(crate) async fn check_key(&self, key: &ApiKey) -> KeyVerdict {
        match self
            .send_request(key, "/v1/check-api-key", Bytes::new())
            .await
            .map(|answer| read_check(&answer))
        {
            Ok(Some(verdict)) => return verdict,
            Ok(None) => {}
            Err(problem) => return KeyVerdict::Unclear(problem),
        }
        let mut problem = String::new();
        for model in [&self.config.model, &self.config.fallback_model] {
            match self
                .send_request(key, Endpoint::Chat.path(), ping_body(model))
                .await
                .and_then(|answer| read_chat(&answer))
            {
                Ok(verdict) => return verdict,
                Err(unclear) => problem = unclear,
            }
        }
        KeyVerdict::Unclear(problem)
    }

    async fn send_request(
        &self,
        key: &ApiKey,
        path: &str,
        body: Bytes,
    ) -> Result<CheckResponse, String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base_url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, key.authorization.clone())
            .body(body)
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let mut answer = self.transport.send(request).await?;
            let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
            Ok(CheckResponse { status, headers, body: answer.collect().await? })
        };
        match tokio::time::timeout(self.config.timeout, exchange).await {
            Ok(answer) => answer.map_err(|error: TransportError| error.to_string()),
            Err(_) => {
                Err(format!("it does not answer within {} ms", self.config.timeout.as_millis()))
            }
        }
    }
}

/// Reads the answer of the call that checks keys; `None` means accepted.
fn read_check(answer: &CheckResponse) -> Option<KeyVerdict> {
    if let Some(refused) = read_refusal(answer.status) {
        return Some(refused);
    }
    match (answer.status, serde_json::from_slice(&answer.body)) {
        (200, Ok(Checked { valid: true })) => None,
        (200, Ok(Checked { valid: false })) => {
            Some(KeyVerdict::Refused("it says that it is not valid".into()))
        }
        (status, _) => Some(KeyVerdict::Unclear(format!("its check answers with status {status}"))),
    }
}

/// Reads the answer to a chat; what does not tell is an error.
fn read_chat(answer: &CheckResponse) -> Result<KeyVerdict, String> {
    if let Some(refused) = read_refusal(answer.status) {
        return Ok(refused);
    }
    if is_trial(answer) {
        return Ok(KeyVerdict::Trial);
    }
    match answer.status {
        // Refused for what was sent, and not for the key.
        200..=299 | 400 | 404 | 498 => Ok(KeyVerdict::Production),
        status => Err(format!("a chat answers with status {status}")),
    }
}

fn read_refusal(status: u16) -> Option<KeyVerdict> {
    let why = match status {
        401 | 403 => "the key is not accepted",
        402 => "its account has no payment",
        _ => return None,
    };
    Some(KeyVerdict::Refused(format!("status {status}, {why}")))
}

fn is_trial(answer: &CheckResponse) -> bool {
    is_trial_answer(answer.status, &answer.headers, &answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> CheckResponse {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        CheckResponse { status, headers, body: body.to_string().into() }
    }

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        assert_eq!(read_check(&answer(200, &[], r#"{"valid":true,"owner_id":"x"}"#)), None);
        for (status, body) in [(200, r#"{"valid":false}"#), (401, ""), (403, ""), (402, "{}")] {
            let verdict = read_check(&answer(status, &[], body));
            assert!(matches!(verdict, Some(KeyVerdict::Refused(_))), "{status}: {verdict:?}");
        }
        for (status, body) in
            [(200, "{}"), (200, "<html>"), (204, ""), (404, ""), (429, ""), (498, ""), (500, "")]
        {
            let verdict = read_check(&answer(status, &[], body));
            assert!(matches!(verdict, Some(KeyVerdict::Unclear(_))), "{status}: {verdict:?}");
        }
    }

    #[test]
    fn trial_key_is_known_by_headers_or_text() {
        let limit = ("x-trial-endpoint-call-limit", "20");
        for status in [200, 400, 404, 498] {
            assert_eq!(read_chat(&answer(status, &[limit], "{}")), Ok(KeyVerdict::Trial));
            assert_eq!(
                read_chat(&answer(status, &[("num_tokens", "3")], "{}")),
                Ok(KeyVerdict::Production)
            );
        }
        let monthly = ("x-endpoint-monthly-call-limit", "1000");
        assert_eq!(read_chat(&answer(200, &[monthly], "{}")), Ok(KeyVerdict::Trial));
        let text = "You are using a Trial key, which is limited to 20 API calls / minute";
        assert_eq!(read_chat(&answer(429, &[], text)), Ok(KeyVerdict::Trial));
        assert_eq!(
            read_chat(&answer(200, &[], text)),
            Ok(KeyVerdict::Production),
            "a model may say anything"
        );
    }

    #[test]
    fn unclear_answer_is_no_verdict() {
        for status in [422, 429, 499, 500, 503] {
            assert!(read_chat(&answer(status, &[], "please wait")).is_err(), "{status}");
        }
        assert!(matches!(read_chat(&answer(402, &[], "")), Ok(KeyVerdict::Refused(_))));
    }
}
