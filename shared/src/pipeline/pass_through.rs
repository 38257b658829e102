//! What is passed through to Cohere as it is: v1's chat and tokens, OpenAI's form, the lists of models.
//!
//! One function for all. Client, model list, limits, key, breaker, budget, deadline, cost and log line are as
//! everywhere; nothing is split, translated or given to another model. A path that is not listed is answered with
//! the reason why it is not served.

mod answer;
mod chat;
mod embeddings;
mod models;
mod tokens;

use super::{Completed, accept_caller, catch_panic, write_answer};
use crate::app::App;
use crate::edge::request::Incoming;
use crate::edge::response::{self, Body};
use crate::edge::unserved;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::telemetry::request_log::RequestLog;
use http::{Response, StatusCode};
use serde_json::json;

/// Answers one request of a path that is passed through, or of one beside them.
pub async fn handle(app: &'static App, incoming: Incoming) -> Response<Body> {
    let (endpoint, rest) = find_endpoint(&incoming);
    match endpoint {
        Endpoint::V1Chat => super::handle::<chat::V1Chat>(app, incoming).await,
        Endpoint::Completions => super::handle::<chat::Completions>(app, incoming).await,
        Endpoint::CompatibleEmbeddings => {
            super::handle::<embeddings::CompatibleEmbeddings>(app, incoming).await
        }
        Endpoint::Tokenize => super::handle::<tokens::Tokenize>(app, incoming).await,
        Endpoint::Detokenize => super::handle::<tokens::Detokenize>(app, incoming).await,
        Endpoint::Models | Endpoint::CompatibleModels => {
            models::handle(app, incoming, endpoint, rest).await
        }
        _ => answer_here(app, incoming, endpoint).await,
    }
}

/// Finds the endpoint of a path and a method, and what follows its path; others are `Unserved`.
fn find_endpoint(incoming: &Incoming) -> (Endpoint, Option<String>) {
    let path = incoming.path.as_str();
    for endpoint in Endpoint::PASSED_THROUGH {
        if endpoint.method() != incoming.method {
            continue;
        }
        if endpoint.path() == path {
            return (endpoint, None);
        }
        if endpoint == Endpoint::Models
            && let Some(model) = path.strip_prefix("/v1/models/")
        {
            return (endpoint, Some(model.to_string()));
        }
    }
    (Endpoint::Unserved, None)
}

/// Answers without asking Cohere.
async fn answer_here(app: &'static App, incoming: Incoming, endpoint: Endpoint) -> Response<Body> {
    let mut log = RequestLog::new(endpoint, &app.prices);
    let outcome = catch_panic(async { decide_here(app, &incoming, endpoint, &mut log) }).await;
    write_answer(app, outcome, log)
}

/// Judges a token, or says why a path is not served.
///
/// # Errors
/// `unauthorized`, `not_found`.
fn decide_here(
    app: &App,
    incoming: &Incoming,
    endpoint: Endpoint,
    log: &mut RequestLog,
) -> Result<Completed> {
    accept_caller(app, incoming, &mut log.record)?;
    match endpoint {
        // A caller that has come so far has a token that is good. Cohere would tell whose key ours is.
        Endpoint::CheckApiKey => {
            let body = json!({ "valid": true });
            Ok(Completed::Whole(response::write_json(StatusCode::OK, &body)))
        }
        _ => Err(unserved::explain(&incoming.path)),
    }
}

#[cfg(test)]
mod tests;
