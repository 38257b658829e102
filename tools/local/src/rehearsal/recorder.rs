//! Everything that functions and AWS's services have written in a rehearsal, with the time of its clock.

use super::clock::ScaledClock;
use crate::output::{LineHandler, Output};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One line.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) at: Duration,
    pub(super) writer: String,
    pub(super) text: String,
}

/// A caller's request that a version was given by the alias.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Met {
    /// When it began.
    pub(super) at: Duration,
    pub(super) version: u32,
}

/// Keeps lines; clones share them.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Recorder {
    /// Where a stack's lines go to be kept.
    pub(super) fn output(&self, clock: ScaledClock) -> Output {
        let lines = self.lines.clone();
        let keep: LineHandler = Arc::new(move |writer: &str, text: &str| {
            let line = Line { at: clock.now(), writer: writer.to_owned(), text: text.to_owned() };
            lock(&lines).push(line);
        });
        Output::To(keep)
    }

    /// The lines from a place on.
    pub(super) fn lines_from(&self, place: usize) -> Vec<Line> {
        lock(&self.lines)[place..].to_vec()
    }

    /// Tells whether the driver has compared a version of a function with the live one.
    pub(super) fn has_compared(&self, function: &str, version: u32) -> bool {
        let named = [
            "\"GateMismatch\":".to_owned(),
            format!("\"Endpoint\":\"{function}\""),
            format!("\"FunctionVersion\":\"{version}\""),
        ];
        let lines = lock(&self.lines);
        let mut compared = lines.iter().filter(|line| line.writer == "driver");
        compared.any(|line| named.iter().all(|name| line.text.contains(name)))
    }

    /// Finds the requests of callers that versions of a function were given, by its name at Lambda.
    pub(super) fn find_met(&self, function: &str, clock: ScaledClock) -> Vec<Met> {
        let resource = format!("{function}:{}", crate::lambda::ALIAS);
        let lines = lock(&self.lines);
        let of_lambda = lines.iter().filter(|line| line.writer == "lambda");
        let read = |line: &Line| {
            let text: Value = serde_json::from_str(&line.text).ok()?;
            if text["Resource"] != resource || text["Invocations"] != 1.0 {
                return None;
            }
            let version = text["ExecutedVersion"].as_str()?.parse().ok()?;
            let took = Duration::from_secs_f64(text["Duration"].as_f64()? / 1000.0);
            Some(Met { at: line.at.saturating_sub(clock.stretch(took)), version })
        };
        of_lambda.filter_map(read).collect()
    }
}

fn lock(lines: &Mutex<Vec<Line>>) -> MutexGuard<'_, Vec<Line>> {
    // A line is kept or not, never in part.
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws_metrics::{Invoked, describe_invocation};
    use crate::lambda::Qualifier;

    #[tokio::test(start_paused = true)]
    async fn request_is_met_by_the_alias_alone_when_it_begins() {
        let clock = ScaledClock::start(Duration::from_secs(1));
        let recorder = Recorder::default();
        let output = recorder.output(clock);
        let began = clock.now();
        tokio::time::advance(Duration::from_millis(500)).await;
        for qualifier in [Qualifier::Alias, Qualifier::Version(2), Qualifier::None] {
            let invoked = Invoked { function: "f".to_owned(), qualifier, executed: 2 };
            let line = describe_invocation(&invoked, false, Duration::from_millis(500));
            output.write_line("lambda", &line.to_string());
        }
        assert_eq!(recorder.find_met("f", clock), [Met { at: began, version: 2 }]);
        assert_eq!(recorder.find_met("g", clock), []);
    }
}
