//! The order of the files of this folder, as their imports show it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// From top to bottom, as `lambda.rs` says it; a file imports only from those after its own.
const ORDER: [&str; 9] = [
    "function",
    "version",
    "process",
    "runtime_api",
    "environments",
    "environment",
    "launch",
    "invocation",
    "routing",
];

fn position(module: &str) -> usize {
    let position = ORDER.iter().position(|name| *name == module);
    position.unwrap_or_else(|| panic!("{module} has no slot in ORDER"))
}

/// The modules of this folder that a file names after `super::`.
fn imported_modules(source: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for path in source.split("super::").skip(1) {
        let end = path.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(path.len());
        modules.insert(path[..end].to_owned());
    }
    modules
}

#[test]
fn lambda_imports_go_down_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lambda");
    let mut imports = 0;
    for module in ORDER {
        let source = fs::read_to_string(folder.join(format!("{module}.rs"))).unwrap();
        let code = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        assert!(!code.contains("crate::lambda"), "{module} names its own folder from the root");
        for imported in imported_modules(code) {
            assert!(position(&imported) > position(module), "{module} imports {imported}");
            imports += 1;
        }
    }
    assert!(imports >= 10, "only {imports} imports were found: the test reads the wrong files");
}

#[test]
fn lambda_order_names_every_file() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(source.join("lambda")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs") {
            files.insert(module.to_owned());
        }
    }
    files.remove("tests");
    assert_eq!(files, ORDER.map(str::to_owned).into());
    let documentation = fs::read_to_string(source.join("lambda.rs")).unwrap();
    let order = format!("`{}`", ORDER.join(" → "));
    assert!(documentation.contains(&order), "lambda.rs says another order");
}
