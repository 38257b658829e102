//! What a browser is told before and after a web page of another origin calls: who may, and what it may see.
//!
//! A page has no cookie here, only a token that it sends itself, so that credentials are never allowed. An
//! origin that is not listed is told nothing, and its browser then sends no request.

use crate::config::CorsConfig;
use crate::edge::response::{Body, single_chunk};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// Headers that a page may send: those of the contract, and those that the SDKs add by themselves.
const ALLOWED_HEADERS: &str = "authorization, content-type, accept, user-agent, x-client-name, request-source, \
    traceparent, x-fern-language, x-fern-sdk-name, x-fern-sdk-version, x-fern-runtime, \
    x-fern-runtime-version, x-gateway-cache, x-gateway-fallback, x-gateway-timeout-ms, x-stainless-arch, \
    x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, \
    x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout";

/// Headers of an answer that a page may read, besides the few that every page may.
pub const EXPOSED_HEADERS: &str = "retry-after, server-timing, x-api-warning, x-request-id, x-gateway-model, \
    x-gateway-fallback-from, x-gateway-attempts, x-gateway-cache, x-gateway-max-tokens, x-debug-trace-id, \
    num_tokens, num_chars, x-endpoint-monthly-call-limit, x-trial-endpoint-call-limit, \
    x-trial-endpoint-call-remaining";

/// Seconds that a browser remembers the answer to a preflight: the most that Chromium takes.
const MAX_AGE_SECS: u32 = 7_200;

/// Where a request may come from.
pub enum WebPage {
    /// No page may call: nothing is said, to nobody.
    Unasked,
    /// No page, or one that is not listed.
    Unlisted,
    /// A page of this listed origin.
    Listed(HeaderValue),
}

impl WebPage {
    /// Looks up the origin that a browser names.
    pub fn of_request(headers: &HeaderMap, config: &CorsConfig) -> Self {
        if config.origins.is_empty() {
            return Self::Unasked;
        }
        let is_listed = |origin: &&HeaderValue| {
            config.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
        };
        match headers.get(header::ORIGIN).filter(is_listed) {
            Some(origin) => Self::Listed(origin.clone()),
            None => Self::Unlisted,
        }
    }

    /// Answers a browser that asks whether the page may call.
    pub fn answer_preflight(&self) -> Response<Body> {
        let mut response = Response::new(single_chunk(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Self::Listed(_) = self {
            let headers = response.headers_mut();
            set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
            set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_SECS));
        }
        response
    }

    /// Tells the browser of a listed origin that its page may read an answer.
    pub fn add_headers(self, headers: &mut HeaderMap) {
        if let Self::Unasked = self {
            return;
        }
        // Caches must not give one page the answer to another.
        set(headers, header::VARY, "Origin");
        if let Self::Listed(origin) = self {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::request::RequestOptions;
    use crate::edge::response::{FROM_COHERE, OwnHeader};

    fn answer(origins: &[&str], origin: Option<&'static str>) -> HeaderMap {
        let config = CorsConfig { origins: origins.iter().map(|text| text.to_string()).collect() };
        let mut asked = HeaderMap::new();
        asked.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
        let page = WebPage::of_request(&asked, &config);
        let mut response = page.answer_preflight();
        page.add_headers(response.headers_mut());
        response.headers().clone()
    }

    #[test]
    fn listed_origin_alone_is_told_that_it_may() {
        let listed = ["https://a.example", "http://localhost:3000"];
        for origin in listed {
            let headers = answer(&listed, Some(origin));
            assert_eq!(
                (&headers["access-control-allow-origin"], &headers["vary"]),
                (&origin.parse().unwrap(), &"Origin".parse().unwrap())
            );
            assert_eq!(headers["access-control-allow-methods"], "GET, POST");
            assert_eq!(headers["access-control-max-age"], "7200");
        }
        for origin in
            [Some("https://b.example"), Some("null"), Some("https://a.example.evil.example"), None]
        {
            let headers = answer(&listed, origin);
            assert_eq!(headers.len(), 1, "{headers:?}");
            assert_eq!(headers["vary"], "Origin");
        }
        assert!(answer(&[], Some("https://a.example")).is_empty());
    }

    #[test]
    fn lists_have_every_header_of_the_contract() {
        for option in RequestOptions::HEADERS {
            assert!(ALLOWED_HEADERS.contains(option), "{option}");
        }
        let own = OwnHeader::ALL.map(OwnHeader::name);
        for name in own.into_iter().chain(FROM_COHERE).filter(|name| *name != "content-type") {
            assert!(EXPOSED_HEADERS.contains(name), "{name}");
        }
    }
}
