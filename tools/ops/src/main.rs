//! `ops`: what an operator does to a running gateway. Standard output is data, standard error is words.

mod api_keys;
mod aws;
mod checklist;
mod client_list;
mod commands;
mod deploy;
mod known_models;
mod log_query;
mod login;
mod options;
mod output;
mod problem;
mod signed_call;
mod store;
mod token;
mod xml;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    commands::run().await
}
