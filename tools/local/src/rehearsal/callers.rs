//! Callers of a rehearsal: a steady stream of requests of every kind, by many clients.

use super::clock::{MINUTE, ScaledClock};
use crate::secrets_manager::{CLIENTS, SYNTHETIC_CLIENT, SecretsManager};
use serde_json::{Value, json};
use shared::secrets::token::{TOKEN_PREFIX, hash_token_as_hex};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Many, because API Gateway remembers for a while what the authorizer has said of each.
const CLIENT_COUNT: usize = 40;
/// Requests that may run at once; what comes while so many run is not sent.
const MOST_RUNNING: usize = 64;
/// For the whole answer; what takes longer has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Called {
    /// When it was sent.
    pub(super) at: Duration,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Served,
    /// 401 or 403.
    Denied,
    /// 429.
    Throttled,
    /// A status from 500 on, a stream without its end, or no answer.
    Failed,
}

/// Where requests go, and the clients that send them.
pub(super) struct Callers {
    url: String,
    tokens: Vec<String>,
    client: reqwest::Client,
    called: Mutex<Vec<Called>>,
    sent: AtomicUsize,
    clock: ScaledClock,
}

/// Callers at work, until this is stopped.
pub(super) struct Traffic {
    task: JoinHandle<()>,
    callers: Arc<Callers>,
    per_minute: u32,
    begun: Duration,
}

impl Callers {
    /// Makes the clients and writes their list, the synthetic one with its token in it too.
    pub(super) fn register(
        url: &str,
        secrets: &SecretsManager,
        clock: ScaledClock,
    ) -> anyhow::Result<Callers> {
        // The client asks for a provider of TLS, which loopback never uses.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let callers = Callers {
            url: url.to_owned(),
            tokens: (0..CLIENT_COUNT).map(|_| new_token()).collect(),
            client: reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?,
            called: Mutex::default(),
            sent: AtomicUsize::new(0),
            clock,
        };
        let synthetic = new_token();
        secrets.put(SYNTHETIC_CLIENT, &synthetic);
        let mut clients = vec![describe_client("synthetic", &synthetic)];
        for (number, token) in callers.tokens.iter().enumerate() {
            clients.push(describe_client(&format!("client-{number}"), token));
        }
        secrets.put(CLIENTS, &json!({ "clients": clients }).to_string());
        Ok(callers)
    }

    /// Sends so many requests a minute from now on.
    pub(super) fn start(self: Arc<Self>, per_minute: u32) -> Traffic {
        let pause = self.clock.scale(MINUTE) / per_minute.max(1);
        let begun = self.clock.now();
        let callers = self.clone();
        let task = tokio::spawn(async move {
            let running = Arc::new(Semaphore::new(MOST_RUNNING));
            let mut ticks = tokio::time::interval(pause);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            for number in 0.. {
                ticks.tick().await;
                let Ok(slot) = running.clone().try_acquire_owned() else { continue };
                let callers = callers.clone();
                tokio::spawn(async move {
                    callers.call(number).await;
                    drop(slot);
                });
            }
        });
        Traffic { task, callers: self, per_minute, begun }
    }

    /// Sends one request and notes what became of it.
    async fn call(&self, number: usize) {
        let at = self.clock.now();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let ending = self.send(number).await;
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called.push(Called { at, ending });
    }

    async fn send(&self, number: usize) -> Ending {
        let (path, body) = build_body(number);
        let token = &self.tokens[number / KINDS % self.tokens.len()];
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json");
        let Ok(response) = request.body(body.to_string()).send().await else {
            return Ending::Failed;
        };
        let status = response.status().as_u16();
        let Ok(answer) = response.bytes().await else { return Ending::Failed };
        let has_end = body["stream"] != true || answer.ends_with(b"data: [DONE]\n\n");
        let is_whole = body["stream"] == true || serde_json::from_slice::<Value>(&answer).is_ok();
        match status {
            401 | 403 => Ending::Denied,
            429 => Ending::Throttled,
            200 if has_end && is_whole => Ending::Served,
            _ => Ending::Failed,
        }
    }

    /// What became of all requests that have ended.
    pub(super) fn called(&self) -> Vec<Called> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Traffic {
    /// The share of its requests that the machine has found time to send.
    pub(super) fn read_pace(&self) -> f64 {
        let clock = self.callers.clock;
        let minutes = clock.minutes_of(clock.now()) - clock.minutes_of(self.begun);
        let sent = self.callers.sent.load(Ordering::Relaxed) as f64;
        sent / (minutes * f64::from(self.per_minute)).max(1.0)
    }

    /// Sends nothing more; what runs goes on to its end.
    pub(super) fn stop(self) {
        self.task.abort();
    }
}

const KINDS: usize = 4;
/// What callers use; chat takes the configured one.
const MODELS: [&str; 3] = ["command-a-03-2025", "embed-v4.0", "rerank-v3.5"];

/// Builds the request of a number; no two embed the same text, so that no cache answers.
fn build_body(number: usize) -> (&'static str, Value) {
    let text = format!("Question {number}: what is a canary?");
    let messages = json!([{ "role": "user", "content": text }]);
    match number % KINDS {
        0 => ("/v2/chat", json!({ "messages": messages })),
        1 => ("/v2/chat", json!({ "messages": messages, "stream": true })),
        2 => (
            "/v2/embed",
            json!({
                "model": MODELS[1],
                "texts": [text],
                "input_type": "search_query",
                "embedding_types": ["float"],
            }),
        ),
        _ => (
            "/v2/rerank",
            json!({
                "model": MODELS[2],
                "query": text,
                "documents": ["A canary is a bird.", "A canary is a small share of the traffic."],
            }),
        ),
    }
}

fn new_token() -> String {
    format!("{TOKEN_PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn describe_client(name: &str, token: &str) -> Value {
    json!({ "name": name, "token_sha256": [hash_token_as_hex(token)] })
}

/// Writes into a list of clients what it need not have: models, an end, a second token, and a field that nobody knows.
pub(super) fn renew_clients(mut list: Value) -> Value {
    let clients = list["clients"].as_array_mut().into_iter().flatten();
    for (number, client) in clients.enumerate() {
        match number % 3 {
            0 => client["models"] = json!(MODELS),
            1 => client["not_after"] = json!("2099-01-01T00:00:00Z"),
            _ => {
                let first = client["token_sha256"][0].take();
                client["token_sha256"] = json!([first, hash_token_as_hex(&new_token())]);
            }
        }
    }
    list["note"] = json!("a field of a later release");
    list
}
