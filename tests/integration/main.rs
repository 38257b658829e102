//! The running gateway, end to end: real function binaries over a real Runtime API.

mod architecture;
mod bad_input;
mod contract;
mod streams;
