//! The path of a request, top to bottom.
//!
//! Order, outside in: log line → identity → body limit and validation → deadline → choice of model (for
//! the whole request) → cache → split → per sub-request: attempts and budget → per attempt: breaker permit
//! → attempt timeout → transport. Waiting is outside an attempt's time. Every way out, a panic included, is
//! an answer in the contract's form and one log line.

mod attempts;
pub mod chat;
pub mod embed;
mod endpoint_rules;
mod fallback;
mod fan_out;
mod headers;
mod model_answer;
pub mod pass_through;
mod request;
pub mod rerank;
mod stream;

use crate::app::App;
use crate::cohere::models::{self, Lifetime};
use crate::config::{EndpointTimes, ModelsConfig};
use crate::deadline::Deadline;
use crate::edge::identity::{Identity, is_marked};
use crate::edge::request::{Incoming, RequestOptions};
use crate::edge::response::{self, Body};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::panic_on_request::{PanicPoint, panic_if_requested};
use crate::record::RequestRecord;
use crate::telemetry::request_log::RequestLog;
use crate::wire::dialect::Dialect;
use crate::wire::framing::Framing;
use crate::wire::stream_grammar::StreamGrammar;
use endpoint_rules::{EndpointRules, IntoChunks};
use fallback::answer_with_fallback;
use futures_util::FutureExt;
use headers::add_headers;
use http::{HeaderValue, Response, header};
use request::GatewayRequest;
use std::panic::AssertUnwindSafe;
use stream::{StreamingAnswer, open_stream};

/// A successful answer, whole or opened.
enum Completed {
    Whole(Response<Body>),
    Stream(Box<StreamingAnswer>),
}

/// Answers one request of an endpoint.
async fn handle<E: EndpointRules>(app: &'static App, incoming: Incoming) -> Response<Body> {
    let mut log = RequestLog::new(E::ENDPOINT, &app.prices);
    let outcome = catch_panic(answer_request::<E>(app, incoming, &mut log)).await;
    write_answer(app, outcome, log)
}

/// Writes an answer with its headers, and the line of what is not streamed.
fn write_answer(app: &App, outcome: Result<Completed>, mut log: RequestLog) -> Response<Body> {
    let mut response = match outcome {
        Ok(Completed::Stream(stream)) => return stream.into_response(),
        Ok(Completed::Whole(response)) => response,
        Err(error) => {
            log.record.record_failure(&error);
            response::write_error(&error, &log.record.request_id, &app.config.limits)
        }
    };
    add_headers(&mut response, &mut log.record);
    log.write_line();
    response
}

/// Turns a panic into the error of a defect; the panic hook has told where it was.
async fn catch_panic<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(GatewayError::internal("a panic")))
}

async fn answer_request<E: EndpointRules>(
    app: &'static App,
    incoming: Incoming,
    log: &mut RequestLog,
) -> Result<Completed> {
    let request = accept_request::<E>(app, incoming, log)?;
    if request.upstream.stream {
        return open_stream::<E>(app, request, log).await.map(Completed::Stream);
    }
    let answer: E::Response = answer_with_fallback::<E, _>(app, &request, &mut log.record).await?;
    Ok(Completed::Whole(Response::new(response::chunked(answer.into_chunks()))))
}

