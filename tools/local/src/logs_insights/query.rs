//! A query, read.

use super::{QueryCell, read_cell};
use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};

/// Rows that a query without a limit gives.
const DEFAULT_LIMIT: usize = 10_000;

pub(super) struct Query {
    pub groups: Vec<String>,
    pub filters: Vec<Filter>,
    pub statistics: Vec<NamedAggregate>,
    pub by: Vec<String>,
    sort: Option<(String, bool)>,
    pub limit: usize,
}

pub(super) enum Filter {
    IsPresent(String),
    Compare(String, Relation, QueryCell),
}

#[derive(Clone, Copy)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    GreaterOrEqual,
    LessOrEqual,
    Greater,
    Less,
}

/// An aggregate with the name that the query gives it.
pub(super) struct NamedAggregate {
    pub name: String,
    function: Aggregate,
    field: String,
    divisor: f64,
}

#[derive(Clone, Copy)]
enum Aggregate {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
}

impl Query {
    pub(super) fn parse(text: &str) -> anyhow::Result<Query> {
        let mut query = Query {
            groups: Vec::new(),
            filters: Vec::new(),
            statistics: Vec::new(),
            by: Vec::new(),
            sort: None,
            limit: DEFAULT_LIMIT,
        };
        for command in text.split('|').map(str::trim) {
            let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
            let added = query.add_command(word, rest.trim());
            added.with_context(|| format!("in the command {command}"))?;
        }
        ensure!(!query.groups.is_empty(), "the query names no SOURCE");
        ensure!(!query.statistics.is_empty(), "the query has no stats");
        Ok(query)
    }

    fn add_command(&mut self, word: &str, rest: &str) -> anyhow::Result<()> {
        match word {
            "SOURCE" => self.groups.push(read_quoted(rest)?),
            "filter" => {
                for condition in rest.split(" and ") {
                    self.filters.push(Filter::parse(condition.trim())?);
                }
            }
            "stats" => {
                let (statistics, by) = rest.split_once(" by ").context("by is missing")?;
                for statistic in statistics.split(',') {
                    self.statistics.push(NamedAggregate::parse(statistic.trim())?);
                }
                for name in by.split(',') {
                    self.by.push(read_name(name.trim())?);
                }
            }
            "sort" => {
                let (name, order) = rest.split_once(' ').unwrap_or((rest, "asc"));
                ensure!(order == "asc" || order == "desc", "{order} is no order");
                self.sort = Some((read_name(name)?, order == "desc"));
            }
            "limit" => self.limit = rest.parse().context("a number is expected")?,
            other => bail!("{other} is unknown here"),
        }
        Ok(())
    }

    pub(super) fn sort_rows(
        &self,
        columns: &[String],
        rows: &mut [Vec<QueryCell>],
    ) -> anyhow::Result<()> {
        let Some((name, is_descending)) = &self.sort else { return Ok(()) };
        let place = columns.iter().position(|column| column == name);
        let place = place.with_context(|| format!("{name} is sorted by, but is no column"))?;
        rows.sort_by(|one, other| {
            let order = one[place].compare(&other[place]);
            if *is_descending { order.reverse() } else { order }
        });
        Ok(())
    }
}

impl Filter {
    fn parse(text: &str) -> anyhow::Result<Filter> {
        let present = text.strip_prefix("ispresent(").and_then(|rest| rest.strip_suffix(')'));
        if let Some(name) = present {
            return Ok(Filter::IsPresent(read_name(name)?));
        }
        for (symbol, comparison) in [
            ("!=", Relation::NotEqual),
            (">=", Relation::GreaterOrEqual),
            ("<=", Relation::LessOrEqual),
            ("=", Relation::Equal),
            (">", Relation::Greater),
            ("<", Relation::Less),
        ] {
            let Some((name, value)) = text.split_once(symbol) else { continue };
            let value = value.trim();
            let cell = match value.parse::<f64>() {
                Ok(number) => QueryCell::Number(number),
                Err(_) => QueryCell::Text(read_quoted(value)?),
            };
            return Ok(Filter::Compare(read_name(name.trim())?, comparison, cell));
        }
        bail!("{text} is no condition that is known here")
    }

    pub(super) fn holds(&self, fields: &Map<String, Value>) -> bool {
        match self {
            Filter::IsPresent(name) => read_cell(fields, name) != QueryCell::Missing,
            Filter::Compare(name, comparison, value) => {
                let found = read_cell(fields, name);
                if found == QueryCell::Missing {
                    return false;
                }
                let order = found.compare(value);
                match comparison {
                    Relation::Equal => order.is_eq(),
                    Relation::NotEqual => order.is_ne(),
                    Relation::GreaterOrEqual => order.is_ge(),
                    Relation::LessOrEqual => order.is_le(),
                    Relation::Greater => order.is_gt(),
                    Relation::Less => order.is_lt(),
                }
            }
        }
    }
}

impl NamedAggregate {
    /// Reads `sum(field) / 1000000 as name`.
    fn parse(text: &str) -> anyhow::Result<NamedAggregate> {
        let (expression, name) = text.rsplit_once(" as ").context("a name is missing: as …")?;
        let (call, divisor) = expression.split_once('/').unwrap_or((expression, "1"));
        let (function, rest) = call.trim().split_once('(').context("no aggregate")?;
        let field = rest.strip_suffix(')').context("an aggregate is not closed")?;
        let function = match function {
            "count" => Aggregate::Count,
            "sum" => Aggregate::Sum,
            "avg" => Aggregate::Average,
            "min" => Aggregate::Minimum,
            "max" => Aggregate::Maximum,
            other => bail!("{other} is unknown here"),
        };
        let field = if field == "*" { String::new() } else { read_name(field)? };
        let divisor = divisor.trim().parse().context("no number to divide by")?;
        Ok(NamedAggregate { name: read_name(name)?, function, field, divisor })
    }

    pub(super) fn compute(&self, lines: &[&Map<String, Value>]) -> QueryCell {
        if self.field.is_empty() {
            return QueryCell::Number(lines.len() as f64 / self.divisor);
        }
        let mut values = Vec::new();
        for fields in lines {
            if let QueryCell::Number(number) = read_cell(fields, &self.field) {
                values.push(number);
            }
        }
        if values.is_empty() {
            return QueryCell::Missing;
        }
        let sum: f64 = values.iter().sum();
        let result = match self.function {
            Aggregate::Count => values.len() as f64,
            Aggregate::Sum => sum,
            Aggregate::Average => sum / values.len() as f64,
            Aggregate::Minimum => values.iter().copied().fold(f64::INFINITY, f64::min),
            Aggregate::Maximum => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        QueryCell::Number(result / self.divisor)
    }
}

fn read_name(text: &str) -> anyhow::Result<String> {
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    ensure!(is_name, "{text:?} is no name of a field");
    Ok(text.to_owned())
}

fn read_quoted(text: &str) -> anyhow::Result<String> {
    for quote in ['\'', '"'] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return Ok(inner.to_owned());
        }
    }
    bail!("{text} is no number and not in quotation marks")
}
