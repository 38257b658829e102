//! `ops clients reattach`: clients of a retained list get API keys in the usage plan of a new stack.

use super::BOUND;
use super::add::{DEFAULT_PLAN, USAGE_PLAN_ID, find_usage_plan, plan_id};
use crate::api_keys::ApiKeys;
use crate::client_list::{edit_in, read_from};
use crate::commands::ClientsSecret;
use crate::options::Options;
use crate::output::{Report, say};
use crate::store::Store;
use anyhow::Context;
use clap::Args;
use serde_json::json;
use shared::edge::identity::SYNTHETIC_CLIENT;
use shared::secrets::clients::Client;

/// Gives each client whose API key is not in the usage plan a new one there; tokens stay as they are.
///
/// A deleted stack leaves the list of clients and takes its usage plan with it. The list's keys then are in no
/// plan of the new stack, or of one in another region, and every request of theirs is a 500. A key that was brought
/// with `--usage-plan-key` is replaced too, and so has another value. Clients without a key of their own and the synthetic client need nothing. It may be run again at any time.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients reattach   # in a new stack, with ExistingClientsSecretArn

On AWS the usage plan has an id of its own, which the stack's outputs tell:
  export GATEWAY_USAGE_PLAN_ID=…   # output DefaultUsagePlanId")]
pub struct Reattach {
    /// Id of the usage plan in which the clients get API keys
    #[arg(long, value_name = "ID", env = USAGE_PLAN_ID, default_value = DEFAULT_PLAN, value_parser = plan_id)]
    usage_plan: String,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl Reattach {
    pub async fn run(mut self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        self.usage_plan = find_usage_plan(self.usage_plan, &session, options).await?;
        let keys = ApiKeys::new(&session);
        let mut moved = Vec::new();
        for client in read_from(&store).await?.clients {
            let Some(old) = &client.usage_plan_key else { continue };
            let is_here = client.name == SYNTHETIC_CLIENT
                || keys.is_in_plan(&client.name, old, &self.usage_plan).await?;
            if !is_here {
                self.give_key(&keys, &store, &client, old).await?;
                moved.push(client.name);
            }
        }
        let count = moved.len();
        say(&format!("{count} clients have a new API key, {BOUND} in use; the others needed none"));
        Ok(Report::of_data(json!({ "clients_with_new_key": moved })))
    }

    /// Puts a new key into plan and list, and then deletes the old one.
    async fn give_key(
        &self,
        keys: &ApiKeys<'_>,
        store: &Store,
        client: &Client,
        old: &str,
    ) -> anyhow::Result<()> {
        let made = keys.create(&client.name, &self.usage_plan).await?;
        let edited = edit_in(store, |list| {
            let listed = list.clients.iter_mut().find(|listed| listed.name == client.name);
            let listed = listed.context("a client was revoked meanwhile: run this again")?;
            listed.usage_plan_key = Some(made.value.clone());
            Ok(())
        });
        if let Err(problem) = edited.await {
            keys.take_back(&made).await?;
            return Err(problem);
        }
        say(&format!("{} has a new API key", client.name));
        // The client is served whatever becomes of the old key, which may be of another region.
        if let Err(problem) = keys.delete(&client.name, old).await {
            say(&format!("warning: its old API key stays behind: {problem:#}"));
        }
        Ok(())
    }
}
