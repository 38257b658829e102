//! A rollout: two versions of a function are called in the same way, and their answers compared.
//!
//! A call is marked, so that alerts do not count it, and names its version, so that it meets that one whatever
//! share of the callers does. Cohere and its models differ from call to call: what is compared must not
//! (`judge.rs`), and a new version may say more than the live one, never less.

pub mod alias;
mod answer;
pub mod aws_call;
pub mod code_deploy;
mod events;
pub mod hook;
pub mod judge;
mod kinds;
pub mod lambda_api;
mod paths;
pub mod status_page;
pub mod trial;

#[cfg(test)]
mod tests;
