//! What a dashboard's body says: its widgets and where they stand. What is not known here is an error.

use crate::cloudwatch::{Expression, MetricId, MetricQuery, MetricStat, QuerySource, Statistic};
use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Properties that change nothing here: where it is shown, and from when.
const IGNORED: [&str; 5] = ["region", "background", "start", "end", "liveData"];

/// One widget, in the dashboard's own units: a row is 24 wide.
#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub title: String,
    pub content: WidgetContent,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WidgetContent {
    Text(String),
    /// The alarms, by ARN or logical id.
    Alarms(Vec<String>),
    Graph(Graph),
    LogTable(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub kind: GraphKind,
    pub period: u64,
    pub queries: Vec<MetricQuery>,
    /// How each of the queries is shown.
    pub lines: Vec<GraphLine>,
    pub unit: String,
    pub maximum: Option<f64>,
    /// Level lines with their words.
    pub limits: Vec<(String, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphKind {
    Lines,
    Stacked,
    SingleValues,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GraphLine {
    pub label: String,
    pub colour: Option<String>,
    pub is_visible: bool,
}

/// Reads the body as CloudFormation hands it to CloudWatch: a text of JSON.
pub fn read_body(text: &str) -> anyhow::Result<Vec<Widget>> {
    let body: Value = serde_json::from_str(text).context("the body is no JSON")?;
    let widgets = body["widgets"].as_array().context("the body has no widgets")?;
    let mut found = Vec::new();
    for widget in widgets {
        let title = widget["properties"]["title"].as_str().unwrap_or("a widget without a title");
        found.push(read_widget(widget).with_context(|| format!("in {title}"))?);
    }
    Ok(found)
}

fn read_widget(widget: &Value) -> anyhow::Result<Widget> {
    let number = |name: &str| -> anyhow::Result<u32> {
        let number = widget[name].as_u64().with_context(|| format!("{name} is missing"))?;
        Ok(u32::try_from(number)?)
    };
    let mut properties = widget["properties"].as_object().context("no properties")?.clone();
    let title = take_text(&mut properties, "title").unwrap_or_default();
    let content = match widget["type"].as_str() {
        Some("text") => {
            WidgetContent::Text(take_text(&mut properties, "markdown").context("no markdown")?)
        }
        Some("alarm") => WidgetContent::Alarms(read_alarm_names(&mut properties)?),
        Some("log") => {
            ensure!(take_text(&mut properties, "view").as_deref() == Some("table"), "view");
            WidgetContent::LogTable(take_text(&mut properties, "query").context("no query")?)
        }
        Some("metric") => WidgetContent::Graph(read_graph(&mut properties)?),
        other => bail!("{other:?} is no widget that is known here"),
    };
    properties.retain(|name, _| !IGNORED.contains(&name.as_str()));
    ensure!(properties.is_empty(), "unknown here: {:?}", properties.keys().collect::<Vec<_>>());
    let (x, width) = (number("x")?, number("width")?);
    ensure!(x + width <= 24, "a row is 24 wide");
    Ok(Widget { x, width, y: number("y")?, height: number("height")?, title, content })
}

fn read_alarm_names(properties: &mut Map<String, Value>) -> anyhow::Result<Vec<String>> {
    let alarms = properties.remove("alarms").unwrap_or_default();
    let alarms = alarms.as_array().context("no alarms")?;
    let names = alarms.iter().map(|alarm| alarm.as_str().map(str::to_owned));
    names.collect::<Option<_>>().context("the name of an alarm is no text")
}

fn read_graph(properties: &mut Map<String, Value>) -> anyhow::Result<Graph> {
    let is_stacked = properties.remove("stacked") == Some(Value::Bool(true));
    let kind = match take_text(properties, "view").as_deref() {
        Some("timeSeries") if is_stacked => GraphKind::Stacked,
        Some("timeSeries") => GraphKind::Lines,
        Some("singleValue") => GraphKind::SingleValues,
        other => bail!("the view {other:?} is not known here"),
    };
    let period = properties.remove("period").and_then(|period| period.as_u64());
    let period = period.context("no period")?;
    let statistic = take_text(properties, "stat");
    let axis = properties.remove("yAxis").unwrap_or_default()["left"].clone();
    let entries = properties.remove("metrics").unwrap_or_default();
    let entries = expand_entries(entries.as_array().context("no metrics")?)?;
    let (queries, lines) = read_queries(&entries, statistic.as_deref(), period)?;
    let annotations = properties.remove("annotations").unwrap_or_default();
    Ok(Graph {
        kind,
        period,
        queries,
        lines,
        unit: axis["label"].as_str().unwrap_or_default().to_owned(),
        maximum: axis["max"].as_f64(),
        limits: read_limits(&annotations)?,
    })
}

fn read_limits(annotations: &Value) -> anyhow::Result<Vec<(String, f64)>> {
    let mut limits = Vec::new();
    for limit in annotations["horizontal"].as_array().into_iter().flatten() {
        let label = limit["label"].as_str().unwrap_or_default().to_owned();
        limits.push((label, limit["value"].as_f64().context("a limit has no value")?));
    }
    Ok(limits)
}

/// One entry of `metrics`: its words, and its options.
struct Entry {
    words: Vec<String>,
    options: Map<String, Value>,
}

/// Writes out `.` (the word above) and `...` (all words above but the last ones).
fn expand_entries(entries: &[Value]) -> anyhow::Result<Vec<Entry>> {
    let mut above: Vec<String> = Vec::new();
    let mut expanded = Vec::new();
    for entry in entries {
        let mut parts = entry.as_array().context("an entry of metrics is no list")?.clone();
        let options = match parts.pop() {
            Some(Value::Object(options)) => options,
            Some(word) => {
                parts.push(word);
                Map::new()
            }
            None => bail!("an entry of metrics is empty"),
        };
        let words: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
        let words = write_out(&words.context("a word of metrics is no text")?, &above)?;
        if !words.is_empty() {
            above.clone_from(&words);
        }
        expanded.push(Entry { words, options });
    }
    Ok(expanded)
}

fn write_out(words: &[&str], above: &[String]) -> anyhow::Result<Vec<String>> {
    if let Some((&"...", rest)) = words.split_first() {
        ensure!(rest.len() <= above.len(), "... has nothing above it");
        let kept = &above[..above.len() - rest.len()];
        return Ok(kept.iter().cloned().chain(rest.iter().map(|word| word.to_string())).collect());
    }
    let write = |(place, word): (usize, &&str)| match *word {
        "." => above.get(place).cloned().context(". has nothing above it"),
        word => Ok(word.to_owned()),
    };
    words.iter().enumerate().map(write).collect()
}

fn read_queries(
    entries: &[Entry],
    statistic: Option<&str>,
    period: u64,
) -> anyhow::Result<(Vec<MetricQuery>, Vec<GraphLine>)> {
    let id_of = |(place, entry): (usize, &Entry)| match entry.options.get("id") {
        Some(Value::String(id)) => id.clone(),
        // A metric that no expression names.
        _ => format!("unnamed_{place}"),
    };
    let ids: Vec<String> = entries.iter().enumerate().map(id_of).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut queries = Vec::new();
    let mut lines = Vec::new();
    for (id, entry) in ids.iter().zip(entries) {
        let mut options = entry.options.clone();
        options.remove("id");
        let source = read_source(entry, &mut options, &ids, statistic, period)?;
        let name = entry.words.get(1).cloned().unwrap_or_else(|| (*id).to_owned());
        lines.push(GraphLine {
            label: take_text(&mut options, "label").unwrap_or(name),
            colour: take_text(&mut options, "color"),
            is_visible: options.remove("visible") != Some(Value::Bool(false)),
        });
        let left: Vec<_> = options.keys().collect();
        ensure!(left.is_empty(), "unknown in metrics: {left:?}");
        queries.push(MetricQuery { id: (*id).to_owned(), source });
    }
    Ok((queries, lines))
}

fn read_source(
    entry: &Entry,
    options: &mut Map<String, Value>,
    ids: &[&str],
    statistic: Option<&str>,
    period: u64,
) -> anyhow::Result<QuerySource> {
    let own_statistic = take_text(options, "stat");
    if let Some(expression) = take_text(options, "expression") {
        ensure!(entry.words.is_empty(), "an expression stands beside a metric");
        return Ok(QuerySource::Expression(Expression::parse(&expression, ids)?));
    }
    let [namespace, name, dimensions @ ..] = entry.words.as_slice() else {
        bail!("a metric has a namespace and a name");
    };
    ensure!(dimensions.len().is_multiple_of(2), "{name}: a dimension lacks its value");
    let statistic = own_statistic.as_deref().or(statistic).unwrap_or("Average");
    let pairs = dimensions.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let metric = MetricId {
        namespace: namespace.clone(),
        name: name.clone(),
        dimensions: pairs.collect::<BTreeMap<_, _>>(),
    };
    Ok(QuerySource::Metric(MetricStat { metric, statistic: Statistic::parse(statistic)?, period }))
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            // Left for whoever looks at what is unknown.
            fields.insert(name.to_owned(), other);
            None
        }
        None => None,
    }
}
