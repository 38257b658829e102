//! Secrets: where they come from, how long they are kept, and a type that cannot be printed.

pub mod cached;
pub mod clients;
pub mod key;
pub mod sdk_transport;
pub mod secrets_manager;
pub mod source;
pub mod token;
