//! Calls Cohere until there is an answer, or nothing is left that is worth trying.
//!
//! Per attempt, in this order: known-bad key → breaker permit → rest or backoff (never over two seconds in
//! all) → budget → the call in its own time. Up to three attempts on the asked model, one after a rest or as
//! a probe, then one on the fallback. Whatever stops a request, it answers with its own last failure.

use super::fallback;
use super::guards::{Admission, Guards, Outcome};
use super::stream::{Begun, first_content};
use crate::app::App;
use crate::clock::now;
use crate::cohere::client::{Call, Spent};
use crate::edge::identity::Identity;
use crate::error::{Code, GatewayError, Kind, Result};
use crate::resilience::retry::{MAX_ATTEMPTS, Waiting, disposition};
use crate::telemetry::fields::Billed;
use crate::wire::UpstreamRequest;
use bytes::Bytes;
use std::time::Duration;

/// What a request asks for, and who asks.
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) identity: Identity,
    /// The caller's word on falling back.
    pub(super) fallback: Option<bool>,
}

/// What Cohere answered.
pub(super) enum Answered {
    Whole(Bytes, Billed),
    Stream(Box<Begun>),
}

/// An answer and the model it came from.
pub(super) struct Settled {
    pub(super) answered: Answered,
    /// What the fallback was sent, where it was not the asked model that answered.
    pub(super) fallback: Option<UpstreamRequest>,
}

/// One request's calls of one model.
struct Attempts<'a> {
    app: &'static App,
    call: &'a Call,
    /// Calls of this model so far.
    made: u32,
    limit: u32,
    waited: Duration,
    last: Option<GatewayError>,
}

/// Answers a call, by its own model or by the fallback.
///
/// # Errors
/// The first model's failure.
pub(super) async fn run(app: &'static App, asked: &Asked, spent: &mut Spent) -> Result<Settled> {
    let error = match Attempts::new(app, &asked.call, MAX_ATTEMPTS).run(spent).await {
        Ok(answered) => return Ok(Settled { answered, fallback: None }),
        Err(error) => error,
    };
    if !disposition(error.kind()).falls_back {
        return Err(error);
    }
    let Some(call) = fallback::call(&app.config.fallback, asked) else { return Err(error) };
    // The asked model's failure is the one the caller hears of, whatever the fallback says.
    match Attempts::new(app, &call, 1).run_after(&error, spent).await {
        Ok(answered) => Ok(Settled { answered, fallback: Some(call.request) }),
        Err(second) => {
            tracing::warn!(
                model = call.request.model,
                code = second.code.as_str(),
                "the fallback failed too"
            );
            Err(error)
        }
    }
}

impl<'a> Attempts<'a> {
    fn new(app: &'static App, call: &'a Call, limit: u32) -> Self {
        Self { app, call, made: 0, limit, waited: Duration::ZERO, last: None }
    }

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
            return Err(first.clone());
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
            if self.made > 0 && !self.guards().pay(self.last_kind() == Some(Kind::Timeout)) {
                return Err(self.last_or(no_budget));
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
        match self.guards().admit(self.call.endpoint, &self.call.request.model) {
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
            true => first_content(self.app, call, spent).await.map(|begun| Answered::Stream(Box::new(begun))),
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

    fn last_kind(&self) -> Option<Kind> {
        self.last.as_ref().map(GatewayError::kind)
    }

    fn last_or(&self, error: impl FnOnce() -> GatewayError) -> GatewayError {
        self.last.clone().unwrap_or_else(error)
    }
}

/// Calls Cohere for a whole answer and reads what it cost, which shows whether it is one.
async fn whole(app: &'static App, call: &Call, spent: &mut Spent) -> Result<Answered> {
    let answer = app.cohere.call(call, spent).await?;
    let billed = super::billed(call.endpoint, &answer)?;
    Ok(Answered::Whole(answer, billed))
}

fn resting(model: &str, rest: Duration) -> GatewayError {
    let message = format!("Cohere's rate limit for {model} is reached, please try again later");
    GatewayError { retry_after: Some(rest), ..GatewayError::new(Code::RateLimited, message) }
}

fn no_budget() -> GatewayError {
    GatewayError::new(Code::Internal, "internal error").with_detail("a retry without a failure before it")
}
