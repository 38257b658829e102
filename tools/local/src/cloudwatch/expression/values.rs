//! What expressions are computed of: numbers, series, and lists of series.

use super::{MathFunction, Node, Operator, Scope};
use crate::cloudwatch::metric_store::MetricId;
use crate::cloudwatch::statistic::Statistic;
use anyhow::{Context, bail};

/// Datapoints of the times that are looked at, the oldest first.
pub type Points = Vec<Option<f64>>;

/// One line of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The metric that a search has found.
    pub metric: Option<MetricId>,
    pub points: Points,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Scalar(f64),
    Series(Points),
    List(Vec<Series>),
}

impl Node {
    pub(super) fn evaluate(&self, scope: &Scope) -> anyhow::Result<Value> {
        match self {
            Node::Number(number) => Ok(Value::Scalar(*number)),
            Node::Text(text) => bail!("the text {text:?} is no value"),
            Node::Repeat => bail!("REPEAT fills what is missing and is no value"),
            Node::Query(place) => {
                scope.values[*place].clone().context("a query was read before its turn")
            }
            Node::Negative(inner) => {
                inner.evaluate(scope)?.map_points(|points| map_values(points, |value| -value))
            }
            Node::Binary(operator, one, other) => {
                combine(*operator, one.evaluate(scope)?, other.evaluate(scope)?)
            }
            Node::List(members) => {
                let mut list = Vec::new();
                for member in members {
                    list.extend(member.evaluate(scope)?.into_list(scope.length));
                }
                Ok(Value::List(list))
            }
            Node::Call(function, arguments) => call(*function, arguments, scope),
        }
    }
}

impl Value {
    /// Changes each series by itself; a number is a series of one for that.
    fn map_points(self, change: impl Fn(Points) -> Points) -> anyhow::Result<Value> {
        Ok(match self {
            Value::Scalar(number) => match change(vec![Some(number)]).first() {
                Some(Some(changed)) => Value::Scalar(*changed),
                _ => bail!("a number has no value after that"),
            },
            Value::Series(points) => Value::Series(change(points)),
            Value::List(list) => Value::List(map_list(list, change)),
        })
    }

    /// As lines of a graph; a number is a level line.
    pub fn into_list(self, length: usize) -> Vec<Series> {
        match self {
            Value::Scalar(number) => {
                vec![Series { metric: None, points: vec![Some(number); length] }]
            }
            Value::Series(points) => vec![Series { metric: None, points }],
            Value::List(list) => list,
        }
    }
}

fn map_list(list: Vec<Series>, change: impl Fn(Points) -> Points) -> Vec<Series> {
    list.into_iter().map(|series| Series { points: change(series.points), ..series }).collect()
}

fn map_values(points: Points, change: impl Fn(f64) -> f64) -> Points {
    points.into_iter().map(|point| point.map(&change).filter(|value| value.is_finite())).collect()
}

fn combine(operator: Operator, one: Value, other: Value) -> anyhow::Result<Value> {
    Ok(match (one, other) {
        (Value::Scalar(one), Value::Scalar(other)) => {
            let result = apply(operator, Some(one), Some(other));
            Value::Scalar(result.context("a division by zero between two numbers")?)
        }
        (Value::Series(one), Value::Scalar(other)) => Value::Series(
            one.into_iter().map(|one| apply(operator, one, one.map(|_| other))).collect(),
        ),
        (Value::Scalar(one), Value::Series(other)) => Value::Series(
            other.into_iter().map(|other| apply(operator, other.map(|_| one), other)).collect(),
        ),
        (Value::Series(one), Value::Series(other)) => {
            Value::Series(zip_points(operator, one, &other))
        }
        (Value::List(list), Value::Series(other)) => {
            Value::List(map_list(list, |points| zip_points(operator, points, &other)))
        }
        (Value::List(list), Value::Scalar(other)) => Value::List(map_list(list, |points| {
            points.into_iter().map(|one| apply(operator, one, one.map(|_| other))).collect()
        })),
        (_, Value::List(_)) => bail!("a list cannot stand on the right of {operator:?}"),
    })
}

