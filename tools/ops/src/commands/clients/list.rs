//! `ops clients list`: who may call, without anything secret.

use super::{not_after, short};
use crate::client_list::read;
use crate::commands::ClientsSecret;
use crate::output::print_table;
use clap::Args;
use shared::clock;
use shared::secrets::clients::Client;

/// Lists the clients.
///
/// A token is shown by the first eight digits of its SHA-256, the oldest first.
#[derive(Args)]
#[command(after_help = "\
Example:
  ops clients list")]
pub struct List {
    #[command(flatten)]
    secret: ClientsSecret,
}

impl List {
    pub async fn run(self) -> anyhow::Result<()> {
        let list = read(&self.secret.secret).await?;
        let now = clock::since_epoch().as_secs();
        print_table(
            &["NAME", "TOKENS", "MODELS", "API-KEY", "NOT-AFTER"],
            list.clients.iter().map(|client| row(client, now)),
        )
    }
}

/// Whether it is counted by itself; the value of its key is no secret, but nobody's business either.
fn api_key(client: &Client) -> String {
    if client.usage_plan_key.is_some() { "own".to_string() } else { "shared".to_string() }
}

fn row(client: &Client, now_secs: u64) -> Vec<String> {
    let tokens: Vec<_> = client.token_sha256.iter().map(|hash| short(hash)).collect();
    let expired = if client.is_expired(now_secs) { " (expired)" } else { "" };
    vec![
        client.name.clone(),
        tokens.join(","),
        client.models.as_ref().map_or("all".to_string(), |models| models.join(",")),
        api_key(client),
        not_after(client) + expired,
    ]
}
