//! Reads a request of API Gateway: body, the headers that may go to Cohere, the caller's options.

use crate::clock::since_epoch;
use crate::config::LimitsConfig;
use crate::edge::event::{ApiGatewayEvent, AuthorizerContext, EventContext};
use crate::edge::header_value::to_request_value;
use crate::error::{Code, GatewayError, Result};
use crate::wire::dialect::Dialect;
use crate::wire::framing::Framing;
use crate::wire::stream_grammar::StreamGrammar;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::collections::BTreeMap;
use std::time::Duration;

/// Headers of the caller that go to Cohere, besides every `x-fern-*`; content type and authorization are ours.
const TO_COHERE: [&str; 4] = ["user-agent", "x-client-name", "request-source", "traceparent"];

/// The end of a route that takes all paths below it.
const GREEDY: &str = "{proxy+}";

/// Shortest time a caller may ask for.
const MIN_TIMEOUT_MS: u64 = 100;

/// A request before anything in it is judged.
#[derive(Debug)]
pub struct Incoming {
    /// API Gateway's id, the one in its access log.
    pub request_id: String,
    /// What the authorizer has said of the caller.
    pub authorizer: Option<AuthorizerContext>,
    pub method: Method,
    /// The path of a greedy route's request, decoded; empty at other routes.
    pub path: String,
    /// The query of such a request, decoded.
    pub query: BTreeMap<String, Vec<String>>,
    /// The dialect of the route that was called.
    pub dialect: Dialect,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What Lambda leaves for this invocation.
    pub invocation_left: Duration,
}

/// What a caller asks for in headers of the gateway's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// `x-gateway-cache: no-store`
    pub no_store: bool,
    /// `x-gateway-fallback: allow` or `deny`
    pub fallback: Option<bool>,
    /// `x-gateway-timeout-ms`
    pub timeout: Option<Duration>,
}

impl RequestOptions {
    const CACHE: &str = "x-gateway-cache";
    const FALLBACK: &str = "x-gateway-fallback";
    const TIMEOUT: &str = "x-gateway-timeout-ms";

    /// The headers that they are read from.
    pub const HEADERS: [&str; 3] = [Self::CACHE, Self::FALLBACK, Self::TIMEOUT];
}

impl Incoming {
    /// Reads an event of API Gateway, in an invocation that ends at `deadline_ms` since 1970.
    ///
    /// `invocation_id` stands in for API Gateway's id where the event has none.
    pub fn new(event: &str, invocation_id: &str, deadline_ms: u64) -> Self {
        let mut event = ApiGatewayEvent::parse(event);
        let headers = event.read_headers();
        let body = event.take_body();
        let method = event.http_method.as_deref().unwrap_or_default();
        let resource = event.resource.as_deref().unwrap_or_default();
        let (path, query) = match resource.strip_suffix(GREEDY) {
            Some(prefix) => (prefix.to_string() + &event.read_greedy_path(), event.read_query()),
            None => Default::default(),
        };
        let (method, dialect) =
            (method.parse().unwrap_or_default(), Dialect::of_resource(resource));
        let EventContext { request_id, authorizer } = event.request_context;
        Self {
            request_id: request_id.unwrap_or_else(|| invocation_id.to_string()),
            authorizer,
            method,
            path,
            query,
            dialect,
            headers,
            body,
            invocation_left: Duration::from_millis(deadline_ms).saturating_sub(since_epoch()),
        }
    }

    /// Checks the size of the body.
    ///
    /// # Errors
    /// `too_large` with the limit.
    pub fn check_size(&self, limits: &LimitsConfig) -> Result<()> {
        let (size, limit) = (self.body.len(), limits.max_body_bytes);
        if size > limit {
            let message = format!("body: at most {limit} bytes are taken, got {size}");
            return Err(GatewayError::new(Code::TooLarge, message));
        }
        Ok(())
    }

