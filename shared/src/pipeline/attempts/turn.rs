//! Waiting for a model's turn: the end of its rest, and room in its rate.

use super::Attempts;
use crate::clock::{Instant, now};
use crate::error::{Code, GatewayError, Result};
use crate::record::CallStats;
use crate::resilience::cooldown::Resting;
use crate::resilience::retry::MAX_WAIT;
use crate::resilience::state::CallTurn;
use crate::telemetry::model_names::name_model;
use std::time::Duration;
use tokio::time::{sleep_until, timeout_at};

impl Attempts<'_> {
    /// Returns how long all waits of this call may take together: a part of a split request has the
    /// request's own time, a request of one part two seconds.
    pub(super) fn longest_wait(&self) -> Duration {
        let time_left = self.call.deadline.at.saturating_duration_since(now());
        match self.call.cost.is_bulk {
            true => self.waited.saturating_add(time_left),
            false => MAX_WAIT,
        }
    }

    /// Waits for the model's turn and takes it.
    ///
    /// # Errors
    /// The last failure, else `rate_limited`, where the wait is longer than the call may wait.
    pub(super) async fn take_turn(&mut self, stats: &mut CallStats) -> Result<CallTurn> {
        let (endpoint, model, cost) = (self.call.endpoint, &self.call.model, self.call.cost);
        let started = now();
        let longest = self.longest_wait().saturating_sub(self.waited);
        let until = (started + longest).min(self.call.deadline.at);
        let (mut place, mut has_waited) = (None, false);
        if cost.is_bulk {
            let queue = self.state().bulk_queue(endpoint, model);
            place = queue.clone().try_lock_owned().ok();
            if place.is_none() {
                has_waited = true;
                place = timeout_at(until, queue.lock_owned()).await.ok();
            }
        }
        let turn = loop {
            // Listens before it asks: an answer in between would be missed.
            let answered = self.state().next_answer();
            let resting = match self.state().take_turn(endpoint, model, cost) {
                Ok(turn) => break Ok(turn),
                Err(resting) => resting,
            };
            has_waited = true;
            match resting {
                Resting::For(wait) if now() + wait < until => sleep_until(now() + wait).await,
                Resting::For(wait) => break Err(wait),
                Resting::UntilAnswer if now() < until => {
                    let _ = timeout_at(until, answered).await;
                }
                Resting::UntilAnswer => break Err(MAX_WAIT),
            }
        };
        drop(place);
        if has_waited {
            self.note_wait(started, stats);
        }
        turn.map_err(|wait| match &self.last_error {
            Some(error) => error.clone(),
            None => tell_rate_limit(model, wait),
        })
    }

    fn note_wait(&mut self, started: Instant, stats: &mut CallStats) {
        let waited = now() - started;
        if !waited.is_zero() {
            self.waited += waited;
            stats.add_waiting(started);
        }
    }
}

/// Says that a model's rate has no room for a while.
pub(super) fn tell_rate_limit(model: &str, wait: Duration) -> GatewayError {
    let model = name_model(model);
    let message = format!("Cohere's rate limit for {model} is reached, please try again later");
    GatewayError { retry_after: Some(wait), ..GatewayError::new(Code::RateLimited, message) }
}
