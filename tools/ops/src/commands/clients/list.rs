//! `ops clients list`: who may call, without anything secret.

use super::{not_after, short};
use crate::client_list::read_from;
use crate::commands::ClientsSecret;
use crate::options::Options;
use crate::output::{Report, write_table};
use clap::Args;
use shared::clock;
use serde_json::{Value, json};
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
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let list = read_from(&store).await?;
        let now = clock::since_epoch().as_secs();
        let titles = ["NAME", "TOKENS", "MODELS", "API-KEY", "NOT-AFTER"];
        let text = write_table(&titles, list.clients.iter().map(|client| row(client, now)));
        let clients: Vec<_> = list.clients.iter().map(|client| describe(client, now)).collect();
        Ok(Report::new(text, json!({ "clients": clients })))
    }
}

/// Whether it is counted by itself; the value of its key is no secret, but nobody's business either.
fn api_key(client: &Client) -> String {
    if client.usage_plan_key.is_some() { "own".to_string() } else { "shared".to_string() }
}

/// The same for programs.
fn describe(client: &Client, now_secs: u64) -> Value {
    let tokens: Vec<_> = client.token_sha256.iter().map(|hash| short(hash)).collect();
    let end = client.not_after.as_ref().map(|_| not_after(client));
    json!({
        "name": client.name,
        "tokens": tokens,
        "models": client.models,
        "api_key": api_key(client),
        "not_after": end,
        "is_expired": client.is_expired(now_secs),
    })
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
