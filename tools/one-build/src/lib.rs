//! Nothing but the features that `Cargo.toml` switches on.
