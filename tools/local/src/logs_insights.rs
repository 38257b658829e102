//! The log groups of a run, and the part of CloudWatch Logs Insights that the dashboard and the pages use.
//!
//! Known are `SOURCE`, `filter`, `stats … by`, `sort` and `limit`; every other word is an error.

mod query;

use query::Query;
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The fields of a line; those of a line that was written often are kept once.
pub type Fields = Arc<Map<String, Value>>;

/// Lines of log groups, with their times.
#[derive(Clone, Default)]
pub struct LogGroups {
    lines: Vec<(Duration, String, Fields)>,
}

/// What a query gives: columns in the order in which it names them, and its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryTable {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<QueryCell>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum QueryCell {
    Missing,
    Number(f64),
    Text(String),
}

impl LogGroups {
    /// Takes a line of a log group; one that is no JSON object has no fields that a query could name.
    pub fn record_line(&mut self, at: Duration, group: &str, fields: &Fields) {
        self.lines.push((at, group.to_owned(), fields.clone()));
    }

    /// Answers a query over the lines between two times.
    pub fn run_query(
        &self,
        text: &str,
        from: Duration,
        to: Duration,
    ) -> anyhow::Result<QueryTable> {
        let query = Query::parse(text)?;
        let is_asked = |(at, group, _): &&(Duration, String, Fields)| {
            (from..to).contains(at) && query.groups.contains(group)
        };
        let lines = self.lines.iter().filter(is_asked).map(|(_, _, fields)| fields.as_ref());
        let lines = lines.filter(|fields| query.filters.iter().all(|filter| filter.holds(fields)));
        let mut groups: BTreeMap<Vec<String>, Vec<&Map<String, Value>>> = BTreeMap::new();
        for fields in lines {
            let key = query.by.iter().map(|name| read_cell(fields, name).to_key()).collect();
            groups.entry(key).or_default().push(fields);
        }
        let mut rows: Vec<Vec<QueryCell>> = Vec::new();
        for members in groups.values() {
            let mut row: Vec<QueryCell> =
                query.by.iter().map(|name| read_cell(members[0], name)).collect();
            row.extend(query.statistics.iter().map(|statistic| statistic.compute(members)));
            rows.push(row);
        }
        let statistics = query.statistics.iter().map(|statistic| statistic.name.clone());
        let columns: Vec<String> = query.by.iter().cloned().chain(statistics).collect();
        query.sort_rows(&columns, &mut rows)?;
        rows.truncate(query.limit);
        Ok(QueryTable { columns, rows })
    }
}

/// Returns the field of a line as a query sees it.
fn read_cell(fields: &Map<String, Value>, name: &str) -> QueryCell {
    match fields.get(name) {
        None | Some(Value::Null) => QueryCell::Missing,
        Some(Value::Number(number)) => {
            number.as_f64().map_or(QueryCell::Missing, QueryCell::Number)
        }
        // As Logs Insights does, which has no truth values.
        Some(Value::Bool(value)) => QueryCell::Number(f64::from(u8::from(*value))),
        Some(Value::String(text)) => QueryCell::Text(text.clone()),
        Some(other) => QueryCell::Text(other.to_string()),
    }
}

impl QueryCell {
    fn to_key(&self) -> String {
        match self {
            QueryCell::Missing => String::new(),
            QueryCell::Number(number) => number.to_string(),
            QueryCell::Text(text) => text.clone(),
        }
    }

    fn compare(&self, other: &QueryCell) -> Ordering {
        match (self, other) {
            (QueryCell::Number(one), QueryCell::Number(other)) => one.total_cmp(other),
            _ => self.to_key().cmp(&other.to_key()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn groups() -> LogGroups {
        let mut groups = LogGroups::default();
        for (at, group, line) in [
            (1, "one", json!({"event": "ended", "client": "a", "cost": 2_000_000, "code": "late"})),
            (2, "one", json!({"event": "ended", "client": "b", "cost": 5_000_000})),
            (3, "two", json!({"event": "ended", "client": "a", "cost": 4_000_000})),
            (4, "two", json!({"event": "other", "client": "a", "cost": 9_000_000})),
            (5, "three", json!({"event": "ended", "client": "c", "cost": 9_000_000})),
            (99, "one", json!({"event": "ended", "client": "d", "cost": 9_000_000})),
        ] {
            let Value::Object(fields) = line else { panic!() };
            groups.record_line(Duration::from_secs(at), group, &Arc::new(fields));
        }
        groups
    }

    fn run(text: &str) -> anyhow::Result<Vec<String>> {
        let table = groups().run_query(text, Duration::ZERO, Duration::from_secs(50))?;
        let show =
            |row: &Vec<QueryCell>| row.iter().map(QueryCell::to_key).collect::<Vec<_>>().join(" ");
        Ok([table.columns.join(" ")].into_iter().chain(table.rows.iter().map(show)).collect())
    }

    #[test]
    fn sums_come_by_their_groups() {
        let query = "SOURCE 'one' | SOURCE \"two\" | filter event = \"ended\" \
                     | stats sum(cost) / 1000000 as dollars, count(*) as requests by client \
                     | sort dollars desc";
        assert_eq!(run(query).unwrap(), ["client dollars requests", "a 6 2", "b 5 1"]);
        assert_eq!(run(&format!("{query} | limit 1")).unwrap().len(), 2);
        let query = query.replace("desc", "asc");
        assert_eq!(run(&query).unwrap()[1], "b 5 1");
    }

    #[test]
    fn filters_compare_and_ask_for_presence() {
        let source = "SOURCE 'one' | SOURCE 'two' | filter";
        let stats = "| stats max(cost) as most, min(cost) as least, avg(cost) as mean by event";
        for (filter, expected) in [
            ("ispresent(code)", "ended 2000000 2000000 2000000"),
            ("cost > 2000000 and event = 'ended'", "ended 5000000 4000000 4500000"),
            ("client != 'b' and event = 'ended'", "ended 4000000 2000000 3000000"),
        ] {
            assert_eq!(
                run(&format!("{source} {filter} {stats}")).unwrap()[1],
                expected,
                "{filter}"
            );
        }
    }

    #[test]
    fn unknown_words_are_refused() {
        for query in [
            "SOURCE 'one' | parse @message 'x'",
            "SOURCE 'one' | filter client like 'a'",
            "SOURCE 'one' | filter client = 'a' or client = 'b'",
            "SOURCE 'one' | stats median(cost) as m by client",
            "SOURCE 'one' | stats count(*) by client",
            "SOURCE 'one' | stats count(*) as n by client | sort cost desc",
            "stats count(*) as n by client",
        ] {
            assert!(run(query).is_err(), "{query}");
        }
    }
}
