//! `ops key rotate`: the staged key is tested by the gateway's own function and put into use.

use super::cause::find_cause;
use crate::aws::Session;
use crate::commands::KeySecret;
use crate::options::Options;
use crate::output::{Report, say};
use crate::store::Store;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use shared::clock::since_epoch;
use shared::secrets::secrets_manager::{CURRENT, NEXT, PENDING};
use std::time::{Duration, Instant};

/// Time between two looks at where the labels are.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Within this a rotation has begun, if it has not ended already.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);
/// Within this the function has taken `NEXT` off the key that it put into use.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);
/// One that was interrupted, one for the key staged last, and one more for somebody who stages meanwhile.
const MOST_ROTATIONS: usize = 3;

/// Puts the staged key into use, once Cohere has accepted it, and waits for that.
///
/// Requests do not fail meanwhile. The old key must stay valid for ten minutes more: environments of the gateway
/// keep it for five. Revoke it at Cohere when the logs show the new version only (field key_version).
/// A rotation that was interrupted is finished first, with the key it was begun with; then the staged one follows.
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

/// Whose rotation it is, for its log.
struct Whose<'a> {
    session: &'a Session,
    options: &'a Options,
    /// Since 1970.
    begun: Duration,
}

impl Rotate {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let whose = Whose { session: &session, options, begun: since_epoch() };
        let mut used = self.rotate(&store, &whose).await?;
        for _ in 1..MOST_ROTATIONS {
            let Some(next) = still_next(&store).await? else { break };
            say(&format!(
                "version {used} was an EARLIER key; now the one staged last, version {next}"
            ));
            used = self.rotate(&store, &whose).await.with_context(|| earlier(&used, &next))?;
        }
        if let Some(next) = still_next(&store).await? {
            bail!(earlier(&used, &next));
        }
        say(&format!(
            "rotated: version {used} is in use; the old key may be revoked in ten minutes"
        ));
        Ok(Report::of_data(json!({ "version": used })))
    }

    /// Rotates once and returns the version that is then in use.
    async fn rotate(&self, store: &Store, whose: &Whose<'_>) -> anyhow::Result<String> {
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
        say("waiting for rotate-key…");
        self.outcome(store, whose, &version).await?;
        Ok(version)
    }

    /// Waits until the labels tell how the rotation ended.
    async fn outcome(&self, store: &Store, whose: &Whose<'_>, version: &str) -> anyhow::Result<()> {
        let requested = Instant::now();
        let mut was_pending = false;
        loop {
            let labels = store.labels().await?;
            let is = |label: &str| labels.get(label).is_some_and(|holder| holder == version);
            if is(CURRENT) {
                return Ok(());
            }
            was_pending |= is(PENDING);
            if !is(PENDING) && (was_pending || requested.elapsed() > BEGINS_WITHIN) {
                let why = find_cause(whose.session, whose.options, whose.begun).await;
                bail!(
                    "the rotation has failed: the key in use stays in use; {why}; \
                     then stage another key, or ask again"
                );
            }
            if requested.elapsed().as_secs() >= self.wait_secs {
                bail!(
                    "the rotation has not ended within {} s: it may still end either way: look at \
                     `ops key status` before you revoke a key; what goes on stands in the log of the function \
                     rotate-key",
                    self.wait_secs
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Returns the version that still waits after a rotation.
///
/// The function takes `NEXT` off a moment after the key is in use, and leaves it on a key staged meanwhile.
async fn still_next(store: &Store) -> anyhow::Result<Option<String>> {
    let since = Instant::now();
    loop {
        let next = store.labels().await?.remove(NEXT);
        if next.is_none() || since.elapsed() > SETTLES_WITHIN {
            return Ok(next);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn earlier(used: &str, next: &str) -> String {
    format!(
        "an EARLIER key (version {used}) is in use; the key staged last (version {next}) still waits under \
         NEXT: run `ops key rotate` again"
    )
}
