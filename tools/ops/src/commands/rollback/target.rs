//! Which release is gone back to.

use crate::deploy::aliases::{LiveFunctions, find_base, find_live, has_versions};
use crate::deploy::record::{NumberedRelease, Release, Releases};
use crate::problem::Usage;
use anyhow::Context;

/// What was found out before anything is chosen.
pub struct Situation<'a> {
    pub releases: &'a Releases,
    pub live: &'a LiveFunctions,
    /// Whether new versions are on their way to the callers.
    pub is_rolling_out: bool,
    /// Whether the last deployment was taken back already.
    pub is_taken_back: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Choice<'a> {
    Release(&'a NumberedRelease),
    /// Nothing, and why.
    Nothing(String),
}

impl<'a> Situation<'a> {
    /// Chooses the release: the named one, else during a rollout what was live before it, else the one before the last.
    pub fn choose(&self, named: Option<u64>) -> anyhow::Result<Choice<'a>> {
        if let Some(number) = named {
            return Ok(Choice::Release(self.find(number)?));
        }
        let newest = self.releases.newest().with_context(|| self.explain_absence())?;
        if self.is_rolling_out || self.is_shared() {
            let base = find_base(&self.releases.known, self.live);
            return Ok(Choice::Release(match base {
                Some(number) => self.find(number)?,
                None => newest,
            }));
        }
        let before = self.find_before(newest);
        if has_versions(&newest.release, self.live) {
            return self.choose_after(newest, before);
        }
        // Somebody has begun to go back, or has done so past the record.
        if let Some(before) = before.filter(|before| self.is_mixed_of(newest, before)) {
            return Ok(Choice::Release(before));
        }
        if let Some(live) = find_live(&self.releases.known, self.live) {
            let told = format!(
                "release {live} is live, and the last one recorded is {}: say by --to which one it shall be",
                newest.number
            );
            return Err(Usage(told).into());
        }
        // A deployment that left no record.
        Ok(Choice::Release(newest))
    }

    /// Chooses where the last recorded release is live.
    fn choose_after(
        &self,
        newest: &NumberedRelease,
        before: Option<&'a NumberedRelease>,
    ) -> anyhow::Result<Choice<'a>> {
        let number = newest.number;
        if let Some(back_to) = newest.release.back_to {
            let told = format!("release {number} is live, which is {back_to} again");
            return Ok(Choice::Nothing(told));
        }
        if self.is_taken_back {
            let told = format!(
                "the last deployment was taken back already, and release {number} is live; one before it is named by --to"
            );
            return Ok(Choice::Nothing(told));
        }
        let none = "no good release with other versions is recorded before the live one";
        before.map(Choice::Release).context(none)
    }

    fn find(&self, number: u64) -> anyhow::Result<&'a NumberedRelease> {
        let mut known = self.releases.known.iter();
        let found = known.find(|release| release.number == number);
        let told = match self.releases.unreadable.contains(&number) {
            true => format!("release {number} was recorded by another version of ops"),
            false => format!("there is no release {number}: ops releases lists them"),
        };
        found.ok_or_else(|| Usage(told).into())
    }

    /// Returns the newest release with other versions before one; what failed its smoke test is none.
    fn find_before(&self, newest: &NumberedRelease) -> Option<&'a NumberedRelease> {
        let mut known = self.releases.known.iter().rev();
        known.find(|one| {
            one.number < newest.number
                && one.release.smoke_test != "failed"
                && !one.release.has_versions_of(&newest.release)
        })
    }

    fn is_shared(&self) -> bool {
        self.live.values().any(|function| !function.alias.shared_with.is_empty())
    }

    /// Whether each alias has the version of one or the other.
    fn is_mixed_of(&self, one: &NumberedRelease, other: &NumberedRelease) -> bool {
        self.live.iter().all(|(folder, function)| {
            let has = |release: &Release| {
                let known = release.functions.get(folder);
                known.is_none_or(|known| known.version == function.alias.version)
            };
            has(&one.release) || has(&other.release)
        })
    }

    fn explain_absence(&self) -> String {
        match self.releases.unreadable.is_empty() {
            true => {
                "no release is recorded of this stack, to which it could go back; what is rolling out is stopped by ops rollout --abort"
                    .to_string()
            }
            false => {
                "the last release was recorded by another version of ops: use that, or name one by --to"
                    .to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests;