fn zip_points(operator: Operator, one: Points, other: &Points) -> Points {
    one.into_iter().zip(other).map(|(one, other)| apply(operator, one, *other)).collect()
}

/// Combines two datapoints: one that is missing is 0 beside one that is not.
fn apply(operator: Operator, one: Option<f64>, other: Option<f64>) -> Option<f64> {
    if one.is_none() && other.is_none() {
        return None;
    }
    let (one, other) = (one.unwrap_or(0.0), other.unwrap_or(0.0));
    let as_number = |is_true: bool| f64::from(u8::from(is_true));
    let result = match operator {
        Operator::Add => one + other,
        Operator::Subtract => one - other,
        Operator::Multiply => one * other,
        Operator::Divide => one / other,
        Operator::Power => one.powf(other),
        Operator::Equal => as_number(one == other),
        Operator::NotEqual => as_number(one != other),
        Operator::LessOrEqual => as_number(one <= other),
        Operator::GreaterOrEqual => as_number(one >= other),
        Operator::Less => as_number(one < other),
        Operator::Greater => as_number(one > other),
        Operator::And => as_number(one != 0.0 && other != 0.0),
        Operator::Or => as_number(one != 0.0 || other != 0.0),
    };
    result.is_finite().then_some(result)
}

fn call(function: MathFunction, arguments: &[Node], scope: &Scope) -> anyhow::Result<Value> {
    match function {
        MathFunction::If => return choose(arguments, scope),
        MathFunction::Fill => return fill(arguments, scope),
        MathFunction::Search => return search(arguments, scope),
        MathFunction::Metrics => return list_metrics(arguments, scope),
        MathFunction::Period => return Ok(Value::Scalar(scope.period as f64)),
        MathFunction::TimeSeries => {
            let level = arguments[0].evaluate(scope)?.into_list(scope.length).swap_remove(0);
            return Ok(Value::Series(level.points));
        }
        _ => {}
    }
    let value = arguments[0].evaluate(scope)?;
    match function {
        MathFunction::Abs => value.map_points(|points| map_values(points, f64::abs)),
        MathFunction::Ceil => value.map_points(|points| map_values(points, f64::ceil)),
        MathFunction::Floor => value.map_points(|points| map_values(points, f64::floor)),
        MathFunction::Log => value.map_points(|points| map_values(points, f64::ln)),
        MathFunction::Log10 => value.map_points(|points| map_values(points, f64::log10)),
        MathFunction::Diff => value.map_points(|points| find_differences(points, 1.0)),
        MathFunction::Rate => {
            value.map_points(|points| find_differences(points, scope.period as f64))
        }
        MathFunction::RunningSum => value.map_points(add_up),
        MathFunction::RemoveEmpty => {
            let mut list = value.into_list(scope.length);
            list.retain(|series| series.points.iter().any(Option::is_some));
            Ok(Value::List(list))
        }
        _ => reduce(function, value, scope.length),
    }
}

