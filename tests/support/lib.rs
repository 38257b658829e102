//! What the tests share: a running gateway, a stub upstream, a small HTTP client, skipped proofs.

pub mod gateway;
pub mod material;
pub mod stub;
