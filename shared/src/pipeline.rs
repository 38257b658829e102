//! The path of a request, top to bottom.
//!
//! Order, outside in: event line → identity → body limit and validation → choice of model (for the whole
//! request) → deadline → per model: attempts and budget → per attempt: breaker permit → attempt timeout →
//! transport. Waiting is outside an attempt's time. Every way out, a panic included, is an answer in the
//! contract's form and one event line.

mod attempts;
mod fallback;
mod guards;
mod stream;

pub use guards::Guards;

use crate::app::App;
use crate::cohere::classify;
use crate::cohere::client::Call;
use crate::cohere::models::{self, Lifetime};
use crate::config::ModelsConfig;
use crate::deadline::Deadline;
use crate::edge::identity::Identity;
use crate::edge::request::Incoming;
use crate::edge::response::{self, Body};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::telemetry::fields::{Billed, RequestEvent, millis};
use crate::testing::{Place, panic_if_asked};
use crate::wire::UpstreamRequest;
use crate::wire::chat::{self, ChatRequest};
use crate::wire::embed::{self, EmbedRequest};
use crate::wire::rerank::{self, RerankRequest};
use attempts::{Answered, Asked};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Response};
use lambda_http::Request;
use std::panic::AssertUnwindSafe;

/// A successful answer, whole or begun.
enum Answer {
    Whole(Response<Body>),
    Stream(Box<stream::LiveStream>),
}

/// Answers one request of `endpoint`.
pub async fn handle(app: &'static App, endpoint: Endpoint, request: Request) -> Response<Body> {
    let mut event = RequestEvent::new(endpoint);
    match caught(run(app, endpoint, request, &mut event)).await {
        Ok(Answer::Stream(stream)) => stream.into_response(event),
        Ok(Answer::Whole(mut response)) => {
            finish(&mut response, &mut event);
            event.write();
            response
        }
        Err(error) => {
            event.failed(&error);
            let mut response = response::error(&error, &event.request_id, &app.config.limits);
            finish(&mut response, &mut event);
            event.write();
            response
        }
    }
}

/// Turns a panic into the error of a defect; the panic hook has told the place.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(GatewayError::new(Code::Internal, "internal error")))
}

async fn run(
    app: &'static App,
    endpoint: Endpoint,
    request: Request,
    event: &mut RequestEvent,
) -> Result<Answer> {
    let incoming = Incoming::new(request);
    event.request_id.clone_from(&incoming.request_id);
    let identity = Identity::of(incoming.context.as_ref())?;
    event.client = Some(identity.client.clone());

    incoming.check_size(&app.config.limits)?;
    panic_if_asked(Place::Handler, &incoming.body);
    let request = validate(endpoint, &incoming.body, &app.config.models)?;
    event.warning = lifetime(&request.model, &app.config.models)?;
    event.model = Some(request.model.clone());
    event.stream = request.stream;
    event.chosen_max_tokens = request.chosen_max_tokens;
    identity.may_use(&request.model)?;

    let times = app.config.times.of(endpoint);
    let (attempt, total) = match request.stream {
        true => (app.config.times.stream.first_event, app.config.times.stream.total),
        false => (times.attempt, times.total),
    };
    let wishes = incoming.wishes(total)?;
    let invocation = incoming.invocation_left.saturating_sub(app.config.times.margin);
    let deadline = Deadline::new(event.started, total, wishes.timeout, invocation);

    let call = Call { endpoint, request, headers: incoming.for_cohere(), attempt, deadline };
    let asked = Asked { call, identity, fallback: wishes.fallback };
    if asked.call.request.stream {
        return stream::open(app, asked, event).await.map(Answer::Stream);
    }
    let settled = attempts::run(app, &asked, &mut event.spent).await?;
    note_fallback(settled.fallback, event);
    let Answered::Whole(answer, billed) = settled.answered else { unreachable!("no stream was asked for") };
    event.billed = billed;
    Ok(Answer::Whole(Response::new(response::whole(answer))))
}

