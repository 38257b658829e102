//! Whose cache a request may use, and how.
//!
//! A client is answered from its own requests only, unless the operator lets clients share.

use crate::cache::Cache;
use crate::record::{BatchStats, CacheOutcome};

/// One request's use of the cache.
#[derive(Clone, Copy)]
pub struct CacheAccess<'a> {
    pub cache: &'a Cache,
    /// `None` where clients share what is cached.
    pub client: Option<&'a [u8]>,
    /// What becomes of the request if the cache holds nothing of it.
    miss_outcome: CacheOutcome,
}

impl<'a> CacheAccess<'a> {
    /// Decides on a request; `is_cacheable` says that everything in it is understood and may be cached.
    pub fn new(cache: &'a Cache, client: &'a str, is_cacheable: bool) -> Self {
        let miss_outcome = match (cache.is_on(), is_cacheable) {
            (false, _) => CacheOutcome::Off,
            (true, false) => CacheOutcome::Bypass,
            (true, true) => CacheOutcome::Miss,
        };
        let client = if cache.is_shared() { None } else { Some(client.as_bytes()) };
        Self { cache, client, miss_outcome }
    }

    /// Tells whether the cache may be read and filled.
    pub fn is_used(&self) -> bool {
        self.miss_outcome == CacheOutcome::Miss
    }

    /// Returns the statistics of a request before any sub-request is made.
    pub fn batch_stats(&self, inputs: usize, hits: usize, misses: usize) -> BatchStats {
        let cache = match (hits, misses) {
            (0, _) => self.miss_outcome,
            (_, 0) => CacheOutcome::Hit,
            _ => CacheOutcome::Partial,
        };
        BatchStats { cache, inputs, hits, misses, sub_requests: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CacheConfig;
    use std::time::Duration;

    fn new_cache(max_bytes: usize, shared: bool) -> Cache {
        Cache::new(CacheConfig { max_bytes, ttl: Duration::from_secs(60), shared })
    }

    #[test]
    fn cache_is_used_where_it_is_on_and_the_request_understood() {
        for (max_bytes, is_cacheable, outcome) in [
            (1_000, true, CacheOutcome::Miss),
            (1_000, false, CacheOutcome::Bypass),
            (0, true, CacheOutcome::Off),
            (0, false, CacheOutcome::Off),
        ] {
            let cache = new_cache(max_bytes, false);
            let access = CacheAccess::new(&cache, "a", is_cacheable);
            assert_eq!(access.is_used(), outcome == CacheOutcome::Miss, "{outcome:?}");
            assert_eq!(access.batch_stats(3, 0, 3).cache, outcome);
            assert_eq!(access.batch_stats(3, 3, 0).cache, CacheOutcome::Hit);
            assert_eq!(access.batch_stats(3, 1, 2).cache, CacheOutcome::Partial);
        }
    }

    #[test]
    fn client_is_part_of_the_key_unless_clients_share() {
        let (own, shared) = (new_cache(1_000, false), new_cache(1_000, true));
        assert_eq!(CacheAccess::new(&own, "a", true).client, Some(&b"a"[..]));
        assert_eq!(CacheAccess::new(&shared, "a", true).client, None);
    }
}
