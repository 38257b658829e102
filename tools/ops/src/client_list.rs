//! The list of clients, read and edited so that no operator's edit loses another's.
//!
//! An edit applies to the version it has read: the new list becomes current only in place of that one.
//! Where somebody was faster, the edit is made again, on their list.

use crate::store::{Replaced, Store};
use anyhow::{Context, anyhow, bail, ensure};
use shared::secrets::clients::ClientList;
use shared::secrets::secrets_manager::Version;
use std::time::Duration;

/// How often an edit begins anew because somebody else was faster.
const TRIES: u64 = 12;
/// Longest wait before the second try, and that much longer before each further one. Every try that is
/// overtaken leaves a version behind.
const WAIT_MS: u64 = 200;
/// Longest value of a secret.
const MAX_SECRET_BYTES: usize = 65_536;

/// Reads the list; one that was never written is empty.
pub async fn read_from(store: &Store) -> anyhow::Result<ClientList> {
    parse(store.current().await?.as_ref())
}

/// Edits the list; `change` may run more than once, each time on what was read last.
pub async fn edit_in<T>(
    store: &Store,
    change: impl Fn(&mut ClientList) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    for tried in 0..TRIES {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=WAIT_MS * tried))).await;
        let version = store.current().await?;
        let mut list = parse(version.as_ref())?;
        let result = change(&mut list)?;
        list.check().map_err(|problem| anyhow!("nothing was changed: {problem}"))?;
        let text = serde_json::to_string(&list).context("the list cannot be written")?;
        ensure!(
            text.len() <= MAX_SECRET_BYTES,
            "nothing was changed: the list would be longer than the {MAX_SECRET_BYTES} bytes a secret may have"
        );
        let read = version.as_ref().map(|version| version.id.as_str());
        if store.replace_current(read, &text).await? == Replaced::Yes {
            return Ok(result);
        }
    }
    bail!("nothing was changed: others changed the list {TRIES} times meanwhile; try again")
}

fn parse(version: Option<&Version>) -> anyhow::Result<ClientList> {
    let Some(version) = version else { return Ok(ClientList::default()) };
    ClientList::parse(&version.text).map_err(|problem: String| {
        anyhow!("the list is not as expected: {problem}; mend it, or make its last version current again")
    })
}
