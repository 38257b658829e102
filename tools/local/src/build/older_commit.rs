//! Builds functions as an older commit has them, beside those of this workspace.

use super::{Build, WORKSPACE, prepare_cargo, run_cargo, target_directory};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Functions of an older commit.
#[derive(Clone, Debug)]
pub struct OlderCommit {
    /// Where its binaries are.
    pub binaries: PathBuf,
    /// The text of its template.
    pub template: String,
}

/// Builds these functions of a commit, with Cargo's progress on standard error.
///
/// Its source is unpacked below the target directory and built into a directory of its own, libraries too: Cargo tells
/// packages of two workspaces apart by their places inside these, and would take the newer ones for built.
pub fn build_older_commit(commit: &str, functions: &[&str]) -> anyhow::Result<OlderCommit> {
    let hash = name_commit(commit)?;
    let folder = target_directory().join("older").join(&hash);
    if !folder.is_dir() {
        unpack_commit(&hash, &folder)?;
    }
    let target = folder.join("target");
    let mut command = prepare_cargo(functions);
    command.current_dir(&folder).arg("--locked").arg("--target-dir").arg(&target);
    run_cargo(command, functions)?;
    let template = folder.join("template.yaml");
    let template = std::fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?;
    Ok(OlderCommit { binaries: target.join(Build::Debug.directory()), template })
}

/// Returns the full hash of a commit.
fn name_commit(commit: &str) -> anyhow::Result<String> {
    let mut git = Command::new("git");
    git.current_dir(WORKSPACE).args(["rev-parse", "--quiet", "--verify", "--end-of-options"]);
    let output = git.arg(format!("{commit}^{{commit}}")).output().context("cannot run git")?;
    ensure!(output.status.success(), "git knows no commit {commit}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Unpacks the source of a commit; the folder is there only once all of it is.
fn unpack_commit(hash: &str, folder: &Path) -> anyhow::Result<()> {
    let beside = folder.with_extension("part");
    let archive = folder.with_extension("tar");
    std::fs::create_dir_all(&beside)?;
    let mut pack = Command::new("git");
    pack.current_dir(WORKSPACE).args(["archive", "--output"]).arg(&archive).arg(hash);
    let mut unpack = Command::new("tar");
    unpack.arg("-xf").arg(&archive).arg("-C").arg(&beside);
    for mut command in [pack, unpack] {
        let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
        ensure!(status.success(), "{command:?} failed");
    }
    std::fs::remove_file(&archive)?;
    std::fs::rename(&beside, folder).with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commit_is_told() {
        for wrong in ["no-such-commit", "--help", ""] {
            let problem = name_commit(wrong).unwrap_err().to_string();
            assert_eq!(problem, format!("git knows no commit {wrong}"));
        }
    }
}
