//! Everything `cargo run` starts, as a library, so that the tests run the same thing.

pub mod sandbox;
