//! The sandbox, with the gateway before it and without: what the one gives is measured by the other.

use crate::gateway::{self, Answer, Running, read_answer};
use local::Upstream;
use local::cohere_sandbox::Key;
use serde_json::Value;

/// Obviously no key.
const KEY: &str = "fake-key-for-calls-without-the-gateway";

/// A gateway in front of the sandbox, and a way around it.
pub struct SandboxPair {
    pub running: Running,
    client: reqwest::Client,
}

impl SandboxPair {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let running = gateway::start_within(Upstream::Sandbox, settings, 1).await;
        let sandbox = running.gateway.sandbox.as_ref().expect("the sandbox is the upstream");
        sandbox.accept_key(Key { value: KEY.into(), trial: false });
        Self { running, client: reqwest::Client::builder().no_proxy().build().expect("a client") }
    }

    /// Sends a request to the sandbox, without the gateway.
    pub async fn send_directly(&self, path: &str, body: &Value) -> Answer {
        let request = self.client.post(format!("{}{path}", self.running.gateway.upstream_url));
        let request = request.bearer_auth(KEY).header("content-type", "application/json");
        let answer = read_answer(request.body(body.to_string())).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer
    }

    /// Sends a request to the gateway; checks the number of calls and the state of the cache.
    pub async fn send_through(
        &self,
        path: &str,
        body: &Value,
        calls: usize,
        cache: &str,
    ) -> Answer {
        self.send_counted(self.running.post(path), body, calls, cache).await
    }

    /// Sends a request that is neither answered from the cache nor put into it.
    pub async fn send_past_cache(&self, path: &str, body: &Value, calls: usize) -> Answer {
        let request = self.running.post(path).header("x-gateway-cache", "no-store");
        self.send_counted(request, body, calls, "bypass").await
    }

    async fn send_counted(
        &self,
        request: reqwest::RequestBuilder,
        body: &Value,
        calls: usize,
        cache: &str,
    ) -> Answer {
        let before = self.count_requests();
        let answer = read_answer(request.body(body.to_string())).await;
        let shown = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]);
        assert_eq!(answer.status, 200, "{shown}");
        assert_eq!(self.count_requests() - before, calls, "calls of the sandbox");
        assert_eq!(answer.header("x-gateway-attempts"), calls.to_string());
        assert_eq!(answer.header("x-gateway-cache"), cache);
        answer
    }

    fn count_requests(&self) -> usize {
        self.running.gateway.sandbox.as_ref().map_or(0, |sandbox| sandbox.requests().len())
    }
}
