//! Answers kept in the memory of one environment: under which key, how long, and for whom.

pub mod access;
pub mod entry;
pub mod key;
pub mod lru;

pub use entry::{Cache, CacheEntry};
