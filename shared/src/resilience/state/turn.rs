//! The turns that calls take of a model's rate, and the units that wait for one.

use super::UpstreamState;
use crate::clock::now;
use crate::endpoint::Endpoint;
use crate::resilience::cooldown::Resting;
use crate::resilience::models::{ModelState, Turn, TurnEnd};
use crate::resilience::rate::RateCost;
use crate::telemetry::model_names::name_model;
use crate::telemetry::redact::redact_id;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::sync::futures::Notified;

/// The turn of one call. It returns itself: a call that is dropped was cancelled.
pub struct CallTurn {
    state: &'static UpstreamState,
    endpoint: Endpoint,
    model: String,
    turn: Option<Turn>,
    is_sent: bool,
}

impl CallTurn {
    /// Tells that the call is on its way: what is cancelled from now on has cost its units.
    pub fn mark_sent(&mut self) {
        self.is_sent = true;
    }

    /// Tells what became of the call.
    pub fn end(mut self, end: TurnEnd) {
        self.end_turn(end);
    }

    fn end_turn(&mut self, end: TurnEnd) {
        let Some(turn) = self.turn.take() else { return };
        let (now, random) = (now(), fastrand::f64());
        let lowered = self.state.with_model(self.endpoint, &self.model, |model| {
            let before = model.limit();
            model.end_turn(turn, end, random, now);
            model.limit().filter(|limit| Some(*limit) < before)
        });
        self.state.answered.notify_waiters();
        if let Some(limit) = lowered {
            tell_lowered_rate(self.endpoint, &self.model, limit);
        }
    }
}

impl Drop for CallTurn {
    fn drop(&mut self) {
        self.end_turn(if self.is_sent { TurnEnd::Cancelled } else { TurnEnd::Unsent });
    }
}

fn tell_lowered_rate(endpoint: Endpoint, model: &str, limit: f64) {
    tracing::warn!(
        event = "rate_lowered",
        endpoint = endpoint.name(),
        model = redact_id(&name_model(model)),
        per_minute = limit.round() as u64,
        "a model's rate is lowered"
    );
}

/// Units of a split request that others wait behind, until its calls are answered or it ends.
pub struct QueuedUnits {
    state: &'static UpstreamState,
    endpoint: Endpoint,
    model: String,
    units: u64,
}

impl QueuedUnits {
    /// Lets go the units of a call that was answered.
    pub fn release(&mut self, units: u64) {
        let units = units.min(self.units);
        self.units -= units;
        self.state.with_model(self.endpoint, &self.model, |model| {
            model.queued = model.queued.saturating_sub(units);
        });
    }
}

impl Drop for QueuedUnits {
    fn drop(&mut self) {
        self.release(self.units);
    }
}

impl UpstreamState {
    /// Takes a model's turn for a call.
    ///
    /// # Errors
    /// The model rests, or its rate has no room.
    pub fn take_turn(
        &'static self,
        endpoint: Endpoint,
        model: &str,
        cost: RateCost,
    ) -> Result<CallTurn, Resting> {
        let now = now();
        let turn = self.with_model(endpoint, model, |model| model.take_turn(cost, now))?;
        let model = model.to_string();
        Ok(CallTurn { state: self, endpoint, model, turn: Some(turn), is_sent: false })
    }

    /// Returns what ends as soon as some call has its answer, from now on.
    pub fn next_answer(&self) -> Notified<'_> {
        self.answered.notified()
    }

    /// Returns the lock of the part whose turn is next among the parts of split requests.
    pub fn bulk_queue(&self, endpoint: Endpoint, model: &str) -> Arc<Mutex<()>> {
        self.with_model(endpoint, model, ModelState::bulk_queue)
    }

    /// Lets a split request wait with all its units.
    ///
    /// # Errors
    /// How long it would have to wait, which is longer than it can.
    pub fn queue_units(
        &'static self,
        endpoint: Endpoint,
        model: &str,
        units: u64,
        largest_part: u32,
        longest_wait: Duration,
    ) -> Result<QueuedUnits, Duration> {
        let now = now();
        self.with_model(endpoint, model, |state| {
            let wait = state.estimate_wait(units, largest_part, now);
            if wait >= longest_wait {
                return Err(wait);
            }
            state.queued += units;
            Ok(QueuedUnits { state: self, endpoint, model: model.to_string(), units })
        })
    }
}
