//! A gateway of the test's own: the real function binaries behind the local API Gateway.

use crate::stub::{Certificate, Protocol, Stub, trusted_certificate};
use bytes::Bytes;
use local::build::Build;
use local::{Options, Output, Stack, Upstream};
use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock};

/// Obviously no key.
pub const FAKE_KEY: &str = "fake-cohere-key-for-tests";

/// A running gateway and what its functions wrote.
pub struct Running {
    pub gateway: Arc<Stack>,
    lines: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Returns the body as JSON; anything else fails the test.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Returns a header's text, empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
    }
}

/// Starts a gateway in front of `upstream`, with settings over the template's.
pub async fn start(upstream: Upstream, settings: &[(&str, &str)]) -> Running {
    start_within(upstream, settings, Options::default().max_environments).await
}

/// Starts a gateway whose functions have at most so many environments.
pub async fn start_within(
    upstream: Upstream,
    settings: &[(&str, &str)],
    max_environments: usize,
) -> Running {
    start_with(settings, Options { upstream, max_environments, ..Options::default() }).await
}

/// Starts a gateway with options of its own, on a free port.
pub async fn start_with(settings: &[(&str, &str)], options: Options) -> Running {
    let build = choose_build(&options.upstream);
    // Beside other gateways of the test, which must not wait for Cargo.
    tokio::task::spawn_blocking(move || build_functions(build))
        .await
        .expect("the functions' build");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let taken = lines.clone();
    let take = move |function: &str, line: &str| {
        if let Ok(mut lines) = taken.lock() {
            lines.push(format!("{function}: {line}"));
        }
    };
    let mut settings: Vec<_> =
        settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    if build == Build::TestCa {
        settings.push(("GATEWAY_TEST_CA".into(), trusted_certificate().into()));
    }
    let output = Output::To(Arc::new(take));
    let options = Options { port: Some(0), settings, build, output, ..options };
    // The HTTP client asks for a provider of TLS, which loopback then never uses.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gateway = local::start_stack(options).await.unwrap_or_else(|error| panic!("{error:#}"));
    Running { lines, ..Running::of(Arc::new(gateway)) }
}

/// Starts a gateway in front of an upstream at `url`.
pub async fn start_at(url: &str, settings: &[(&str, &str)]) -> Running {
    start(upstream_at(url), settings).await
}

/// Starts a stub and a gateway in front of it.
pub async fn start_with_stub(settings: &[(&str, &str)]) -> (Stub, Running) {
    start_with_stub_over(Protocol::Plain, settings).await
}

/// Starts a stub that speaks this protocol and a gateway in front of it.
pub async fn start_with_stub_over(
    protocol: Protocol,
    settings: &[(&str, &str)],
) -> (Stub, Running) {
    let stub = Stub::start_with(protocol, Certificate::Good).await;
    let running = start_at(&stub.url, settings).await;
    (stub, running)
}

/// Starts a stub and a gateway in front of it whose functions have one environment each.
pub async fn start_single_with_stub(settings: &[(&str, &str)]) -> (Stub, Running) {
    start_single_with_stub_over(Protocol::Plain, settings).await
}

/// Starts a stub that speaks this protocol and a gateway in front of it whose functions have one
/// environment each.
pub async fn start_single_with_stub_over(
    protocol: Protocol,
    settings: &[(&str, &str)],
) -> (Stub, Running) {
    let stub = Stub::start_with(protocol, Certificate::Good).await;
    let running = start_within(upstream_at(&stub.url), settings, 1).await;
    (stub, running)
}

/// Describes an upstream at `url` that takes the tests' key.
pub fn upstream_at(url: &str) -> Upstream {
    Upstream::Url { url: url.into(), key: FAKE_KEY.into() }
}

/// Chooses the function binaries: those in front of a stub with TLS trust its certificate.
fn choose_build(upstream: &Upstream) -> Build {
    match upstream {
        Upstream::Url { url, .. } if url.starts_with("https://localhost:") => Build::TestCa,
        Upstream::Url { .. } | Upstream::Sandbox => Build::Debug,
    }
}

/// Builds the function binaries, once in this process.
pub fn build_functions(build: Build) {
    static DEBUG: OnceLock<()> = OnceLock::new();
    static TEST_CA: OnceLock<()> = OnceLock::new();
    let built = if build == Build::TestCa { &TEST_CA } else { &DEBUG };
    built.get_or_init(|| {
        local::build::build_functions(build).unwrap_or_else(|error| panic!("{error:#}"))
    });
}

impl Running {
    /// Takes a gateway that was started elsewhere, where its functions' lines go too.
    pub fn of(gateway: Arc<Stack>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Running { gateway, lines: Arc::default(), client }
    }

    /// Prepares a request with the local client's token.
    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{path}", self.gateway.url))
            .header("authorization", format!("Bearer {}", self.gateway.token))
            .header("content-type", "application/json")
    }

    /// Prepares a request without a token.
    pub fn request_without_token(
        &self,
        method: http::Method,
        path: &str,
    ) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.gateway.url))
    }

    /// Posts a body and reads the whole answer.
    pub async fn send(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        read_answer(self.post(path).body(body)).await
    }

    /// Posts a body that must reach Cohere, whatever the cache holds, and reads the whole answer.
    pub async fn send_past_cache(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        read_answer(self.post(path).header("x-gateway-cache", "no-store").body(body)).await
    }

    /// Returns what the functions have written so far, each line with its function's name.
    pub fn read_lines(&self) -> Vec<String> {
        self.lines.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Ends every function and returns all that they wrote, to its end.
    pub async fn stop_and_read_lines(self) -> Vec<String> {
        self.gateway.stop().await;
        self.lines.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Waits until a function has written a line that holds `text`, at most 5 seconds.
    pub async fn wait_for_line(&self, text: &str) -> String {
        self.wait_for_line_with(&[text]).await
    }

    /// Waits for the line of the request with this id, at most 5 seconds.
    pub async fn wait_for_request(&self, id: &str) -> String {
        self.wait_for_line_with(&["\"event\":\"request_ended\"", id]).await
    }

    async fn wait_for_line_with(&self, texts: &[&str]) -> String {
        for _ in 0..500 {
            let mut lines = self.read_lines().into_iter();
            if let Some(line) = lines.find(|line| texts.iter().all(|text| line.contains(text))) {
                return line;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no line with {texts:?} in {:#?}", self.read_lines());
    }
}

/// Sends a request and reads the whole answer.
pub async fn read_answer(request: reqwest::RequestBuilder) -> Answer {
    let mut response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    Answer { status, headers, body: response.bytes().await.expect("a whole body") }
}
