//! One line of the log that tells an event and carries metrics, in CloudWatch's embedded format.
//!
//! CloudWatch makes metrics of the line's `_aws` and keeps the line as it is, so that what is counted and
//! what is searched cannot differ. It is written whole and at once: an environment may be frozen
//! after it, and a level of logging must not lose a metric. Source: the embedded metric format specification.

use super::invocation::InvocationIds;
use super::json_line::write_string;
use super::metrics::{Dimension, Metric, NAMESPACE};
use crate::clock::{format_iso8601, since_epoch};
use crate::config::DEFAULT_SERVICE;
use crate::endpoint::Endpoint;
use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of a request's line, about.
const USUAL_BYTES: usize = 3_072;
/// Of a request's metrics, about.
const USUAL_METRICS: usize = 24;

/// The stack's name and the function's version, set once at the start.
static ORIGIN: OnceLock<(String, String)> = OnceLock::new();

/// Whether this process is a function: tests that run parts of one write no lines.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Lets lines be written from now on.
pub(super) fn open_log() {
    IS_OPEN.store(true, Ordering::Relaxed);
}

/// Sets the values of the dimensions `Service` and `FunctionVersion`.
pub fn set_origin(service: &str, function_version: &str) {
    let _ = ORIGIN.set((service.to_string(), function_version.to_string()));
}

fn service() -> &'static str {
    ORIGIN.get().map_or(DEFAULT_SERVICE, |(service, _)| service)
}

fn function_version() -> &'static str {
    ORIGIN.get().map_or("", |(_, version)| version)
}

/// How bad an event is.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        }
    }
}

/// A line that is being put together.
pub struct EventLine {
    text: String,
    metrics: Vec<Metric>,
    endpoint: Option<Endpoint>,
    other: Option<OtherFunction>,
}

/// A function that a line of another one is about.
struct OtherFunction {
    name: String,
    version: String,
}

impl EventLine {
    /// Starts the line of an event: its level, its stable name and the words for a person.
    pub fn new(level: Level, event: &'static str, message: &'static str) -> Self {
        let mut line = Self::of_metrics(USUAL_BYTES);
        line.add("timestamp", format_iso8601(since_epoch()).as_str());
        line.add("level", level.as_str());
        line.add("event", event);
        line.add("message", message);
        line
    }

    /// Starts a line that holds metrics and no event, because another line tells it.
    pub(super) fn of_metrics(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self { text, metrics: Vec::with_capacity(USUAL_METRICS), endpoint: None, other: None }
    }

    /// Adds the ids of an invocation, where there is one.
    pub fn add_invocation(&mut self, ids: Option<&InvocationIds>) {
        if let Some(ids) = ids {
            ids.for_each(|name, id| self.add(name, id));
        }
    }

    /// Sets the value of the dimension `Endpoint`.
    pub fn set_endpoint(&mut self, endpoint: Endpoint) {
        self.endpoint = Some(endpoint);
    }

    /// Sets what the line is about where that is another function: its name is the value of the dimension
    /// `Endpoint`, and its version that of `FunctionVersion`.
    pub fn set_function(&mut self, name: &str, version: &str) {
        self.other = Some(OtherFunction { name: name.to_string(), version: version.to_string() });
    }

    /// Adds a field; one without a value is left out.
    pub fn add(&mut self, name: &str, value: impl FieldValue) {
        if value.is_there() {
            self.write_name(name);
            value.write_to(&mut self.text);
        }
    }

    /// Counts what has happened.
    pub fn count(&mut self, metric: Metric, count: u64) {
        self.add(metric.name(), count);
        self.metrics.push(metric);
    }

    /// Counts 1 where something has happened, else 0.
    pub fn count_if(&mut self, metric: Metric, has_happened: bool) {
        self.count(metric, u64::from(has_happened));
    }

    /// Adds a value that was measured.
    pub fn measure(&mut self, metric: Metric, value: impl FieldValue) {
        if value.is_there() {
            self.add(metric.name(), value);
            self.metrics.push(metric);
        }
    }

    /// Writes the line to the log.
    pub fn write(self) {
        use std::io::Write;
        if !IS_OPEN.load(Ordering::Relaxed) {
            return;
        }
        // A closed stdout is no reason to fail a request.
        let _ = std::io::stdout().lock().write_all(self.finish().as_bytes());
    }

