//! Settings of the connection to Cohere.

use super::reader::Reader;
use super::setting::{Form, MAX_MS, number, of_form, settings};
use std::net::IpAddr;
use std::time::Duration;

/// A URL to which a key may be sent.
pub(super) const URL: Form = Form {
    documented: "`https://…`, or `http://…` on loopback",
    required: "https://… is required, or http://… on loopback, without a user",
    takes: is_accepted_url,
};

settings! {
    /// The Cohere API.
    GATEWAY_UPSTREAM_URL = of_form(&URL, "https://api.cohere.com");
    /// Time to connect to Cohere.
    GATEWAY_CONNECT_TIMEOUT_MS = number(1, MAX_MS, "2000");
    /// How long an unused connection is kept: it may have died while Lambda froze the environment.
    GATEWAY_POOL_IDLE_SECS = number(0, 900, "30");
    /// Largest answer of Cohere that is read into memory (streams are not).
    GATEWAY_MAX_ANSWER_BYTES = number(1_000, 200_000_000, "48000000");
}

/// Settings of the HTTP client.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Base URL of the Cohere API, without a slash at its end: `GATEWAY_UPSTREAM_URL`.
    pub upstream_url: String,
    /// `GATEWAY_CONNECT_TIMEOUT_MS`
    pub connect_timeout: Duration,
    /// `GATEWAY_POOL_IDLE_SECS`
    pub pool_idle: Duration,
    /// `GATEWAY_MAX_ANSWER_BYTES`
    pub max_answer_bytes: usize,
    /// `GATEWAY_TEST_CA`: a certificate in DER that is trusted too.
    #[cfg(feature = "test-ca")]
    pub test_ca: Option<Vec<u8>>,
}

impl HttpConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        let upstream_url = reader.read_text(&GATEWAY_UPSTREAM_URL);
        Self {
            upstream_url: upstream_url.trim_end_matches('/').to_string(),
            connect_timeout: reader.read_millis(&GATEWAY_CONNECT_TIMEOUT_MS),
            pool_idle: reader.read_secs(&GATEWAY_POOL_IDLE_SECS),
            max_answer_bytes: reader.read_count(&GATEWAY_MAX_ANSWER_BYTES),
            #[cfg(feature = "test-ca")]
            test_ca: super::test_ca::read_test_ca(reader),
        }
    }
}

/// Tells whether a key may be sent there: encrypted, or never leaving this machine.
pub(super) fn is_accepted_url(value: &str) -> bool {
    let Ok(uri) = value.parse::<http::Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    // A port that is no number has none here, and keeps its colon.
    let has_bad_port = authority.port_u16().is_none() && authority.as_str() != authority.host();
    if authority.as_str().contains('@') || has_bad_port {
        return false;
    }
    match uri.scheme_str() {
        Some("https") => !authority.host().is_empty(),
        Some("http") => is_loopback(authority.host()),
        _ => false,
    }
}

/// Tells whether a host of a URL is this machine.
pub fn is_loopback(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in
            ["https://api.cohere.com", "http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"]
        {
            assert!(is_accepted_url(url), "{url}");
        }
        for url in [
            "http://10.0.0.1",
            "http://localhost.example.com",
            "ftp://localhost",
            "api.cohere.com",
            "https://",
            "https://user:word@api.cohere.com",
            "http://127.0.0.1:99999",
            "https://api.cohere.com:",
        ] {
            assert!(!is_accepted_url(url), "{url}");
        }
    }
}
