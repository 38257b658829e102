//! `ops clients rotate`: another token beside the old one, and later the old one's end.

use super::{BOUND, find, not_after, short};
use crate::client_list::edit_in;
use crate::commands::ClientsSecret;
use crate::options::Options;
use crate::output::{Report, say};
use crate::store::Store;
use crate::token::Token;
use anyhow::ensure;
use clap::Args;
use serde_json::json;
use shared::clock::since_epoch;
use shared::secrets::clients::MAX_TOKENS;

/// Gives a client a second token, and ends the old one once the new one is in use.
///
/// Every environment knows the new one after a minute. Both work until --finish, so that no request fails in
/// between. A client has at most two.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients rotate search-service            # prints the new token
  ops clients rotate search-service --finish   # the old one dies")]
pub struct Rotate {
    /// Name of the client
    name: String,
    /// End the older of the two tokens
    #[arg(long)]
    finish: bool,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl Rotate {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        if self.finish { self.finish(&store).await } else { self.begin(&store).await }
    }

    async fn begin(self, store: &Store) -> anyhow::Result<Report> {
        let (name, token) = (&self.name, Token::random()?);
        edit_in(store, |list| {
            let client = find(list, name)?;
            ensure!(
                !client.is_expired(since_epoch().as_secs()),
                "its tokens ended on {}: revoke {name} and add it again",
                not_after(client)
            );
            let finish = format!("`ops clients rotate {name} --finish` ends the older one first");
            ensure!(
                client.token_sha256.len() < MAX_TOKENS,
                "{name} has two tokens already: {finish}"
            );
            client.token_sha256.push(token.sha256());
            Ok(())
        })
        .await?;
        say(&format!(
            "{name} has a second token, shown only now; use it after half a minute, then"
        ));
        say(&format!("end the old one: ops clients rotate {name} --finish"));
        Ok(Report::of_token(name, &token))
    }

    async fn finish(self, store: &Store) -> anyhow::Result<Report> {
        let name = &self.name;
        let ended = edit_in(store, |list| {
            let client = find(list, name)?;
            let begin = format!("`ops clients rotate {name}` adds another");
            ensure!(
                client.token_sha256.len() > 1,
                "{name} has one token, nothing to finish: {begin}"
            );
            Ok(client.token_sha256.remove(0))
        })
        .await?;
        say(&format!("ended the older token {} of {name}; it is refused {BOUND}", short(&ended)));
        Ok(Report::of_data(json!({ "client": name, "ended_token": short(&ended) })))
    }
}