    /// Checks that the body is not compressed.
    ///
    /// # Errors
    /// `invalid_request` naming the encoding's header.
    pub fn check_encoding(&self) -> Result<()> {
        let encodings = self.headers.get_all(header::CONTENT_ENCODING).iter();
        for encoding in encodings {
            if !encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity") {
                let problem = "must be absent: compressed bodies are not taken";
                return Err(GatewayError::invalid("content-encoding", problem));
            }
        }
        Ok(())
    }

    /// Reads the caller's options; `longest` is the most time this request may have.
    ///
    /// # Errors
    /// `invalid_request` naming the header and what it takes.
    pub fn read_options(&self, longest: Duration) -> Result<RequestOptions> {
        Ok(RequestOptions {
            no_store: self.read_choice(RequestOptions::CACHE, &["no-store"])?.is_some(),
            fallback: self
                .read_choice(RequestOptions::FALLBACK, &["allow", "deny"])?
                .map(|choice| choice == "allow"),
            timeout: self.read_timeout(longest)?,
        })
    }

    /// Returns the value of an option; two of them could mean two things.
    fn read_single(&self, name: &'static str) -> Result<Option<&HeaderValue>> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next();
        match values.next() {
            Some(_) => Err(GatewayError::invalid(name, "stands twice in the request")),
            None => Ok(first),
        }
    }

    fn read_choice(
        &self,
        name: &'static str,
        accepted: &[&'static str],
    ) -> Result<Option<&'static str>> {
        let Some(value) = self.read_single(name)? else { return Ok(None) };
        match accepted.iter().find(|choice| value.as_bytes() == choice.as_bytes()) {
            Some(choice) => Ok(Some(choice)),
            None => {
                Err(GatewayError::invalid(name, format_args!("must be {}", accepted.join(" or "))))
            }
        }
    }

    fn read_timeout(&self, longest: Duration) -> Result<Option<Duration>> {
        const NAME: &str = RequestOptions::TIMEOUT;
        let Some(value) = self.read_single(NAME)? else { return Ok(None) };
        let longest = longest.as_millis() as u64;
        let millis = value.to_str().ok().and_then(|text| text.parse().ok());
        match millis.filter(|millis| (MIN_TIMEOUT_MS..=longest).contains(millis)) {
            Some(millis) => Ok(Some(Duration::from_millis(millis))),
            None => {
                let problem =
                    format_args!("must be a whole number from {MIN_TIMEOUT_MS} to {longest}")
                        .to_string();
                Err(GatewayError::invalid(NAME, problem))
            }
        }
    }

    /// Returns the form in which the caller reads a stream: v2's lines only where it names JSON and no events,
    /// v1's events only where it names them.
    pub fn read_framing(&self, form: StreamGrammar) -> Framing {
        let lists = self.headers.get_all(header::ACCEPT).iter();
        let ranges = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
        let ranges: Vec<_> = ranges.map(MediaRange::parse).collect();
        let names = |range: &MediaRange| ranges.contains(range);
        let is_lines = match form {
            StreamGrammar::Completions => false,
            StreamGrammar::V1Chat => !names(&MediaRange::Events),
            StreamGrammar::Chat => {
                let takes_events = names(&MediaRange::Events) || names(&MediaRange::Any);
                names(&MediaRange::Json) && !takes_events
            }
        };
        if is_lines { Framing::Lines } else { Framing::Events }
    }

    /// Copies the headers that may go to Cohere; never the caller's authorization, cookies or hops.
    pub fn headers_for_cohere(&self) -> HeaderMap {
        let mut headers: HeaderMap<HeaderValue> = HeaderMap::new();
        for (name, value) in &self.headers {
            if is_for_cohere(name) {
                headers.insert(name.clone(), to_request_value(value));
            }
        }
        headers
    }
}

/// What one part of an `Accept` header says of a stream.
#[derive(PartialEq)]
enum MediaRange {
    /// Server-sent events, by name.
    Events,
    /// A wildcard that takes them.
    Any,
    Json,
    /// Another type, or one that is refused by `q=0`.
    Other,
}

impl MediaRange {
    fn parse(range: &[u8]) -> Self {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        if parts.any(is_refusal) {
            return MediaRange::Other;
        }
        let is = |kind: &[u8]| name.eq_ignore_ascii_case(kind);
        match () {
            () if is(b"text/event-stream") => MediaRange::Events,
            () if is(b"text/*") || is(b"*/*") => MediaRange::Any,
            () if is(b"application/json") => MediaRange::Json,
            () => MediaRange::Other,
        }
    }
}

/// Tells whether a parameter is a quality of zero.
fn is_refusal(parameter: &[u8]) -> bool {
    let (name, value) = parameter.split_at(parameter.len().min(2));
    name.eq_ignore_ascii_case(b"q=")
        && !value.is_empty()
        && value.iter().all(|byte| matches!(byte, b'0' | b'.'))
}

