//! Faults of Cohere, of the network and of the environment: what they cost, and what the caller hears.
//!
//! Every fault is real: bytes, silence or a reset on a socket, or a signal to the function's process. The
//! matrix is one table of all faults and all ways of asking; beside it stand the proofs that need more
//! than one request.

mod breaker;
mod dead_host;
mod fallback;
mod frozen;
mod http2;
mod key_store;
mod matrix;
mod neighbours;
mod outage;
mod random;
mod recovery;
