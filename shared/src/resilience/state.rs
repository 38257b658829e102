//! What an environment has learnt of Cohere: breakers, cooldowns, rates, the retry budget, a refused key.
//!
//! Scope: environment. It adds clock, locking and logs to the pure rules beside it: each transition of a
//! breaker is one log line and one metric. No lock is held over an await. A call needs the permits of two
//! breakers, its model's and that of Cohere's host, so that a host which is gone is found out once.

use super::breaker::{Breaker, BreakerState, Refused};
use super::budget::{ExtraCharge, RetryBudgets};
use super::models::{ModelSource, ModelState, ModelStates};
use super::ramp::Traffic;
use super::rounds::RetryRounds;
use crate::clock::{Instant, now};
use crate::config::{RatesConfig, ResilienceConfig};
use crate::endpoint::Endpoint;
use crate::error::{Cause, GatewayError};
use crate::lock::lock_anyway;
use crate::telemetry::metrics::{self, Metric};
use crate::telemetry::model_names::{learn_model, name_model};
use crate::telemetry::redact;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

mod permit;
mod turn;

use permit::Permits;
pub use permit::{CallOutcome, CallPermit, RefusedCall};
pub use turn::{CallTurn, QueuedUnits};

/// Breakers, cooldowns, retry budget and the key's refusal.
pub struct UpstreamState {
    config: ResilienceConfig,
    state: Mutex<Locked>,
    /// Wakes who waits for another call's answer.
    answered: Notify,
}

struct Locked {
    host: HostState,
    models: ModelStates,
    budgets: RetryBudgets,
    refused_key: Option<RefusedKey>,
}

/// What is known of Cohere's host.
struct HostState {
    /// Counts the calls that could not be sent, whatever their model.
    breaker: Breaker,
    traffic: Traffic,
}

/// A key, or an account, that Cohere has refused.
struct RefusedKey {
    version: Option<String>,
    until: Instant,
    error: GatewayError,
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

impl UpstreamState {
    /// `published_rate` returns Cohere's limit of a model, in units a minute.
    pub fn new(
        config: ResilienceConfig,
        rates: RatesConfig,
        published_rate: fn(Endpoint, &str) -> u32,
    ) -> Self {
        let source = ModelSource { breaker: config.breaker, rates, published_rate };
        let state = Locked {
            host: HostState { breaker: Breaker::new(config.breaker), traffic: Traffic::default() },
            models: ModelStates::new(source),
            budgets: RetryBudgets::default(),
            refused_key: None,
        };
        Self { config, state: Mutex::new(state), answered: Notify::new() }
    }

    fn lock_state(&self) -> MutexGuard<'_, Locked> {
        lock_anyway(&self.state)
    }

    /// Works on the state of one model.
    fn with_model<T>(
        &self,
        endpoint: Endpoint,
        model: &str,
        work: impl FnOnce(&mut ModelState) -> T,
    ) -> T {
        work(self.lock_state().models.use_model(endpoint, model, now()))
    }

    /// Works on the two breakers of a call, and logs what has changed.
    fn with_breakers<T>(
        &self,
        endpoint: Endpoint,
        model: &str,
        work: impl FnOnce(&mut HostState, &mut ModelState) -> T,
    ) -> T {
        let mut state = self.lock_state();
        let Locked { host, models, .. } = &mut *state;
        let watched = models.use_model(endpoint, model, now());
        let before = [host.breaker.state(), watched.breaker.state()];
        let result = work(host, watched);
        let after = [host.breaker.state(), watched.breaker.state()];
        drop(state);
        if before[0] != after[0] {
            tell_transition(endpoint, ALL_MODELS, before[0], after[0]);
        }
        if before[1] != after[1] {
            tell_transition(endpoint, &name_model(model), before[1], after[1]);
        }
        result
    }