    /// Adds what CloudWatch reads, and ends the line.
    fn finish(mut self) -> String {
        let metrics = std::mem::take(&mut self.metrics);
        if !metrics.is_empty() {
            self.add_dimensions(&metrics);
            self.write_name("_aws");
            // Writing to memory cannot fail.
            let _ = write!(
                self.text,
                "{{\"Timestamp\":{},\"CloudWatchMetrics\":[",
                since_epoch().as_millis()
            );
            write_directives(&mut self.text, &metrics);
            self.text.push_str("]}");
        }
        self.text.push_str("}\n");
        self.text
    }

    fn add_dimensions(&mut self, metrics: &[Metric]) {
        let other = self.other.take();
        for dimension in Dimension::ALL {
            let is_used = |metric: &Metric| {
                metric.dimension_sets().iter().any(|set| set.contains(&dimension))
            };
            if !metrics.iter().any(is_used) {
                continue;
            }
            let value = match (dimension, &other) {
                (Dimension::Service, _) => service(),
                (Dimension::FunctionVersion, Some(function)) => &function.version,
                (Dimension::FunctionVersion, None) => function_version(),
                (Dimension::Endpoint, Some(function)) => &function.name,
                (Dimension::Endpoint, None) => {
                    debug_assert!(self.endpoint.is_some(), "a metric has no endpoint");
                    self.endpoint.map(Endpoint::name).unwrap_or_default()
                }
            };
            self.add(dimension.name(), value);
        }
    }

    fn write_name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }
}

/// Writes one directive for all metrics of the same sets of dimensions.
fn write_directives(text: &mut String, metrics: &[Metric]) {
    let mut is_first = true;
    for (number, metric) in metrics.iter().enumerate() {
        let sets = metric.dimension_sets();
        if metrics[..number].iter().any(|earlier| earlier.dimension_sets() == sets) {
            continue;
        }
        text.push_str(if is_first { "" } else { "," });
        is_first = false;
        let _ = write!(text, "{{\"Namespace\":\"{NAMESPACE}\",\"Dimensions\":[");
        for (number, set) in sets.iter().enumerate() {
            text.push_str(if number == 0 { "[" } else { ",[" });
            for (number, dimension) in set.iter().enumerate() {
                text.push_str(if number == 0 { "\"" } else { ",\"" });
                text.push_str(dimension.name());
                text.push('"');
            }
            text.push(']');
        }
        text.push_str("],\"Metrics\":[");
        let of_these_sets = metrics[number..].iter().filter(|other| other.dimension_sets() == sets);
        for (number, metric) in of_these_sets.enumerate() {
            text.push_str(if number == 0 { "" } else { "," });
            text.push_str(metric.definition());
        }
        text.push_str("]}");
    }
}

/// A value that a field can have; none of them is a container, so that no body fits in.
pub trait FieldValue {
    /// Tells whether there is a value to write.
    fn is_there(&self) -> bool {
        true
    }

    fn write_to(&self, text: &mut String);
}

impl FieldValue for &str {
    fn write_to(&self, text: &mut String) {
        let _ = write_string(text, self);
    }
}

impl FieldValue for bool {
    fn write_to(&self, text: &mut String) {
        text.push_str(if *self { "true" } else { "false" });
    }
}

impl FieldValue for u64 {
    fn write_to(&self, text: &mut String) {
        let _ = write!(text, "{self}");
    }
}

impl FieldValue for u32 {
    fn write_to(&self, text: &mut String) {
        u64::from(*self).write_to(text);
    }
}

impl FieldValue for u16 {
    fn write_to(&self, text: &mut String) {
        u64::from(*self).write_to(text);
    }
}

impl FieldValue for usize {
    fn write_to(&self, text: &mut String) {
        (*self as u64).write_to(text);
    }
}

impl FieldValue for f64 {
    fn is_there(&self) -> bool {
        self.is_finite()
    }

    /// Whole numbers go without a fraction, which costs a tenth to write.
    fn write_to(&self, text: &mut String) {
        let whole = *self as u64;
        if whole as f64 == *self {
            return whole.write_to(text);
        }
        let _ = write!(text, "{self}");
    }
}

/// Milliseconds, with microseconds as the fraction.
impl FieldValue for Duration {
    fn write_to(&self, text: &mut String) {
        let micros = self.as_micros();
        let _ = write!(text, "{}.{:03}", micros / 1_000, micros % 1_000);
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn is_there(&self) -> bool {
        self.as_ref().is_some_and(FieldValue::is_there)
    }

    fn write_to(&self, text: &mut String) {
        if let Some(value) = self {
            value.write_to(text);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
