//! Answers kept in memory: what they are kept under, and how long.

pub mod key;
pub mod memory;
