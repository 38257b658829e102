//! Embed and rerank: what memory holds, calls for the rest, one answer.
//!
//! Each answer is kept as it comes, so that a request that fails in the end has still paid for its
//! parts only once. In memory a client sees its own answers only, unless the operator shares them.

mod embed;
mod rerank;

pub(super) use embed::embed;
pub(super) use rerank::rerank;

use super::asked::Asked;
use super::memory::Memory;
use super::parts::FailedPart;
use crate::error::{Code, GatewayError, Kind};
use crate::telemetry::fields::{Batched, CacheOutcome};

/// Whose memory a request may use, and how.
#[derive(Clone, Copy)]
struct Access<'a> {
    memory: &'a Memory,
    /// `None` where clients share what is kept.
    client: Option<&'a [u8]>,
    /// What becomes of the request if memory holds nothing of it.
    outcome: CacheOutcome,
}

impl<'a> Access<'a> {
    /// `is_plain` says that everything in the request is understood here.
    fn new(memory: &'a Memory, client: &'a str, is_plain: bool) -> Self {
        let outcome = match (memory.is_on(), is_plain) {
            (false, _) => CacheOutcome::Off,
            (true, false) => CacheOutcome::Bypass,
            (true, true) => CacheOutcome::Miss,
        };
        let client = (!memory.is_shared()).then_some(client.as_bytes());
        Self { memory, client, outcome }
    }

    fn is_used(&self) -> bool {
        self.outcome == CacheOutcome::Miss
    }

    /// Says how a request was taken apart.
    fn note(&self, inputs: usize, hits: usize, misses: usize) -> Batched {
        let cache = match (hits, misses) {
            (0, _) => self.outcome,
            (_, 0) => CacheOutcome::Hit,
            _ => CacheOutcome::Partial,
        };
        Batched { cache, inputs, hits, misses, parts: 0 }
    }
}

/// Returns the id of an answer from memory, as JSON.
fn json_id(asked: &Asked) -> Vec<u8> {
    serde_json::Value::from(asked.request_id.as_str()).to_string().into_bytes()
}

/// Adds to a part's failure which inputs were in it, unless it is about the key, the account or the model's
/// rate, which no other inputs would change.
fn in_its_part(inputs: Option<String>, failed: FailedPart) -> GatewayError {
    let mut error = failed.error;
    let is_about_a_call = match error.kind() {
        Kind::Connect | Kind::Timeout | Kind::Server | Kind::Transient | Kind::Rejected => true,
        Kind::Throttled | Kind::Quota | Kind::Auth | Kind::Billing | Kind::Refused => false,
        Kind::Own => error.code == Code::Deadline,
    };
    if let Some(inputs) = inputs.filter(|_| is_about_a_call) {
        error.message = format!("{} ({inputs})", error.message);
    }
    error
}

fn defect() -> GatewayError {
    GatewayError::new(Code::Internal, "internal error").with_detail("a checked request cannot be split")
}

#[cfg(test)]
mod tests;
