//! What going back to a release moves, and whether that can be done.

use crate::aws::Session;
use crate::commands::releases::shorten_commit;
use crate::deploy::account::{ask_version, move_alias};
use crate::deploy::aliases::{ABSENT, LiveFunctions};
use crate::deploy::compare::ALIAS;
use crate::deploy::record::{NumberedRelease, Release};
use crate::output::say;
use crate::signed_call::is_refused_with;
use anyhow::{bail, ensure};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// What no version holds.
const NOT_TAKEN_BACK: &str = "not taken back, for no version holds it: the API with its routes, limits and authorizer's \
    settings; the stack's parameters, roles and alarms; secrets, the Cohere key and clients";

/// An alias that must lead elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub folder: String,
    /// The function's name at Lambda.
    pub function: String,
    /// In words where two versions share the requests.
    pub from: String,
    pub to: String,
    /// How the description of that version ends.
    revision: String,
}

impl Move {
    pub fn describe(&self) -> Value {
        json!({ "function": self.folder, "from": self.from, "to": self.to })
    }
}

/// Finds the aliases that do not lead to a release's versions alone.
pub fn find_moves(release: &Release, live: &LiveFunctions) -> Vec<Move> {
    let mut moves = Vec::new();
    for (folder, released) in &release.functions {
        let Some(function) = live.get(folder) else { continue };
        if function.alias.is_wholly_at(&released.version) {
            continue;
        }
        let mut from = function.alias.version.clone();
        if !function.alias.shared_with.is_empty() {
            from += &format!(" and {}", function.alias.tell_others());
        }
        moves.push(Move {
            folder: folder.clone(),
            function: function.name.clone(),
            from,
            to: released.version.clone(),
            revision: released.revision.clone(),
        });
    }
    moves
}

/// Refuses a release whose versions are not there any more, or are those of an earlier stack of this name.
pub async fn check_versions(
    session: &Session,
    target: &NumberedRelease,
    moves: &[Move],
) -> anyhow::Result<()> {
    let questions = moves.iter().map(|one| ask_version(session, &one.function, Some(&one.to)));
    let answers = join_all(questions).await;
    let mut problems = Vec::new();
    for (Move { folder, to, revision, .. }, answer) in moves.iter().zip(answers) {
        match answer {
            Ok(version) if version.description.ends_with(revision) => {}
            Ok(_) => {
                problems.push(format!("version {to} of {folder} is another one than was recorded"))
            }
            Err(error) if is_refused_with(&error, ABSENT) => {
                problems.push(format!("version {to} of {folder} was deleted"));
            }
            Err(error) => return Err(error.context("nothing was changed")),
        }
    }
    ensure!(
        problems.is_empty(),
        "release {} cannot be gone back to: {}; nothing was changed. Name another one by --to, or deploy its commit {}; what is rolling out is stopped by ops rollout --abort",
        target.number,
        problems.join(", "),
        shorten_commit(&target.release.commit)
    );
    Ok(())
}

/// Says what will be done, and what will not.
pub fn tell_plan(target: &NumberedRelease, newest: &Release, moves: &[Move], live: &LiveFunctions) {
    let NumberedRelease { number, release } = target;
    let commit = shorten_commit(&release.commit);
    say(&format!(
        "back to release {number} of {}, commit {commit}, smoke test {}",
        release.time, release.smoke_test
    ));
    for Move { folder, from, to, .. } in moves {
        say(&format!("  {folder}: {from} -> {to}"));
    }
    for (folder, function) in
        live.iter().filter(|(folder, _)| !release.functions.contains_key(*folder))
    {
        let version = &function.alias.version;
        say(&format!("  {folder} stays at {version}: that release did not have it"));
    }
    for folder in release.functions.keys().filter(|folder| !live.contains_key(*folder)) {
        say(&format!("  {folder} is not in the stack any more, and does not come back"));
    }
    if release.parameters_sha256 != newest.parameters_sha256 {
        say("  the parameters were others then, and stay as they are now");
    }
    say(&format!("  {NOT_TAKEN_BACK}"));
}

/// Moves all aliases side by side, so that callers meet a mixture for as short as can be.
pub async fn move_all(session: &Session, moves: &[Move], again: &str) -> anyhow::Result<()> {
    let calls = moves.iter().map(|one| move_alias(session, &one.function, ALIAS, &one.to));
    let answers = join_all(calls).await;
    let (mut moved, mut kept) = (Vec::new(), Vec::new());
    for (Move { folder, from, to, .. }, answer) in moves.iter().zip(answers) {
        match answer {
            Ok(()) => moved.push(format!("{folder} to {to}")),
            Err(error) => kept.push(format!("{folder}, which stays at {from}: {error:#}")),
        }
    }
    if kept.is_empty() {
        return Ok(());
    }
    let moved = match moved.is_empty() {
        true => "none".to_string(),
        false => moved.join(", "),
    };
    bail!(
        "moved: {moved}. Not moved: {}. Callers meet both releases, which work together. Mend the cause and run this \
         again, which moves the rest:\n  {again}",
        kept.join("; ")
    )
}

/// Refuses aliases that are elsewhere than they were moved to.
pub fn check_moved(
    target: &NumberedRelease,
    live: &LiveFunctions,
    again: &str,
) -> anyhow::Result<()> {
    let left = find_moves(&target.release, live);
    if left.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = left
        .iter()
        .map(|one| format!("{} is at {} and not {}", one.folder, one.from, one.to))
        .collect();
    bail!(
        "an alias is not where it was moved to: {}. Somebody else moves it: when that is over, run this again:\n  {again}",
        told.join(", ")
    )
}

/// Returns what is live after going back, as a release: what the target did not have stays as it was.
pub fn make_record(
    target: &NumberedRelease,
    newest: &Release,
    live: &LiveFunctions,
) -> anyhow::Result<Release> {
    let mut functions = newest.functions.clone();
    functions.extend(target.release.functions.clone());
    functions.retain(|folder, _| live.contains_key(folder));
    let number = target.release.back_to.unwrap_or(target.number);
    ensure!(!functions.is_empty(), "release {number} has no function that the stack has");
    Ok(Release {
        functions,
        back_to: Some(number),
        commit: target.release.commit.clone(),
        ..newest.clone()
    })
}
