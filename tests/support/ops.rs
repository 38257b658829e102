//! The real `ops` binary, against the secrets of a running gateway.

use crate::gateway::Running;
use local::build::Build;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Words.
    pub stderr: String,
}

impl Done {
    /// Returns the data of a command that did what it should.
    pub fn data(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout.trim_end()
    }

    /// Returns the words of a command that has failed.
    pub fn problem(&self) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{self:?}");
        // What it says while it waits comes first.
        let (_, problem) = self.stderr.split_once("error: ").unwrap_or_else(|| panic!("{self:?}"));
        problem.trim_end()
    }
}

/// Returns the binary, built once in this process.
pub fn build_binary() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        local::build::build_packages(&["ops"], Build::Debug)
            .unwrap_or_else(|error| panic!("{error:#}"))
    });
    local::build::binary_directory(Build::Debug).join("ops")
}

/// Prepares a program in an environment that leads to the secrets of this gateway and to nothing else.
pub fn prepare_command(running: &Running, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(running.gateway.aws.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs `ops` with these arguments and this standard input.
pub async fn run_ops(running: &Running, arguments: &[&str], stdin: &str) -> Done {
    let mut child =
        prepare_command(running, build_binary()).args(arguments).spawn().expect("ops starts");
    let mut input = child.stdin.take().expect("a pipe");
    // It may end without having read anything.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.expect("ops ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
