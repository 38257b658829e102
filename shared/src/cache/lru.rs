//! A least-recently-used store, bounded by bytes and by age.
//!
//! Scope: environment. Everything new is stored, and what was used longest ago is evicted first: texts
//! are asked for again soon or never, and a request that fails is repeated at once. What is too old is
//! never answered and drifts to the end. There is no clock here: callers pass `now`.

use super::key::CacheKey;
use crate::clock::Instant;
use crate::config::CacheConfig;
use crate::lock::lock_anyway;
use lru::LruCache;
use std::sync::{Mutex, MutexGuard};

/// Bytes of an entry besides its value: key, time, and the store's own books.
const OVERHEAD: usize = 192;

/// A value that knows how much memory it holds.
pub trait MemorySize: Clone {
    /// Returns the bytes it holds.
    fn memory_size(&self) -> usize;
}

struct StoredValue<V> {
    value: V,
    stored: Instant,
}

impl<V: MemorySize> StoredValue<V> {
    fn size(&self) -> usize {
        self.value.memory_size() + OVERHEAD
    }
}

struct LruState<V> {
    by_use: LruCache<CacheKey, StoredValue<V>>,
    bytes: usize,
}

pub struct BoundedLru<V: MemorySize> {
    config: CacheConfig,
    entries: Mutex<LruState<V>>,
}

impl<V: MemorySize> BoundedLru<V> {
    pub fn new(config: CacheConfig) -> Self {
        Self { config, entries: Mutex::new(LruState { by_use: LruCache::unbounded(), bytes: 0 }) }
    }

    /// Tells whether anything is stored at all.
    pub fn is_on(&self) -> bool {
        self.config.max_bytes > 0
    }

    /// Tells whether clients share what is stored.
    pub fn is_shared(&self) -> bool {
        self.config.shared
    }

    fn lock(&self) -> MutexGuard<'_, LruState<V>> {
        lock_anyway(&self.entries)
    }

    /// Returns what is stored under a key and is not too old.
    pub fn get(&self, key: &CacheKey, now: Instant) -> Option<V> {
        let mut entries = self.lock();
        let entry = entries.by_use.get(key)?;
        if now.saturating_duration_since(entry.stored) < self.config.ttl {
            return Some(entry.value.clone());
        }
        let old = entries.by_use.pop(key);
        if let Some(old) = old {
            entries.bytes -= old.size();
        }
        None
    }

    /// Stores a value in place of the one under its key; one larger than the bound is not stored.
    pub fn put(&self, key: CacheKey, value: V, now: Instant) {
        let entry = StoredValue { value, stored: now };
        let (size, mut entries) = (entry.size(), self.lock());
        if size > self.config.max_bytes {
            return;
        }
        entries.bytes += size;
        if let Some(old) = entries.by_use.put(key, entry) {
            entries.bytes -= old.size();
        }
        while entries.bytes > self.config.max_bytes {
            let Some((_, last)) = entries.by_use.pop_lru() else { break };
            entries.bytes -= last.size();
        }
    }

    /// Returns the bytes in use.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::Digest;
    use crate::clock::now;
    use bytes::Bytes;
    use std::time::Duration;

    impl MemorySize for Bytes {
        fn memory_size(&self) -> usize {
            self.len()
        }
    }

    fn cache(max_bytes: usize) -> BoundedLru<Bytes> {
        BoundedLru::new(CacheConfig { max_bytes, ttl: Duration::from_secs(60), shared: false })
    }

    fn key(number: usize) -> CacheKey {
        Digest::new([&number.to_le_bytes()[..]]).key_of(Digest::new([]))
    }

    #[test]
    fn entry_lives_for_its_ttl_and_no_longer() {
        let (cache, start) = (cache(10_000), now());
        cache.put(key(1), Bytes::from_static(b"one"), start);
        let at = |millis| cache.get(&key(1), start + Duration::from_millis(millis));
        assert_eq!(at(59_999).as_deref(), Some(&b"one"[..]));
        assert_eq!(at(60_000), None);
        assert_eq!(cache.bytes(), 0, "an entry too old gives its bytes back");
        cache.put(key(1), Bytes::from_static(b"two"), start);
        assert_eq!(at(1).as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn stored_bytes_never_pass_the_bound() {
        let cache = cache(100_000);
        for number in 0..1_000 {
            cache.put(key(number), Bytes::from(vec![b'x'; number % 7 * 1_000]), now());
            assert!(cache.bytes() <= 100_000, "{}", cache.bytes());
        }
        assert!(cache.bytes() > 50_000, "{}", cache.bytes());
    }

    #[test]
    fn full_store_holds_what_is_new_or_used() {
        let cache = cache(100_000);
        let put = |number| cache.put(key(number), Bytes::from(vec![b'x'; 1_000]), now());
        for number in 0..1_000 {
            put(number);
            assert!(
                cache.get(&key(0), now()).is_some(),
                "evicted although it was used all the time"
            );
        }
        let stored = (0..1_000).filter(|number| cache.get(&key(*number), now()).is_some()).count();
        assert!((80..=84).contains(&stored), "{stored}");
        assert!((1_000 - stored + 1..1_000).all(|number| cache.get(&key(number), now()).is_some()));
    }

    #[test]
    fn values_up_to_the_bound_are_stored_together() {
        let cache = cache(2 * (OVERHEAD + 100));
        let put = |number, size| cache.put(key(number), Bytes::from(vec![b'x'; size]), now());
        put(1, 100);
        put(2, 100);
        let has = |number| cache.get(&key(number), now()).is_some();
        assert!(has(1) && has(2), "both together are as large as the bound");
        put(3, OVERHEAD + 201);
        assert!(has(1) && has(2) && !has(3), "one too large costs nobody a place");
        put(2, 50);
        assert_eq!(cache.bytes(), 2 * OVERHEAD + 150, "another value in its place");
        put(3, OVERHEAD + 200);
        assert!(has(3) && !has(1) && !has(2), "one as large as the bound is stored alone");
    }

    #[test]
    fn value_over_the_bound_is_not_stored() {
        for max_bytes in [0, 1_000] {
            let cache = cache(max_bytes);
            cache.put(key(1), Bytes::from(vec![b'x'; 2_000]), now());
            assert_eq!(cache.get(&key(1), now()), None);
            assert_eq!((cache.bytes(), cache.is_on()), (0, max_bytes > 0));
        }
    }
}
