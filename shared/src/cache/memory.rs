//! A store in the memory of one environment, bounded by bytes and by age.
//!
//! Scope: environment. Everything new is kept, and what was used longest ago goes first: texts are asked
//! for again soon or never, and a request that fails is repeated at once. What is too old is never
//! answered and drifts to the end. There is no clock here: callers pass `now`.

use super::key::Key;
use crate::clock::Instant;
use crate::config::CacheConfig;
use crate::lock::lock_anyway;
use lru::LruCache;
use std::sync::{Mutex, MutexGuard};

/// Bytes of a kept piece besides its own: key, time, and the store's own books.
const OVERHEAD: usize = 192;

/// What can be kept.
pub trait Kept: Clone {
    /// Returns the bytes it holds.
    fn size(&self) -> usize;
}

struct Entry<V> {
    value: V,
    stored: Instant,
}

impl<V: Kept> Entry<V> {
    fn size(&self) -> usize {
        self.value.size() + OVERHEAD
    }
}

struct Entries<V> {
    by_use: LruCache<Key, Entry<V>>,
    bytes: usize,
}

pub struct MemoryCache<V: Kept> {
    config: CacheConfig,
    entries: Mutex<Entries<V>>,
}

impl<V: Kept> MemoryCache<V> {
    pub fn new(config: CacheConfig) -> Self {
        Self { config, entries: Mutex::new(Entries { by_use: LruCache::unbounded(), bytes: 0 }) }
    }

    /// Tells whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.config.max_bytes > 0
    }

    /// Tells whether clients share what is kept.
    pub fn is_shared(&self) -> bool {
        self.config.shared
    }

    fn lock(&self) -> MutexGuard<'_, Entries<V>> {
        lock_anyway(&self.entries)
    }

    /// Returns what is kept under a key and is not too old.
    pub fn get(&self, key: &Key, now: Instant) -> Option<V> {
        let mut entries = self.lock();
        let entry = entries.by_use.get(key)?;
        if now.saturating_duration_since(entry.stored) < self.config.ttl {
            return Some(entry.value.clone());
        }
        let old = entries.by_use.pop(key);
        entries.bytes -= old.map_or(0, |old| old.size());
        None
    }

    /// Keeps a piece in place of the one under its key; one larger than the bound is not kept.
    pub fn put(&self, key: Key, value: V, now: Instant) {
        let entry = Entry { value, stored: now };
        let (size, mut entries) = (entry.size(), self.lock());
        if size > self.config.max_bytes {
            return;
        }
        let old = entries.by_use.put(key, entry);
        entries.bytes = entries.bytes + size - old.map_or(0, |old| old.size());
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

    impl Kept for Bytes {
        fn size(&self) -> usize {
            self.len()
        }
    }

    fn cache(max_bytes: usize) -> MemoryCache<Bytes> {
        MemoryCache::new(CacheConfig { max_bytes, ttl: Duration::from_secs(60), shared: false })
    }

    fn key(number: usize) -> Key {
        Digest::of([&number.to_le_bytes()[..]]).piece(Digest::of([]))
    }

    #[test]
    fn a_piece_is_kept_for_its_time_and_not_a_moment_longer() {
        let (cache, start) = (cache(10_000), now());
        cache.put(key(1), Bytes::from_static(b"one"), start);
        let at = |millis| cache.get(&key(1), start + Duration::from_millis(millis));
        assert_eq!(at(59_999).as_deref(), Some(&b"one"[..]));
        assert_eq!(at(60_000), None);
        assert_eq!(cache.bytes(), 0, "a piece too old gives its place back");
        cache.put(key(1), Bytes::from_static(b"two"), start);
        assert_eq!(at(1).as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn the_bytes_kept_never_pass_the_bound() {
        let cache = cache(100_000);
        for number in 0..1_000 {
            cache.put(key(number), Bytes::from(vec![b'x'; number % 7 * 1_000]), now());
            assert!(cache.bytes() <= 100_000, "{}", cache.bytes());
        }
        assert!(cache.bytes() > 50_000, "{}", cache.bytes());
    }

    #[test]
    fn a_full_store_keeps_what_is_new_and_what_is_used() {
        let cache = cache(100_000);
        let put = |number| cache.put(key(number), Bytes::from(vec![b'x'; 1_000]), now());
        for number in 0..1_000 {
            put(number);
            assert!(cache.get(&key(0), now()).is_some(), "forgotten although it was used all the time");
        }
        let kept = (0..1_000).filter(|number| cache.get(&key(*number), now()).is_some()).count();
        assert!((80..=84).contains(&kept), "{kept}");
        assert!((1_000 - kept + 1..1_000).all(|number| cache.get(&key(number), now()).is_some()));
    }

    #[test]
    fn a_piece_larger_than_the_bound_is_not_kept_and_a_cache_of_no_bytes_keeps_nothing() {
        for max_bytes in [0, 1_000] {
            let cache = cache(max_bytes);
            cache.put(key(1), Bytes::from(vec![b'x'; 2_000]), now());
            assert_eq!(cache.get(&key(1), now()), None);
            assert_eq!((cache.bytes(), cache.is_on()), (0, max_bytes > 0));
        }
    }
}
