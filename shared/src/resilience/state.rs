//! What an environment has learnt of Cohere: breakers, cooldowns, the retry budget, a refused key.
//!
//! Scope: environment. It adds clock, locking and logs to the pure rules beside it: each transition of a
//! breaker is one log line and one metric. No lock is held over an await.

use super::breaker::{BreakerState, Permit, Refused};
use super::budget::{Charge, RetryBudget};
use super::models::{ModelState, ModelStates};
use super::retry::Disposition;
use super::rounds::RetryRounds;
use crate::clock::{Instant, now};
use crate::config::ResilienceConfig;
use crate::endpoint::Endpoint;
use crate::error::{Cause, GatewayError};
use crate::lock::lock_anyway;
use crate::telemetry::metrics::{self, Metric};
use crate::telemetry::model_names::{learn_model, name_model};
use crate::telemetry::redact;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Breakers, cooldowns, retry budget and the key's refusal.
pub struct UpstreamState {
    config: ResilienceConfig,
    state: Mutex<Locked>,
}

struct Locked {
    models: ModelStates,
    budget: RetryBudget,
    /// For retries after a transient 422, so that one caller's prompts cannot take everybody's retries.
    transient_budget: RetryBudget,
    refused_key: Option<RefusedKey>,
}

/// A key, or an account, that Cohere has refused.
struct RefusedKey {
    version: Option<String>,
    until: Instant,
    error: GatewayError,
}

/// What became of an admitted call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Success,
    /// Cohere failed.
    Failure,
    /// Nothing was learnt about Cohere.
    Unknown,
}

impl From<Cause> for CallOutcome {
    /// Returns what a failed call says about the model. A refusal of the request, the key or the account
    /// says nothing: it neither counts as a failure nor forgives one.
    fn from(cause: Cause) -> Self {
        match Disposition::from(cause).trips_breaker {
            true => CallOutcome::Failure,
            false => CallOutcome::Unknown,
        }
    }
}

/// What a call is charged to the retry budget, to be refunded if it succeeds.
#[derive(Clone, Copy, Debug)]
pub enum CallCharge {
    /// The first call of a request costs nothing, and its success refills the budget.
    FirstCall,
    Extra(ExtraCharge),
    /// Another sub-request was charged for the round, or it is made with a new key.
    Free,
}

/// What an extra call was charged, and from which budget.
#[derive(Clone, Copy, Debug)]
pub struct ExtraCharge {
    charge: Charge,
    is_transient: bool,
}

/// The retry rounds of one request, shared by its calls under way.
#[derive(Clone, Debug, Default)]
pub struct SharedRounds(Arc<Mutex<RetryRounds>>);

impl SharedRounds {
    fn lock_rounds(&self) -> MutexGuard<'_, RetryRounds> {
        lock_anyway(&self.0)
    }

    /// Charges the round of an n-th attempt; `false` where it is free or charged already.
    #[must_use]
    pub fn charge_round(&self, attempt: u32) -> bool {
        self.lock_rounds().charge_round(attempt)
    }
}

/// The right to make one call. It returns itself: a call that is dropped was cancelled.
pub struct CallPermit {
    state: &'static UpstreamState,
    endpoint: Endpoint,
    model: String,
    permit: Option<Permit>,
    rounds: SharedRounds,
    /// Which of its sub-request's attempts the call is, from 1.
    attempt: u32,
}

impl CallPermit {
    /// Tells whether the call is the one that decides whether the breaker closes.
    pub fn is_probe(&self) -> bool {
        match &self.permit {
            Some(permit) => permit.is_probe(),
            None => false,
        }
    }

    /// Tells the breaker what became of the call.
    pub fn report(mut self, outcome: CallOutcome) {
        self.return_permit(outcome);
    }

    fn return_permit(&mut self, outcome: CallOutcome) {
        let Some(permit) = self.permit.take() else { return };
        let mut outcome = outcome;
        // A probe speaks for itself, whatever failed before it.
        if outcome == CallOutcome::Failure
            && !self.rounds.lock_rounds().count_failure(self.attempt)
            && !permit.is_probe()
        {
            outcome = CallOutcome::Unknown;
        }
        let now = now();
        self.state.with_model(self.endpoint, &self.model, |model| match outcome {
            CallOutcome::Success => model.breaker.record_success(permit),
            CallOutcome::Failure => model.breaker.record_failure(permit, now),
            CallOutcome::Unknown => model.breaker.return_permit(permit),
        });
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        self.return_permit(CallOutcome::Unknown);
    }
}

impl UpstreamState {
    pub fn new(config: ResilienceConfig) -> Self {
        let models = ModelStates::new(config.breaker);
        let state = Locked {
            models,
            budget: RetryBudget::default(),
            transient_budget: RetryBudget::default(),
            refused_key: None,
        };
        Self { config, state: Mutex::new(state) }
    }

