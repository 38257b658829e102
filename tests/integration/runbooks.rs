//! Runbooks are executed: each in `docs/runbooks` has a file here that runs its blocks and looks at the
//! gateway between them.

mod add_or_revoke_client;
mod alarms;
mod another_model;
mod broken_client_list;
mod cohere_outage;
mod cost_spike;
mod costly_client;
mod first_deployment;
mod fix_blocked_by_an_alarm;
mod game_day;
mod key_leaked;
mod rate_limited;
mod release;
mod rollback;
mod rollout_taken_back;
mod rotate_key;
mod second_region;
mod teardown;
mod upgrade;

use gateway_tests::runbook::FOLDER;
use gateway_tests::source_files::ROOT;
use std::collections::BTreeSet;

/// Returns the names of all runbooks.
fn list_runbooks() -> BTreeSet<String> {
    let files = std::fs::read_dir(FOLDER).expect("the runbooks");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let runbooks: BTreeSet<_> =
        names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
    assert!(!runbooks.is_empty());
    runbooks
}

/// Returns the lines of commands in a page, whoever runs them.
fn read_commands(page: &str) -> impl Iterator<Item = &str> {
    let mut language = None;
    page.lines().filter(move |line| match line.strip_prefix("```") {
        Some(fence) => {
            language = if language.is_some() { None } else { Some(fence) };
            false
        }
        None => matches!(language, Some("sh" | "console")),
    })
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Set by the `export` line of `cargo run`, where there is a sandbox.
const OF_A_LAPTOP: &str = "SANDBOX_URL";

/// Returns the shell variables that commands use and that nothing before them has set.
fn find_unset_variables(page: &str) -> Vec<String> {
    let (mut set, mut unset) = (BTreeSet::from([OF_A_LAPTOP]), Vec::new());
    for line in read_commands(page) {
        for (at, _) in line.match_indices('$') {
            let name = line[at + 1..].trim_start_matches('{').split(|c| !is_name_letter(c)).next();
            let name = name.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
            unset.extend(name.filter(|name| !set.contains(*name)).map(str::to_owned));
        }
        let words = line.split_whitespace();
        set.extend(words.clone().filter_map(|word| Some(word.split_once('=')?.0)));
        if line.starts_with("read ") {
            set.extend(words.last());
        }
    }
    unset
}

#[test]
fn runbook_sets_the_variables_it_uses() {
    for name in list_runbooks() {
        let page = std::fs::read_to_string(format!("{FOLDER}/{name}.md")).unwrap();
        assert_eq!(find_unset_variables(&page), [""; 0], "{name}");
    }
    let page =
        "```sh\nA=1 B=2\nread -rs C\nrun \"$A\" ${B}$C $D\n```\n`$E`\n```console\nx $F $1\n```";
    assert_eq!(find_unset_variables(page), ["D", "F"]);
}

#[test]
fn outputs_in_runbooks_are_those_of_the_template() {
    let template = std::fs::read_to_string(format!("{ROOT}/template.yaml")).unwrap();
    let (_, outputs) = template.split_once("\nOutputs:").unwrap();
    let mut count = 0;
    for name in list_runbooks() {
        let page = std::fs::read_to_string(format!("{FOLDER}/{name}.md")).unwrap();
        for part in page.split("$(output ").skip(1).chain(page.split("OutputKey=='").skip(1)) {
            let key = part.split(|c| !is_name_letter(c)).next().unwrap();
            count += usize::from(!key.is_empty());
            assert!(key.is_empty() || outputs.contains(&format!("\n  {key}:\n")), "{name}: {key}");
        }
    }
    assert!(count > 3, "outputs found: {count}");
}

/// Returns the prefixes of log groups that end with the stack's name, and so may be those of a longer name.
fn find_wide_prefixes(page: &str) -> Vec<&str> {
    let lines = read_commands(page).filter(|line| line.contains("--log-group-name-prefix"));
    lines.filter(|line| line.contains("$STACK-\"") || line.contains("$STACK\"")).collect()
}

#[test]
fn runbooks_find_no_log_groups_by_a_stack_s_prefix() {
    for name in list_runbooks() {
        let page = std::fs::read_to_string(format!("{FOLDER}/{name}.md")).unwrap();
        assert_eq!(find_wide_prefixes(&page), [""; 0], "{name}");
    }
    let wide = "x --log-group-name-prefix \"$STACK-\" y";
    let page = format!("```console\n{wide}\nx --log-group-name-prefix \"$STACK-ChatLogs-\"\n```");
    assert_eq!(find_wide_prefixes(&page), [wide]);
}

#[test]
fn runbooks_are_each_run_by_a_test() {
    for name in list_runbooks() {
        let test = format!(
            "{}/integration/runbooks/{}.rs",
            env!("CARGO_MANIFEST_DIR"),
            name.replace('-', "_")
        );
        let text = std::fs::read_to_string(&test).unwrap_or_else(|error| panic!("{test}: {error}"));
        assert!(text.contains(&format!("\"{name}\"")), "{test} does not run {name}");
        assert!(text.contains(".end().await"), "{test} does not run {name} to its end");
    }
}
