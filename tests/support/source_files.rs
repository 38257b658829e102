//! The repository's own source files, for tests that compare code with rules or documents.

use std::path::{Path, PathBuf};

/// The repository's folder.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns every Rust file of a folder and of the folders in it.
pub fn find_rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(find_rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Returns the code of a file without comments and without what is compiled for tests only.
pub fn read_code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a readable file");
    // A module of tests in a file of its own may be named anywhere.
    let text = text.replace("#[cfg(test)]\nmod tests;", "");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}