    fn lock_state(&self) -> MutexGuard<'_, Locked> {
        lock_anyway(&self.state)
    }

    /// Works on the state of one model, and logs a change of its breaker.
    fn with_model<T>(
        &self,
        endpoint: Endpoint,
        model: &str,
        work: impl FnOnce(&mut ModelState) -> T,
    ) -> T {
        let mut state = self.lock_state();
        let watched = state.models.use_model(endpoint, model, now());
        let before = watched.breaker.state();
        let result = work(watched);
        let after = watched.breaker.state();
        drop(state);
        if before != after {
            tell_transition(endpoint, model, before, after);
        }
        result
    }

    /// Asks the breaker of a model for a call, the n-th attempt of its sub-request.
    ///
    /// # Errors
    /// The breaker is open, or its one probe is under way.
    pub fn admit(
        &'static self,
        endpoint: Endpoint,
        model: &str,
        rounds: &SharedRounds,
        attempt: u32,
    ) -> Result<CallPermit, Refused> {
        let now = now();
        let permit = self.with_model(endpoint, model, |model| model.breaker.admit(now))?;
        Ok(CallPermit {
            state: self,
            endpoint,
            model: model.to_string(),
            permit: Some(permit),
            rounds: rounds.clone(),
            attempt,
        })
    }

    /// Tells whether one call of a model has to look before others are made, if it is admitted at all.
    pub fn needs_probe(&self, endpoint: Endpoint, model: &str) -> bool {
        self.lock_state().models.needs_probe(endpoint, model)
    }

    /// Returns how long the cooldown of a throttled model still lasts.
    pub fn cooldown_left(&self, endpoint: Endpoint, model: &str) -> Duration {
        match self.lock_state().models.find(endpoint, model) {
            Some(model) => model.cooldown.time_left(now()),
            None => Duration::ZERO,
        }
    }

    /// Records a 429, with the cooldown that Cohere asked for.
    pub fn record_throttle(&self, endpoint: Endpoint, model: &str, requested: Option<Duration>) {
        let now = now();
        self.with_model(endpoint, model, |model| model.cooldown.record_throttle(requested, now));
    }

    /// Records that a call ended in anything but a 429.
    pub fn record_not_throttled(&self, endpoint: Endpoint, model: &str) {
        self.with_model(endpoint, model, |model| model.cooldown.record_answer());
    }

    /// Records a success: the charge of an extra call is refunded.
    pub fn record_success(&self, endpoint: Endpoint, model: &str, charge: CallCharge) {
        learn_model(model);
        self.record_not_throttled(endpoint, model);
        let mut state = self.lock_state();
        state.refused_key = None;
        match charge {
            CallCharge::FirstCall => state.budget.record_first_success(),
            CallCharge::Extra(ExtraCharge { charge, is_transient: true }) => {
                state.transient_budget.refund(charge);
            }
            CallCharge::Extra(ExtraCharge { charge, is_transient: false }) => {
                state.budget.refund(charge);
            }
            CallCharge::Free => {}
        }
    }

    /// Charges a retry after a failure; `None` where its budget is empty.
    #[must_use]
    pub fn charge_retry(&self, cause: Cause) -> Option<ExtraCharge> {
        let mut state = self.lock_state();
        let is_transient = cause == Cause::Transient;
        let budget = if is_transient { &mut state.transient_budget } else { &mut state.budget };
        let charge = budget.charge_retry(cause)?;
        Some(ExtraCharge { charge, is_transient })
    }

    /// Charges a fallback's call after a failure; `None` where the budget is empty.
    #[must_use]
    pub fn charge_fallback(&self, cause: Cause) -> Option<ExtraCharge> {
        let charge = self.lock_state().budget.charge_fallback(cause)?;
        Some(ExtraCharge { charge, is_transient: false })
    }

    /// Records that Cohere refuses the key of this version, or its account.
    pub fn record_refused_key(&self, version: Option<String>, error: &GatewayError) {
        let until = now() + self.config.bad_key;
        self.lock_state().refused_key = Some(RefusedKey { version, until, error: error.clone() });
    }

    /// Tells whether any key is known to be refused, which saves asking for the one in memory.
    pub fn has_refused_key(&self) -> bool {
        self.lock_state().refused_key.is_some()
    }

    /// Returns the refusal of the key of this version, while it is known to be refused.
    pub fn key_refusal(&self, version: Option<&str>) -> Option<GatewayError> {
        let state = self.lock_state();
        let refused = state.refused_key.as_ref()?;
        let is_known = now() < refused.until && refused.version.as_deref() == version;
        if is_known { Some(refused.error.clone()) } else { None }
    }
}

fn tell_transition(endpoint: Endpoint, model: &str, before: BreakerState, after: BreakerState) {
    tracing::warn!(
        event = "breaker_changed",
        endpoint = endpoint.name(),
        model = redact::redact_id(&name_model(model)),
        from = before.as_str(),
        to = after.as_str(),
        "breaker"
    );
    metrics::count_for_model(metric_of(after), endpoint, model);
}

/// Returns the metric that counts a breaker's transitions into a state.
fn metric_of(state: BreakerState) -> Metric {
    match state {
        BreakerState::Open => Metric::BreakerOpened,
        BreakerState::HalfOpen => Metric::BreakerHalfOpened,
        BreakerState::Closed => Metric::BreakerClosed,
    }
}

#[cfg(test)]
mod tests;
