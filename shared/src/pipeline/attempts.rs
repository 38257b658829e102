//! Calls one model until there is an answer, or nothing is left that is worth trying.
//!
//! Per attempt, in this order: known-bad key → breaker permit → rest or backoff (never over two seconds in
//! all) → budget → the call in its own time. Up to three attempts on the asked model, one after a rest or as
//! a probe, then one on the fallback. Whatever stops a request, it answers with its own last failure.

use super::beginning::{Begun, first_content};
use super::guards::{Admission, Guards, Outcome, SharedSiblings};
use crate::app::App;
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::{Call, Spent};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Kind, Result};
use crate::lock::lock_anyway;
use crate::resilience::retry::{MAX_ATTEMPTS, Waiting, disposition};
use crate::telemetry::fields::Billed;
use crate::wire::chat;
use crate::wire::embed::EmbedAnswer;
use crate::wire::rerank::RerankAnswer;
use bytes::Bytes;
use std::time::Duration;

/// One answer of Cohere.
pub(super) enum Answered {
    Chat(Bytes, Billed),
    Embed(EmbedAnswer),
    Rerank(RerankAnswer),
    Stream(Box<Begun>),
}

/// One request's calls of one model.
struct Attempts<'a> {
    app: &'static App,
    call: &'a Call,
    siblings: SharedSiblings,
    /// Calls of this model so far.
    made: u32,
    limit: u32,
    waited: Duration,
    last: Option<GatewayError>,
}

/// Why a model is called, which decides how often.
#[derive(Clone, Copy)]
pub(super) enum Turn<'a> {
    /// It is the model that was asked for.
    Asked,
    /// It stands in for the asked one, which has failed so.
    Fallback(&'a GatewayError),
}

/// Makes the calls of one model that are worth trying.
///
/// # Errors
/// The last failure; in a fallback's turn the asked model's where no call was made.
pub(super) async fn run(
    app: &'static App,
    call: &Call,
    turn: Turn<'_>,
    siblings: &SharedSiblings,
    spent: &mut Spent,
) -> Result<Answered> {
    let attempts = |limit| Attempts {
        app,
        call,
        siblings: siblings.clone(),
        made: 0,
        limit,
        waited: Duration::ZERO,
        last: None,
    };
    match turn {
        Turn::Asked => attempts(MAX_ATTEMPTS).run(spent).await,
        Turn::Fallback(first) => attempts(1).run_after(first, spent).await,
    }
}

