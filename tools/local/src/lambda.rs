//! Lambda on loopback: the real function binaries behind a Runtime API.
//!
//! A function has versions, and an alias that leads to one of them or to two. A version has environments
//! (processes), each with a Runtime API of its own, as on Lambda. An
//! environment serves one request at a time, stays warm, and the one used last is used first; more
//! are started on demand up to a limit. Nothing here knows HTTP routes: an event goes in, the bytes
//! that the function posts come out as they arrive.
//!
//! Imports go one way, as a test of the files asserts:
//! `function → version → process → runtime_api → environments → environment → launch → invocation → routing`.

mod environment;
mod environments;
mod function;
mod invocation;
mod launch;
mod process;
mod routing;
mod runtime_api;
#[cfg(test)]
mod tests;
mod version;

pub use function::{Function, Limits, NewVersion};
pub use invocation::{InvocationError, Payload, Qualifier};
pub use launch::Launch;
pub use routing::{ALIAS, FIRST_VERSION, Routing, WeightedVersion};
pub use runtime_api::new_trace_id;
pub use version::FunctionVersion;
