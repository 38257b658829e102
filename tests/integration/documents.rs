//! Documents for callers and operators name every code and every unit that the code knows.

use gateway_tests::source_files::ROOT;
use shared::edge::request::RequestOptions;
use shared::edge::response::{OwnHeader, status_of};
use shared::error::{Code, GatewayError, UpstreamAnswer};
use shared::record::{CacheOutcome, KNOWN_NAMES};
use std::collections::BTreeSet;
use std::path::Path;

/// How the table says that a code may keep the status of Cohere's answer.
const FROM_COHERE: &str = "or Cohere's";
/// A status of Cohere's that none of our own codes has, of either kind.
const COHERES_STATUSES: [u16; 2] = [418, 507];

/// A row of the table of codes: the code, the gateway's own status, and whether Cohere's may replace it.
type CodeRow = (String, u16, bool);

fn read_document(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join("docs").join(name)).unwrap()
}

#[test]
fn error_codes_and_statuses_match_the_document() {
    let documented = read_code_rows(&read_document("errors.md"));
    page_check::check_entries("docs/errors.md", documented, Code::ALL.map(describe_code));
}

#[test]
fn code_table_check_reads_own_and_foreign_statuses() {
    let page = "| code | status | when |\n|---|---|---|\n| `a` | 500, 502 | x |\n\
        | `b` | 400, or Cohere's 4xx | y |\n\n| fault | `code` |\n|---|---|\n| `c` | 503 |\n";
    assert_eq!(read_code_rows(page), [("a".into(), 500, false), ("b".into(), 400, true)]);
}

#[test]
fn billed_units_are_fields_of_the_log() {
    let document = read_document("logging.md");
    let (_, fields) = document.split_once("<!-- fields:start -->").unwrap();
    let documented: BTreeSet<_> = fields.lines().filter_map(first_cell).flat_map(quoted).collect();
    let missing: Vec<_> = KNOWN_NAMES.iter().filter(|name| !documented.contains(*name)).collect();
    assert!(missing.is_empty(), "units without a field in docs/logging.md: {missing:?}");
}

/// Returns what the gateway answers with a code.
fn describe_code(code: Code) -> CodeRow {
    let own = GatewayError::new(code, "");
    let keeps_coheres = COHERES_STATUSES.iter().any(|status| {
        let upstream = UpstreamAnswer { status: *status, ..UpstreamAnswer::default() };
        let error = GatewayError { upstream: Some(Box::new(upstream)), ..own.clone() };
        status_of(&error) == *status
    });
    (code.as_str().to_string(), status_of(&own).as_u16(), keeps_coheres)
}

/// Reads the first table, whose status cells begin with the gateway's own status.
fn read_code_rows(page: &str) -> Vec<CodeRow> {
    let table = page.lines().skip_while(|line| !line.starts_with("| code | status |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let own = cells[1].get(..3).and_then(|status| status.parse().ok());
        let own = own.unwrap_or_else(|| panic!("a status is expected first: {row}"));
        (cells[0].trim_matches('`').to_string(), own, cells[1].contains(FROM_COHERE))
    })
    .collect()
}

fn first_cell(row: &str) -> Option<&str> {
    row.strip_prefix("| ")?.split(" | ").next()
}

/// Returns what stands in back-ticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Returns what stands in back-ticks in the first cells of all tables of a page.
fn first_cells(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(first_cell).flat_map(quoted).collect()
}

#[test]
fn headers_page_has_every_header_and_cache_word() {
    let page = read_document("headers.md");
    let cells = first_cells(&page);
    let own = OwnHeader::ALL.map(OwnHeader::name);
    let words = CacheOutcome::ALL.map(CacheOutcome::as_str);
    for name in own.iter().chain(&words).chain(&RequestOptions::HEADERS) {
        assert!(cells.contains(name), "{name} is not in docs/headers.md");
    }
}

#[test]
fn response_headers_are_those_of_the_code() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/differences.md")).unwrap();
    let row = page.lines().find(|line| line.starts_with("| response headers |")).unwrap();
    let documented: BTreeSet<_> = quoted(row).collect();
    let own = OwnHeader::ALL.map(OwnHeader::name);
    let sent: BTreeSet<_> = own.into_iter().chain(shared::edge::response::FROM_COHERE).collect();
    page_check::check_entries("docs/differences.md", documented, sent);
}
