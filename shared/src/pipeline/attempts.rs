//! Calls one model until there is an answer, or nothing is left that is worth trying.
//!
//! Per attempt, in this order: known-bad key → breaker permit → budget → cooldown, backoff and rate (never over two
//! seconds in all, unless it is a part of a split request) → the call in its own time. Up to three attempts on the
//! requested model, one after a cooldown or as a probe, then one on the fallback; a part that meets a 429 waits as
//! long as its request has time. Whatever stops a request, it answers with its own last failure.

mod turn;

use super::model_answer::ModelRole;
use crate::app::App;
use crate::clock::{Instant, now};
use crate::cohere::client::Call;
use crate::error::{About, Cause, Code, GatewayError, Result};
use crate::record::CallStats;
use crate::resilience::models::TurnEnd;
use crate::resilience::retry::{Disposition, NextAttempt};
use crate::resilience::state::{
    CallCharge, CallOutcome, CallPermit, CallTurn, RefusedCall, SharedRounds, UpstreamState,
};
use crate::telemetry::model_names::name_model;
use std::time::Duration;

/// An answer of Cohere to one call.
pub(super) trait CallAnswer: Sized + Send {
    /// It is there with its beginning, so that its time is that of a first event.
    const IS_STREAM: bool = false;

    /// Makes one call.
    ///
    /// # Errors
    /// Everything that `classify` knows; an answer that is not the endpoint's is `upstream_malformed`.
    fn fetch(
        app: &'static App,
        call: &Call,
        stats: &mut CallStats,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Takes the permit of the call that has brought this answer.
    fn take_permit(&mut self, permit: CallPermit) {
        permit.report(CallOutcome::SUCCESS);
    }
}

/// The attempts of one call of one model.
struct Attempts<'a> {
    app: &'static App,
    call: &'a Call,
    rounds: SharedRounds,
    role: ModelRole<'a>,
    /// Calls of this model so far.
    made: u32,
    /// Those of them that met a 429 and will be made again whatever their number.
    throttled: u32,
    /// No other call follows the next one: it is a probe, or the first after a cooldown.
    is_last: bool,
    waited: Duration,
    last_error: Option<GatewayError>,
}

/// Makes the calls of one model that are worth trying.
///
/// # Errors
/// The last failure; of a fallback the requested model's where no call was made.
pub(super) async fn make_attempts<'a, A: CallAnswer>(
    app: &'static App,
    call: &'a Call,
    role: ModelRole<'a>,
    rounds: &SharedRounds,
    stats: &mut CallStats,
) -> Result<A> {
    let mut attempts = Attempts {
        app,
        call,
        rounds: rounds.clone(),
        role,
        made: 0,
        throttled: 0,
        is_last: false,
        waited: Duration::ZERO,
        last_error: None,
    };
    match role {
        ModelRole::Primary { .. } => attempts.call_primary(stats).await,
        ModelRole::Fallback(failure) => attempts.call_fallback(failure, stats).await,
    }
}

