//! Many inputs in one request: split, cached, and answered as by one call of Cohere.
//!
//! What a split request must give is known from calls without the gateway where the sandbox answers,
//! and from the inputs themselves where the scripted upstream of `support/scripted_cohere.rs` does.
//! Calls are counted at the upstream's socket, so that what the headers say of them is checked too.

mod answers;
mod blank_documents;
mod breaker;
mod cache;
mod dialects;
mod embed;
mod fallback;
mod fan_out;
mod images;
mod memory_peak;
mod rerank;
