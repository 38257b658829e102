//! What keeps logs as they are: in the sources of the functions only the telemetry prints, no span takes
//! arguments along, no event prints a whole value, and every event and field stands in `docs/logging.md`.

use gateway_tests::source_files::{ROOT, find_rust_files, read_code};
use page_check::check_entries;
use shared::record::KNOWN_NAMES;
use std::collections::BTreeSet;
use std::path::Path;

/// Ways around the telemetry, and the only files that may take them.
const BANNED: [(&str, &[&str]); 8] = [
    ("println!", &[]),
    ("print!", &[]),
    ("dbg!", &[]),
    ("instrument", &[]),
    ("panic_any", &[]),
    ("set_hook", &["telemetry/init.rs"]),
    ("io::stdout", &["telemetry/init.rs", "telemetry/event_line.rs"]),
    ("io::stderr", &["telemetry/code_location.rs"]),
];

/// Fields of every line that belongs to an invocation.
const EVERY_LINE: [&str; 2] = ["request_id", "trace_id"];
/// Where the fields of every line, and those beside a metric, are put together.
const COMMON_LINES: [&str; 2] = ["telemetry/event_line.rs", "telemetry/metrics.rs"];

/// An event as the sources write it.
struct Event {
    level: String,
    message: String,
    fields: Vec<String>,
}

impl Event {
    /// Returns the stable name, which is the first field.
    fn name(&self) -> Option<&str> {
        self.fields.first()?.strip_prefix("event = \"")?.strip_suffix('"')
    }

    fn field_names(&self) -> impl Iterator<Item = String> {
        self.fields
            .iter()
            .map(|field| field.split(" = ").next().unwrap_or_default().replace('%', ""))
    }
}

/// Returns the code of every function and of what they share, by path.
fn read_sources() -> Vec<(String, String)> {
    let roots = ["shared/src", "functions"].map(|folder| Path::new(ROOT).join(folder));
    let paths = roots
        .iter()
        .flat_map(|root| find_rust_files(root))
        .filter(|path| !path.ends_with("tests.rs"));
    let codes: Vec<_> = paths.map(|path| (path.display().to_string(), read_code(&path))).collect();
    assert!(
        codes.len() > 40,
        "only {} files were found: the test looks in the wrong place",
        codes.len()
    );
    codes
}

#[test]
fn telemetry_alone_writes_output() {
    for (path, code) in read_sources() {
        for (banned, homes) in BANNED {
            let is_home = homes.iter().any(|home| path.ends_with(home));
            assert!(is_home || !code.contains(banned), "{path} uses {banned}");
        }
    }
}

#[test]
fn event_never_prints_a_whole_value() {
    for (path, code) in read_sources() {
        for Event { message, fields, .. } in find_events(&code) {
            for field in &fields {
                assert!(!field.contains('?'), "{path}: {message:?} prints {field} for debugging");
            }
        }
    }
}

#[test]
fn events_and_fields_match_the_document() {
    let doc = std::fs::read_to_string(Path::new(ROOT).join("docs/logging.md")).unwrap();
    let (mut lines, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut fields = BTreeSet::from(EVERY_LINE.map(str::to_string));
    fields.extend(KNOWN_NAMES.map(str::to_string));
    for (path, code) in read_sources() {
        for event in find_events(&code) {
            let line =
                format!("{} {}", event.level, event.message.replace("{PENDING}", "AWSPENDING"));
            let name =
                event.name().unwrap_or_else(|| panic!("{path}: {line:?} has no event name first"));
            assert!(names.insert(name.to_string()), "{path}: two lines are the event {name}");
            lines.insert((name.to_string(), line));
            fields.extend(event.field_names());
        }
        fields.extend(find_added_fields(&path, &code));
    }
    check_entries("the events of docs/logging.md", read_pairs(&doc, "events"), lines);
    check_entries("the fields of docs/logging.md", read_table_rows(&doc, "fields"), fields);
}

#[test]
fn fields_with_another_name_are_fields() {
    let read =
        |page: &str| std::fs::read_to_string(Path::new(ROOT).join("docs").join(page)).unwrap();
    let fields = read_table_rows(&read("logging.md"), "fields");
    let renamed = read_table_rows(&read("opentelemetry.md"), "opentelemetry");
    assert!(renamed.len() > 10, "{renamed:?}");
    assert_eq!(renamed.difference(&fields).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Returns the first two cells of a table's rows, without their backticks.
fn read_pairs(doc: &str, table: &str) -> BTreeSet<(String, String)> {
    let rows = find_table(doc, table).lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('`').skip(1).step_by(2).map(str::to_string));
    cells.filter_map(|mut cells| Some((cells.next()?, cells.next()?))).collect()
}

/// Returns the text of a table.
fn find_table<'a>(doc: &'a str, table: &str) -> &'a str {
    let after = doc.split(&format!("<!-- {table}:start -->")).nth(1);
    after.and_then(|rest| rest.split("<!--").next()).unwrap_or_default()
}

