//! When to call again, and when to leave Cohere alone: rules without HTTP, tasks or a clock.
//!
//! Every policy is a plain struct with synchronous methods that is handed `now`; `pipeline` asks them in
//! the order that its header names.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod cooldown;
pub mod models;
pub mod ramp;
pub mod rate;
pub mod retry;
pub mod rounds;
pub mod state;
pub mod usual_time;
