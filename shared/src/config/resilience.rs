//! Settings of what protects Cohere, and the requests, from a failing Cohere.

use super::reader::Reader;
use super::setting::{MAX_MS, number, settings};
use std::time::Duration;

settings! {
    /// Consecutive failures of one model that open its circuit breaker in an environment.
    GATEWAY_BREAKER_FAILURES = number(1, 1_000_000, "5");
    /// How long an open circuit breaker refuses calls before it admits a probe, give or take a tenth.
    GATEWAY_BREAKER_OPEN_MS = number(1, MAX_MS, "60000");
    /// An answer that took over so many times what the model usually takes counts for its circuit breaker as a failure, though it is used; of a stream the time to its first content counts. 0 is off.
    GATEWAY_SLOW_CALL_TIMES = number(0, 1_000, "0");
    /// How long requests are answered without a call after Cohere has refused the key or the account.
    GATEWAY_BAD_KEY_MS = number(0, MAX_MS, "30000");
}

/// When a circuit breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerConfig {
    /// Consecutive failures that open it: `GATEWAY_BREAKER_FAILURES`.
    pub failures: u32,
    /// `GATEWAY_BREAKER_OPEN_MS`
    pub open_for: Duration,
}

/// Settings of what protects Cohere, and the requests, from a failing Cohere.
#[derive(Clone, Copy, Debug)]
pub struct ResilienceConfig {
    pub breaker: BreakerConfig,
    /// How many times its model's usual time an answer may take, or 0: `GATEWAY_SLOW_CALL_TIMES`.
    pub slow_call_times: u32,
    /// How long requests are answered without a call after the key was refused:
    /// `GATEWAY_BAD_KEY_MS`.
    pub bad_key: Duration,
}

impl ResilienceConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        let breaker = BreakerConfig {
            failures: reader.read_count(&GATEWAY_BREAKER_FAILURES) as u32,
            open_for: reader.read_millis(&GATEWAY_BREAKER_OPEN_MS),
        };
        Self {
            breaker,
            slow_call_times: reader.read_count(&GATEWAY_SLOW_CALL_TIMES) as u32,
            bad_key: reader.read_millis(&GATEWAY_BAD_KEY_MS),
        }
    }
}
