//! Builds binaries of this workspace with the Cargo that built this tool, and finds them.

mod older_commit;
mod progress;

use crate::template::{self, Template};
use anyhow::{Context, ensure};
pub use older_commit::{OlderCommit, build_older_commit};
use progress::Progress;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Builds every function of the template, with progress on standard error.
pub fn build_functions(build: Build) -> anyhow::Result<()> {
    build_packages(&read_function_names()?, build)
}

fn read_function_names() -> anyhow::Result<Vec<String>> {
    let template = Template::parse(template::TEXT, template::ReferenceValues::new())
        .context("in template.yaml")?;
    Ok(template.functions.into_iter().map(|function| function.name).collect())
}

/// Builds what a running gateway is used with: every function, and `ops`, which then starts at once.
///
/// `ops` is run as `cargo run -p ops`, unoptimized, whatever the functions are.
pub fn build_for_serving(build: Build) -> anyhow::Result<()> {
    let mut names = read_function_names()?;
    if build == Build::Debug {
        names.push("ops".to_owned());
    }
    build_packages(&names, build)
}

/// Builds packages of this workspace, with progress on standard error.
///
/// This package is part of the selection: the libraries are then built once, with the features they
/// have for both, instead of once for the tool and once for the others.
pub fn build_packages<N: AsRef<str>>(names: &[N], build: Build) -> anyhow::Result<()> {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    let mut command = prepare_cargo(&names);
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
    run_cargo(command, &names)
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

/// Runs Cargo, and names each program as it is built.
fn run_cargo(mut command: Command, names: &[&str]) -> anyhow::Result<()> {
    let cannot_run = || format!("cannot run Cargo to build {}", names.join(", "));
    command.args(["--message-format", "json-render-diagnostics"]).stdout(Stdio::piped());
    let mut cargo = command.spawn().with_context(cannot_run)?;
    let mut progress = Progress::new(names);
    for line in cargo.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        progress.read_message(&line.with_context(cannot_run)?);
    }
    let status = cargo.wait().with_context(cannot_run)?;
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
