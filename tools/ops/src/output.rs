//! What is written where: data to standard output, words to standard error.

use crate::token::Token;
use anyhow::Context;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Texts that no sentence may repeat, whoever has written it.
static MASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Shorter ones would tear words apart, and are no secrets.
const MIN_MASKED_BYTES: usize = 6;

/// Overwrites a text in all that is said from now on.
pub fn mask(secret: &str) {
    if secret.len() >= MIN_MASKED_BYTES {
        MASKED.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_string());
    }
}

fn without_masked(words: &str) -> String {
    let masked = MASKED.lock().unwrap_or_else(PoisonError::into_inner);
    masked.iter().fold(words.to_string(), |words, secret| words.replace(secret, "…"))
}

/// Writes a sentence to standard error.
pub fn say(words: &str) {
    // Nobody listens: no reason to stop what is being done.
    let _ = writeln!(std::io::stderr(), "{}", without_masked(words));
}

/// Shows a token, which is stored nowhere.
pub fn print_token(token: &Token) -> anyhow::Result<()> {
    print(&format!("{}\n", token.expose()))
        .context("the token is valid but could not be shown: replace it by `ops clients rotate`")
}

/// Prints rows under their titles, each column as wide as it must be.
pub fn print_table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> anyhow::Result<()> {
    let titles = titles.iter().map(|title| title.to_string()).collect();
    let rows: Vec<Vec<String>> = [titles].into_iter().chain(rows).collect();
    print(&table(&rows))
}

/// Writes to standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}  ", width(column)));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
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

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["A", "B"], ["longer", "x"], ["y", ""]];
        let rows = rows.map(|row| row.map(str::to_string).to_vec());
        assert_eq!(table(&rows), "A       B\nlonger  x\ny\n");
    }
}
