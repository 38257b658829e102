//! Cohere sandbox: a stand-in for the Cohere API that needs no key, no network and no money.
//!
//! It answers chat, embed and rerank in the shapes of the real API, with results that mean
//! something: answers quote the question or the documents, embeddings of texts that share words
//! are near, reranking follows overlap. The same request always gets the same answer. Faults on
//! request (`fault.rs`) make it fail in every way an upstream can.
//!
//! One request goes: record → fault, if any → key → path → endpoint → headers → delivery.
//! All state is in memory and shared by the clones of one [`CohereSandbox`].

mod admin;
mod api_error;
mod chat;
mod delivery;
mod digest;
mod embed;
mod fault;
mod fields;
mod image;
mod keys;
mod models;
mod models_api;
mod reply;
mod rerank;
mod similarity;
mod text;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

pub use fault::{BodyPosition, Ending, Fault};
pub use keys::Key;

use api_error::ApiError;
use keys::AcceptedKeys;
use reply::Reply;

/// How many of the newest requests are recorded.
const RECORDED_REQUESTS_LIMIT: usize = 10_000;
/// Larger than any body the real API accepts.
const MAX_BODY_BYTES: usize = 128 << 20;
/// Between stream events, so that a person sees the answer being written.
const EVENT_PAUSE: Duration = Duration::from_millis(4);

/// A running sandbox; clones share its state.
#[derive(Clone)]
pub struct CohereSandbox {
    state: Arc<Mutex<SandboxState>>,
    event_pause: Duration,
}

/// A request as it reached the sandbox.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: Option<String>,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl ReceivedRequest {
    /// The first header of that name (given in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct SandboxState {
    keys: AcceptedKeys,
    planned: VecDeque<Fault>,
    received: VecDeque<ReceivedRequest>,
    received_count: u64,
}

impl CohereSandbox {
    /// Creates a sandbox that accepts these keys.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let state = SandboxState { keys: keys.into_iter().collect(), ..SandboxState::default() };
        Self { state: Arc::new(Mutex::new(state)), event_pause: EVENT_PAUSE }
    }

    /// Sets the pause between the events of a stream; zero for tests.
    pub fn with_event_pause(mut self, pause: Duration) -> Self {
        self.event_pause = pause;
        self
    }

    /// Accepts one more key; one that was accepted already becomes trial or not, as given now.
    pub fn accept_key(&self, key: Key) {
        self.lock_state().keys.accept(key);
    }

    /// Refuses that key from now on.
    pub fn revoke_key(&self, value: &str) {
        self.lock_state().keys.revoke(value);
    }

    /// Plans faults for the next API requests, one each, in order, replacing what was planned.
    pub fn plan_faults(&self, faults: Vec<Fault>) {
        self.lock_state().planned = faults.into();
    }

    /// The newest requests, oldest first; those to `/_sandbox/` are not counted.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.lock_state().received.iter().cloned().collect()
    }

    /// The HTTP service.
    pub fn to_router(&self) -> Router {
        Router::new().fallback(handle_request).with_state(self.clone())
    }

    fn lock_state(&self) -> MutexGuard<'_, SandboxState> {
        // Every change is a single assignment or push, so a poisoned lock holds sound data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record_request(&self, request: ReceivedRequest) {
        let mut state = self.lock_state();
        if state.received.len() == RECORDED_REQUESTS_LIMIT {
            state.received.pop_front();
        }
        state.received.push_back(request);
        state.received_count += 1;
    }

    /// The fault this request gets: a planned one, else one named by `x-client-name: fault …`.
    fn fault_for(&self, request: &ReceivedRequest) -> Result<Fault, ApiError> {
        if let Some(planned) = self.lock_state().planned.pop_front() {
            return Ok(planned);
        }
        match request.header("x-client-name").and_then(|name| name.strip_prefix("fault ")) {
            Some(wanted) => wanted
                .parse()
                .map_err(|problem| ApiError::bad_request(format!("sandbox: {problem}"))),
            None => Ok(Fault::default()),
        }
    }

    /// What the real API would answer.
    fn answer_request(&self, request: &ReceivedRequest) -> Reply {
        let path = request.path.as_str();
        let endpoint: fn(&ReceivedRequest) -> Result<Reply, ApiError> =
            match (request.method.as_str(), path) {
                ("POST", "/v2/chat") => chat::answer_chat,
                ("POST", "/v2/embed") => embed::answer_embed,
                ("POST", "/v2/rerank") => rerank::answer_rerank,
                ("POST", "/v1/check-api-key") => keys::check_key,
                ("GET", "/v1/models") => models_api::list_models,
                ("GET", _) if path.starts_with("/v1/models/") => models_api::show_model,
                _ => return Reply::page_not_found(),
            };
        let key = match self.lock_state().keys.check_authorization(request.header("authorization"))
        {
            Ok(key) => key,
            Err(error) => return error.into_reply(request),
        };
        let reply = endpoint(request).unwrap_or_else(|error| error.into_reply(request));
        if key.trial { reply.on_trial_key(path) } else { reply }
    }
}

async fn handle_request(State(sandbox): State<CohereSandbox>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return Reply::from_text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request body too large or broken off",
        )
        .into_response();
    };
    let request = received_request(parts, body);
    if request.path.starts_with("/_sandbox/") {
        return admin::answer_admin(&sandbox, &request).into_response();
    }
    let fault = sandbox.fault_for(&request);
    sandbox.record_request(request.clone());
    let fault = match fault {
        Ok(fault) => fault,
        Err(error) => return error.into_reply(&request).into_response(),
    };
    if !fault.delay.is_zero() {
        tokio::time::sleep(fault.delay).await;
    }
    let reply =
        fault.replacement_reply(&request).unwrap_or_else(|| sandbox.answer_request(&request));
    delivery::deliver_reply(fault.apply_to(reply, &request), &fault, sandbox.event_pause)
}

fn received_request(parts: Parts, body: Bytes) -> ReceivedRequest {
    let mut headers = Vec::new();
    for (name, value) in &parts.headers {
        headers.push((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    ReceivedRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers,
        body,
    }
}
