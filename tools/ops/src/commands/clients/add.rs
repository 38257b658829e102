//! `ops clients add`: a new client and its first token.

use crate::client_list::edit;
use crate::commands::ClientsSecret;
use crate::output::{print_token, say};
use crate::token::Token;
use anyhow::{Context, bail};
use clap::Args;
use shared::clock::from_iso8601;
use shared::secrets::clients::{Client, Expiry};

/// Adds a client and prints its token, once.
///
/// The token is made here from 256 random bits and stored only as its SHA-256: whoever loses it gets a new one
/// by `ops clients rotate`. It works at once; tried too early, it is refused for a minute more.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients add search-service
  ops clients add search-service --models embed-v4.0,rerank-v3.5 --not-after 2027-01-31
  ops clients add search-service > token.txt   # the token alone; words go to standard error")]
pub struct Add {
    /// Name in logs: letters, digits, '.', '_' and '-'
    name: String,
    /// Models the client may use; without this all of them
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// Value of the API key of a usage plan of its own, which must exist on the API's stage; without this the
    /// default plan counts
    #[arg(long, value_name = "KEY")]
    usage_plan_key: Option<String>,
    /// Day on which its tokens work for the last time (UTC), or a time such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = last_moment)]
    not_after: Option<String>,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl Add {
    pub async fn run(self) -> anyhow::Result<()> {
        let token = Token::random()?;
        let client = Client {
            name: self.name.clone(),
            token_sha256: vec![token.sha256()],
            models: self.models,
            usage_plan_key: self.usage_plan_key,
            not_after: self.not_after.map(Expiry::Text),
        };
        edit(&self.secret.secret, |list| {
            if list.clients.iter().any(|other| other.name == client.name) {
                let name = &client.name;
                bail!(
                    "there is a client {name:?} already: `ops clients rotate {name}` gives it another token"
                );
            }
            list.clients.push(client.clone());
            Ok(())
        })
        .await?;
        print_token(&token)?;
        say(&format!("added {}; this token is shown only now", self.name));
        Ok(())
    }
}

/// A day lasts until its end.
fn last_moment(text: &str) -> anyhow::Result<String> {
    let time = if text.contains('T') { text.to_string() } else { format!("{text}T23:59:59Z") };
    from_iso8601(&time)
        .context("a day such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z is expected")?;
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_good_until_its_end_and_nonsense_is_refused() {
        assert_eq!(last_moment("2027-01-31").unwrap(), "2027-01-31T23:59:59Z");
        assert_eq!(last_moment("2027-01-31T12:00:00+02:00").unwrap(), "2027-01-31T12:00:00+02:00");
        for bad in ["", "soon", "31.01.2027", "2027-13-01", "2027-01-31T", "1800-01-01"] {
            assert!(last_moment(bad).is_err(), "{bad}");
        }
    }
}
