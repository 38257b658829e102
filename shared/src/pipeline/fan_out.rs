//! Makes the calls of a split request: 16 at a time, each with attempts of its own.
//!
//! All of them together must find room in the model's rate within the request's time, else none is made.
//! Where the breaker asks for a probe, after a cooldown, and on the fallback, the first sub-request goes
//! alone and the others wait for its verdict. The first final failure ends the request: calls under way are dropped,
//! others are not made, and what has been answered was handed on as it came.

use super::attempts::{CallAnswer, make_attempts};
use super::model_answer::ModelRole;
use crate::app::App;
use crate::batch::{Batch, SubRequest, with_caller_indices};
use crate::clock::now;
use crate::cohere::client::Call;
use crate::error::{Cause, Code, GatewayError, Result};
use crate::record::CallStats;
use crate::resilience::rate::RateCost;
use crate::resilience::state::{QueuedUnits, SharedRounds};
use crate::telemetry::model_names::name_model;
use crate::wire::ExpectedResults;
use crate::wire::object::append_field;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::time::Duration;

/// Most calls of a request that are under way at a time.
const CONCURRENCY: usize = 16;

/// Time that is kept for the last call of a request that waits for its turn.
const LAST_CALL: Duration = Duration::from_secs(2);

/// The calls of one request to one model.
pub(super) struct FanOut<'a> {
    pub(super) app: &'static App,
    /// The call of the whole request.
    pub(super) call: &'a Call,
    pub(super) batch: &'a dyn Batch,
    pub(super) role: ModelRole<'a>,
    /// Cohere's `priority` of the parts; `None` where they get what the caller has set, or none.
    pub(super) priority: Option<u32>,
    /// Units of the model's rate that an element takes; `None` where a call is one unit.
    pub(super) units_per_element: Option<u32>,
}