fn is_for_cohere(name: &HeaderName) -> bool {
    TO_COHERE.contains(&name.as_str()) || name.as_str().starts_with("x-fern-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(headers: &[(&'static str, &'static str)]) -> Incoming {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Incoming {
            request_id: String::new(),
            authorizer: None,
            method: Method::POST,
            path: String::new(),
            query: BTreeMap::new(),
            dialect: Dialect::V2,
            headers: headers.collect(),
            body: Bytes::new(),
            invocation_left: Duration::MAX,
        }
    }

    #[test]
    fn only_listed_headers_go_to_cohere() {
        let request = incoming(&[
            ("authorization", "Bearer fake"),
            ("cookie", "a=b"),
            ("accept-encoding", "gzip"),
            ("x-forwarded-for", "1.2.3.4"),
            ("connection", "close"),
            ("x-gateway-cache", "no-store"),
            ("user-agent", "cohere/7"),
            ("x-fern-language", "Python"),
            ("x-client-name", "me"),
            ("request-source", "x"),
            ("traceparent", "00-x"),
        ]);
        let sent = request.headers_for_cohere();
        let mut names: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["request-source", "traceparent", "user-agent", "x-client-name", "x-fern-language"]
        );
    }

    #[test]
    fn options_are_read_and_bad_ones_refused() {
        let longest = Duration::from_secs(60);
        let read = |name, value| incoming(&[(name, value)]).read_options(longest);
        assert!(read("x-gateway-cache", "no-store").unwrap().no_store);
        assert_eq!(read("x-gateway-fallback", "deny").unwrap().fallback, Some(false));
        assert_eq!(
            read("x-gateway-timeout-ms", "100").unwrap().timeout,
            Some(Duration::from_millis(100))
        );
        let problem = |name, value| read(name, value).unwrap_err().message;
        assert_eq!(
            problem("x-gateway-cache", "off"),
            "invalid request: x-gateway-cache: must be no-store"
        );
        assert_eq!(
            problem("x-gateway-fallback", ""),
            "invalid request: x-gateway-fallback: must be allow or deny"
        );
        for bad in ["99", "60001", "-1", "1.5", "soon", ""] {
            assert_eq!(
                problem("x-gateway-timeout-ms", bad),
                "invalid request: x-gateway-timeout-ms: must be a whole number from 100 to 60000"
            );
        }
    }

    #[test]
    fn option_that_stands_twice_is_refused() {
        for (name, values) in [
            ("x-gateway-cache", ["no-store", "no-store"]),
            ("x-gateway-fallback", ["allow", "deny"]),
            ("x-gateway-timeout-ms", ["500", "soon"]),
        ] {
            let mut request = incoming(&[]);
            for value in values {
                request.headers.append(name, HeaderValue::from_static(value));
            }
            let error = request.read_options(Duration::from_secs(60)).unwrap_err();
            assert_eq!(
                error.message,
                format!("invalid request: {name}: stands twice in the request")
            );
        }
    }

    #[test]
    fn compressed_body_is_refused() {
        let check = |encoding| incoming(&[("content-encoding", encoding)]).check_encoding();
        for encoding in ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"] {
            assert_eq!(
                check(encoding).unwrap_err().message,
                "invalid request: content-encoding: must be absent: compressed bodies are not taken"
            );
        }
        assert_eq!((check("Identity"), incoming(&[]).check_encoding()), (Ok(()), Ok(())));
    }

    #[test]
    fn body_over_the_limit_is_refused_with_both_numbers() {
        let limits = LimitsConfig {
            max_body_bytes: 3,
            retry_after_max: Duration::ZERO,
            embed_max_inputs: 0,
            embed_max_answer_bytes: 0,
        };
        let mut request = incoming(&[]);
        request.body = Bytes::from_static(b"abc");
        assert_eq!(request.check_size(&limits), Ok(()));
        request.body = Bytes::from_static(b"abcd");
        let error = request.check_size(&limits).unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::TooLarge, "body: at most 3 bytes are taken, got 4")
        );
    }

    #[test]
    fn lines_are_for_who_names_json_and_no_events() {
        for (accept, framing) in [
            (&["application/json"][..], Framing::Lines),
            (&["Application/JSON; charset=utf-8"], Framing::Lines),
            (&["application/json, text/event-stream;q=0"], Framing::Lines),
            (&["text/plain", "application/json"], Framing::Lines),
            (&["application/json, text/event-stream"], Framing::Events),
            (&["application/json", "*/*"], Framing::Events),
            (&["application/json, */*;q=0.1"], Framing::Events),
            (&["application/json, text/*"], Framing::Events),
            (&["application/json;q=0.0"], Framing::Events),
            (&["*/*"], Framing::Events),
            (&["application/*"], Framing::Events),
            (&["", "q=0"], Framing::Events),
            (&[], Framing::Events),
        ] {
            let mut incoming = incoming(&[]);
            for value in accept {
                incoming.headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(incoming.read_framing(StreamGrammar::Chat), framing, "{accept:?}");
            assert_eq!(incoming.read_framing(StreamGrammar::Completions), Framing::Events);
        }
    }

    #[test]
    fn events_of_v1_are_for_who_names_them() {
        for (accept, framing) in [
            ("text/event-stream", Framing::Events),
            ("application/json, text/event-stream;q=0.5", Framing::Events),
            ("*/*", Framing::Lines),
            ("application/json", Framing::Lines),
            ("text/event-stream;q=0", Framing::Lines),
        ] {
            let incoming = incoming(&[("accept", accept)]);
            assert_eq!(incoming.read_framing(StreamGrammar::V1Chat), framing, "{accept}");
        }
    }

    #[test]
    fn greedy_route_gives_path_and_query() {
        let event = r#"{"resource":"/v1/{proxy+}","httpMethod":"GET","path":"/base/v1/models/m",
            "pathParameters":{"proxy":"models/m"},"multiValueQueryStringParameters":{"a":["1"]}}"#;
        let incoming = Incoming::new(event, "id", 0);
        assert_eq!((&incoming.method, incoming.path.as_str()), (&Method::GET, "/v1/models/m"));
        assert_eq!((incoming.query.len(), incoming.dialect), (1, Dialect::V2));
        let other = Incoming::new(r#"{"resource":"/v1/embed","httpMethod":"POST"}"#, "id", 0);
        assert_eq!((other.path.as_str(), other.dialect), ("", Dialect::V1));
    }
}
