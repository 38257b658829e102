//! Runs a runbook as an operator would: its `sh` blocks in order, in one shell, against a running gateway.
//!
//! A test looks at the gateway between two blocks. The shell's `cargo run -q -p ops --` is the binary that
//! the tests have built already; anything else that a runbook asks of `cargo` fails.

use crate::deployment::Deployment;
use crate::gateway::Running;
use crate::ops;
use crate::page::Page;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// Where the runbooks are.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbooks");
/// Where the documents expect the gateway of `cargo run`.
const ADDRESS: &str = "http://127.0.0.1:8080";
/// Printed after a block that went well.
const END: &str = "--- end of a block ---";
const SCRIPT: &str = r#"set -eu
for block in "$@"; do
  . "$block" </dev/null
  printf '\n%s\n' "$END"
  read -r _
done"#;

/// A runbook under way.
pub struct Runbook {
    name: String,
    /// Blocks that are still to come, the next one first.
    blocks: Vec<String>,
    folder: PathBuf,
    shell: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    begun: bool,
}

impl Runbook {
    /// Opens a runbook that deploys, in the folder of a deployment and on its stand-ins.
    pub fn open_for(deployment: &Deployment, name: &str, variables: &[(&str, &str)]) -> Self {
        Self::open_blocks_for(deployment, name, read_blocks(name), variables)
    }

    /// Opens blocks that deploy.
    pub fn open_blocks_for(
        deployment: &Deployment,
        name: &str,
        blocks: Vec<String>,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut all = deployment.variables();
        all.extend(variables.iter().map(|(name, value)| (*name, value.to_string())));
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self::start(&deployment.running, name, blocks, &all, Some(&deployment.folder))
    }

    /// Opens the runbook of this name, with further variables for its shell.
    pub fn open(running: &Running, name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start(running, name, read_blocks(name), variables, None)
    }

    /// Opens blocks of a page that need not be all of it.
    pub fn open_blocks(running: &Running, name: &str, blocks: Vec<String>) -> Self {
        Self::start(running, name, blocks, &[], None)
    }

    fn start(
        running: &Running,
        name: &str,
        blocks: Vec<String>,
        variables: &[(&str, &str)],
        workplace: Option<&Path>,
    ) -> Self {
        let blocks: Vec<_> =
            blocks.iter().map(|block| block.replace(ADDRESS, &running.gateway.url)).collect();
        assert!(!blocks.is_empty(), "{name} has no block of sh");
        // A page beside the runbooks is named by its way from there.
        let plain = name.replace(['/', '.'], "-");
        let folder =
            std::env::temp_dir().join(format!("gateway-runbook-{plain}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder of its own");
        let mut files = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            files.push(folder.join(format!("block-{number}")));
            std::fs::write(&files[number], block).expect("a block's file");
        }
        write_cargo(&folder);
        let given = variables.iter().find(|(name, _)| *name == "PATH");
        let path = match given {
            Some((_, path)) => path.to_string(),
            None => std::env::var("PATH").unwrap_or_default(),
        };
        let words = std::fs::File::create(folder.join("stderr")).expect("a file");
        let mut shell = ops::prepare_command(running, "bash");
        shell.envs(variables.iter().copied());
        shell
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("HOME", &folder)
            .env("END", END);
        shell.current_dir(workplace.unwrap_or(&folder)).stderr(Stdio::from(words));
        let mut shell = shell.args(["-c", SCRIPT, name]).args(files).spawn().expect("bash starts");
        let stdin = shell.stdin.take().expect("a pipe");
        let stdout = BufReader::new(shell.stdout.take().expect("a pipe")).lines();
        Self { name: name.into(), blocks, folder, shell, stdin, stdout, begun: false }
    }

    /// Runs the next block and returns what it has printed; a command of it that fails fails the test.
    pub async fn next(&mut self) -> String {
        assert!(!self.blocks.is_empty(), "{} has no further block", self.name);
        let block = self.blocks.remove(0);
        if self.begun {
            self.stdin.write_all(b"\n").await.expect("the shell waits");
        }
        self.begun = true;
        let mut printed = Vec::new();
        while let Some(line) = self.stdout.next_line().await.expect("text") {
            if line == END {
                return printed.join("\n");
            }
            printed.push(line);
        }
        let printed = printed.join("\n");
        panic!("in {} this failed:\n{block}\n{printed}\n{}", self.name, self.words());
    }

    /// Returns all that was written to standard error so far.
    pub fn words(&self) -> String {
        std::fs::read_to_string(self.folder.join("stderr")).unwrap_or_default()
    }

    /// Checks that every block was run.
    pub async fn end(mut self) {
        assert_eq!(self.blocks, Vec::<String>::new(), "{} has blocks that nobody ran", self.name);
        self.stdin.write_all(b"\n").await.expect("the shell waits");
        assert!(self.shell.wait().await.expect("the shell ends").success(), "{}", self.words());
    }
}

impl Drop for Runbook {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns the blocks of `sh`; other fences are for the reader.
fn read_blocks(name: &str) -> Vec<String> {
    Page::read(&format!("docs/runbooks/{name}.md")).blocks("sh")
}

/// Puts a `cargo` into the folder that runs the built `ops`; what it would start beside that runs already: the
/// gateway and the tests.
fn write_cargo(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let ops = ops::build_binary();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in 'run -q -p ops -- '*) shift 5; exec '{}' \"$@\" ;; \
         run | 'test --workspace') exit ;; esac\n\
         echo \"not run in a test: cargo $*\" >&2\nexit 64\n",
        ops.display()
    );
    let cargo = folder.join("cargo");
    std::fs::write(&cargo, script).expect("a file");
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755))
        .expect("its permission");
}