impl<'a> Attempts<'a> {
    fn guards(&self) -> &'static Guards {
        &self.app.guards
    }

    /// Makes the one attempt of a fallback.
    async fn run_after(mut self, first: &GatewayError, spent: &mut Spent) -> Result<Answered> {
        let admission = self.admit()?;
        if !self.guards().rest(self.call.endpoint, &self.call.request.model).is_zero() {
            return Err(first.clone());
        }
        if spent.attempts > 0 && !self.guards().pay(first.kind() == Kind::Timeout) {
            return Err(out_of_budget(first.clone()));
        }
        let answered = self.attempt(admission, spent).await;
        if let Err(error) = &answered {
            self.is_cured(error, spent).await;
        }
        answered
    }

    async fn run(mut self, spent: &mut Spent) -> Result<Answered> {
        if let Some(refusal) = self.known_refusal().await {
            return Err(refusal);
        }
        loop {
            let admission = self.admit()?;
            if admission.is_probe() {
                self.limit = self.limit.min(self.made + 1);
            }
            let pause = self.pause()?;
            if self.must_pay() && !self.guards().pay(self.last_kind() == Some(Kind::Timeout)) {
                return Err(out_of_budget(self.last_or(no_budget)));
            }
            if !pause.is_zero() {
                self.waited += pause;
                tokio::time::sleep(pause).await;
            }
            let error = match self.attempt(admission, spent).await {
                Ok(answered) => return Ok(answered),
                Err(error) => error,
            };
            let may_go_on = self.made < disposition(error.kind()).attempts.min(self.limit);
            if !self.is_cured(&error, spent).await || !may_go_on {
                return Err(error);
            }
            self.last = Some(error);
        }
    }

    /// Returns the refusal of the key in memory while it is known to be bad.
    async fn known_refusal(&self) -> Option<GatewayError> {
        if !self.guards().has_bad_key() {
            return None;
        }
        let version = self.app.cohere.key_version().await;
        self.guards().known_refusal(version.as_deref())
    }

    fn admit(&self) -> Result<Admission> {
        let (endpoint, model) = (self.call.endpoint, &self.call.request.model);
        match self.guards().admit(endpoint, model, &self.siblings, self.made + 1) {
            Ok(admission) => Ok(admission),
            Err(refused) => Err(self.last_or(|| {
                let model = &self.call.request.model;
                let message = format!("Cohere's {model} has failed repeatedly and is not called for a while");
                let mut error = GatewayError::new(Code::CircuitOpen, message);
                error.retry_after = Some(refused.until.saturating_duration_since(now()));
                error
            })),
        }
    }

    /// Returns how long to wait for a resting model, or between attempts.
    ///
    /// # Errors
    /// The wait is longer than a request may wait, or than it has left.
    fn pause(&mut self) -> Result<Duration> {
        let rest = self.guards().rest(self.call.endpoint, &self.call.request.model);
        let waiting = Waiting {
            made: self.made,
            rest,
            asked: self.last.as_ref().and_then(|error| error.retry_after),
            waited: self.waited,
            left: self.call.deadline.at.saturating_duration_since(now()),
        };
        let pause = waiting.pause(fastrand::f64());
        let pause = pause.ok_or_else(|| self.last_or(|| resting(&self.call.request.model, rest)))?;
        if !rest.is_zero() {
            self.limit = self.limit.min(self.made + 1);
        }
        Ok(pause)
    }

    /// Makes one call and tells the guards what became of it.
    async fn attempt(&mut self, admission: Admission, spent: &mut Spent) -> Result<Answered> {
        let (guards, call) = (self.guards(), self.call);
        self.made += 1;
        let outcome = match call.request.stream {
            false => whole(self.app, call, spent).await,
            true => Box::pin(first_content(self.app, call, spent))
                .await
                .map(|begun| Answered::Stream(Box::new(begun))),
        };
        let (endpoint, model) = (call.endpoint, &call.request.model);
        let mut error = match outcome {
            Ok(mut answered) => {
                guards.succeeded(endpoint, model);
                match &mut answered {
                    // A stream may still break; a probe has told enough, and others wait for its verdict.
                    Answered::Stream(begun) if !admission.is_probe() => begun.admission = Some(admission),
                    _ => admission.done(Outcome::Success),
                }
                return Ok(answered);
            }
            Err(error) => error,
        };
        admission.done(Outcome::of(error.kind()));
        if error.kind() != Kind::Throttled {
            guards.not_throttled(endpoint, model);
        } else {
            guards.throttled(endpoint, model, error.retry_after);
            error.retry_after.get_or_insert(guards.rest(endpoint, model));
        }
        Err(error)
    }

    /// Tells whether there is a reason why the next call should end otherwise; remembers a bad key.
    async fn is_cured(&self, error: &GatewayError, spent: &Spent) -> bool {
        let refused = match error.kind() {
            Kind::Auth => {
                let version = spent.key_version.as_deref().unwrap_or_default();
                self.made > 1 || !self.app.cohere.has_other_key(version).await
            }
            Kind::Billing => true,
            _ => return true,
        };
        if refused {
            self.guards().key_is_bad(spent.key_version.clone(), error);
        }
        !refused
    }

    /// Tells whether the next call is paid from the budget: not the first one, not one of a round that a
    /// sibling has paid for, and not the one with a new key, because a refused key is no overload.
    fn must_pay(&self) -> bool {
        let is_free = self.made == 0 || self.last_kind() == Some(Kind::Auth);
        !is_free && lock_anyway(&self.siblings).pays(self.made + 1)
    }

    fn last_kind(&self) -> Option<Kind> {
        self.last.as_ref().map(GatewayError::kind)
    }

    fn last_or(&self, error: impl FnOnce() -> GatewayError) -> GatewayError {
        self.last.clone().unwrap_or_else(error)
    }
}

/// Calls Cohere for a whole answer and takes it apart, which shows whether it is one.
async fn whole(app: &'static App, call: &Call, spent: &mut Spent) -> Result<Answered> {
    let answer = app.cohere.call(call, spent).await?;
    let answered = match call.endpoint {
        Endpoint::Chat => {
            chat::usage(&answer).map(|usage| Answered::Chat(answer, tokens(usage.billed_units)))
        }
        Endpoint::Embed => EmbedAnswer::parse(answer).map(Answered::Embed),
        Endpoint::Rerank => RerankAnswer::parse(answer).map(Answered::Rerank),
    };
    let answered =
        answered.ok_or_else(|| classify::malformed("the JSON is broken, or not the endpoint's"))?;
    if let Some(expected) = call.request.expected
        && !has(&answered, expected)
    {
        let problem = format!("it has not one result of each kind for each of {expected} inputs");
        return Err(classify::malformed(&problem));
    }
    Ok(answered)
}

/// Returns what a chat's tokens come to.
pub(super) fn tokens(billed: chat::BilledTokens) -> Billed {
    Billed { input_tokens: billed.input_tokens, output_tokens: billed.output_tokens, search_units: None }
}

/// Tells whether an answer has as many results as there were inputs.
fn has(answered: &Answered, expected: usize) -> bool {
    match answered {
        Answered::Embed(answer) => answer.has_embeddings(expected),
        Answered::Rerank(answer) => answer.ranks_all(expected),
        Answered::Chat(..) | Answered::Stream(_) => true,
    }
}

fn resting(model: &str, rest: Duration) -> GatewayError {
    let message = format!("Cohere's rate limit for {model} is reached, please try again later");
    GatewayError { retry_after: Some(rest), ..GatewayError::new(Code::RateLimited, message) }
}

/// Adds to a failure, for the log, why it was not tried again.
fn out_of_budget(failure: GatewayError) -> GatewayError {
    let detail = failure.detail.as_ref().map_or(String::new(), |detail| format!("{detail}; "));
    failure.with_detail(format_args!("{detail}the retry budget is empty"))
}

fn no_budget() -> GatewayError {
    GatewayError::new(Code::Internal, "internal error").with_detail("a retry without a failure before it")
}
