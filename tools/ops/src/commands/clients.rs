//! `ops clients`: the list of those who may call the gateway.

mod add;
mod list;
mod reattach;
mod revoke;
mod rotate;
mod set;

use crate::options::Options;
use crate::output::Report;
use anyhow::Context;
use clap::Subcommand;
use shared::clock;
use shared::secrets::clients::{Client, ClientList, Expiry};
use std::time::Duration;

/// How long a verdict lives: the authorizer's list, and API Gateway's memory of what the authorizer said.
const BOUND: &str = "within two minutes";

#[derive(Subcommand)]
pub enum Command {
    Add(add::Add),
    List(list::List),
    Reattach(reattach::Reattach),
    Revoke(revoke::Revoke),
    Rotate(rotate::Rotate),
    Set(set::Set),
}

pub async fn run(command: Command, options: &Options) -> anyhow::Result<Report> {
    match command {
        Command::Add(add) => add.run(options).await,
        Command::List(list) => list.run(options).await,
        Command::Reattach(reattach) => reattach.run(options).await,
        Command::Revoke(revoke) => revoke.run(options).await,
        Command::Rotate(rotate) => rotate.run(options).await,
        Command::Set(set) => set.run(options).await,
    }
}

/// Finds a client, or says which there are.
fn find<'a>(list: &'a mut ClientList, name: &str) -> anyhow::Result<&'a mut Client> {
    let names: Vec<_> = list.clients.iter().map(|client| client.name.clone()).collect();
    let known = if names.is_empty() { "there is none".to_string() } else { names.join(", ") };
    let found = list.clients.iter_mut().find(|client| client.name == name);
    // The name is not repeated: it may be a token.
    found.with_context(|| format!("there is no client of that name; clients: {known}"))
}

/// When a client's tokens end, as people write it.
fn not_after(client: &Client) -> String {
    match &client.not_after {
        None => "-".to_string(),
        Some(Expiry::Text(text)) => text.clone(),
        Some(Expiry::Seconds(seconds)) => clock::format_iso8601(Duration::from_secs(*seconds)),
    }
}

/// The beginning of a hash, by which people name a token.
fn short(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}
