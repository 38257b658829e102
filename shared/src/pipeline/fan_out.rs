//! Runs the calls of a split request: some at a time, each with attempts of its own.
//!
//! Where the breaker asks for a probe, and in a fallback's turn, the first part goes alone and the
//! others wait for its verdict. The first final failure ends the request: parts on their way are dropped,
//! others are not sent, and what has been answered was handed on as it came.

use super::attempts::{self, Answered, Turn};
use crate::app::App;
use crate::batch::Part;
use crate::cohere::client::{Call, CallStats};
use crate::error::{GatewayError, Result};
use crate::resilience::state::SharedRounds;
use crate::wire::UpstreamRequest;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// Most parts of a request that are under way at a time.
const CONCURRENCY: usize = 16;

/// A part that failed for good.
pub(super) struct FailedPart {
    pub(super) part: Part,
    pub(super) error: GatewayError,
}

/// Answers all parts, in their order; `answered` sees each as it comes.
///
/// # Errors
/// The first part that failed for good.
pub(super) async fn run(
    app: &'static App,
    call: &Call,
    turn: Turn<'_>,
    parts: Vec<Part>,
    spent: &mut CallStats,
    mut answered: impl FnMut(&Part, &Answered),
) -> std::result::Result<Vec<(Part, Answered)>, FailedPart> {
    let rounds = SharedRounds::default();
    let is_fallback = matches!(turn, Turn::Fallback(_));
    let one_leads =
        parts.len() == 1 || is_fallback || app.guards.asks_for_a_probe(call.endpoint, &call.request.model);
    let mut answers: Vec<Option<Answered>> = parts.iter().map(|_| None).collect();
    let mut next = 0;
    if one_leads && let Some(first) = parts.first() {
        let leading = of_part(call, first);
        match attempts::run(app, &leading, turn, &rounds, spent).await {
            Ok(answer) => {
                answered(first, &answer);
                answers[0] = Some(answer);
            }
            Err(error) => return Err(FailedPart { part: first.clone(), error }),
        }
        next = 1;
    }

    let mut part_spent: Vec<_> = parts.iter().skip(next).map(|_| CallStats::of_part()).collect();
    let mut waiting = (next..parts.len()).zip(part_spent.iter_mut());
    let mut running = FuturesUnordered::new();
    let failed = loop {
        let room = CONCURRENCY - running.len();
        for (number, spent) in waiting.by_ref().take(room) {
            running.push(run_part(app, of_part(call, &parts[number]), turn, &rounds, number, spent));
        }
        match running.next().await {
            None => break None,
            Some((number, Ok(answer))) => {
                answered(&parts[number], &answer);
                answers[number] = Some(answer);
            }
            Some((number, Err(error))) => break Some((number, error)),
        }
    };
    drop(running);
    drop(waiting);
    // The failed part is the one that is answered, with Cohere's id and trace of it.
    let its_headers = failed.as_ref().map(|(number, _)| part_spent[number - next].headers.clone());
    if !part_spent.is_empty() {
        spent.add_parts(part_spent);
    }
    spent.headers = its_headers.unwrap_or_else(|| std::mem::take(&mut spent.headers));
    match failed {
        Some((number, error)) => Err(FailedPart { part: parts[number].clone(), error }),
        None => Ok(parts.into_iter().zip(answers.into_iter().flatten()).collect()),
    }
}

/// Runs one part of many; those after a fallback's first are that model's first calls.
async fn run_part(
    app: &'static App,
    call: Call,
    turn: Turn<'_>,
    rounds: &SharedRounds,
    number: usize,
    spent: &mut CallStats,
) -> (usize, Result<Answered>) {
    (number, attempts::run(app, &call, turn, rounds, spent).await)
}

fn of_part(call: &Call, part: &Part) -> Call {
    let expected = if part.is_whole { call.request.expected } else { Some(part.elements.len()) };
    let request = UpstreamRequest { body: part.body.clone(), expected, ..call.request.clone() };
    Call { request, ..call.clone() }
}
