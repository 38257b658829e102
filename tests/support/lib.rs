//! What the tests share: a running gateway, a stub and a scripted upstream, exchanges to replay,
//! skipped proofs.

pub mod aws_account;
pub mod deployment;
pub mod event;
pub mod exchange;
pub mod faulty_version;
pub mod gateway;
pub mod ops;
pub mod page;
pub mod quota;
pub mod raw_event;
pub mod recordings;
pub mod replay;
pub mod rotation;
pub mod runbook;
pub mod sandbox_pair;
pub mod scripted_cohere;
pub mod skips;
pub mod source_files;
pub mod stub;
pub mod ways;
