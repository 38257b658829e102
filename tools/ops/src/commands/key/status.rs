//! `ops key status`: which versions of the key there are, and how old they are.

use crate::commands::KeySecret;
use crate::options::Options;
use crate::output::{Report, say, write_table};
use clap::Args;
use serde_json::json;
use shared::clock;
use shared::secrets::secrets_manager::{CURRENT, ListedVersion, NEXT, PENDING};
use std::time::Duration;

/// Shows the versions of the Cohere key with their labels and ages, never a value.
///
/// AWSCURRENT is in use, AWSPREVIOUS was before it, NEXT waits for `ops key rotate`, AWSPENDING is being tested.
#[derive(Args)]
#[command(after_help = "\
Example:
  ops key status")]
pub struct Status {
    #[command(flatten)]
    secret: KeySecret,
}

impl Status {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        let session = options.open_session().await?;
        let store = self.secret.open(&session, options).await?;
        let described = store.describe().await?;
        let mut versions = store.versions().await?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.created));
        let now = clock::since_epoch();
        let rows = versions.iter().map(|version| {
            let age = version.created.map_or("-".to_string(), |created| age(now, created));
            let labels = version.labels.join(",");
            vec![version.id.clone(), labels, age]
        });
        let text = write_table(&["VERSION", "LABELS", "AGE"], rows);
        let told = versions.iter().map(|version| {
            let created = version.created.map(clock::format_iso8601);
            json!({ "version": version.id, "labels": version.labels, "created": created })
        });
        let told: Vec<_> = told.collect();
        say_what_is_next(&versions);
        match described.last_rotated {
            Some(date) => say(&format!("last rotated {} ago", age(now, date))),
            None => say("never rotated"),
        }
        let last_rotated = described.last_rotated.map(clock::format_iso8601);
        Ok(Report::new(text, json!({ "versions": told, "last_rotated": last_rotated })))
    }
}

/// Says what the labels ask for: a first key, or a rotation that has not ended or not begun.
fn say_what_is_next(versions: &[ListedVersion]) {
    let find = |label: &str| versions.iter().find(|held| held.labels.iter().any(|l| l == label));
    let current = find(CURRENT).map(|version| version.id.as_str());
    if current.is_none() {
        say("the secret has no key yet: ops key stage < key.txt");
    }
    // A rotation that has ended leaves AWSPENDING on the version in use.
    let pending = find(PENDING).filter(|version| current != Some(version.id.as_str()));
    if let Some(version) = pending {
        let id = &version.id;
        say(&format!("a rotation to version {id} has not ended: ops key rotate takes it up again"));
    }
    if let Some(version) = find(NEXT) {
        say(&format!("version {} waits for ops key rotate", version.id));
    }
}

/// Writes an age in its two largest units; what lies ahead by another clock is new.
fn age(now: Duration, then: Duration) -> String {
    let secs = now.saturating_sub(then).as_secs();
    match secs {
        0..60 => format!("{secs} s"),
        60..3_600 => format!("{} min", secs / 60),
        3_600..86_400 => format!("{} h {} min", secs / 3_600, secs % 3_600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_told_in_units_that_people_use() {
        let now = Duration::from_secs(9_000_000);
        let told = [59, 60, 3_599, 3_661, 90_000, 8_640_000];
        let told = told.map(|secs| age(now, now - Duration::from_secs(secs)));
        assert_eq!(age(now, now + Duration::from_secs(5)), "0 s");
        assert_eq!(told, ["59 s", "1 min", "59 min", "1 h 1 min", "1 d 1 h", "100 d 0 h"]);
    }
}