impl FanOut<'_> {
    /// Answers all sub-requests, in their order; `on_answer` sees each as it comes.
    ///
    /// # Errors
    /// The first sub-request that failed for good.
    pub(super) async fn fetch_all<A: CallAnswer>(
        &self,
        sub_requests: Vec<SubRequest>,
        stats: &mut CallStats,
        mut on_answer: impl FnMut(&SubRequest, &A) + Send,
    ) -> Result<Vec<(SubRequest, A)>> {
        let rounds = SharedRounds::default();
        let is_bulk = sub_requests.len() > 1;
        let mut queued = if is_bulk { Some(self.queue_units(&sub_requests)?) } else { None };
        let mut sub_requests = sub_requests.into_iter();
        let mut answers = Vec::with_capacity(sub_requests.len());
        if self.needs_leader(sub_requests.len())
            && let Some(leader) = sub_requests.next()
        {
            let call = self.sub_call(&leader, is_bulk);
            match make_attempts(self.app, &call, self.role, &rounds, stats).await {
                Ok(answer) => {
                    on_answer(&leader, &answer);
                    self.release_units(&mut queued, &leader);
                    answers.push((leader, answer));
                }
                Err(error) => return Err(self.describe_failure(error, &leader)),
            }
        }
        let on_answer = |sub_request: &SubRequest, answer: &A| {
            self.release_units(&mut queued, sub_request);
            on_answer(sub_request, answer);
        };
        let rest = self.fetch_together(sub_requests.collect(), &rounds, stats, on_answer).await?;
        answers.extend(rest);
        Ok(answers)
    }

    /// Tells whether the first sub-request goes alone.
    fn needs_leader(&self, count: usize) -> bool {
        count == 1
            || matches!(self.role, ModelRole::Fallback(_))
            || self.app.upstream_state.needs_probe(self.call.endpoint, &self.call.model)
    }

    /// Answers sub-requests that may be under way together.
    async fn fetch_together<A: CallAnswer>(
        &self,
        sub_requests: Vec<SubRequest>,
        rounds: &SharedRounds,
        stats: &mut CallStats,
        mut on_answer: impl FnMut(&SubRequest, &A) + Send,
    ) -> Result<Vec<(SubRequest, A)>> {
        if sub_requests.is_empty() {
            return Ok(Vec::new());
        }
        let mut answers: Vec<Option<A>> = Vec::new();
        answers.resize_with(sub_requests.len(), || None);
        let mut sub_stats = vec![CallStats::for_sub_request(); sub_requests.len()];
        let mut failure = None;
        {
            let mut waiting = sub_requests.iter().zip(&mut sub_stats).enumerate();
            let mut under_way = FuturesUnordered::new();
            loop {
                let free = CONCURRENCY - under_way.len();
                for (number, (sub_request, stats)) in waiting.by_ref().take(free) {
                    under_way.push(self.fetch_one(number, sub_request, rounds, stats));
                }
                match under_way.next().await {
                    None => break,
                    Some((number, Ok(answer))) => {
                        on_answer(&sub_requests[number], &answer);
                        answers[number] = Some(answer);
                    }
                    Some((number, Err(error))) => {
                        failure = Some((number, error));
                        break;
                    }
                }
            }
        }
        // The failed call is the one that is answered, with Cohere's id and trace of it.
        let failed = failure.as_ref().map(|(number, _)| sub_stats[*number].clone());
        stats.add_sub_requests(sub_stats);
        if let Some(failed) = failed {
            stats.response_headers = failed.response_headers;
            stats.upstream_id = failed.upstream_id;
        }
        match failure {
            Some((number, error)) => Err(self.describe_failure(error, &sub_requests[number])),
            None => Ok(sub_requests.into_iter().zip(answers.into_iter().flatten()).collect()),
        }
    }

    /// Tells a failure as the caller counts: with its own indices where Cohere names some, else with the
    /// inputs that were in it; unless it is about the key, the account or the model's rate, which no
    /// other inputs would change.
    fn describe_failure(&self, mut error: GatewayError, sub_request: &SubRequest) -> GatewayError {
        let is_about_inputs = match error.cause() {
            Cause::Connect
            | Cause::Broken
            | Cause::Timeout
            | Cause::Server
            | Cause::Transient
            | Cause::BadRequest => true,
            Cause::Throttled
            | Cause::Quota
            | Cause::Auth
            | Cause::Billing
            | Cause::CircuitOpen
            | Cause::HostOpen
            | Cause::HeldBack => false,
            Cause::Gateway => error.code == Code::Deadline,
        };
        let Some(inputs) = self.batch.describe(sub_request).filter(|_| is_about_inputs) else {
            return error;
        };
        error.message = match with_caller_indices(&error.message, self.batch, sub_request) {
            Some(message) => message,
            None => format!("{} ({inputs})", error.message),
        };
        error
    }

    async fn fetch_one<A: CallAnswer>(
        &self,
        number: usize,
        sub_request: &SubRequest,
        rounds: &SharedRounds,
        stats: &mut CallStats,
    ) -> (usize, Result<A>) {
        let call = self.sub_call(sub_request, true);
        (number, make_attempts(self.app, &call, self.role, rounds, stats).await)
    }

    /// Makes sure that all calls find room in the model's rate while the request has time.
    ///
    /// # Errors
    /// `rate_limited`, before anything is spent.
    fn queue_units(&self, sub_requests: &[SubRequest]) -> Result<QueuedUnits> {
        let units = sub_requests.iter().map(|sub_request| u64::from(self.count_units(sub_request)));
        let largest = sub_requests.iter().map(|sub_request| self.count_units(sub_request)).max();
        let time_left = self.call.deadline.at.saturating_duration_since(now());
        // The last call has to be answered too.
        let longest_wait = time_left.saturating_sub(LAST_CALL.min(time_left / 10));
        let queued = self.app.upstream_state.queue_units(
            self.call.endpoint,
            &self.call.model,
            units.sum(),
            largest.unwrap_or(1),
            longest_wait,
        );
        queued.map_err(|wait| tell_long_wait(&self.call.model, wait, time_left))
    }

    fn release_units(&self, queued: &mut Option<QueuedUnits>, sub_request: &SubRequest) {
        if let Some(queued) = queued {
            queued.release(u64::from(self.count_units(sub_request)));
        }
    }

    /// Returns what a sub-request takes of the model's rate.
    fn count_units(&self, sub_request: &SubRequest) -> u32 {
        let Some(each) = self.units_per_element else { return 1 };
        let elements = u32::try_from(sub_request.elements.len()).unwrap_or(u32::MAX);
        elements.saturating_mul(each)
    }

    fn sub_call(&self, sub_request: &SubRequest, is_bulk: bool) -> Call {
        let mut expected_results = self.call.expected_results.clone();
        if !sub_request.is_whole {
            let types = expected_results.map(|whole| whole.types).unwrap_or_default();
            let inputs = sub_request.elements.len();
            // A ranking's best may lie in one sub-request, so that each has all its results.
            expected_results = Some(ExpectedResults { inputs, results: inputs, types });
        }
        let mut body = self.batch.write_body(sub_request);
        if let Some(priority) = self.priority.filter(|_| is_bulk) {
            body = append_field(body, "priority", &priority.to_string());
        }
        let cost = RateCost { units: self.count_units(sub_request), is_bulk };
        Call { body, expected_results, cost, ..self.call.clone() }
    }
}

/// Says that a request would have to wait for longer than it has.
fn tell_long_wait(model: &str, wait: Duration, time_left: Duration) -> GatewayError {
    let model = name_model(model);
    let (wait_secs, left_secs) = (wait.as_secs_f64().ceil(), time_left.as_secs());
    let message = format!(
        "Cohere's rate limit for {model} lets this request's last call go in {wait_secs} s, and the request \
         has {left_secs} s: nothing was sent. Send fewer inputs, or more time by x-gateway-timeout-ms"
    );
    GatewayError { retry_after: Some(wait), ..GatewayError::new(Code::RateLimited, message) }
}

#[cfg(test)]
mod tests;
