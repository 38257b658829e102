//! `ops completions`: the words of a shell's own completion.

use crate::output::Report;
use clap::{Args, ValueEnum};
use clap_complete::{Shell, generate};
use serde_json::json;

/// Prints the completions for a shell.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops completions bash > ~/.local/share/bash-completion/completions/ops
  ops completions fish > ~/.config/fish/completions/ops.fish
  ops completions zsh > ~/.zfunc/_ops   # a folder of fpath")]
pub struct Completions {
    /// The shell
    shell: For,
}

#[derive(Clone, Copy, ValueEnum)]
enum For {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub fn run(self, mut command: clap::Command) -> anyhow::Result<Report> {
        let shell = match self.shell {
            For::Bash => Shell::Bash,
            For::Zsh => Shell::Zsh,
            For::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut command, "ops", &mut script);
        let script = String::from_utf8(script)?;
        let data = json!({ "shell": shell.to_string(), "script": script });
        Ok(Report::new(script, data))
    }
}