impl Attempts<'_> {
    fn state(&self) -> &'static UpstreamState {
        &self.app.upstream_state
    }

    /// Makes the one attempt of a fallback.
    async fn call_fallback<A: CallAnswer>(
        &mut self,
        failure: &GatewayError,
        stats: &mut CallStats,
    ) -> Result<A> {
        let permit = self.admit()?;
        if !self.call.cost.is_bulk && !self.cooldown_left().is_zero() {
            return Err(failure.clone());
        }
        let mut charge = CallCharge::FirstCall;
        if stats.attempts > 0 {
            match self.state().charge_fallback(failure.cause()) {
                Some(extra) => charge = CallCharge::Extra(extra),
                None => {
                    stats.found_budget_empty = true;
                    return Err(with_empty_budget(failure.clone()));
                }
            }
        }
        let (permit, turn) = match self.take_turn_admitted(permit, stats).await {
            Ok(taken) => taken,
            Err(_) => {
                self.state().refund(charge);
                return Err(failure.clone());
            }
        };
        let answer = self.attempt(permit, turn, charge, stats).await;
        if let Err(error) = &answer {
            self.note_key_refusal(error, stats).await;
        }
        answer
    }

    /// Makes up to three attempts on the requested model.
    async fn call_primary<A: CallAnswer>(&mut self, stats: &mut CallStats) -> Result<A> {
        if let Some(refusal) = self.find_key_refusal().await {
            return Err(refusal);
        }
        loop {
            let permit = self.admit()?;
            self.is_last |= permit.is_probe();
            if permit.prefers_fallback() && self.role.has_fallback() {
                return Err(held_back(&self.call.model));
            }
            let wait = self.choose_wait(permit.hold())?;
            let charge = match &self.last_error {
                None => CallCharge::FirstCall,
                Some(error) => match self.charge_retry(error) {
                    Some(charge) => charge,
                    None => {
                        stats.found_budget_empty = true;
                        return Err(with_empty_budget(error.clone()));
                    }
                },
            };
            if !wait.is_zero() {
                self.waited += wait;
                let started = now();
                tokio::time::sleep(wait).await;
                stats.add_waiting(started);
            }
            let (permit, turn) = match self.take_turn_admitted(permit, stats).await {
                Ok(taken) => taken,
                Err(error) => {
                    self.state().refund(charge);
                    return Err(error);
                }
            };
            let started = now();
            let error = match self.attempt(permit, turn, charge, stats).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let has_other_key = self.note_key_refusal(&error, stats).await;
            if !self.is_worth_retrying(&error, has_other_key, started) {
                return Err(error);
            }
            self.last_error = Some(error);
        }
    }

    /// Returns the refusal of the key in memory while it is known to be refused.
    async fn find_key_refusal(&self) -> Option<GatewayError> {
        if !self.state().has_refused_key() {
            return None;
        }
        let version = self.app.cohere.read_key_version().await;
        self.state().key_refusal(version.as_deref())
    }

    fn admit(&self) -> Result<CallPermit> {
        let Call { endpoint, model, .. } = self.call;
        let admitted = self.state().admit(*endpoint, model, &self.rounds, self.made + 1);
        admitted.map_err(|refused| match &self.last_error {
            Some(error) => error.clone(),
            None => circuit_open(model, refused),
        })
    }

    /// Takes the model's turn. Who has waited for it asks the breaker again, which may have opened meanwhile.
    async fn take_turn_admitted(
        &mut self,
        permit: CallPermit,
        stats: &mut CallStats,
    ) -> Result<(CallPermit, CallTurn)> {
        let waited = self.waited;
        // A probe that waits here would have the others refused.
        let permit = Some(permit).filter(|permit| !permit.is_probe());
        let turn = self.take_turn(stats).await?;
        if let Some(permit) = permit
            && self.waited == waited
        {
            return Ok((permit, turn));
        }
        let permit = self.admit()?;
        self.is_last |= permit.is_probe();
        Ok((permit, turn))
    }

    fn cooldown_left(&self) -> Duration {
        self.state().cooldown_left(self.call.endpoint, &self.call.model)
    }

    /// Chooses how long to wait for a model's cooldown or its breaker's hold, or between attempts.
    ///
    /// # Errors
    /// The wait is longer than a request may wait, or than it has left.
    fn choose_wait(&mut self, hold: Duration) -> Result<Duration> {
        let is_part = self.call.cost.is_bulk;
        // A part waits for its turn with the others.
        let cooldown = if is_part { Duration::ZERO } else { self.cooldown_left() };
        let waits_for_turn = |error: &&GatewayError| is_part && error.cause() == Cause::Throttled;
        let last_error = self.last_error.as_ref().filter(|error| !waits_for_turn(error));
        let next = NextAttempt {
            attempts_made: if last_error.is_some() { self.made } else { 0 },
            cooldown,
            hold,
            longest_wait: self.longest_wait(),
            retry_after: last_error.and_then(|error| error.retry_after),
            waited: self.waited,
            time_left: self.call.deadline.at.saturating_duration_since(now()),
        };
        let Some(wait) = next.choose_wait(fastrand::f64()) else {
            let error = self.last_error.clone();
            return Err(error.unwrap_or_else(|| turn::tell_rate_limit(&self.call.model, cooldown)));
        };
        self.is_last |= !cooldown.is_zero();
        Ok(wait)
    }

    /// Charges the next call to its retry budget; `None` where that is empty.
    ///
    /// A round that another sub-request has paid for is free, and so is a call with a new key, because a
    /// refused key is no overload.
    fn charge_retry(&self, last_error: &GatewayError) -> Option<CallCharge> {
        let cause = last_error.cause();
        // A part that was throttled rests, looks and waits for its turn, which bounds it well enough.
        let waits_for_turn = self.call.cost.is_bulk && cause == Cause::Throttled;
        if cause == Cause::Auth || waits_for_turn || !self.rounds.charge_round(self.made + 1) {
            return Some(CallCharge::Free);
        }
        self.state().charge_retry(cause).map(CallCharge::Extra)
    }

    /// Makes one call and records what became of it.
    async fn attempt<A: CallAnswer>(
        &mut self,
        mut permit: CallPermit,
        mut turn: CallTurn,
        charge: CallCharge,
        stats: &mut CallStats,
    ) -> Result<A> {
        let Call { endpoint, model, .. } = self.call;
        let state = self.state();
        self.made += 1;
        turn.mark_sent();
        let started = now();
        let mut error = match A::fetch(self.app, self.call, stats).await {
            Ok(mut answer) => {
                turn.end(TurnEnd::Served);
                state.record_success(model, charge);
                permit.judge_time(A::IS_STREAM, started.elapsed());
                answer.take_permit(permit);
                return Ok(answer);
            }
            Err(error) => error,
        };
        permit.report(CallOutcome::from(&error));
        stats.record_limit(error.cause());
        turn.end(match error.cause() {
            Cause::Throttled => TurnEnd::Throttled { requested: error.retry_after },
            Cause::Connect => TurnEnd::Unsent,
            // Nobody has said that the limit is lifted.
            Cause::Timeout | Cause::Broken | Cause::Gateway => TurnEnd::Cancelled,
            _ => TurnEnd::Answered,
        });
        if error.cause() == Cause::Throttled {
            self.throttled += u32::from(self.call.cost.is_bulk);
            error.retry_after.get_or_insert(state.cooldown_left(*endpoint, model));
        }
        Err(error)
    }

    /// Records a refused key or account, unless another key has been found in its place.
    ///
    /// Returns whether one has.
    async fn note_key_refusal(&self, error: &GatewayError, stats: &CallStats) -> bool {
        match error.cause() {
            Cause::Auth => {
                let version = stats.key_version.as_deref().unwrap_or_default();
                if self.made == 1 && self.app.cohere.read_newer_key(version).await {
                    return true;
                }
            }
            Cause::Billing => {}
            _ => return false,
        }
        self.state().record_refused_key(stats.key_version.clone(), error);
        false
    }

    /// Tells whether the next call may end otherwise, and is allowed.
    fn is_worth_retrying(
        &self,
        error: &GatewayError,
        has_other_key: bool,
        started: Instant,
    ) -> bool {
        let cause = error.cause();
        if !self.call.is_repeatable && !is_unprocessed(cause) {
            return false;
        }
        let made = self.made - self.throttled;
        let is_allowed = !self.is_last && made < Disposition::from(cause).attempts;
        is_allowed
            && (has_other_key || !matches!(cause, Cause::Auth | Cause::Billing))
            && !(cause == Cause::Timeout && self.leaves_time_to_fallback(started))
    }

    /// Tells whether another attempt that hangs as this one did would take the fallback's time.
    fn leaves_time_to_fallback(&self, started: Instant) -> bool {
        let (now, attempt) = (now(), self.call.attempt_timeout);
        let has_hung = now.saturating_duration_since(started) >= attempt;
        let time_left = self.call.deadline.at.saturating_duration_since(now);
        has_hung && time_left < attempt * 2 && self.role.has_fallback()
    }
}

