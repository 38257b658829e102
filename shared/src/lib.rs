//! Everything the functions have in common; a function is an entry point and little more.
//!
//! Imports go downward only, and modules of one row do not know each other:
//!
//! <!-- layers:start -->
//! ```text
//!   lambda pipeline
//! → app
//! → health rollout
//! → cohere
//! → secrets
//! → cache resilience transport
//! → batch edge telemetry
//! → cost
//! → wire record deadline config
//! → error endpoint clock lock panic_on_request
//! ```
//! <!-- layers:end -->

pub mod app;
pub mod batch;
pub mod cache;
pub mod clock;
pub mod cohere;
pub mod config;
pub mod cost;
pub mod deadline;
pub mod edge;
pub mod endpoint;
pub mod error;
pub mod health;
pub mod lambda;
pub mod lock;
pub mod panic_on_request;
pub mod pipeline;
pub mod record;
pub mod resilience;
pub mod rollout;
pub mod secrets;
pub mod telemetry;
pub mod transport;
pub mod wire;