/// Returns what stands in backticks in the first cells of a table.
fn read_table_rows(doc: &str, table: &str) -> BTreeSet<String> {
    let lines = find_table(doc, table).lines();
    let cells = lines.filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_string).collect()
}

/// Returns the fields that a file adds to a line of its own.
fn find_added_fields(path: &str, code: &str) -> Vec<String> {
    if COMMON_LINES.iter().any(|home| path.ends_with(home)) {
        return Vec::new();
    }
    let calls = code.split("line.add(").skip(1).map(|rest| rest.trim_start());
    let names = calls.filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
    names.map(str::to_string).collect()
}

/// Finds the events that a piece of code writes.
fn find_events(code: &str) -> Vec<Event> {
    let lines = code.split("EventLine::new(").skip(1).filter_map(|rest| {
        let [level, name, message] = &split_arguments(rest)[..] else { return None };
        Some(Event {
            level: level.rsplit("::").next()?.to_uppercase(),
            message: message.trim_matches('"').to_string(),
            fields: vec![format!("event = {name}")],
        })
    });
    let calls = code.split("tracing::").skip(1).filter_map(|rest| {
        let (level, arguments) = rest.split_once("!(")?;
        let arguments = split_arguments(arguments);
        let (message, fields) = arguments.split_last()?;
        let message = message.trim_matches('"').to_string();
        Some(Event { level: level.to_uppercase(), message, fields: fields.to_vec() })
    });
    let calls = calls.filter(|event| {
        ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&event.level.as_str())
    });
    lines.chain(calls).collect()
}

/// Splits the arguments of a call at its own commas, up to its closing bracket.
fn split_arguments(code: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut arguments) = (0, false, vec![String::new()]);
    for c in code.chars() {
        match c {
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' if !in_text && depth == 0 => break,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(argument) = arguments.last_mut() {
            argument.push(c);
        }
    }
    let trimmed = arguments.iter().map(|argument| argument.trim().to_string());
    trimmed.filter(|argument| !argument.is_empty()).collect()
}

#[test]
fn event_parser_reads_level_message_and_fields() {
    let code =
        "tracing::warn!(a, b = f(x, \"(,\"), c = %d, \"what, then\"); tracing::Level::WARN; x!()";
    let events = find_events(code);
    assert_eq!(
        (events.len(), events[0].level.as_str(), events[0].message.as_str()),
        (1, "WARN", "what, then")
    );
    assert_eq!(events[0].fields, ["a", "b = f(x, \"(,\")", "c = %d"]);
    let code = "let mut line = EventLine::new(Level::Info, \"done\", \"it is\"); \
                line.add(\n\"a\", 1); line.add(name, 2);";
    let events = find_events(code);
    assert_eq!(
        (events.len(), events[0].level.as_str(), events[0].name()),
        (1, "INFO", Some("done"))
    );
    assert_eq!(find_added_fields("a.rs", code), ["a"]);
}
