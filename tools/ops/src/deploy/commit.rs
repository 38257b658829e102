//! Which commit the built functions are of: what is checked out now may be another one.

use crate::deploy::revision::{BUILT, Function};
use crate::output::say;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Where nothing tells the commit, or the functions have several.
pub const UNKNOWN: &str = "unknown";

/// Returns the commit that all functions were built from, as `tools/build/run` has left it beside them.
///
/// A plus sign stands behind it where files differed.
pub fn find_commit(root: &Path, functions: &[Function]) -> String {
    let note = std::fs::read_to_string(root.join(BUILT).join("commit")).unwrap_or_default();
    let built: BTreeMap<_, _> = note.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut commits = functions.iter().map(|function| built.get(function.folder.as_str()).copied());
    let first = commits.next().flatten().filter(|first| commits.all(|next| next == Some(first)));
    first.unwrap_or(UNKNOWN).to_string()
}

/// Says so where the functions were not built from what is checked out.
pub fn tell_other_source(root: &Path, commit: &str) {
    if commit == UNKNOWN {
        say("the functions tell no single commit that they were built from; recorded as unknown");
        return;
    }
    let git = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root).output();
    let Some(head) = git.ok().filter(|output| output.status.success()) else { return };
    let head = String::from_utf8_lossy(&head.stdout).trim().to_string();
    if commit.trim_end_matches('+') != head {
        say(&format!(
            "the functions were built from {commit}, and {head} is checked out: the first is deployed and recorded"
        ));
    } else if commit != head {
        say(&format!("the functions were built from {head} with changes that are in no commit"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_is_that_of_every_function_or_unknown() {
        let root = std::env::temp_dir().join(format!("ops-commit-{}", std::process::id()));
        std::fs::create_dir_all(root.join(BUILT)).unwrap();
        let function = |folder: &str| Function {
            resource: folder.into(),
            folder: folder.into(),
            revision: String::new(),
            salt: None,
            is_released: true,
        };
        let functions = [function("chat"), function("health")];
        assert_eq!(find_commit(&root, &functions), UNKNOWN);
        for (note, commit) in [
            ("chat a+\nhealth a+\nold b\n", "a+"),
            ("chat a\nhealth a+\n", UNKNOWN),
            ("chat a\n", UNKNOWN),
            ("health a\n", UNKNOWN),
            ("odd", UNKNOWN),
        ] {
            std::fs::write(root.join(BUILT).join("commit"), note).unwrap();
            assert_eq!(find_commit(&root, &functions), commit, "{note}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}