/// Tells whether Cohere has done nothing with a call that failed so.
fn is_unprocessed(cause: Cause) -> bool {
    matches!(cause, Cause::Connect | Cause::Throttled | Cause::Auth)
}

fn circuit_open(model: &str, refused: RefusedCall) -> GatewayError {
    let message = match refused.is_by_host {
        true => "Cohere cannot be reached, and is not called for a while".to_string(),
        false => format!(
            "Cohere's {} has failed repeatedly and is not called for a while",
            name_model(model)
        ),
    };
    let retry_after = Some(refused.until.saturating_duration_since(now()));
    let about = if refused.is_by_host { About::Host } else { About::Model };
    GatewayError { retry_after, about, ..GatewayError::new(Code::CircuitOpen, message) }
}

fn held_back(model: &str) -> GatewayError {
    let message =
        format!("Cohere's {} has failed and is called little at first", name_model(model));
    GatewayError { about: About::Ramp, ..GatewayError::new(Code::CircuitOpen, message) }
}

/// Adds to a failure, for the log, why it was not tried again.
fn with_empty_budget(failure: GatewayError) -> GatewayError {
    const REASON: &str = "the retry budget is empty";
    match &failure.detail {
        Some(detail) if detail.ends_with(REASON) => failure,
        Some(detail) => {
            let detail = format!("{detail}; {REASON}");
            failure.with_detail(detail)
        }
        None => failure.with_detail(REASON),
    }
}

#[cfg(test)]
mod tests;
