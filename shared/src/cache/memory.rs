//! A store in the memory of one environment, bounded by bytes and by age.
//!
//! Scope: environment. What is used least goes first; what is too old is never answered, and its bytes
//! go to whatever comes next. There is no clock here: callers pass `now`.

use super::key::Key;
use crate::clock::Instant;
use crate::config::CacheConfig;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a kept piece besides its own: key, time, and the store's own books.
const OVERHEAD: usize = 160;

/// What can be kept.
pub trait Kept: Clone {
    /// Returns the bytes it holds.
    fn size(&self) -> usize;
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    stored: Instant,
}

#[derive(Clone)]
struct BySize;

impl<V: Kept> Weighter<Key, Entry<V>> for BySize {
    fn weight(&self, _: &Key, entry: &Entry<V>) -> u64 {
        (entry.value.size() + OVERHEAD) as u64
    }
}

pub struct MemoryCache<V: Kept> {
    config: CacheConfig,
    entries: Mutex<Cache<Key, Entry<V>, BySize>>,
}

impl<V: Kept> MemoryCache<V> {
    pub fn new(config: CacheConfig) -> Self {
        // About as many pieces as fit; the store grows to it only as pieces come.
        let pieces = config.max_bytes / (8 * 1024) + 1;
        let entries = Cache::with_weighter(pieces, config.max_bytes as u64, BySize);
        Self { config, entries: Mutex::new(entries) }
    }

    /// Tells whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.config.max_bytes > 0
    }

    /// Tells whether clients share what is kept.
    pub fn is_shared(&self) -> bool {
        self.config.shared
    }

    fn lock(&self) -> MutexGuard<'_, Cache<Key, Entry<V>, BySize>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is kept under a key and is not too old.
    pub fn get(&self, key: &Key, now: Instant) -> Option<V> {
        let mut entries = self.lock();
        let entry = entries.get(key)?;
        if now.saturating_duration_since(entry.stored) < self.config.ttl {
            return Some(entry.value.clone());
        }
        entries.remove(key);
        None
    }

    /// Keeps a piece; it takes the place of the one that was kept under its key.
    pub fn put(&self, key: Key, value: V, now: Instant) {
        self.lock().insert(key, Entry { value, stored: now });
    }

    /// Returns the bytes in use.
    pub fn bytes(&self) -> u64 {
        self.lock().weight()
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
    fn a_piece_larger_than_the_bound_is_not_kept_and_a_cache_of_no_bytes_keeps_nothing() {
        for max_bytes in [0, 1_000] {
            let cache = cache(max_bytes);
            cache.put(key(1), Bytes::from(vec![b'x'; 2_000]), now());
            assert_eq!(cache.get(&key(1), now()), None);
            assert_eq!((cache.bytes(), cache.is_on()), (0, max_bytes > 0));
        }
    }
}
