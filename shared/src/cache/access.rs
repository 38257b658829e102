//! Embed and rerank: what memory holds, calls for the rest, one answer.
//!
//! Each answer is kept as it comes, so that a request that fails in the end has still paid for its
//! parts only once. In memory a client sees its own answers only, unless the operator shares them.

use crate::cache::entry::Memory;
use crate::telemetry::request_log::{BatchStats, CacheOutcome};

/// Whose memory a request may use, and how.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    pub memory: &'a Memory,
    /// `None` where clients share what is kept.
    pub client: Option<&'a [u8]>,
    /// What becomes of the request if memory holds nothing of it.
    outcome: CacheOutcome,
}

impl<'a> Access<'a> {
    /// `is_plain` says that everything in the request is understood here.
    pub fn new(memory: &'a Memory, client: &'a str, is_plain: bool) -> Self {
        let outcome = match (memory.is_on(), is_plain) {
            (false, _) => CacheOutcome::Off,
            (true, false) => CacheOutcome::Bypass,
            (true, true) => CacheOutcome::Miss,
        };
        let client = (!memory.is_shared()).then_some(client.as_bytes());
        Self { memory, client, outcome }
    }

    pub fn is_used(&self) -> bool {
        self.outcome == CacheOutcome::Miss
    }

    /// Says how a request was taken apart.
    pub fn note(&self, inputs: usize, hits: usize, misses: usize) -> BatchStats {
        let cache = match (hits, misses) {
            (0, _) => self.outcome,
            (_, 0) => CacheOutcome::Hit,
            _ => CacheOutcome::Partial,
        };
        BatchStats { cache, inputs, hits, misses, parts: 0 }
    }
}