    /// Asks the breakers of a model and of the host for a call, the n-th attempt of its sub-request.
    ///
    /// # Errors
    /// One of them is open, or its one probe is under way.
    pub fn admit(
        &'static self,
        endpoint: Endpoint,
        model: &str,
        rounds: &SharedRounds,
        attempt: u32,
    ) -> Result<CallPermit, RefusedCall> {
        let now = now();
        let (permits, holds) = self.with_breakers(endpoint, model, |host, model| {
            let holds = [&host.breaker, &model.breaker];
            let holds = holds.map(|breaker| breaker.choose_hold(now, fastrand::f64()));
            Ok((admit_to_both(host, model, now)?, holds))
        })?;
        let [hold_of_host, hold_of_model] = holds;
        let hold = rounds.lock_rounds().keep_hold(hold_of_host.max(hold_of_model), now);
        Ok(CallPermit {
            state: self,
            endpoint,
            model: model.to_string(),
            permits: Some(permits),
            rounds: rounds.clone(),
            attempt,
            hold,
            is_models_hold: !hold.is_zero() && !hold_of_model.is_zero(),
            is_slow: false,
        })
    }

    /// Tells whether one call of a model has to look before others are made, if it is admitted at all.
    pub fn needs_probe(&self, endpoint: Endpoint, model: &str) -> bool {
        let state = self.lock_state();
        state.host.breaker.state() != BreakerState::Closed
            || state.models.needs_probe(endpoint, model)
    }

    /// Tells whether a call of a model would be made at once.
    pub fn may_call(&self, endpoint: Endpoint, model: &str) -> bool {
        let state = self.lock_state();
        match state.models.find(endpoint, model) {
            Some(model) => {
                model.breaker.state() == BreakerState::Closed
                    && model.cooldown.time_left(false, now()).is_zero()
            }
            None => true,
        }
    }

    /// Learns how long an answer took, and tells whether it was slow.
    pub fn judge_time(
        &self,
        endpoint: Endpoint,
        model: &str,
        is_stream: bool,
        took: Duration,
    ) -> bool {
        let times = self.config.slow_call_times;
        if times == 0 {
            return false;
        }
        self.with_model(endpoint, model, |model| {
            model.usual_times[usize::from(is_stream)].judge(took, times)
        })
    }

    /// Returns how long the cooldown of a throttled model still lasts.
    pub fn cooldown_left(&self, endpoint: Endpoint, model: &str) -> Duration {
        match self.lock_state().models.find(endpoint, model) {
            Some(model) => model.cooldown.time_left(false, now()),
            None => Duration::ZERO,
        }
    }

    /// Records a success: the charge of an extra call is refunded.
    pub fn record_success(&self, model: &str, charge: CallCharge) {
        learn_model(model);
        let mut state = self.lock_state();
        state.refused_key = None;
        match charge {
            CallCharge::FirstCall => state.budgets.record_first_success(),
            CallCharge::Extra(extra) => state.budgets.refund(extra),
            CallCharge::Free => {}
        }
    }

    /// Gives back what a call was charged that was not made.
    pub fn refund(&self, charge: CallCharge) {
        if let CallCharge::Extra(extra) = charge {
            self.lock_state().budgets.refund(extra);
        }
    }

    /// Charges a retry after a failure; `None` where its budget is empty.
    #[must_use]
    pub fn charge_retry(&self, cause: Cause) -> Option<ExtraCharge> {
        self.lock_state().budgets.charge_retry(cause)
    }

    /// Charges a fallback's call after a failure; `None` where the budget is empty.
    #[must_use]
    pub fn charge_fallback(&self, cause: Cause) -> Option<ExtraCharge> {
        self.lock_state().budgets.charge_fallback(cause)
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

/// Stands in the place of a model's name where the breaker is the host's.
const ALL_MODELS: &str = "all";

/// Asks both breakers for one call.
///
/// The host's moves last, so that it is half-open only for a call that is made.
fn admit_to_both(
    host: &mut HostState,
    model: &mut ModelState,
    now: Instant,
) -> Result<Permits, RefusedCall> {
    host.traffic.record_call(now);
    model.traffic.record_call(now);
    host.breaker.check(now).map_err(|refused| refused_call(refused, true))?;
    let model = model.breaker.admit(now).map_err(|refused| refused_call(refused, false))?;
    let host = host.breaker.admit(now).map_err(|refused| refused_call(refused, true))?;
    Ok(Permits { host, model })
}

fn refused_call(refused: Refused, is_by_host: bool) -> RefusedCall {
    RefusedCall { until: refused.until, is_by_host }
}

/// Writes the line and the metric of a transition; `model` is a name that may be shown.
fn tell_transition(endpoint: Endpoint, model: &str, before: BreakerState, after: BreakerState) {
    tracing::warn!(
        event = "breaker_changed",
        endpoint = endpoint.name(),
        model = redact::redact_id(model),
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