/// Notes which model has answered, and with which bound of tokens.
fn note_fallback(fallback: Option<UpstreamRequest>, event: &mut RequestEvent) {
    if let Some(sent) = fallback {
        event.fell_back_from = event.model.replace(sent.model);
        event.chosen_max_tokens = sent.chosen_max_tokens;
    }
}

/// Refuses a model that Cohere has removed, and returns what is to be said against a deprecated one.
fn lifetime(id: &str, config: &ModelsConfig) -> Result<Option<String>> {
    match models::find(id).map(|model| model.lifetime) {
        Some(Lifetime::Retired { since, replacement }) if config.rejects_retired => {
            let message = format!("model '{id}' was removed on {since}. Use '{replacement}' instead.");
            Err(GatewayError::new(Code::ModelRetired, message))
        }
        Some(Lifetime::Deprecated { since, replacement }) => {
            Ok(Some(format!("model '{id}' is deprecated since {since}. Use '{replacement}' instead.")))
        }
        _ => Ok(None),
    }
}

/// Checks a body, chooses the model and writes what Cohere will get.
fn validate(endpoint: Endpoint, body: &[u8], models: &ModelsConfig) -> Result<UpstreamRequest> {
    match endpoint {
        Endpoint::Chat => {
            let request = ChatRequest::parse(body)?;
            let model = request.model().unwrap_or_else(|| models.chat.clone());
            let default = models::default_max_tokens(models::find(&model));
            let default = models.max_tokens_default.map_or(default, |lower| lower.min(default));
            request.for_upstream(model, default, models.max_tokens_ceiling)
        }
        Endpoint::Embed => Ok(EmbedRequest::parse(body)?.for_upstream()),
        Endpoint::Rerank => {
            let request = RerankRequest::parse(body)?;
            let model = request.model().unwrap_or_else(|| models.rerank.clone());
            Ok(request.for_upstream(model))
        }
    }
}

/// Reads what an answer cost.
///
/// # Errors
/// `upstream_malformed` where it is none of the endpoint's answers.
fn billed(endpoint: Endpoint, answer: &[u8]) -> Result<Billed> {
    let billed = match endpoint {
        Endpoint::Chat => chat::usage(answer).map(|usage| tokens(usage.billed_units)),
        Endpoint::Embed => embed::billed_units(answer)
            .map(|units| Billed { input_tokens: units.input_tokens, ..Billed::default() }),
        Endpoint::Rerank => rerank::billed_units(answer)
            .map(|units| Billed { search_units: units.search_units, ..Billed::default() }),
    };
    billed.ok_or_else(|| classify::malformed("the JSON is broken, or not the endpoint's"))
}

fn tokens(billed: chat::BilledTokens) -> Billed {
    Billed { input_tokens: billed.input_tokens, output_tokens: billed.output_tokens, search_units: None }
}

/// Adds the headers that stand on every answer, errors included.
fn finish(response: &mut Response<Body>, event: &mut RequestEvent) {
    event.status = response.status().as_u16();
    let timing = format!(
        "upstream;dur={:.3}, gateway;dur={:.3}",
        millis(event.spent.upstream),
        millis(event.gateway_time())
    );
    let headers = response.headers_mut();
    response::add_from_cohere(headers, &event.spent.headers);
    // Cohere's own warning says more than the catalogue.
    let warning = event.warning.as_deref().filter(|_| !headers.contains_key("x-api-warning"));
    let mut put = |name, value: &str| {
        // A model id may be any text; one that is no header value is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-request-id", &event.request_id);
    if let Some(model) = &event.model {
        put("x-gateway-model", model);
    }
    if let Some(asked) = &event.fell_back_from {
        put("x-gateway-fallback-from", asked);
    }
    if let Some(warning) = warning {
        put("x-api-warning", warning);
    }
    if let Some(tokens) = event.chosen_max_tokens {
        put("x-gateway-max-tokens", &tokens.to_string());
    }
    put("x-gateway-attempts", &event.spent.attempts.to_string());
    put("x-gateway-cache", "off");
    put("server-timing", &timing);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_internal_error_that_says_nothing_of_it() {
        let error = caught::<()>(async { panic!("with a piece of a prompt") }).await.unwrap_err();
        assert_eq!(error, GatewayError::new(Code::Internal, "internal error"));
    }
}
