//! `ops clients revoke`: a client, or one of its tokens, is let in no more.

use super::{BOUND, find, short};
use crate::api_keys::ApiKeys;
use crate::client_list::{edit_in, read_from};
use crate::commands::ClientsSecret;
use crate::options::Options;
use crate::output::{Report, say};
use crate::problem::Usage;
use crate::store::{PREVIOUS, Store};
use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::json;
use shared::edge::identity::SYNTHETIC_CLIENT;
use shared::secrets::clients::Client;
use shared::secrets::secrets_manager::CURRENT;
use std::io::{BufRead, IsTerminal};

/// Revokes a client, or one of its tokens.
///
/// Requests are refused with 401 within two minutes: the authorizer keeps its list for one, and API Gateway
/// what the authorizer said for another. Flushing API Gateway's memory a minute later cuts off what is left.
/// The API key that `ops clients add` has made for the client is deleted; where API Gateway notices that first,
/// its requests are refused with a 500 until then.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops clients revoke search-service
  ops clients revoke search-service --token 1f3a5c7e   # see `ops clients list`

API Gateway's memory is flushed by:
  aws apigateway flush-stage-authorizers-cache \\
    --rest-api-id \"$API_ID\" --stage-name live")]
pub struct Revoke {
    /// Name of the client
    name: String,
    /// Revoke the last client without asking
    #[arg(long)]
    yes: bool,
    /// Only the token whose SHA-256 begins so, 8 digits or more
    #[arg(long, value_name = "DIGITS", value_parser = digits)]
    token: Option<String>,
    #[command(flatten)]
    secret: ClientsSecret,
}

impl Revoke {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let listed = read_from(&store).await?;
        let others = listed.clients.iter().filter(|client| client.name != self.name);
        let is_last = self.token.is_none()
            && listed.clients.iter().any(|client| client.name == self.name)
            && others.clone().all(|client| client.name == SYNTHETIC_CLIENT);
        if is_last && !self.yes {
            confirm_last(&self.name)?;
        }
        let (revoked, key) = edit_in(&store, |list| {
            let client = find(list, &self.name)?;
            match &self.token {
                Some(beginning) => Ok((remove_token(client, beginning)?, None)),
                None => {
                    let key = client.usage_plan_key.clone();
                    list.clients.retain(|client| client.name != self.name);
                    Ok((self.name.clone(), key))
                }
            }
        })
        .await?;
        say(&format!("revoked {revoked}; it is refused {BOUND}"));
        if is_last {
            say(&tell_undo(&store, options).await);
        }
        let data = json!({ "client": self.name, "token": self.token });
        let Some(key) = key else { return Ok(Report::of_data(data)) };
        // The client is out whatever becomes of its key.
        match ApiKeys::new(&session).delete(&self.name, &key).await {
            Ok(true) => {}
            Ok(false) => say("its API key was not made by ops, and stays"),
            Err(problem) => say(&format!("warning: its API key stays behind: {problem:#}")),
        }
        Ok(Report::of_data(data))
    }
}

/// Says how the last client comes back with its tokens.
async fn tell_undo(store: &Store, options: &Options) -> String {
    // The client is out; where the labels cannot be read they are looked for by hand.
    let labels = store.labels().await.unwrap_or_default();
    let version = |label: &str| labels.get(label).cloned().unwrap_or_else(|| label.to_string());
    let (old, new, secret) = (version(PREVIOUS), version(CURRENT), store.id());
    let stack = options.stack.as_ref().map(|name| format!(" --stack {name}")).unwrap_or_default();
    format!(
        "nobody is let in now. To undo it, make the list before this one current, then give the client an API key \
         again:\n  aws secretsmanager update-secret-version-stage --secret-id {secret} --version-stage {CURRENT} \
         --move-to-version-id {old} --remove-from-version-id {new}\n  ops clients reattach{stack}"
    )
}

/// Asks whether nobody at all shall be let in.
fn confirm_last(name: &str) -> anyhow::Result<()> {
    let told = format!("{name} is the last client: without it every caller is refused");
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Usage(format!("{told}; --yes revokes it all the same")).into());
    }
    say(&format!("{told}. Revoke it? Type its name:"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("no answer")?;
    ensure!(answer.trim() == name, "nothing was revoked");
    Ok(())
}

/// Removes the one token that is meant and says which it was.
fn remove_token(client: &mut Client, beginning: &str) -> anyhow::Result<String> {
    let name = client.name.clone();
    let meant = |hash: &&String| hash.to_ascii_lowercase().starts_with(beginning);
    let [hash] = client.token_sha256.iter().filter(meant).collect::<Vec<_>>()[..] else {
        let tokens: Vec<_> = client.token_sha256.iter().map(|hash| short(hash)).collect();
        bail!("{beginning} is not one token of {name}, which has: {}", tokens.join(", "));
    };
    let hash = hash.clone();
    let only = "is the only token: `ops clients rotate` adds another first, or revoke the client";
    ensure!(client.token_sha256.len() > 1, "{} of {name} {only}", short(&hash));
    client.token_sha256.retain(|other| *other != hash);
    Ok(format!("the token {} of {name}", short(&hash)))
}

fn digits(text: &str) -> anyhow::Result<String> {
    let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    ensure!((8..=64).contains(&text.len()) && is_hex, "8 to 64 hexadecimal digits are expected");
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_two_tokens_goes_and_the_last_one_stays() {
        let (first, second) = ("ab".repeat(32), "cd".repeat(32));
        let tokens = vec![first.to_uppercase(), second.clone()];
        let mut client = Client { name: "a".into(), token_sha256: tokens, ..Client::default() };
        assert!(remove_token(&mut client, "ffffffff").is_err());
        assert_eq!(remove_token(&mut client, &first[..8]).unwrap(), "the token ABABABAB of a");
        assert_eq!(client.token_sha256, [second.as_str()]);
        assert!(
            remove_token(&mut client, &second)
                .unwrap_err()
                .to_string()
                .contains("is the only token")
        );
        assert_eq!(client.token_sha256.len(), 1);
    }

    #[test]
    fn token_is_named_by_digits_of_its_hash() {
        assert_eq!(digits("ABCDEF01").unwrap(), "abcdef01");
        for bad in ["abcdef0", "cgw_abcd", ""] {
            assert!(digits(bad).is_err(), "{bad}");
        }
    }
}
