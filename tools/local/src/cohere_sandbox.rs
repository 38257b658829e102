//! Cohere sandbox: a stand-in for the Cohere API that needs no key, no network and no money.
//!
//! It answers chat, embed and rerank (v2, v1 and OpenAI's dialect), models and tokens in the shapes of
//! the real API, with results that mean something: answers quote the question or the documents, embeddings of texts that share words
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
mod guide;
mod image;
mod keys;
mod models;
mod models_api;
mod received;
mod reply;
mod rerank;
mod similarity;
mod state;
mod stream_form;
mod text;
mod tokenize;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

pub use fault::{BodyPosition, Ending, Fault};
pub use keys::Key;
pub use received::ReceivedRequest;
pub use state::CohereSandbox;

use api_error::ApiError;
use reply::Reply;

/// Larger than any body the real API accepts.
const MAX_BODY_BYTES: usize = 128 << 20;

/// Where Cohere's status page tells programs how it is.
const STATUS_PAGE: &str = "/api/v2/status.json";

impl CohereSandbox {
    /// The HTTP service.
    pub fn to_router(&self) -> Router {
        Router::new().fallback(handle_request).with_state(self.clone())
    }

    /// What the real API would answer.
    fn answer_request(&self, request: &ReceivedRequest) -> Reply {
        let path = request.path.as_str();
        let endpoint: fn(&ReceivedRequest) -> Result<Reply, ApiError> =
            match (request.method.as_str(), path) {
                ("POST", "/v2/chat") => chat::answer_chat,
                ("POST", "/v2/embed") => embed::answer_embed,
                ("POST", "/v2/rerank") => rerank::answer_rerank,
                ("POST", "/v1/chat") => chat::answer_v1_chat,
                ("POST", "/v1/embed") => embed::answer_v1_embed,
                ("POST", "/v1/rerank") => rerank::answer_v1_rerank,
                ("POST", "/v1/tokenize") => tokenize::answer_tokenize,
                ("POST", "/v1/detokenize") => tokenize::answer_detokenize,
                ("POST", "/compatibility/v1/chat/completions") => chat::answer_completion,
                ("POST", "/compatibility/v1/embeddings") => embed::answer_compatibility,
                ("GET", "/compatibility/v1/models") => models_api::list_models,
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
    let request = ReceivedRequest::from_parts(&parts, body);
    if request.path.starts_with("/_sandbox/") {
        return admin::answer_admin(&sandbox, &request).into_response();
    }
    if (request.method.as_str(), request.path.as_str()) == ("GET", "/") {
        return Reply::from_text(StatusCode::OK, guide::TEXT).into_response();
    }
    // On another host than the API, which fails by itself.
    if request.path == STATUS_PAGE {
        return admin::answer_status_page(&sandbox).into_response();
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
