//! Lambda on loopback: the real function binaries behind a Runtime API.
//!
//! A function has environments (processes), each with a Runtime API of its own, as on Lambda. An
//! environment serves one request at a time, is kept warm and reused last-used-first; more are
//! started on demand up to a limit. Nothing here knows HTTP routes: an event goes in, the bytes the
//! function posts come out as they come.

mod environment;
mod function;
mod process;
mod runtime_api;

pub use environment::{Failure, Payload};
pub use function::{Function, Limits};
pub use process::Launch;
pub use runtime_api::trace_id;

/// Region of every ARN and credential here.
pub const REGION: &str = "us-east-1";
/// An account that exists in documentation only.
pub const ACCOUNT: &str = "123456789012";
