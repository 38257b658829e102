//! The lists of models, kept for minutes and shown without those that the client may not use.

use super::answer::PassedAnswer;
use crate::app::App;
use crate::cache::CacheEntry;
use crate::cache::key::{CacheKey, Digest, KeyPrefix};
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::Call;
use crate::edge::identity::Identity;
use crate::edge::request::Incoming;
use crate::edge::response::{Body, single_chunk};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::pipeline::attempts::make_attempts;
use crate::pipeline::model_answer::ModelRole;
use crate::pipeline::{Completed, accept_caller, catch_panic, plan_time, write_answer};
use crate::record::{CacheOutcome, RequestRecord};
use crate::resilience::rate::RateCost;
use crate::resilience::state::SharedRounds;
use crate::telemetry::model_names::learn_model;
use crate::telemetry::request_log::RequestLog;
use crate::wire::model_list::filter_models;
use bytes::Bytes;
use http::Response;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest query that is passed on, as it is written.
const MAX_QUERY_BYTES: usize = 1_024;
/// Longest id of a model in a path.
const MAX_ID_BYTES: usize = 128;
/// The parameter that asks for the models that an endpoint takes by default.
const DEFAULT_ONLY: &str = "default_only";

/// What stands for a model in breaker and messages where a list is asked for.
const LIST: &str = "list-of-models";

const NO_DEFAULT_LEFT: &str =
    "none of the default models is allowed for this client, so that all allowed ones are listed";

/// Answers `GET` of a list, or of the model that is named.
pub(super) async fn handle(
    app: &'static App,
    incoming: Incoming,
    endpoint: Endpoint,
    model: Option<String>,
) -> Response<Body> {
    let mut log = RequestLog::new(endpoint, &app.prices);
    let work = answer_list(app, &incoming, endpoint, model, &mut log);
    let outcome = catch_panic(work).await;
    write_answer(app, outcome, log)
}

async fn answer_list(
    app: &'static App,
    incoming: &Incoming,
    endpoint: Endpoint,
    model: Option<String>,
    log: &mut RequestLog,
) -> Result<Completed> {
    let record = &mut log.record;
    let identity = accept_caller(app, incoming, record)?;
    learn_model(LIST);
    let times = app.config.times.rerank;
    let (options, deadline) = plan_time(app, incoming, times, record)?;
    if let Some(model) = &model {
        check_id(model)?;
        identity.check_model(model)?;
        record.model = Some(model.clone());
    }
    let call = |query: &BTreeMap<String, Vec<String>>| -> Result<Call> {
        let segment = model.as_ref().map(|model| format!("/{model}")).unwrap_or_default();
        Ok(Call {
            endpoint,
            path_rest: segment + &write_query(query)?,
            is_repeatable: true,
            model: model.clone().unwrap_or_else(|| LIST.to_string()),
            body: Bytes::new(),
            expected_results: None,
            headers: incoming.headers_for_cohere(),
            attempt_timeout: times.attempt,
            deadline,
            cost: RateCost::ONE,
        })
    };
    let body = fetch_kept(app, &call(&incoming.query)?, options.no_store, record).await?;
    if model.is_some() || !identity.is_restricted() {
        return Ok(whole(body));
    }
    let filtered = filter_list(&body, &identity)?;
    if filtered.kept > 0 || filtered.removed == 0 || !asks_for_defaults(&incoming.query) {
        return Ok(whole(filtered.body));
    }
    // Clients take the first default model, whatever it is; without one they fail in odd ways.
    record.request_warning = Some(NO_DEFAULT_LEFT);
    let mut query = incoming.query.clone();
    query.remove(DEFAULT_ONLY);
    let body = fetch_kept(app, &call(&query)?, options.no_store, record).await?;
    Ok(whole(filter_list(&body, &identity)?.body))
}

fn whole(body: Bytes) -> Completed {
    Completed::Whole(Response::new(single_chunk(body)))
}

fn filter_list(body: &Bytes, identity: &Identity) -> Result<crate::wire::model_list::FilteredList> {
    let filtered = filter_models(body, |model| identity.check_model(model).is_ok());
    filtered.ok_or_else(|| classify::malformed_answer("no list of models"))
}

