//! Pages of the documents: their blocks of code, and parts that a test prints.

use crate::source_files::ROOT;
use std::path::{Path, PathBuf};

/// A page by its way from the root of the repository.
pub struct Page {
    path: PathBuf,
    pub text: String,
}

impl Page {
    pub fn read(name: &str) -> Self {
        let path = Path::new(ROOT).join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Page { path, text }
    }

    /// Returns the blocks of a language, in their order.
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let fence = format!("\n```{language}\n");
        let parts = self.text.split(&fence).skip(1);
        parts.map(|part| format!("{}\n", part.split("\n```").next().unwrap_or_default())).collect()
    }

    /// Compares what stands between two marks with what was printed, or rewrites it where `UPDATE_DOCS` is set;
    /// what says the same stays as it is.
    pub fn settle(&self, start: &str, end: &str, printed: &str, same: impl Fn(&str, &str) -> bool) {
        let (head, rest) = self.text.split_once(start).expect("the start of the printed part");
        let (written, tail) = rest.split_once(end).expect("the end of the printed part");
        let fresh = if same(written, printed) { written } else { printed };
        page_check::check_page(&self.path, &format!("{head}{start}{fresh}{end}{tail}"));
    }
}
