//! Sets up logging: JSON lines on stdout, of the gateway's own crates in full.
//!
//! `RUST_LOG` sets the level of the gateway's own crates. All others are capped at WARN here, in code,
//! and only tell their location: the runtime crate would print whole events, prompts included, at TRACE.

use crate::config::vars::Vars;
use crate::telemetry::event_line::open_log;
use crate::telemetry::{code_location, json_line};
use std::fmt;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The crates whose events are written in full: a function, and what all functions share.
#[derive(Clone, Copy)]
struct OwnCrates([&'static str; 2]);

impl OwnCrates {
    fn of_function(function: &'static str) -> Self {
        Self(["shared", function])
    }

    fn has_written(self, event: &Metadata) -> bool {
        let Some(name) = event.target().split("::").next() else { return false };
        self.0.contains(&name)
    }
}

/// Starts logging for this process, the one of `function`; later calls change nothing.
///
/// `function` is the name of the function's crate, as `env!("CARGO_CRATE_NAME")` has it.
pub fn start_logging(function: &'static str, vars: &impl Vars) {
    std::panic::set_hook(Box::new(code_location::write_panic));
    let level =
        vars.all_vars().into_iter().find(|(name, _)| name == "RUST_LOG").map(|(_, value)| value);
    let own = OwnCrates::of_function(function);
    open_log();
    let _ = build_subscriber(own, level.as_deref(), std::io::stdout).try_init();
}

fn build_subscriber<W>(
    own: OwnCrates,
    rust_log: Option<&str>,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines { own })
        .with_ansi(false)
        // What cannot be written is lost, and not repeated in other words.
        .log_internal_errors(false)
        .with_writer(writer);
    let may_speak = filter_fn(move |event| *event.level() <= Level::WARN || own.has_written(event));
    tracing_subscriber::registry().with(lines).with(wanted_levels(own, rust_log)).with(may_speak)
}

/// Reads `RUST_LOG`, over INFO for the gateway's own crates and WARN for the others.
fn wanted_levels(own: OwnCrates, rust_log: Option<&str>) -> Targets {
    let rust_log = rust_log.unwrap_or_default();
    let wanted = Targets::from_str(rust_log).unwrap_or_default();
    let default = if rust_log.is_empty() { None } else { wanted.default_level() };
    let own = own.0.map(|name| (name.to_string(), default.unwrap_or(LevelFilter::INFO)));
    let levels = Targets::new().with_targets(own).with_targets(wanted);
    levels.with_default(default.unwrap_or(LevelFilter::WARN))
}

/// Writes the gateway's own events in full, and of the others the location.
struct Lines {
    own: OwnCrates,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match self.own.has_written(event.metadata()) {
            true => json_line::write_event(&mut writer, event),
            false => writeln!(writer, "{}", code_location::describe_event(event.metadata())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(rust_log: Option<&str>, speak: fn()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let own = OwnCrates::of_function("a_new_function");
        let subscriber = build_subscriber(own, rust_log, move || writer.clone());
        tracing::subscriber::with_default(subscriber, speak);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn other_crates_log_warnings_by_location_only() {
        for rust_log in [
            "trace",
            "lambda_runtime=trace",
            "hyper=debug,shared=trace",
            "trace,embedded=trace",
            "=trace",
        ] {
            let lines = written(Some(rust_log), || {
                tracing::trace!(target: "lambda_runtime::requests", body = "hidden", "hidden");
                tracing::info!(target: "hyper::client", "hidden");
                // Its name begins like one of ours.
                tracing::info!(target: "embedded::io", "hidden");
                tracing::warn!(target: "lambda_runtime", error = ?"hidden", "hidden {}", "hidden");
            });
            assert!(!lines.contains("hidden"), "{rust_log}: {lines}");
            let line: serde_json::Value =
                serde_json::from_str(&lines).unwrap_or_else(|error| panic!("{rust_log}: {error}"));
            assert_eq!(
                (&line["target"], &line["level"]),
                (&"lambda_runtime".into(), &"WARN".into())
            );
            assert!(line["location"].as_str().unwrap().contains("init.rs:"), "{line}");
        }
    }

    #[test]
    fn unlisted_function_is_logged() {
        let lines = written(None, || tracing::info!(target: "a_new_function::steps", "told"));
        assert!(lines.contains("\"message\":\"told\""), "{lines}");
        let lines = written(None, || tracing::info!(target: "another_function::steps", "told"));
        assert_eq!(lines, "");
    }

    #[test]
    fn functions_give_their_own_crates_names() {
        let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
        for function in std::fs::read_dir(functions).unwrap() {
            let path = function.unwrap().path().join("src/main.rs");
            let code = std::fs::read_to_string(&path).unwrap();
            let code: String = code.split_whitespace().collect();
            let count = |text| code.matches(text).count();
            let names = (count("lambda::serve_"), count("(env!(\"CARGO_CRATE_NAME\"),"));
            assert_eq!(names, (1, 1), "{}", path.display());
        }
    }

    #[test]
    fn every_kind_of_value_is_json() {
        let line = written(None, || {
            tracing::info!(
                target: "shared::pipeline",
                text = "a \"b\"\n\u{1f600}",
                float = 1.5,
                whole = 3.0,
                endless = f64::INFINITY,
                signed = -2,
                large = u64::MAX,
                truth = true,
                debug = ?Some("x"),
                display = %"y\\",
                none = None::<u64>,
                "told"
            );
        });
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut fields = line.as_object().unwrap().clone();
        assert!(fields.remove("timestamp").unwrap().as_str().unwrap().ends_with('Z'));
        let expected = serde_json::json!({
            "level": "INFO", "message": "told", "text": "a \"b\"\n\u{1f600}", "float": 1.5,
            "whole": 3.0, "endless": null, "signed": -2, "large": u64::MAX, "truth": true,
            "debug": "Some(\"x\")", "display": "y\\", "target": "shared::pipeline",
        });
        assert_eq!(serde_json::Value::Object(fields), expected);
    }

    #[test]
    fn rust_log_sets_our_own_level() {
        let speak = || {
            tracing::info!(target: "shared::pipeline", field = 1, "told");
            tracing::trace!(target: "shared::pipeline", "whispered");
        };
        // With nothing set requests are logged, and nonsense changes nothing.
        for rust_log in [None, Some(""), Some("!!!=x=y")] {
            let lines = written(rust_log, speak);
            assert!(lines.contains("\"message\":\"told\",\"field\":1"), "{rust_log:?}: {lines}");
            assert!(!lines.contains("whispered"), "{rust_log:?}: {lines}");
        }
        for rust_log in ["trace", "hyper=debug,shared=trace"] {
            assert!(written(Some(rust_log), speak).contains("whispered"), "{rust_log}");
        }
        assert_eq!(written(Some("off"), speak), "");
    }
}
