//! Everything the functions have in common; a function is an entry point and little more.
//!
//! Imports go downward only: `lambda → app → pipeline → {edge, cohere, batch, cache, secrets, health,
//! resilience} → {wire, endpoint, error, clock, deadline, telemetry, transport, config}`. Those in the middle
//! do not know each other; `pipeline` and `app` introduce them.

pub mod app;
pub mod batch;
pub mod cache;
pub mod clock;
pub mod cohere;
pub mod config;
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
pub mod secrets;
pub mod telemetry;
pub mod transport;
pub mod wire;
