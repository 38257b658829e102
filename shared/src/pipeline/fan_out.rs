//! Makes the calls of a split request: 16 at a time, each with attempts of its own.
//!
//! Where the breaker asks for a probe, and on the fallback, the first sub-request goes alone and the
//! others wait for its verdict. The first final failure ends the request: calls under way are dropped,
//! others are not made, and what has been answered was handed on as it came.

use super::attempts::{Answer, make_attempts};
use super::fallback::ModelRole;
use crate::app::App;
use crate::batch::SubRequest;
use crate::cohere::client::Call;
use crate::error::{Cause, Code, GatewayError, Result};
use crate::record::CallStats;
use crate::resilience::state::SharedRounds;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// Most calls of a request that are under way at a time.
const CONCURRENCY: usize = 16;

/// The calls of one request to one model.
pub(super) struct FanOut<'a> {
    pub(super) app: &'static App,
    /// The call of the whole request.
    pub(super) call: &'a Call,
    pub(super) role: ModelRole<'a>,
}

/// A sub-request that failed for good.
#[derive(Debug)]
pub(super) struct FailedSubRequest {
    pub(super) sub_request: SubRequest,
    pub(super) error: GatewayError,
}

impl FailedSubRequest {
    /// Adds to the failure which inputs were in it, unless it is about the key, the account or the model's
    /// rate, which no other inputs would change.
    pub(super) fn into_error(self, inputs: Option<String>) -> GatewayError {
        let mut error = self.error;
        let is_about_inputs = match error.cause() {
            Cause::Connect
            | Cause::Timeout
            | Cause::Server
            | Cause::Transient
            | Cause::BadRequest => true,
            Cause::Throttled | Cause::Quota | Cause::Auth | Cause::Billing | Cause::CircuitOpen => {
                false
            }
            Cause::Gateway => error.code == Code::Deadline,
        };
        if let Some(inputs) = inputs
            && is_about_inputs
        {
            error.message = format!("{} ({inputs})", error.message);
        }
        error
    }
}

impl FanOut<'_> {
    /// Answers all sub-requests, in their order; `on_answer` sees each as it comes.
    ///
    /// # Errors
    /// The first sub-request that failed for good.
    pub(super) async fn fetch_all<A: Answer>(
        &self,
        sub_requests: Vec<SubRequest>,
        stats: &mut CallStats,
        mut on_answer: impl FnMut(&SubRequest, &A) + Send,
    ) -> std::result::Result<Vec<(SubRequest, A)>, FailedSubRequest> {
        let rounds = SharedRounds::default();
        let mut sub_requests = sub_requests.into_iter();
        let mut answers = Vec::with_capacity(sub_requests.len());
        if self.needs_leader(sub_requests.len())
            && let Some(leader) = sub_requests.next()
        {
            let call = self.sub_call(&leader);
            match make_attempts(self.app, &call, self.role, &rounds, stats).await {
                Ok(answer) => {
                    on_answer(&leader, &answer);
                    answers.push((leader, answer));
                }
                Err(error) => return Err(FailedSubRequest { sub_request: leader, error }),
            }
        }
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
    async fn fetch_together<A: Answer>(
        &self,
        sub_requests: Vec<SubRequest>,
        rounds: &SharedRounds,
        stats: &mut CallStats,
        mut on_answer: impl FnMut(&SubRequest, &A) + Send,
    ) -> std::result::Result<Vec<(SubRequest, A)>, FailedSubRequest> {
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
        let failed_headers =
            failure.as_ref().map(|(number, _)| sub_stats[*number].response_headers.clone());
        stats.add_sub_requests(sub_stats);
        if let Some(headers) = failed_headers {
            stats.response_headers = headers;
        }
        match failure {
            Some((number, error)) => {
                Err(FailedSubRequest { sub_request: sub_requests[number].clone(), error })
            }
            None => Ok(sub_requests.into_iter().zip(answers.into_iter().flatten()).collect()),
        }
    }

    async fn fetch_one<A: Answer>(
        &self,
        number: usize,
        sub_request: &SubRequest,
        rounds: &SharedRounds,
        stats: &mut CallStats,
    ) -> (usize, Result<A>) {
        let call = self.sub_call(sub_request);
        (number, make_attempts(self.app, &call, self.role, rounds, stats).await)
    }

    fn sub_call(&self, sub_request: &SubRequest) -> Call {
        let expected_results = match sub_request.is_whole {
            true => self.call.expected_results,
            false => Some(sub_request.elements.len()),
        };
        Call { body: sub_request.body.clone(), expected_results, ..self.call.clone() }
    }
}
