//! Metric math: one expression over the series of other queries, for all their times at once.
//!
//! What is missing counts as CloudWatch documents it ("Using math expressions with CloudWatch metrics"): where one
//! of two series has a value, the other's is taken as 0; where neither has, and at a division by zero, there is no
//! datapoint. `IF` has a datapoint only where its condition has one. An expression whose result would differ if
//! what is missing stayed missing should say what it wants, with `FILL`.

mod parser;
mod values;

use super::statistic::Statistic;
use anyhow::ensure;
use parser::parse_node;
pub use values::Series;
pub(super) use values::Value;

/// An expression, read; queries are named by their place in the list it was read with.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    Text(String),
    Query(usize),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(MathFunction, Vec<Node>),
    /// `[m1, m2]`
    List(Vec<Node>),
    /// `REPEAT`
    Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    And,
    Or,
}

/// Functions of metric math that are known here; every other one is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MathFunction {
    Abs,
    Avg,
    Ceil,
    Diff,
    Fill,
    Floor,
    If,
    Log,
    Log10,
    Max,
    Metrics,
    Min,
    Period,
    Rate,
    RemoveEmpty,
    RunningSum,
    Search,
    Sum,
    TimeSeries,
}

impl MathFunction {
    const NAMES: [(&str, MathFunction); 19] = [
        ("ABS", MathFunction::Abs),
        ("AVG", MathFunction::Avg),
        ("CEIL", MathFunction::Ceil),
        ("DIFF", MathFunction::Diff),
        ("FILL", MathFunction::Fill),
        ("FLOOR", MathFunction::Floor),
        ("IF", MathFunction::If),
        ("LOG", MathFunction::Log),
        ("LOG10", MathFunction::Log10),
        ("MAX", MathFunction::Max),
        ("METRICS", MathFunction::Metrics),
        ("MIN", MathFunction::Min),
        ("PERIOD", MathFunction::Period),
        ("RATE", MathFunction::Rate),
        ("REMOVE_EMPTY", MathFunction::RemoveEmpty),
        ("RUNNING_SUM", MathFunction::RunningSum),
        ("SEARCH", MathFunction::Search),
        ("SUM", MathFunction::Sum),
        ("TIME_SERIES", MathFunction::TimeSeries),
    ];

    fn find(name: &str) -> Option<MathFunction> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// Whether the result at one time depends on how many others are looked at, which an alarm does not promise.
    fn depends_on_range(self, arguments: &[Node]) -> bool {
        match self {
            MathFunction::Avg | MathFunction::Max | MathFunction::Min | MathFunction::Sum => {
                !matches!(arguments, [Node::List(_)])
            }
            MathFunction::Diff | MathFunction::Rate | MathFunction::RunningSum => true,
            MathFunction::Metrics | MathFunction::RemoveEmpty | MathFunction::Search => true,
            _ => false,
        }
    }
}

/// What an expression may look at.
pub(super) struct Scope<'a> {
    /// The other queries' values; `None` for those that were not needed.
    pub values: &'a [Option<Value>],
    /// Which of them are metrics, for `METRICS()`.
    pub metrics: &'a [usize],
    /// Seconds between two datapoints.
    pub period: u64,
    /// How many datapoints a series has.
    pub length: usize,
    pub search: &'a dyn Fn(&str, Statistic) -> anyhow::Result<Vec<Series>>,
}

impl Expression {
    /// Reads an expression in which other queries have these ids.
    pub fn parse(text: &str, ids: &[&str]) -> anyhow::Result<Expression> {
        Ok(Expression { text: text.to_owned(), root: parse_node(text, ids)? })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fails on what CloudWatch refuses in an alarm, or advises against because of its changing range.
    pub(super) fn check_for_alarm(&self) -> anyhow::Result<()> {
        self.root.try_each(&|node| {
            if let Node::Call(function, arguments) = node {
                let is_fit = !function.depends_on_range(arguments);
                ensure!(is_fit, "{function:?} does not fit an alarm in {}", self.text);
            }
            Ok(())
        })
    }

    /// Returns the places of the queries it reads; `METRICS` reads all.
    pub(super) fn queries(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.root.each(&mut |node| {
            if let Node::Query(place) = node {
                found.push(*place);
            }
        });
        found
    }

    pub(super) fn evaluate(&self, scope: &Scope) -> anyhow::Result<Value> {
        self.root.evaluate(scope)
    }
}

impl Node {
    fn children(&self) -> Vec<&Node> {
        match self {
            Node::Negative(inner) => vec![inner],
            Node::Binary(_, one, other) => vec![one, other],
            Node::Call(_, arguments) | Node::List(arguments) => arguments.iter().collect(),
            _ => Vec::new(),
        }
    }

    fn each(&self, visit: &mut impl FnMut(&Node)) {
        visit(self);
        for child in self.children() {
            child.each(visit);
        }
    }

    fn try_each(&self, check: &impl Fn(&Node) -> anyhow::Result<()>) -> anyhow::Result<()> {
        check(self)?;
        self.children().into_iter().try_for_each(|child| child.try_each(check))
    }
}

#[cfg(test)]
mod tests;
