//! The queries of CloudWatch Logs Insights in documents name fields and metrics that lines have.

use gateway_tests::source_files::ROOT;
use shared::telemetry::metrics::{Dimension, Metric};
use std::path::Path;

/// Words of the query language.
const WORDS: [&str; 21] = [
    "SOURCE",
    "limit",
    "filter",
    "fields",
    "stats",
    "max",
    "min",
    "sum",
    "count",
    "pct",
    "as",
    "by",
    "sort",
    "desc",
    "and",
    "like",
    "ispresent",
    "datefloor",
    "bin",
    "or",
    "d",
];

/// Fails where a query of the page names what no line has, or where there are fewer queries than expected.
pub fn assert_names_exist(page: &str, least: usize) {
    let queries: Vec<_> =
        page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(queries.len() >= least, "only {} queries were found", queries.len());
    for query in queries {
        assert_eq!(find_unknown_name(query), None, "{query}");
    }
}

/// Returns a name in a query that no line has.
pub fn find_unknown_name(query: &str) -> Option<String> {
    let fields = std::fs::read_to_string(Path::new(ROOT).join("docs/logging.md")).unwrap();
    let is_unknown = |word: &String| {
        let is_metric = Metric::ALL.iter().any(|metric| metric.name() == word);
        let dimensions = [Dimension::Service, Dimension::Endpoint, Dimension::FunctionVersion];
        let is_dimension = dimensions.iter().any(|dimension| dimension.name() == word);
        !is_metric && !is_dimension && !fields.contains(&format!("`{word}`"))
    };
    find_names(query).into_iter().find(is_unknown)
}

/// Returns the names in a query that are neither the language's nor its own.
fn find_names(query: &str) -> Vec<String> {
    let unquoted: String = query.split('"').step_by(2).collect();
    let unquoted = without_patterns(&unquoted);
    // What a query names itself stands after `as`.
    let after_as = unquoted.split(" as ").skip(1);
    let own: Vec<_> = after_as.filter_map(|rest| rest.split([',', ' ', '\n']).next()).collect();
    let words = unquoted.split(|c: char| !c.is_alphanumeric() && !"_@".contains(c));
    let is_name = |word: &&str| {
        word.starts_with(char::is_alphabetic) && !WORDS.contains(word) && !own.contains(word)
    };
    words.filter(is_name).map(str::to_string).collect()
}

/// Leaves out the regular expressions, each of which stands between two slashes.
fn without_patterns(query: &str) -> String {
    let mut parts = query.split("like /");
    let mut rest = parts.next().unwrap_or_default().to_string();
    for part in parts {
        rest.push_str(part.split_once('/').map_or("", |(_, after)| after));
    }
    rest
}

#[test]
fn names_of_a_query_are_found() {
    let query = "filter a like /x y/ and event = \"x\" and b / c >= 4\n| stats pct(c, 95) as d1 by e, datefloor(@timestamp, 1d) as day\n| sort d1 desc";
    assert_eq!(find_names(query), ["a", "event", "b", "c", "c", "e"]);
}
