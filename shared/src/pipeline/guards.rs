//! The state that protects Cohere, and requests, from a failing Cohere: breakers, rests, budget, bad key.
//!
//! Scope: environment. The rules are in `resilience`; here they get the clock, a lock, and a voice: each
//! transition of a breaker is one log line. No lock is held over an await.

use crate::clock::{Instant, now};
use crate::config::ResilienceConfig;
use crate::endpoint::Endpoint;
use crate::error::{GatewayError, Kind};
use crate::lock::lock_anyway;
use crate::resilience::breaker::{Breaker, Permit, Refused, State};
use crate::resilience::budget::RetryBudget;
use crate::resilience::rest::Rest;
use crate::resilience::retry::disposition;
use crate::resilience::siblings::Siblings;
use crate::telemetry::metrics::{self, Metric};
use crate::telemetry::redact;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Most models watched at a time: callers may send any id.
const MAX_MODELS: usize = 256;

/// All guards of an environment.
pub struct Guards {
    config: ResilienceConfig,
    state: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    models: HashMap<(Endpoint, String), Model>,
    budget: RetryBudget,
    bad_key: Option<BadKey>,
}

struct Model {
    breaker: Breaker,
    rest: Rest,
}

/// A key, or an account, that Cohere has refused.
struct BadKey {
    version: Option<String>,
    until: Instant,
    error: GatewayError,
}

/// What became of an admitted call.
pub(super) enum Outcome {
    Success,
    /// Cohere failed.
    Failure,
    /// Nothing was learnt about Cohere.
    Nothing,
}

impl Outcome {
    /// Returns what a failed call says about Cohere.
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            kind if disposition(kind).trips_breaker => Outcome::Failure,
            // Cohere has read the request and judged it: it is there.
            Kind::Transient | Kind::Auth | Kind::Billing | Kind::Rejected => Outcome::Success,
            _ => Outcome::Nothing,
        }
    }
}

/// A permit that gives itself back: a call that is dropped was cancelled.
pub(super) struct Admission {
    guards: &'static Guards,
    endpoint: Endpoint,
    model: String,
    permit: Option<Permit>,
    siblings: SharedSiblings,
    /// Which of its part's attempts the call is, from 1.
    attempt: u32,
}

/// The calls of one request, shared by those under way.
pub(super) type SharedSiblings = Arc<Mutex<Siblings>>;

impl Admission {
    pub(super) fn is_probe(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_probe)
    }

    /// Says what became of the call.
    pub(super) fn done(mut self, outcome: Outcome) {
        self.settle(outcome);
    }

    fn settle(&mut self, outcome: Outcome) {
        let Some(permit) = self.permit.take() else { return };
        let at = now();
        let mut siblings = lock_anyway(&self.siblings);
        // A probe speaks for itself, whatever failed before it.
        let outcome = match outcome {
            Outcome::Failure if !(siblings.failure_counts(self.attempt) || permit.is_probe()) => {
                Outcome::Nothing
            }
            outcome => outcome,
        };
        drop(siblings);
        self.guards.watch(self.endpoint, &self.model, |watched| match outcome {
            Outcome::Success => watched.breaker.succeeded(permit),
            Outcome::Failure => watched.breaker.failed(permit, at),
            Outcome::Nothing => watched.breaker.cancelled(permit),
        });
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.settle(Outcome::Nothing);
    }
}

impl Guards {
    pub fn new(config: ResilienceConfig) -> Self {
        Self { config, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        lock_anyway(&self.state)
    }

    /// Works on one model's guards and tells of a breaker's transition.
    fn watch<T>(&self, endpoint: Endpoint, model: &str, work: impl FnOnce(&mut Model) -> T) -> T {
        let mut state = self.lock();
        let key = (endpoint, model.to_string());
        if state.models.len() >= MAX_MODELS && !state.models.contains_key(&key) {
            state.models.retain(|_, watched| watched.breaker.state() != State::Closed);
        }
        let fresh = || Model { breaker: Breaker::new(self.config.breaker), rest: Rest::default() };
        let watched = state.models.entry(key).or_insert_with(fresh);
        let before = watched.breaker.state();
        let result = work(watched);
        let after = watched.breaker.state();
        drop(state);
        if before != after {
            tracing::warn!(
                event = "breaker_changed",
                endpoint = endpoint.name(),
                model = redact::id(model),
                from = before.as_str(),
                to = after.as_str(),
                "breaker"
            );
            metrics::count_for_model(metric_of(after), endpoint, model);
        }
        result
    }

    /// Asks the breaker of a model for a call.
    pub(super) fn admit(
        &'static self,
        endpoint: Endpoint,
        model: &str,
        siblings: &SharedSiblings,
        attempt: u32,
    ) -> Result<Admission, Refused> {
        let at = now();
        let permit = self.watch(endpoint, model, |watched| watched.breaker.admit(at))?;
        let (model, siblings) = (model.to_string(), siblings.clone());
        Ok(Admission { guards: self, endpoint, model, permit: Some(permit), siblings, attempt })
    }

    /// Tells whether the next call of a model may only be a probe, if it is admitted at all.
    pub(super) fn asks_for_a_probe(&self, endpoint: Endpoint, model: &str) -> bool {
        self.watch(endpoint, model, |watched| watched.breaker.state() != State::Closed)
    }

    /// Returns how long a throttled model still rests.
    pub(super) fn rest(&self, endpoint: Endpoint, model: &str) -> Duration {
        let at = now();
        self.watch(endpoint, model, |watched| watched.rest.remaining(at))
    }

    /// Notes a 429.
    pub(super) fn throttled(&self, endpoint: Endpoint, model: &str, asked: Option<Duration>) {
        let at = now();
        self.watch(endpoint, model, |watched| watched.rest.throttled(asked, at));
    }

    /// Notes that a call ended in anything but a 429.
    pub(super) fn not_throttled(&self, endpoint: Endpoint, model: &str) {
        self.watch(endpoint, model, |watched| watched.rest.answered());
    }

    /// Notes a success.
    pub(super) fn succeeded(&self, endpoint: Endpoint, model: &str) {
        self.not_throttled(endpoint, model);
        let mut state = self.lock();
        state.budget.succeeded();
        state.bad_key = None;
    }

    /// Pays for an extra call.
    pub(super) fn pay(&self, after_timeout: bool) -> bool {
        self.lock().budget.pay(after_timeout)
    }

    /// Notes that the key of this version, or its account, is refused.
    pub(super) fn key_is_bad(&self, version: Option<String>, error: &GatewayError) {
        let until = now() + self.config.bad_key;
        self.lock().bad_key = Some(BadKey { version, until, error: error.clone() });
    }

    /// Tells whether any key is known to be bad, which saves asking for the one in memory.
    pub(super) fn has_bad_key(&self) -> bool {
        self.lock().bad_key.is_some()
    }

    /// Returns the refusal of the key in memory, while it is known to be bad.
    pub(super) fn known_refusal(&self, version: Option<&str>) -> Option<GatewayError> {
        let state = self.lock();
        let bad = state.bad_key.as_ref()?;
        let is_known = now() < bad.until && bad.version.as_deref() == version;
        is_known.then(|| bad.error.clone())
    }
}

/// Returns the metric that counts a breaker's transitions into a state.
fn metric_of(state: State) -> Metric {
    match state {
        State::Open => Metric::BreakerOpened,
        State::HalfOpen => Metric::BreakerHalfOpened,
        State::Closed => Metric::BreakerClosed,
    }
}
