//! `ops key rotate`: the staged key is tested by the gateway's own function and put into use.

use crate::commands::KeySecret;
use crate::output::say;
use crate::store::{CURRENT, NEXT, PENDING, Store};
use anyhow::{Context, bail};
use clap::Args;
use std::time::{Duration, Instant};

/// Time between two looks at where the labels are.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Within this a rotation has begun, if it has not ended already.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// Puts the staged key into use, once Cohere has accepted it, and waits for that.
///
/// Requests do not fail meanwhile. The old key must stay valid for ten minutes more: instances of the gateway
/// keep it for five. Revoke it at Cohere when the logs show the new version only (field key_version).
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops key stage < key.txt
  ops key rotate")]
pub struct Rotate {
    /// Longest time to wait for the outcome
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=900))]
    wait_secs: u64,
    #[command(flatten)]
    secret: KeySecret,
}

impl Rotate {
    pub async fn run(self) -> anyhow::Result<()> {
        let store = Store::open(&self.secret.secret).await?;
        let labels = store.labels().await?;
        let (next, pending) = (labels.get(NEXT), labels.get(PENDING));
        let pending = pending.filter(|pending| labels.get(CURRENT) != Some(pending)).cloned();
        if next.is_none() && pending.is_none() {
            bail!("no key is staged: stage one first, ops key stage < key.txt");
        }
        let version = match store.rotate().await? {
            Some(version) => version,
            None => {
                say("an earlier rotation did not finish; AWS takes it up again");
                pending.context("and its version cannot be found: look at `ops key status`")?
            }
        };
        self.outcome(&store, &version).await
    }

    /// Waits until the labels tell how the rotation ended.
    async fn outcome(&self, store: &Store, version: &str) -> anyhow::Result<()> {
        let asked = Instant::now();
        let mut was_pending = false;
        loop {
            let labels = store.labels().await?;
            let is = |label: &str| labels.get(label).is_some_and(|holder| holder == version);
            if is(CURRENT) {
                say(&format!(
                    "rotated: version {version} is in use; the old key may be revoked in ten minutes"
                ));
                return Ok(());
            }
            let kept = "the key in use stays in use; why stands in the log of the function rotate-key";
            was_pending |= is(PENDING);
            if !is(PENDING) && (was_pending || asked.elapsed() > BEGINS_WITHIN) {
                bail!("the rotation has failed: {kept}; then stage another key, or ask again");
            }
            if asked.elapsed().as_secs() >= self.wait_secs {
                bail!("the rotation has not ended within {} s: {kept}; then ask again", self.wait_secs);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
