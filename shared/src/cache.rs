//! Answers kept in memory: what they are kept under, and how long.

pub mod access;
pub mod entry;
pub mod key;
pub mod lru;
