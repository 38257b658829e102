//! Settings of the cache of embeddings and rankings.

use super::reader::Reader;
use super::setting::{number, one_of, settings};
use std::time::Duration;

settings! {
    /// Memory of the cache of embeddings and rankings in one environment; 0 switches it off.
    GATEWAY_CACHE_BYTES = number(0, 4_000_000_000, "64000000");
    /// How long an embedding or ranking is answered from the cache.
    GATEWAY_CACHE_TTL_SECS = number(1, 86_400, "3600");
    /// Whether all clients share the cache; else a client is answered only from its own requests.
    GATEWAY_CACHE_SHARED = one_of(&["false", "true"], "false");
}

/// Settings of the cache.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// 0 switches it off: `GATEWAY_CACHE_BYTES`.
    pub max_bytes: usize,
    /// `GATEWAY_CACHE_TTL_SECS`
    pub ttl: Duration,
    /// Clients are answered from each other's requests: `GATEWAY_CACHE_SHARED`.
    pub shared: bool,
}

impl CacheConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self {
            max_bytes: reader.read_count(&GATEWAY_CACHE_BYTES),
            ttl: reader.read_secs(&GATEWAY_CACHE_TTL_SECS),
            shared: reader.is_word(&GATEWAY_CACHE_SHARED, "true"),
        }
    }
}
