//! The rules that file names and `use` lines can show: who imports whom, and one home for
//! every outside library.

use gateway_tests::source_files::{ROOT, find_rust_files, read_code};
use std::path::Path;

/// Modules of the shared crate from top to bottom; a module imports only from lower rows.
const LAYERS: [&[&str]; 10] = [
    &["lambda", "pipeline"],
    &["app"],
    &["health", "rollout"],
    &["cohere"],
    &["secrets"],
    &["cache", "resilience", "transport"],
    &["batch", "edge", "telemetry"],
    &["cost"],
    &["wire", "record", "deadline", "config"],
    &["error", "endpoint", "clock", "lock", "panic_on_request"],
];

/// Outside libraries of the shared crate and the only files that may name them.
const HOMES: [(&str, &str); 11] = [
    ("reqwest::", "transport.rs"),
    ("rustls::", "transport.rs"),
    ("aws_sdk_secretsmanager", "secrets/secrets_manager.rs"),
    ("aws_config", "secrets/secrets_manager.rs"),
    ("aws_sigv4", "rollout/aws_call.rs"),
    ("std::env::vars", "config/vars.rs"),
    ("socket2", "lambda/tcp_nodelay.rs"),
    ("lru::LruCache", "cache/lru.rs"),
    ("h2::", "transport.rs"),
    ("hyper_util", "lambda/tcp_nodelay.rs"),
    ("base64::", "edge/event.rs"),
];

fn find_layer(module: &str) -> usize {
    let row = LAYERS.iter().position(|row| row.contains(&module));
    row.unwrap_or_else(|| panic!("the module {module} has no layer: add it to LAYERS"))
}

#[test]
fn shared_modules_import_downward_only() {
    let root = Path::new(ROOT).join("shared/src");
    let mut checked = 0;
    for path in find_rust_files(&root).iter().filter(|path| !path.ends_with("lib.rs")) {
        let module = path.strip_prefix(&root).unwrap().components().next().unwrap();
        let module = module.as_os_str().to_str().unwrap().trim_end_matches(".rs");
        for import in read_code(path).split("crate::").skip(1) {
            let imported: String =
                import.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if imported != module {
                assert!(
                    find_layer(&imported) > find_layer(module),
                    "{}: {module} imports {imported}",
                    path.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} imports were found: the test looks in the wrong place");
}

#[test]
fn outside_library_has_one_home() {
    let root = Path::new(ROOT).join("shared/src");
    for (library, home) in HOMES {
        let mut users = find_rust_files(&root);
        // Tests may play a server with the library.
        users.retain(|path| !path.ends_with("tests.rs") && read_code(path).contains(library));
        assert_eq!(users, [root.join(home)], "{library}");
    }
}

#[test]
fn function_imports_shared_and_no_function() {
    let functions: Vec<_> =
        std::fs::read_dir(Path::new(ROOT).join("functions")).unwrap().flatten().collect();
    assert!(functions.len() >= 5);
    for function in &functions {
        let manifest = std::fs::read_to_string(function.path().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("shared.workspace = true"), "{manifest}");
        for other in functions
            .iter()
            .map(|other| other.file_name())
            .filter(|other| *other != function.file_name())
        {
            let other = other.to_str().unwrap();
            assert!(
                !manifest.contains(&format!("\n{other}")),
                "{:?} imports {other}",
                function.file_name()
            );
        }
    }
}

/// What operators log in by must not get into a function: builds by `-p`, as deployments are, have no part of it.
#[test]
fn function_is_built_without_the_operators_login() {
    let login = ["aws-sdk-sso", "aws-sdk-ssooidc"];
    for (package, has_it) in [("chat", false), ("authorizer", false), ("ops", true)] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut tree = std::process::Command::new(cargo);
        tree.args([
            "tree",
            "--offline",
            "--locked",
            "-e",
            "normal",
            "--prefix",
            "none",
            "-p",
            package,
        ]);
        let output = tree.current_dir(ROOT).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let crates = String::from_utf8(output.stdout).unwrap();
        assert!(crates.contains("aws-config "), "{package}: {crates}");
        for library in login {
            let name = format!("{library} ");
            let found = crates.lines().any(|line| line.starts_with(&name));
            assert_eq!(found, has_it, "{package}: {library}");
        }
    }
}

#[test]
fn folder_package_and_resource_have_one_name() {
    let template = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    for function in std::fs::read_dir(Path::new(ROOT).join("functions")).unwrap().flatten() {
        let folder = function.file_name().into_string().unwrap();
        let manifest = std::fs::read_to_string(function.path().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{folder}\"")), "{folder}");
        let words = folder.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        let resource = words.collect::<String>() + "Function:";
        assert!(
            template.contains(&format!("\n  {resource}")),
            "{resource} is not in template.yaml"
        );
    }
}

/// Where the rows are printed, and what stands before each line there.
const LAYER_PAGES: [(&str, &str); 2] =
    [("shared/src/lib.rs", "//! "), ("docs/architecture.md", "")];

/// Writes the rows as the text of both pages, between their marks.
fn print_layers(prefix: &str) -> String {
    let mut text = format!("{prefix}```text\n");
    for (number, row) in LAYERS.iter().enumerate() {
        let arrow = if number == 0 { "  " } else { "→ " };
        text += &format!("{prefix}{arrow}{}\n", row.join(" "));
    }
    text + &format!("{prefix}```\n")
}

#[test]
fn layers_are_printed_into_both_pages() {
    for (page, prefix) in LAYER_PAGES {
        let path = Path::new(ROOT).join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        let start_mark = format!("{prefix}<!-- layers:start -->\n");
        let end_mark = format!("{prefix}<!-- layers:end -->\n");
        let start = text.find(&start_mark).unwrap_or_else(|| panic!("{page}: no layers"))
            + start_mark.len();
        let end = text.find(&end_mark).unwrap_or_else(|| panic!("{page}: no end of the layers"));
        let layers = print_layers(prefix);
        page_check::check_page(&path, &format!("{}{layers}{}", &text[..start], &text[end..]));
    }
}

#[test]
fn every_module_has_a_layer() {
    let lib = std::fs::read_to_string(Path::new(ROOT).join("shared/src/lib.rs")).unwrap();
    let mut declared: Vec<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")).collect();
    let mut layered: Vec<_> = LAYERS.iter().flat_map(|row| row.iter().copied()).collect();
    declared.iter_mut().for_each(|name| *name = name.trim_end_matches(';'));
    declared.sort_unstable();
    layered.sort_unstable();
    assert_eq!(declared, layered);
}
