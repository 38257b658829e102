//! Cohere: the client, how its answers are classified, its stream of events, its models.

pub mod classify;
pub mod client;
pub mod events;
pub mod models;
pub mod ping;
