//! A gateway whose key and token are marked, and the look at each answer.

use super::marked::{KEY, SECRET, TEXT, TOKEN};
use super::search::Search;
use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::stub::Stub;
use local::{Options, Upstream};
use std::collections::BTreeSet;
use std::time::Duration;

/// Headers that a caller may send, with what is never to be told.
const CALLERS_HEADERS: [(&str, &str); 9] = [
    ("user-agent", "zqxtext-agent/1"),
    ("x-client-name", "zqxtext-name"),
    ("traceparent", "zqxtext-not-a-trace"),
    ("cookie", "session=zqxsecret-cookie"),
    ("x-zqxtext-header", "zqxtext"),
    ("x-forwarded-for", "zqxtext, 203.0.113.7"),
    ("x-fern-language", "zqxtext"),
    ("referer", "https://zqxtext.example/zqxtext"),
    ("x-api-key", "zqxsecret-another-key"),
];

/// Headers of Cohere that are passed on as they are, but for the key.
const PASSED_HEADERS: [&str; 3] = ["num_tokens", "x-api-warning", "x-debug-trace-id"];

/// Small limits, so that nothing waits and everything can be reached.
const SETTINGS: [(&str, &str); 9] = [
    ("GATEWAY_FALLBACKS", "none"),
    ("GATEWAY_BREAKER_FAILURES", "1000000"),
    ("GATEWAY_BAD_KEY_MS", "0"),
    ("GATEWAY_KEY_REFRESH_MS", "0"),
    ("GATEWAY_MAX_BODY_BYTES", "20000"),
    ("GATEWAY_STREAM_IDLE_TIMEOUT_MS", "200"),
    ("GATEWAY_SECRET_TIMEOUT_MS", "500"),
    ("GATEWAY_MAX_ANSWER_BYTES", "1000000"),
    ("GATEWAY_CONNECT_TIMEOUT_MS", "500"),
];

/// What an answer may repeat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum May {
    /// Nothing of what was sent.
    RepeatNothing,
    /// The caller's own text: Cohere's words about the request are passed on, and names of the caller's fields.
    RepeatText,
}

pub struct Suite {
    pub running: Running,
    pub stub: Stub,
    text: Search,
    secret: Search,
    /// Codes of the errors so far.
    codes: BTreeSet<String>,
    request_ids: Vec<String>,
}

impl Suite {
    pub async fn start(rust_log: Option<&str>) -> Self {
        let stub = Stub::start().await;
        let upstream = Upstream::Url { url: stub.url.clone(), key: KEY.into() };
        let options =
            Options { upstream, token: TOKEN.into(), max_environments: 4, ..Options::default() };
        let rust_log = rust_log.map(|level| ("RUST_LOG", level));
        let settings: Vec<_> = SETTINGS.into_iter().chain(rust_log).collect();
        let running = gateway::start_with(&settings, options).await;
        let (text, secret) = (Search::of(TEXT), Search::of(SECRET));
        Self { running, stub, text, secret, codes: BTreeSet::new(), request_ids: Vec::new() }
    }

    /// Posts a body with marked headers and looks at the answer.
    pub async fn post(&mut self, path: &str, body: impl Into<Vec<u8>>, may: May) -> Answer {
        let body = body.into();
        let shown = format!("{path} {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        let request = self.running.post(path).body(body).header("x-gateway-timeout-ms", "900");
        self.send(request, &shown, may).await
    }

    /// Sends a request with marked headers and looks at the answer.
    pub async fn send(
        &mut self,
        mut request: reqwest::RequestBuilder,
        shown: &str,
        may: May,
    ) -> Answer {
        for (name, value) in CALLERS_HEADERS {
            request = request.header(name, value);
        }
        let answer = read_answer(request.timeout(Duration::from_secs(10))).await;
        self.look_at(&answer, shown, may);
        answer
    }

    fn look_at(&mut self, answer: &Answer, shown: &str, may: May) {
        let headers = format!("{:?}", answer.headers);
        self.assert_no_secret(headers.as_bytes(), shown);
        self.assert_no_secret(&answer.body, shown);
        if answer.status >= 400 {
            let code = answer.json()["code"]
                .as_str()
                .unwrap_or_else(|| panic!("{shown}: {answer:?}"))
                .to_string();
            self.codes.insert(code);
            let ours =
                answer.headers.iter().filter(|(name, _)| !PASSED_HEADERS.contains(&name.as_str()));
            let ours = format!("{:?}", ours.collect::<Vec<_>>());
            let found =
                self.text.found_in(&answer.body).or_else(|| self.text.found_in(ours.as_bytes()));
            assert!(may == May::RepeatText || found.is_none(), "{shown}: {found:?}");
        }
        self.request_ids.push(answer.header("x-request-id").to_string());
    }

    pub fn assert_no_secret(&self, bytes: &[u8], shown: &str) {
        let found = self.secret.found_in(bytes);
        assert_eq!(found, None, "a secret in the answer to {shown}");
    }

    /// Ends everything and searches all that was written.
    pub async fn finish(self) {
        let lines = self.running.stop_and_read_lines().await;
        let all = lines.join("\n").into_bytes();
        for (what, search) in [("a text", &self.text), ("a secret", &self.secret)] {
            assert_eq!(search.found_in(&all), None, "{what} in the log");
        }
        // What is logged on purpose is found by the same search.
        let requests = lines.iter().filter(|line| line.contains("\"message\":\"request\"")).count();
        assert!(requests > 100, "only {requests} requests were logged");
        for id in self.request_ids.iter().filter(|id| !id.is_empty()).step_by(10) {
            assert!(Search::of(id).found_in(&all).is_some(), "{id} is not in the log");
        }
        for place in [
            "shared/src/panic_on_request.rs:",
            "another crate's event",
            "\"message\":\"rotation\"",
            "\"message\":\"probe\"",
        ] {
            assert!(Search::of(place).found_in(&all).is_some(), "{place:?} is not in the log");
        }
        for code in [
            "invalid_request",
            "unauthorized",
            "not_found",
            "too_large",
            "rate_limited",
            "quota_exhausted",
            "internal",
            "upstream_auth",
            "upstream_billing",
            "upstream_malformed",
            "upstream_error",
            "upstream_unreachable",
            "key_missing",
            "deadline",
        ] {
            assert!(self.codes.contains(code), "no answer was {code}: {:?}", self.codes);
        }
    }
}
