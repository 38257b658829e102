//! `ops key stage`: the next Cohere key waits for its rotation.

use crate::commands::KeySecret;
use crate::output::say;
use crate::store::{CURRENT, NEXT, Store};
use anyhow::{Context, anyhow, ensure};
use clap::Args;
use shared::secrets::key::ApiKey;
use shared::secrets::source::Secret;
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
    pub async fn run(self) -> anyhow::Result<()> {
        let text = from_stdin()?;
        let key = usable(&text)?;
        let store = Store::open(&self.secret.secret).await?;
        // An operator may be allowed to write and not to read: then nothing is compared.
        if let Ok(Some(current)) = store.current().await
            && ApiKey::parse(&current.text).is_ok_and(|current| current.authorization == key.authorization)
        {
            return Err(anyhow!("nothing was staged: this is the key already in use"));
        }
        let (version, labels) = store.put(text.expose().trim(), NEXT).await?;
        if labels.iter().any(|label| label == CURRENT) {
            // Left there, the label would one day be rotated as if it were another key.
            store.drop_label(NEXT, &version).await?;
            say(&format!("this is the secret's first key: version {version} is in use"));
        } else {
            say(&format!("staged version {version}; put it into use: ops key rotate"));
        }
        Ok(())
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
    let key = ApiKey::parse(text).map_err(|problem: String| anyhow!("nothing was staged: {problem}"))?;
    let is_token = key.authorization.as_bytes().starts_with(b"Bearer cgw_");
    ensure!(!is_token, "nothing was staged: this is a client's token of the gateway, not a Cohere key");
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_cohere_key_is_refused_without_showing_it() {
        assert!(usable(&Secret::new("fake-key\n")).is_ok());
        assert!(usable(&Secret::new(r#"{"CO_API_KEY":"fake-key"}"#)).is_ok());
        for bad in ["", "\n", "hidden key", r#"{"key":"hidden"}"#, "cgw_hidden"] {
            let problem = usable(&Secret::new(bad)).err().unwrap().to_string();
            assert!(problem.starts_with("nothing was staged: ") && !problem.contains("hidden"), "{problem}");
        }
    }
}
