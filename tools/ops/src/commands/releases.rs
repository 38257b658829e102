//! `ops releases`: what was deployed to a stack, and which of it is live.

use crate::deploy::aliases::{find_live, read_live};
use crate::deploy::record::{NumberedRelease, Release, Releases, read_releases};
use crate::options::{Options, require_stack};
use crate::output::{Report, say, write_table};
use crate::problem::Usage;
use clap::Args;
use serde_json::{Value, json};

/// Digits of a commit that tell it from others.
const COMMIT_DIGITS: usize = 9;

/// Lists the releases of a stack, the newest last; the live one has a star.
///
/// A release is the set of versions that one deployment left behind; going back adds another. `ops rollback --to NUMBER`
/// leads there. No star means that a rollout is on, or that somebody has moved aliases by hand.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops releases --stack cohere-gateway-prod
  ops releases --stack cohere-gateway-prod --json")]
pub struct ListReleases {}

impl ListReleases {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let stack = name_stack(options)?;
        let session = options.open_session().await?;
        require_stack(&session, stack).await?;
        let (live, releases) =
            tokio::try_join!(read_live(&session, stack), read_releases(&session, stack))?;
        if !releases.unreadable.is_empty() {
            let numbers: Vec<_> = releases.unreadable.iter().map(u64::to_string).collect();
            let numbers = numbers.join(", ");
            say(&format!(
                "recorded by another version of ops, which this one cannot read: {numbers}"
            ));
        }
        if releases.known.is_empty() {
            say("no release is recorded of this stack: ops deploy records each deployment");
        }
        let live = find_live(&releases.known, &live);
        if live.is_none() && !releases.known.is_empty() {
            say("what is live is none of them: a rollout is on, or aliases were moved by hand");
        }
        let described = releases.known.iter().map(|one| describe(one, live)).collect::<Vec<_>>();
        let data = json!({ "live": live, "releases": described });
        Ok(Report::new(write_releases(&releases, live), data))
    }
}

/// Returns the stack that a command is about, which must be named.
pub fn name_stack(options: &Options) -> Result<&str, Usage> {
    let told = "which stack? --stack NAME";
    options.stack.as_deref().ok_or_else(|| Usage(told.to_string()))
}

fn write_releases(releases: &Releases, live: Option<u64>) -> String {
    let rows = releases.known.iter().map(|NumberedRelease { number, release }| {
        let star = if live == Some(*number) { "*" } else { "" };
        vec![
            star.to_string(),
            number.to_string(),
            release.time.get(..16).unwrap_or(&release.time).replace('T', " "),
            shorten_commit(&release.commit),
            tell_smoke_test(release),
            list_versions(release),
        ]
    });
    if releases.known.is_empty() {
        return String::new();
    }
    write_table(&["", "NO.", "TIME (UTC)", "COMMIT", "SMOKE TEST", "VERSIONS"], rows)
}

/// Returns a commit as people write it, with the sign of changed files.
pub fn shorten_commit(commit: &str) -> String {
    let short = commit.get(..COMMIT_DIGITS).unwrap_or(commit);
    let is_changed = commit.len() > COMMIT_DIGITS && commit.ends_with('+');
    format!("{short}{}", if is_changed { "+" } else { "" })
}

fn tell_smoke_test(release: &Release) -> String {
    match release.back_to {
        Some(number) => format!("{}, back to {number}", release.smoke_test),
        None => release.smoke_test.clone(),
    }
}

/// Lists a release's versions by function.
pub fn list_versions(release: &Release) -> String {
    let functions = release.functions.iter();
    let versions: Vec<_> =
        functions.map(|(folder, known)| format!("{folder} {}", known.version)).collect();
    versions.join(", ")
}

fn describe(numbered: &NumberedRelease, live: Option<u64>) -> Value {
    let NumberedRelease { number, release } = numbered;
    let functions = release.functions.iter();
    let functions: Vec<_> = functions
        .map(|(folder, known)| json!({ "function": folder, "version": known.version }))
        .collect();
    json!({
        "number": number,
        "is_live": live == Some(*number),
        "time": release.time,
        "commit": release.commit,
        "smoke_test": release.smoke_test,
        "back_to": release.back_to,
        "functions": functions,
    })
}
