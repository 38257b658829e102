//! `ops clients add`: a new client and its first token.

use crate::client_list::edit;
use crate::commands::ClientsSecret;
use crate::output::{print_token, say};
use crate::problem::Usage;
use crate::token::Token;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use shared::clock::{format_iso8601, parse_iso8601, since_epoch};
use shared::secrets::clients::{Client, ClientList, Expiry};
use std::time::Duration;

/// Adds a client and prints its token, once.
///
/// The token is made here from 256 random bits and stored only as its SHA-256: whoever loses it gets a new one
/// by `ops clients rotate`. It works within a minute.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients add search-service
  ops clients add search-service --models embed-v4.0,rerank-v3.5 --not-after 2027-01-31
  ops clients add search-service > token.txt   # the token alone; words go to standard error")]
pub struct Add {
    /// Name in logs: letters, digits, '.', '_' and '-'
    #[arg(value_parser = name)]
    name: String,
    /// Models the client may use; without this all of them
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',', value_parser = model)]
    models: Option<Vec<String>>,
    /// Value of the API key of a usage plan of its own, which must exist on the API's stage; without this the
    /// default plan counts
    #[arg(long, value_name = "KEY", value_parser = usage_plan_key)]
    usage_plan_key: Option<String>,
    /// Day on which its tokens work for the last time (UTC), or a time such as 2027-01-31T12:00:00Z;
    /// they may work for up to a minute longer
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
        // All of it once more, for what one value alone cannot tell: the length of all the models.
        checked(client.clone()).map_err(|problem| Usage(problem.to_string()))?;
        if let Some(Expiry::Text(end)) = &client.not_after {
            lies_ahead(end, since_epoch())?;
        }
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

fn name(text: &str) -> anyhow::Result<String> {
    checked(Client { name: text.into(), ..valid() })?;
    Ok(text.to_string())
}

fn model(text: &str) -> anyhow::Result<String> {
    let limits = "an id has 1 to 128 letters, digits, '.', '_', '-', ':' or '/'";
    checked(Client { models: Some(vec![text.into()]), ..valid() }).context(limits)?;
    Ok(text.to_string())
}

fn usage_plan_key(text: &str) -> anyhow::Result<String> {
    checked(Client { usage_plan_key: Some(text.into()), ..valid() })?;
    Ok(text.to_string())
}

/// A client that nothing is wrong with, to try a value of another in.
fn valid() -> Client {
    Client { name: "x".into(), token_sha256: vec!["0".repeat(64)], ..Client::default() }
}

/// Checks a client by the rules of the list it will stand in.
fn checked(client: Client) -> anyhow::Result<()> {
    let mut list = ClientList::default();
    list.clients.push(client);
    list.check().map_err(|problem| anyhow!(problem.trim_start_matches("clients[0]: ").to_string()))
}

/// Refuses an end that is over: the token would be dead when it is shown.
fn lies_ahead(end: &str, now: Duration) -> Result<(), Usage> {
    match parse_iso8601(end).is_some_and(|end| end > now) {
        true => Ok(()),
        false => Err(Usage(format!(
            "--not-after is {end}, and now is {}: a later time is expected",
            format_iso8601(now)
        ))),
    }
}

/// A day lasts until its end.
fn last_moment(text: &str) -> anyhow::Result<String> {
    let time = if text.contains('T') { text.to_string() } else { format!("{text}T23:59:59Z") };
    parse_iso8601(&time)
        .context("a day such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z is expected")?;
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_expiry_is_refused() {
        let end = "1970-01-02T00:00:00Z";
        assert!(lies_ahead(end, Duration::from_secs(86_399)).is_ok());
        let problem = lies_ahead(end, Duration::from_secs(86_400)).unwrap_err().to_string();
        assert!(
            problem.contains("1970-01-02T00:00:00Z, and now is 1970-01-02T00:00:00"),
            "{problem}"
        );
    }

    #[test]
    fn expiry_day_lasts_until_its_end() {
        assert_eq!(last_moment("2027-01-31").unwrap(), "2027-01-31T23:59:59Z");
        assert_eq!(last_moment("2027-01-31T12:00:00+02:00").unwrap(), "2027-01-31T12:00:00+02:00");
        for bad in ["", "soon", "31.01.2027", "2027-13-01", "2027-01-31T", "1800-01-01"] {
            assert!(last_moment(bad).is_err(), "{bad}");
        }
    }
}
