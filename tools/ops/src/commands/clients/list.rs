//! `ops clients list`: who may call, without anything secret.

use super::{not_after, short};
use crate::aws::Session;
use crate::client_list::read_from;
use crate::commands::ClientsSecret;
use crate::log_query::query_logs;
use crate::options::Options;
use crate::output::{Report, say, write_table};
use crate::problem::Usage;
use clap::Args;
use serde_json::{Value, json};
use shared::clock;
use shared::secrets::clients::Client;
use std::collections::BTreeMap;

/// How a whole day ends.
const END_OF_DAY: &str = "T23:59:59Z";
/// How far back is looked, and what for.
const LAST_USE_DAYS: u64 = 30;
const LAST_USE: &str = "filter event = \"request_ended\" \
    | stats count(*) as requests by client, datefloor(@timestamp, 1d) as day";

/// Lists the clients.
///
/// A token is shown by the first eight digits of its SHA-256, the oldest first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients list
  ops clients list --last-use --stack cohere-gateway-prod")]
pub struct List {
    /// Show when each was last served, of the last 30 days (one query of Logs Insights; needs --stack)
    #[arg(long)]
    last_use: bool,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl List {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let list = read_from(&store).await?;
        let now = clock::since_epoch().as_secs();
        let last_use = self.find_last_use(&session, options).await?;
        let mut titles = vec!["NAME", "TOKENS", "MODELS", "API-KEY", "NOT-AFTER"];
        titles.extend(last_use.as_ref().map(|_| "LAST-USE"));
        let rows = list.clients.iter().map(|client| {
            let used = last_use.as_ref().map(|known| known.get(&client.name).cloned());
            let used = used.map(|used| used.unwrap_or_else(|| "-".to_string()));
            row(client, now).into_iter().chain(used).collect()
        });
        let text = write_table(&titles, rows);
        let describe = |client: &Client| {
            let mut told = describe(client, now);
            if let Some(known) = &last_use {
                told["last_use"] = json!(known.get(&client.name));
            }
            told
        };
        let clients: Vec<_> = list.clients.iter().map(describe).collect();
        Ok(Report::new(text, json!({ "clients": clients })))
    }
}

impl List {
    /// Returns the day on which each client was last served; `None` where nobody has asked.
    async fn find_last_use(
        &self,
        session: &Session,
        options: &Options,
    ) -> anyhow::Result<Option<BTreeMap<String, String>>> {
        if !self.last_use {
            return Ok(None);
        }
        let stack = options.find_stack(session).await?;
        let stack = stack.ok_or_else(|| Usage("--last-use needs --stack NAME".to_string()))?;
        let groups = stack.outputs.get("RequestLogGroups").map(String::as_str).unwrap_or_default();
        let groups: Vec<_> = groups.split(' ').filter(|group| !group.is_empty()).collect();
        let found = query_logs(session, &groups, LAST_USE_DAYS, LAST_USE).await?;
        say(&found.tell_cost());
        let mut last = BTreeMap::new();
        for mut row in found.rows {
            let (Some(client), Some(day)) = (row.remove("client"), row.remove("day")) else {
                continue;
            };
            let day: String = day.chars().take(10).collect();
            let known = last.entry(client).or_insert_with(String::new);
            // Days of this form are in the order of their letters.
            *known = std::mem::take(known).max(day);
        }
        Ok(Some(last))
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
        // A whole day is written as --not-after takes it.
        not_after(client).trim_end_matches(END_OF_DAY).to_string() + expired,
    ]
}
