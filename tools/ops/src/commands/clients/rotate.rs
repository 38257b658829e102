//! `ops clients rotate`: another token beside the old one, and later the old one's end.

use super::{BOUND, find, not_after, short};
use crate::client_list::edit;
use crate::commands::ClientsSecret;
use crate::output::{print_token, say};
use crate::token::Token;
use anyhow::ensure;
use clap::Args;
use shared::clock::since_epoch;
use shared::secrets::clients::MAX_TOKENS;

/// Gives a client a second token, and ends the old one once the new one is in use.
///
/// Every environment knows the new one after a minute. Both work until --finish, so that no request fails in
/// between. A client has at most two.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients rotate search-service            # prints the new token; the old one still works
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
    pub async fn run(self) -> anyhow::Result<()> {
        if self.finish { self.finish().await } else { self.begin().await }
    }

    async fn begin(self) -> anyhow::Result<()> {
        let (name, token) = (&self.name, Token::random()?);
        edit(&self.secret.secret, |list| {
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
        print_token(&token)?;
        say(&format!(
            "{name} has a second token, shown only now; use it after half a minute, then"
        ));
        say(&format!("end the old one: ops clients rotate {name} --finish"));
        Ok(())
    }

    async fn finish(self) -> anyhow::Result<()> {
        let name = &self.name;
        let ended = edit(&self.secret.secret, |list| {
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
        Ok(())
    }
}
