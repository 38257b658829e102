//! Builds binaries of this workspace with the Cargo that built this tool, and finds them.

mod older_commit;

use crate::template::{self, Template};
use anyhow::{Context, ensure};
pub use older_commit::{OlderCommit, build_older_commit};
use std::path::{Path, PathBuf};
use std::process::Command;

/// This workspace, where `template.yaml` and the functions are.
pub const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What binaries are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    Debug,
    Release,
    /// As `Debug`, and functions trust the certificate authority of a test (`shared`'s feature `test-ca`).
    TestCa,
}

impl Build {
    /// Returns the directory of its binaries inside the target directory.
    fn directory(self) -> &'static str {
        match self {
            Build::Debug => "debug",
            Build::Release => "release",
            Build::TestCa => "test-ca/debug",
        }
    }
}

/// Builds every function of the template, with Cargo's progress on standard error.
pub fn build_functions(build: Build) -> anyhow::Result<()> {
    let template = Template::parse(template::TEXT, template::ReferenceValues::new())
        .context("in template.yaml")?;
    let names: Vec<_> = template.functions.iter().map(|function| function.name.as_str()).collect();
    build_packages(&names, build)
}

/// Builds packages of this workspace, with Cargo's progress on standard error.
///
/// This package is part of the selection: the libraries are then built once, with the features they
/// have for both, instead of once for the tool and once for the others.
pub fn build_packages(names: &[&str], build: Build) -> anyhow::Result<()> {
    let mut command = prepare_cargo(names);
    command.current_dir(WORKSPACE).args(["-p", "local"]);
    match build {
        Build::Debug => command.arg("--target-dir").arg(target_directory()),
        Build::Release => command.arg("--target-dir").arg(target_directory()).arg("--release"),
        // A directory of its own for the binaries only: the libraries are built once for both.
        Build::TestCa => command
            .args(["-p", "shared", "--features", "shared/test-ca"])
            .env("CARGO_BUILD_BUILD_DIR", target_directory())
            .arg("--target-dir")
            .arg(target_directory().join("test-ca")),
    };
    run_cargo(command, names)
}

/// Prepares `cargo build` of these packages, in a workspace and into a folder that the caller names.
fn prepare_cargo(names: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.arg("build");
    for name in names {
        command.args(["-p", name]);
    }
    // `cargo run` and `cargo test` set these for their children; build scripts that look at them
    // would see another value each time and be built again and again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command
}

fn run_cargo(mut command: Command, names: &[&str]) -> anyhow::Result<()> {
    let status = command.status().with_context(|| {
        format!("cannot run {} to build {}", command.get_program().display(), names.join(", "))
    })?;
    ensure!(
        status.success(),
        "{} did not build ({status}); what is wrong stands above",
        names.join(", ")
    );
    Ok(())
}

/// Where the binaries are.
pub fn binary_directory(build: Build) -> PathBuf {
    target_directory().join(build.directory())
}

/// The target directory this very program was built into, which Cargo marks with a file.
pub fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    match program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file()) {
        Some(directory) => directory.to_path_buf(),
        None => Path::new(WORKSPACE).join("target"),
    }
}
