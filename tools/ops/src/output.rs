//! What is written where: data to standard output, words to standard error.

mod colour;
mod progress;
mod table;

pub use colour::{Colour, Stream, paint};
pub use progress::show_progress;
pub use table::{WIDTH, wrap, write_table};

use crate::token::Token;
use anyhow::Context;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Texts that no sentence may repeat, whoever has written it.
static MASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Shorter ones would tear words apart, and are no secrets.
const MIN_MASKED_BYTES: usize = 6;
/// Version of the object that `--json` writes; fields may be added under the same one.
const SCHEMA: u64 = 1;

/// What a command came to: the text for people and the same as data for programs.
#[derive(Debug)]
pub struct Report {
    pub text: String,
    pub data: Value,
    /// Whether it is a failure all the same, as of a checklist with a failed line.
    pub is_failed: bool,
    /// What to do where the text cannot be shown.
    pub lost: &'static str,
}

impl Report {
    /// A result with a text for people.
    pub fn new(text: String, data: Value) -> Self {
        Self { text, data, is_failed: false, lost: "cannot write to standard output" }
    }

    /// A result that has been told in words; standard output stays empty without `--json`.
    pub fn of_data(data: Value) -> Self {
        Self::new(String::new(), data)
    }

    /// Shows a token, which is stored nowhere.
    pub fn of_token(client: &str, token: &Token) -> Self {
        let data = json!({ "client": client, "token": token.expose() });
        let lost = "the token is valid but could not be shown: replace it by `ops clients rotate`";
        Self { lost, ..Self::new(format!("{}\n", token.expose()), data) }
    }
}

/// How a command ended, as `--json` names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Done,
    Failed,
    /// Wrong usage or settings.
    Usage,
}

impl Outcome {
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Usage => "usage",
        }
    }
}

/// Writes a result as a person reads it, or as one JSON object.
pub fn print_report(command: &str, report: &Report, is_json: bool) -> anyhow::Result<()> {
    if !is_json {
        return print(&report.text).context(report.lost);
    }
    let outcome = if report.is_failed { Outcome::Failed } else { Outcome::Done };
    print_object(command, outcome, &report.data, None).context(report.lost)
}

/// Says why a command has failed, and writes the object of it.
pub fn print_problem(command: &str, outcome: Outcome, problem: &str, is_json: bool) {
    say(&format!("{} {problem}", paint("error:", Colour::Red, Stream::Err)));
    if is_json {
        let problem = without_masked(problem);
        // Nobody listens: the exit code tells.
        let _ = print_object(command, outcome, &Value::Null, Some(&problem));
    }
}

fn print_object(
    command: &str,
    outcome: Outcome,
    data: &Value,
    error: Option<&str>,
) -> anyhow::Result<()> {
    let object = json!({
        "schema": SCHEMA,
        "command": command,
        "outcome": outcome.as_str(),
        "data": data,
        "error": error,
    });
    print(&format!("{object}\n"))
}

/// Overwrites a text in all that is said from now on.
pub fn mask(secret: &str) {
    if secret.len() >= MIN_MASKED_BYTES {
        MASKED.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_string());
    }
}

/// Overwrites the masked texts.
pub fn without_masked(words: &str) -> String {
    let masked = MASKED.lock().unwrap_or_else(PoisonError::into_inner);
    masked.iter().fold(words.to_string(), |words, secret| words.replace(secret, "…"))
}

/// Writes a sentence to standard error.
pub fn say(words: &str) {
    progress::clear();
    // Nobody listens: no reason to stop what is being done.
    let _ = writeln!(std::io::stderr(), "{}", without_masked(words));
}

/// Writes to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    progress::clear();
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_text_is_said_by_nobody() {
        mask("fake-hidden");
        mask("a");
        assert_eq!(
            without_masked("a key fake-hidden, and again fake-hidden"),
            "a key …, and again …"
        );
    }
}
