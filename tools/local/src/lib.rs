//! Everything `cargo run` starts, as a library, so that the tests run the same thing.
//!
//! ```text
//! caller ─ front ─ lambda ─ function processes ─ upstream (sandbox, or a real one)
//!            └─ authorizer ┘        └─ secrets
//! ```
//! [`start`] puts it together; [`template`] says what there is to start. All of it listens on
//! 127.0.0.1 only.

pub mod build;
pub mod cli;
mod front;
mod gateway;
mod lambda;
mod loopback;
mod output;
pub mod sandbox;
pub mod secrets;
pub mod template;

pub use gateway::{Gateway, Options, STACK, Upstream, start};
pub use output::Output;

/// The token that works unless another is asked for. No secret: it opens nothing but this machine.
pub const LOCAL_TOKEN: &str = "cgw_local_token_of_this_machine_only";
