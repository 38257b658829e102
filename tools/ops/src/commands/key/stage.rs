//! `ops key stage`: the next Cohere key waits for its rotation.

use crate::commands::KeySecret;
use crate::options::Options;
use crate::output::{Report, mask, say};
use anyhow::{Context, anyhow, ensure};
use clap::Args;
use serde_json::json;
use shared::secrets::key::ApiKey;
use shared::secrets::secrets_manager::{CURRENT, NEXT};
use shared::secrets::source::Secret;
use shared::secrets::token::TOKEN_PREFIX;
use std::io::{IsTerminal, Read};

/// More than any key, or JSON around one, has.
const MAX_BYTES: u64 = 8_192;

/// Reads the next Cohere key from standard input and stages it under the label NEXT.
///
/// The key in use stays in use until `ops key rotate`. Only the very first key of a secret is in use at once.
/// The key is taken bare or as {"CO_API_KEY": "…"}.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops key stage < key.txt
  read -rs KEY && printf %s \"$KEY\" | ops key stage   # typed, and in no history")]
pub struct Stage {
    #[command(flatten)]
    secret: KeySecret,
}

impl Stage {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let text = from_stdin()?;
        mask(text.expose().trim());
        let key = usable(&text)?;
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        // An operator may be allowed to write and not to read: then nothing is compared.
        if let Ok(Some(current)) = store.current().await
            && ApiKey::parse(&current.text)
                .is_ok_and(|current| current.authorization == key.authorization)
        {
            return Err(anyhow!("nothing was staged: this is the key already in use"));
        }
        // Likewise: whether another key waits already is only told where it may be known.
        let before = store.labels().await.ok().and_then(|mut labels| labels.remove(NEXT));
        let (version, labels) = store.put(text.expose().trim(), NEXT).await?;
        let is_in_use = labels.iter().any(|label| label == CURRENT);
        if is_in_use {
            // Left there, the label would one day be rotated as if it were another key.
            store.drop_label(NEXT, &version).await?;
            say(&format!(
                "warning: this is the secret's first key: version {version} is in use at once, and nobody has \
                 asked Cohere whether it accepts it: try a request"
            ));
        } else {
            let instead = before.map_or(String::new(), |before| format!(" instead of {before}"));
            say(&format!("staged version {version}{instead}; put it into use: ops key rotate"));
        }
        Ok(Report::of_data(json!({ "version": version, "is_in_use": is_in_use })))
    }
}

fn from_stdin() -> anyhow::Result<Secret> {
    let stdin = std::io::stdin();
    ensure!(
        !stdin.is_terminal(),
        "the key is read from standard input, and a terminal would show it: ops key stage < key.txt, or\n\
         read -rs KEY && printf %s \"$KEY\" | ops key stage"
    );
    let mut text = String::new();
    let read = stdin.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.context("standard input cannot be read as text")?;
    ensure!(text.len() as u64 <= MAX_BYTES, "this is no key: it has more than {MAX_BYTES} bytes");
    Ok(Secret::new(text))
}

fn usable(text: &Secret) -> anyhow::Result<ApiKey> {
    refuse_wrapped(text.expose().trim())?;
    let key =
        ApiKey::parse(text).map_err(|problem: String| anyhow!("nothing was staged: {problem}"))?;
    let bare = String::from_utf8_lossy(key.authorization.as_bytes());
    let bare = bare.strip_prefix("Bearer ").unwrap_or_default();
    refuse_wrapped(bare)?;
    mask(bare);
    let is_token = bare.starts_with(TOKEN_PREFIX);
    ensure!(
        !is_token,
        "nothing was staged: this is a client's token of the gateway, not a Cohere key"
    );
    Ok(key)
}

/// Refuses a key with what stood around it where it was copied.
fn refuse_wrapped(text: &str) -> anyhow::Result<()> {
    ensure!(
        !text.starts_with(['"', '\'', '`', '“', '”', '„', '‘', '’', '«']),
        "nothing was staged: it begins with a quotation mark: give the key without quotation marks"
    );
    let line = text.strip_prefix("export ").unwrap_or(text).trim_start();
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // Signs of equality at the very end are base64's.
    let is_setting = line
        .trim_end_matches('=')
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.trim_end().chars().all(is_of_names));
    ensure!(
        !is_setting,
        "nothing was staged: it is a line of settings, NAME=…: give only what follows the ="
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_key_is_refused_without_showing_it() {
        for fine in ["fake-key\n", "ZmFrZQ=="] {
            assert!(usable(&Secret::new(fine)).is_ok(), "{fine}");
        }
        assert!(usable(&Secret::new(r#"{"CO_API_KEY":"fake-key"}"#)).is_ok());
        for bad in [
            "",
            "\n",
            "hidden key",
            r#"{"key":"hidden"}"#,
            "cgw_hidden",
            r#""hidden""#,
            "“hidden”",
            "CO_API_KEY=hidden",
            "export KEY=hidden",
            r#"{"CO_API_KEY":"'hidden'"}"#,
        ] {
            let problem = usable(&Secret::new(bad)).err().unwrap().to_string();
            assert!(
                problem.starts_with("nothing was staged: ") && !problem.contains("hidden"),
                "{problem}"
            );
        }
    }
}
