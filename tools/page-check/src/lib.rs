//! Documents that are printed from the code: a test compares one line by line, or rewrites it with `UPDATE_DOCS=1`.

use similar::TextDiff;
use std::fmt::Debug;
use std::path::Path;

const HINT: &str = "run the same test with UPDATE_DOCS=1";

/// Compares a page with how it would be printed now, or writes it where `UPDATE_DOCS` is set.
///
/// # Panics
/// The page is another one: the lines that differ are printed.
pub fn check_page(path: impl AsRef<Path>, fresh: &str) {
    check_page_with(path, fresh, HINT);
}

/// Does the same where another command than the test's own rewrites the page.
///
/// # Panics
/// The page is another one, or cannot be written.
pub fn check_page_with(path: impl AsRef<Path>, fresh: &str, hint: &str) {
    let path = path.as_ref();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let written = std::fs::write(path, fresh);
        assert!(written.is_ok(), "{} cannot be written: {written:?}", path.display());
        return;
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == fresh,
        "{} is stale, {hint}:\n{}",
        name_page(path).display(),
        print_difference(&page, fresh)
    );
}

/// Compares entries that a page written by hand has with those of the code, in the order of either.
///
/// # Panics
/// They differ: `-` is what only the page has, `+` what only the code has.
pub fn check_entries<P: Debug, C: Debug>(
    page: &str,
    documented: impl IntoIterator<Item = P>,
    known: impl IntoIterator<Item = C>,
) {
    let documented: String = documented.into_iter().map(|entry| format!("{entry:?}\n")).collect();
    let known: String = known.into_iter().map(|entry| format!("{entry:?}\n")).collect();
    assert!(
        documented == known,
        "{page} differs from the code (- only in the page, + only in the code):\n{}",
        print_difference(&documented, &known)
    );
}

/// Returns the lines that differ, with a line of context.
fn print_difference(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(1).to_string()
}

/// Returns the path from the repository's root, where it has `..` on its way.
fn name_page(path: &Path) -> &Path {
    let mut rest = path.components();
    match rest.by_ref().any(|part| part.as_os_str() == "..") {
        true => rest.as_path(),
        false => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_the_lines_that_differ() {
        let shown = print_difference("a\nb\nc\nd\ne\n", "a\nb\nc\nD\ne\n");
        assert_eq!(shown, "@@ -3,3 +3,3 @@\n c\n-d\n+D\n e\n");
    }

    #[test]
    fn page_is_named_from_the_root() {
        let name = |path: &'static str| name_page(Path::new(path)).display().to_string();
        assert_eq!(name("/a/shared/../docs/metrics.md"), "docs/metrics.md");
        assert_eq!(name("docs/metrics.md"), "docs/metrics.md");
    }

    #[test]
    fn equal_entries_pass_in_whatever_type() {
        check_entries("a page", ["a", "b"], vec!["a".to_owned(), "b".to_owned()]);
    }

    #[test]
    #[should_panic(expected = "-\"b\"\n+\"c\"\n")]
    fn other_entry_is_told_alone() {
        check_entries("a page", ["a", "b"], ["a", "c"]);
    }
}
