//! The asked model's turn, and the fallback's where that has failed: always for the whole request.
//!
//! One answer comes from one model. What the asked model has answered of a split request, and what memory
//! holds of it, is left aside when the fallback's turn comes.

use super::asked::{Asked, Reply, Settled};
use super::attempts::{self, Answered, Turn};
use super::{batched, fallback};
use crate::app::App;
use crate::cohere::client::{Call, Spent};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::resilience::retry::disposition;
use crate::telemetry::fields::Batched;

/// Answers a request, by its own model or by the fallback.
///
/// # Errors
/// The first model's failure.
pub(super) async fn run(
    app: &'static App,
    asked: &Asked,
    spent: &mut Spent,
    batched: &mut Batched,
) -> Result<Settled> {
    let error = match reply(app, asked, &asked.call, Turn::Asked, spent, batched).await {
        Ok(reply) => return Ok(Settled { reply, fallback: None }),
        Err(error) => error,
    };
    if !disposition(error.kind()).falls_back {
        return Err(error);
    }
    let Some(call) = fallback::call(&app.config.fallback, asked) else { return Err(error) };
    // The asked model's failure is the one the caller hears of, whatever the fallback says.
    match reply(app, asked, &call, Turn::Fallback(&error), spent, batched).await {
        Ok(reply) => Ok(Settled { reply, fallback: Some(call.request) }),
        Err(second) => {
            tracing::warn!(
                event = "fallback_failed",
                model = call.request.model,
                code = second.code.as_str(),
                detail = second.detail,
                "the fallback failed too"
            );
            Err(error)
        }
    }
}

async fn reply(
    app: &'static App,
    asked: &Asked,
    call: &Call,
    turn: Turn<'_>,
    spent: &mut Spent,
    batched: &mut Batched,
) -> Result<Reply> {
    // Boxed: a request's future is moved about until it is first polled, and the calls in it are large.
    match call.endpoint {
        Endpoint::Chat => {}
        Endpoint::Embed => return Box::pin(batched::embed(app, asked, call, turn, spent, batched)).await,
        Endpoint::Rerank => return Box::pin(batched::rerank(app, asked, call, turn, spent, batched)).await,
    }
    match Box::pin(attempts::run(app, call, turn, &Default::default(), spent)).await? {
        Answered::Chat(bytes, billed) => Ok(Reply::Whole(vec![bytes], billed)),
        Answered::Stream(begun) => Ok(Reply::Stream(begun)),
        Answered::Embed(_) | Answered::Rerank(_) => unreachable!("a chat was asked for"),
    }
}