fn asks_for_defaults(query: &BTreeMap<String, Vec<String>>) -> bool {
    let values = query.get(DEFAULT_ONLY).map(Vec::as_slice).unwrap_or_default();
    values.iter().any(|value| value.eq_ignore_ascii_case("true"))
}

/// Answers from what is kept, or by a call whose answer is kept for all clients: who sees what is decided later.
async fn fetch_kept(
    app: &'static App,
    call: &Call,
    no_store: bool,
    record: &mut RequestRecord,
) -> Result<Bytes> {
    let path = [call.endpoint.path(), &call.path_rest].map(str::as_bytes);
    let key: CacheKey = KeyPrefix::new(path.map(Some)).with_input(None).key_of(Digest::new([]));
    record.batch.cache = if no_store { CacheOutcome::Bypass } else { CacheOutcome::Miss };
    if !no_store && let Some(CacheEntry::Answer(body)) = app.model_lists.get(&key, now()) {
        record.batch.cache = CacheOutcome::Hit;
        return Ok(body);
    }
    let rounds = SharedRounds::default();
    let role = ModelRole::Primary { has_fallback: &|| false };
    let attempts = make_attempts(app, call, role, &rounds, &mut record.calls);
    let PassedAnswer(body) = Box::pin(attempts).await?;
    if !no_store {
        app.model_lists.put(key, CacheEntry::Answer(Bytes::copy_from_slice(&body)), now());
    }
    Ok(body)
}

/// Checks the id of a model in a path, which becomes a part of a URL.
///
/// # Errors
/// `not_found`: no model has such an id.
fn check_id(id: &str) -> Result<()> {
    let is_id = !id.is_empty() && id.bytes().all(is_of_id) && !id.bytes().all(|byte| byte == b'.');
    if is_id && id.len() <= MAX_ID_BYTES {
        return Ok(());
    }
    let message = format!(
        "not found: a model's id has 1 to {MAX_ID_BYTES} letters, digits, hyphens, dots, colons and \
         underscores"
    );
    Err(GatewayError::new(Code::NotFound, message))
}

fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)
}

/// Writes a query as it stands in a URL; empty where there is none.
///
/// # Errors
/// `invalid_request` where it is too long.
fn write_query(query: &BTreeMap<String, Vec<String>>) -> Result<String> {
    let mut written = String::new();
    for (name, values) in query {
        for value in values {
            written.push(if written.is_empty() { '?' } else { '&' });
            write_encoded(&mut written, name);
            written.push('=');
            write_encoded(&mut written, value);
        }
    }
    if written.len() > MAX_QUERY_BYTES {
        let problem = format!("must have at most {MAX_QUERY_BYTES} bytes, got {}", written.len());
        return Err(GatewayError::invalid("query", problem));
    }
    Ok(written)
}

/// Adds a text with everything escaped that is no unreserved character of a URL.
fn write_encoded(written: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_that_could_be_another_path_is_none() {
        for id in ["command-a-03-2025", "a1b2-ft", "model:1", "v4.0", &"a".repeat(128)] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
        for id in
            ["", ".", "..", "../connectors", "a/b", "a?b", "a%2fb", "a b", "é", &"a".repeat(129)]
        {
            assert_eq!(check_id(id).unwrap_err().code, Code::NotFound, "{id}");
        }
    }

    #[test]
    fn query_is_escaped_again_and_bounded() {
        let query = |pairs: &[(&str, &str)]| {
            let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (name, value) in pairs {
                query.entry(name.to_string()).or_default().push(value.to_string());
            }
            write_query(&query)
        };
        assert_eq!(query(&[]).unwrap(), "");
        let written = query(&[("page_size", "1"), ("a&b", "c d#é"), ("page_size", "2")]).unwrap();
        assert_eq!(written, "?a%26b=c%20d%23%C3%A9&page_size=1&page_size=2");
        let error = query(&[("page_token", &"a".repeat(1_024))]).unwrap_err();
        assert!(error.message.starts_with("invalid request: query: must have at most 1024 bytes"));
    }
}