/// `SUM`, `AVG`, `MIN` or `MAX`: of a list at each time, of one series over all its times.
fn reduce(function: MathFunction, value: Value, length: usize) -> anyhow::Result<Value> {
    let reduce_all = |values: &[f64], of: usize| {
        let sum: f64 = values.iter().sum();
        match function {
            MathFunction::Sum => sum,
            // What is missing counts as 0 in an average, and is left out elsewhere.
            MathFunction::Avg => sum / of as f64,
            MathFunction::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            _ => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    };
    match value {
        Value::List(list) => {
            let mut points = Vec::with_capacity(length);
            for at in 0..length {
                let values: Vec<f64> = list.iter().filter_map(|series| series.points[at]).collect();
                points.push((!values.is_empty()).then(|| reduce_all(&values, list.len())));
            }
            Ok(Value::Series(points))
        }
        Value::Series(points) => {
            let values: Vec<f64> = points.iter().copied().flatten().collect();
            let result = if values.is_empty() { 0.0 } else { reduce_all(&values, points.len()) };
            Ok(Value::Scalar(result))
        }
        Value::Scalar(number) => Ok(Value::Scalar(number)),
    }
}

/// `IF(condition, yes, no)`; a true condition beside a missing value gives 0, a false one no datapoint.
fn choose(arguments: &[Node], scope: &Scope) -> anyhow::Result<Value> {
    let condition = arguments[0].evaluate(scope)?;
    let yes = arguments[1].evaluate(scope)?;
    let no = arguments.get(2).map(|node| node.evaluate(scope)).transpose()?;
    let conditions = match condition {
        Value::Scalar(number) if number != 0.0 => return Ok(yes),
        Value::Scalar(_) => return Ok(no.unwrap_or(Value::Series(vec![None; scope.length]))),
        Value::Series(points) => points,
        Value::List(_) => bail!("the condition of IF cannot be a list"),
    };
    let mut points = Vec::with_capacity(scope.length);
    for (at, condition) in conditions.iter().enumerate() {
        points.push(match condition {
            None => None,
            Some(number) if *number != 0.0 => Some(point_at(&yes, at)?.unwrap_or(0.0)),
            Some(_) => match &no {
                Some(no) => point_at(no, at)?,
                None => None,
            },
        });
    }
    Ok(Value::Series(points))
}

fn point_at(value: &Value, at: usize) -> anyhow::Result<Option<f64>> {
    match value {
        Value::Scalar(number) => Ok(Some(*number)),
        Value::Series(points) => Ok(points[at]),
        Value::List(_) => bail!("a list cannot stand in IF or fill a series"),
    }
}

fn fill(arguments: &[Node], scope: &Scope) -> anyhow::Result<Value> {
    let value = arguments[0].evaluate(scope)?;
    if arguments[1] == Node::Repeat {
        return value.map_points(repeat_last);
    }
    let filler = arguments[1].evaluate(scope)?;
    let mut fillers = Vec::with_capacity(scope.length);
    for at in 0..scope.length {
        fillers.push(point_at(&filler, at)?);
    }
    value.map_points(|points| {
        points.into_iter().zip(&fillers).map(|(point, filler)| point.or(*filler)).collect()
    })
}

fn repeat_last(points: Points) -> Points {
    let mut last = None;
    points
        .into_iter()
        .map(|point| {
            last = point.or(last);
            last
        })
        .collect()
}

fn find_differences(points: Points, seconds: f64) -> Points {
    let mut last = None;
    points
        .into_iter()
        .map(|point| {
            let before = last;
            last = point.or(last);
            Some((point? - before?) / seconds)
        })
        .collect()
}

fn add_up(points: Points) -> Points {
    let mut sum = 0.0;
    points
        .into_iter()
        .map(|point| {
            sum += point.unwrap_or(0.0);
            Some(sum)
        })
        .collect()
}

fn search(arguments: &[Node], scope: &Scope) -> anyhow::Result<Value> {
    let (Node::Text(query), Node::Text(statistic)) = (&arguments[0], &arguments[1]) else {
        bail!("SEARCH takes texts");
    };
    Ok(Value::List((scope.search)(query, Statistic::parse(statistic)?)?))
}

fn list_metrics(arguments: &[Node], scope: &Scope) -> anyhow::Result<Value> {
    if !arguments.is_empty() {
        bail!("METRICS with a text is not known here");
    }
    let mut list = Vec::new();
    for place in scope.metrics {
        let value = scope.values[*place].clone().context("METRICS was read before its turn")?;
        list.extend(value.into_list(scope.length));
    }
    Ok(Value::List(list))
}
