//! Everything `cargo run` starts, as a library, so that the tests run the same thing.
//!
//! ```text
//! caller ─ api_gateway ─ lambda ─ function processes ─ upstream (cohere_sandbox, or a real one)
//!            └─ authorizer ┘        └─ secrets_manager
//! ```
//! `console` shows a browser what happens, from the lines that are written; `web_page` is what pages are made of.
//! [`start_stack`] puts it together; [`template`] says what there is to start. All of it listens on
//! 127.0.0.1 only.

pub mod api_gateway;
mod aws_account;
pub mod aws_metrics;
pub mod build;
pub mod cli;
pub mod cloudwatch;
pub mod code_deploy;
pub mod cohere_sandbox;
mod console;
pub mod dashboard;
mod invoke_api;
mod lambda;
pub mod logs_insights;
mod loopback;
pub mod outage;
mod output;
pub mod rehearsal;
pub mod secrets_manager;
mod stack;
pub mod template;
mod web_page;

pub use lambda::{NewVersion, Routing, WeightedVersion};
pub use output::Output;
pub use stack::{Options, STACK_NAME, Stack, Upstream, start_stack};

/// The token that works unless the options name another. No secret: it works on this machine only.
pub const LOCAL_TOKEN: &str = "cgw_local_token_of_this_machine_only";
