//! The path of a request, top to bottom.
//!
//! Order, outside in: event line → identity → body limit and validation → deadline → choice of model (for the
//! whole request) → memory → split → per part: attempts and budget → per attempt: breaker permit → attempt
//! timeout → transport. Waiting is outside an attempt's time. Every way out, a panic included, is an answer in the
//! contract's form and one event line.

mod asked;
mod attempts;
mod batched;
mod beginning;
mod fallback;
pub mod guards;
mod head;
pub mod memory;
mod parts;
mod stream;
mod turns;
mod validate;

use crate::app::App;
use crate::cohere::client::Call;
use crate::deadline::Deadline;
use crate::edge::identity::Identity;
use crate::edge::request::Incoming;
use crate::edge::response::{self, Body};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::panic_on_request::{PanicPoint, panic_if_requested};
use crate::telemetry::fields::RequestEvent;
use asked::{Asked, Reply};
use futures_util::FutureExt;
use http::Response;
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
            head::finish(&mut response, &mut event);
            event.write();
            response
        }
        Err(error) => {
            event.failed(&error);
            let mut response = response::error(&error, &event.request_id, &app.config.limits);
            head::finish(&mut response, &mut event);
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
    panic_if_requested(PanicPoint::Handler, &incoming.body);
    let request = validate::validate(endpoint, &incoming.body, &app.config)?;
    event.warning = validate::lifetime(&request.model, &app.config.models)?;
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
    let asked = Asked {
        call,
        identity,
        request_id: event.request_id.clone(),
        fallback: wishes.fallback,
        no_store: wishes.no_store,
    };
    if asked.call.request.stream {
        return stream::open(app, asked, event).await.map(Answer::Stream);
    }
    let settled = turns::run(app, &asked, &mut event.spent, &mut event.batched).await?;
    settled.note(event);
    let Reply::Whole(pieces, billed) = settled.reply else { unreachable!("no stream was asked for") };
    event.billed = billed;
    Ok(Answer::Whole(Response::new(response::pieces(pieces))))
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