/// Judges a request stage by stage, before anything is spent.
///
/// # Errors
/// What is wrong with the request, or with whoever sends it.
fn accept_request<E: EndpointRules>(
    app: &App,
    incoming: Incoming,
    log: &mut RequestLog,
) -> Result<GatewayRequest> {
    let (config, record) = (&app.config, &mut log.record);
    let identity = accept_caller(app, &incoming, record)?;
    panic_if_requested(PanicPoint::Handler, &incoming.body);
    record.request_warning = E::WARNING;
    let upstream = E::validate(incoming.body.clone(), incoming.dialect, config)?;
    check_endpoint(&upstream.model, E::ENDPOINT)?;
    record.model_warning = check_lifetime(&upstream.model, &config.models)?;
    record.model = Some(upstream.model.clone());
    record.stream = upstream.stream;
    record.chosen_max_tokens = upstream.chosen_max_tokens;
    identity.check_model(&upstream.model)?;

    let mut headers = incoming.headers_for_cohere();
    let (times, framing) = match upstream.stream {
        true => {
            let form = StreamGrammar::of(E::ENDPOINT);
            let framing = incoming.read_framing(form);
            if form == StreamGrammar::V1Chat && framing == Framing::Events {
                // v1 sends lines to whoever does not ask for events.
                let events = HeaderValue::from_static(Framing::Events.media_type());
                headers.insert(header::ACCEPT, events);
            }
            (config.times.stream.endpoint_times(), framing)
        }
        false => (E::times(&config.times, &upstream), Framing::default()),
    };
    let (options, deadline) = plan_time(app, &incoming, times, record)?;
    Ok(GatewayRequest {
        endpoint: E::ENDPOINT,
        identity,
        request_id: incoming.request_id.clone(),
        options,
        is_repeatable: E::is_repeatable(&upstream.object),
        upstream,
        framing,
        headers,
        attempt_timeout: times.attempt,
        deadline,
    })
}

/// Finds out who calls, and refuses bodies that nobody reads.
fn accept_caller(app: &App, incoming: &Incoming, record: &mut RequestRecord) -> Result<Identity> {
    record.request_id.clone_from(&incoming.request_id);
    record.is_marked = is_marked(incoming.authorizer.as_ref());
    record.is_v1 = incoming.dialect == Dialect::V1;
    let identity = Identity::from_context(incoming.authorizer.as_ref())?;
    record.client = Some(identity.client.clone());
    incoming.check_size(&app.config.limits)?;
    incoming.check_encoding()?;
    Ok(identity)
}

/// Reads the caller's options and sets the deadline.
fn plan_time(
    app: &App,
    incoming: &Incoming,
    times: EndpointTimes,
    record: &mut RequestRecord,
) -> Result<(RequestOptions, Deadline)> {
    let options = incoming.read_options(times.longest)?;
    record.has_own_deadline = options.timeout.is_some();
    let invocation = incoming.invocation_left.saturating_sub(app.config.times.margin);
    // Who names a time knows the request better than its `max_tokens` does.
    let total = if options.timeout.is_some() { times.longest } else { times.total };
    let deadline = Deadline::new(record.started, total, options.timeout, invocation);
    Ok((options, deadline))
}

/// Refuses a model of another endpoint: its limits are none of this one's.
fn check_endpoint(id: &str, endpoint: Endpoint) -> Result<()> {
    match models::find_model(id) {
        Some(model) if endpoint.model_kind().is_some_and(|kind| kind != model.endpoint) => {
            let (own, asked) = (model.endpoint.path(), endpoint.path());
            let problem = format!("'{id}' is served by {own} only, not by {asked}");
            Err(GatewayError::invalid("model", problem))
        }
        _ => Ok(()),
    }
}

/// Refuses a model that Cohere has removed, and returns what is to be said against a deprecated one.
fn check_lifetime(id: &str, config: &ModelsConfig) -> Result<Option<String>> {
    let Some(model) = models::find_model(id) else { return Ok(None) };
    match model.lifetime {
        Lifetime::Retired { since, replacement } if config.rejects_retired => {
            let message =
                format!("model '{id}' was removed on {since}. Use '{replacement}' instead.");
            Err(GatewayError::new(Code::ModelRetired, message))
        }
        Lifetime::Deprecated { since, replacement } => Ok(Some(format!(
            "model '{id}' is deprecated since {since}. Use '{replacement}' instead."
        ))),
        Lifetime::Active | Lifetime::Retired { .. } => Ok(None),
    }
}

#[cfg(test)]
mod tests;
