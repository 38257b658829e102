//! Where the aliases of a stack lead, and which release that is.

use crate::aws::Session;
use crate::deploy::account::{Alias, ask_alias};
use crate::deploy::compare::ALIAS;
use crate::deploy::record::{NumberedRelease, Release};
use crate::deploy::stack::list_functions;
use crate::signed_call::is_refused_with;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;

/// What AWS Lambda answers where there is no such alias, function or version.
pub const ABSENT: &str = "ResourceNotFoundException";

/// A function of a stack, and where its alias leads.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveFunction {
    /// The function's name at Lambda.
    pub name: String,
    /// The version that the stack has.
    pub of_stack: String,
    pub alias: Alias,
}

/// Functions with an alias, by their folders.
pub type LiveFunctions = BTreeMap<String, LiveFunction>;

/// Reads where the aliases of a stack lead; a function without an alias is left out.
pub async fn read_live(session: &Session, stack: &str) -> anyhow::Result<LiveFunctions> {
    let questions = list_functions(session, stack).await?.into_iter().map(
        async |(resource, made)| -> anyhow::Result<_> {
            let alias = match ask_alias(session, &made.name, ALIAS).await {
                Err(error) if is_refused_with(&error, ABSENT) => return Ok(None),
                alias => alias?,
            };
            let live = LiveFunction { name: made.name, of_stack: made.version, alias };
            Ok(Some((name_folder(&resource), live)))
        },
    );
    Ok(try_join_all(questions).await?.into_iter().flatten().collect())
}

/// Finds the newest release whose versions, and no others, all callers meet.
pub fn find_live(releases: &[NumberedRelease], live: &LiveFunctions) -> Option<u64> {
    let is_shared = live.values().any(|function| !function.alias.shared_with.is_empty());
    if is_shared { None } else { find_base(releases, live) }
}

/// Finds the newest release whose versions the aliases have, beside others that a rollout brings.
pub fn find_base(releases: &[NumberedRelease], live: &LiveFunctions) -> Option<u64> {
    let found = releases.iter().rev().find(|release| has_versions(&release.release, live));
    found.map(|release| release.number)
}

/// Whether the aliases have a release's versions, of the functions that there are still.
pub fn has_versions(release: &Release, live: &LiveFunctions) -> bool {
    let there = release.functions.iter().filter_map(|(folder, released)| {
        live.get(folder).map(|function| function.alias.version == released.version)
    });
    let there: Vec<_> = there.collect();
    !there.is_empty() && there.into_iter().all(|is_same| is_same)
}

/// Returns the folder of a function's resource: `RotateKeyFunction` is in `rotate-key`.
pub fn name_folder(resource: &str) -> String {
    let mut folder = String::new();
    for letter in resource.trim_end_matches("Function").chars() {
        if letter.is_ascii_uppercase() && !folder.is_empty() {
            folder.push('-');
        }
        folder.push(letter.to_ascii_lowercase());
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_read_from_a_resource() {
        let folders = ["ChatFunction", "RotateKeyFunction"].map(name_folder);
        assert_eq!(folders, ["chat", "rotate-key"]);
    }
}
