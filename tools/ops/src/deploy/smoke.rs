//! The smoke test: the health check with a token, then one tiny request of each endpoint.

use crate::aws::Session;
use crate::problem::explain_silence;
use anyhow::{anyhow, bail};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A request may take so many times as long as a question; the functions' own times are shorter for these.
const LIMITS: u32 = 2;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// As health answers it, and as a release records it.
pub const KEY_MISSING: &str = "key_missing";

/// What the gateway answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Ok,
    /// Nobody has given it a Cohere key yet.
    KeyMissing,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::KeyMissing => KEY_MISSING,
        }
    }
}

/// A request of the test.
struct Probe {
    method: Method,
    path: &'static str,
    body: String,
}

/// An answer; a body that is no JSON is null.
struct Answer {
    status: u16,
    body: Value,
}

/// Sends every request; a new API needs a while until it answers, which is waited for, as is the end of a health
/// check's memory where there is a key by now.
pub async fn try_gateway(
    session: &Session,
    url: &str,
    token: &str,
    has_key: bool,
    wait: Duration,
) -> anyhow::Result<Verdict> {
    let gateway = Gateway { session, url, token, has_key, until: Instant::now() + wait };
    for probe in probes() {
        let answer = gateway.send_until_served(&probe).await?;
        if answer.body["status"] == KEY_MISSING {
            return Ok(Verdict::KeyMissing);
        }
        if answer.status != 200 {
            bail!("{} {}: {}", probe.method, probe.path, explain(&answer));
        }
    }
    Ok(Verdict::Ok)
}

/// Returns the requests; chat and rerank have the model that the gateway gives them.
fn probes() -> [Probe; 5] {
    let get = |path| Probe { method: Method::GET, path, body: String::new() };
    let post = |path, body: Value| Probe { method: Method::POST, path, body: body.to_string() };
    let chat = json!({
        "messages": [{ "role": "user", "content": "smoke test" }],
        "max_tokens": 1,
    });
    let embed = json!({
        "model": "embed-v4.0",
        "input_type": "search_query",
        "embedding_types": ["float"],
        "texts": ["smoke test"],
    });
    let rerank = json!({ "query": "smoke test", "documents": ["smoke", "test"] });
    [
        get("/api/health/check"),
        post("/v2/chat", chat),
        post("/v2/embed", embed),
        post("/v2/rerank", rerank),
        get("/v1/models"),
    ]
}

struct Gateway<'a> {
    session: &'a Session,
    url: &'a str,
    token: &'a str,
    has_key: bool,
    until: Instant,
}

impl Gateway<'_> {
    async fn send_until_served(&self, probe: &Probe) -> anyhow::Result<Answer> {
        loop {
            let answer = self.send(probe).await;
            let may_change = match &answer {
                Ok(answer) => self.may_change(answer),
                Err(_) => true,
            };
            if !may_change || Instant::now() + PAUSE > self.until {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Tells whether a later answer may be another one: of an API that has just been made, of Cohere, or where API Gateway
    /// remembers for a minute what an authorizer has said that is not live any more.
    fn may_change(&self, answer: &Answer) -> bool {
        if answer.body["status"] == KEY_MISSING {
            return self.has_key;
        }
        matches!(answer.status, 401 | 403 | 404 | 429) || answer.status >= 500
    }

    async fn send(&self, probe: &Probe) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(&probe.method)
            .uri(format!("{}{}", self.url, probe.path))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Bytes::from(probe.body.clone()))
            .map_err(|_| anyhow!("{} is no URL", self.url))?;
        let exchange = async {
            let response = self.session.transport.send(request).await?;
            Ok::<_, shared::transport::TransportError>((response.status, response.collect().await?))
        };
        let limit = self.session.limit * LIMITS;
        let exchanged = tokio::time::timeout(limit, exchange).await;
        let (status, text) = exchanged
            .map_err(|_| anyhow!("{} {}: {}", probe.method, probe.path, explain_silence(limit)))?
            .map_err(|error| anyhow!("{} {}: {error}", probe.method, probe.path))?;
        Ok(Answer { status, body: serde_json::from_slice(&text).unwrap_or_default() })
    }
}

/// Says what an answer means for whoever deploys.
fn explain(answer: &Answer) -> String {
    let text = |name: &str| answer.body[name].as_str().unwrap_or_default();
    let said = match (text("code"), text("message")) {
        ("", _) => {
            format!("Cohere is {}", answer.body["cohere"]["status"].as_str().unwrap_or("not told"))
        }
        (code, message) => format!("{code}: {message}"),
    };
    format!("{}, {said}", answer.status)
}
