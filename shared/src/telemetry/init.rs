//! Sets up logging: JSON lines on stdout, of the gateway's own crates in full.
//!
//! `RUST_LOG` sets the level of the gateway's own crates. All others are capped at WARN here, in code,
//! and only tell their place: the runtime crate would print whole events, prompts included, at TRACE.

use crate::config::vars::Vars;
use crate::telemetry::place;
use std::fmt;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Crates of the gateway.
const OWN: [&str; 7] = ["shared", "chat", "embed", "rerank", "health", "authorizer", "rotate_key"];

/// Starts logging for this process; later calls change nothing.
pub fn init(vars: &impl Vars) {
    std::panic::set_hook(Box::new(place::of_panic));
    let level = vars.all().into_iter().find(|(name, _)| name == "RUST_LOG").map(|(_, value)| value);
    let _ = subscriber(level.as_deref(), std::io::stdout).try_init();
}

fn subscriber<W>(rust_log: Option<&str>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let own = Format::default().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Lines { own })
        .with_ansi(false)
        // What cannot be written is lost, and not repeated in other words.
        .log_internal_errors(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(lines).with(asked(rust_log)).with(filter_fn(may_speak))
}

/// Reads `RUST_LOG`, over INFO for the gateway's own crates and WARN for the others.
fn asked(rust_log: Option<&str>) -> Targets {
    let asked = rust_log.and_then(|text| Targets::from_str(text).ok()).unwrap_or_default();
    let default = asked.default_level().filter(|_| rust_log.is_some_and(|text| !text.is_empty()));
    let own = OWN.map(|target| (target.to_string(), default.unwrap_or(LevelFilter::INFO)));
    Targets::new().with_targets(own).with_targets(asked).with_default(default.unwrap_or(LevelFilter::WARN))
}

fn may_speak(event: &Metadata) -> bool {
    *event.level() <= Level::WARN || is_own(event)
}

fn is_own(event: &Metadata) -> bool {
    event.target().split("::").next().is_some_and(|name| OWN.contains(&name))
}

/// Writes the gateway's own events in full, and of the others the place.
struct Lines {
    own: Format<Json>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match is_own(event.metadata()) {
            true => self.own.format_event(context, writer, event),
            false => writeln!(writer, "{}", place::of_event(event.metadata())),
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
        tracing::subscriber::with_default(subscriber(rust_log, move || writer.clone()), speak);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn other_crates_tell_only_their_place_and_nothing_below_warn() {
        for asked in
            ["trace", "lambda_runtime=trace", "hyper=debug,shared=trace", "trace,embedded=trace", "=trace"]
        {
            let lines = written(Some(asked), || {
                tracing::trace!(target: "lambda_runtime::requests", body = "hidden", "hidden");
                tracing::info!(target: "hyper::client", "hidden");
                // Its name begins like one of ours.
                tracing::info!(target: "embedded::io", "hidden");
                tracing::warn!(target: "lambda_runtime", error = ?"hidden", "hidden {}", "hidden");
            });
            assert!(!lines.contains("hidden"), "{asked}: {lines}");
            let line: serde_json::Value =
                serde_json::from_str(&lines).unwrap_or_else(|error| panic!("{asked}: {error}"));
            assert_eq!((&line["target"], &line["level"]), (&"lambda_runtime".into(), &"WARN".into()));
            assert!(line["place"].as_str().unwrap().contains("init.rs:"), "{line}");
        }
    }

    #[test]
    fn our_own_level_is_what_is_asked_for() {
        let speak = || {
            tracing::info!(target: "shared::pipeline", field = 1, "told");
            tracing::trace!(target: "shared::pipeline", "whispered");
        };
        // Without a wish requests are logged, and nonsense changes nothing.
        for asked in [None, Some(""), Some("!!!=x=y")] {
            let lines = written(asked, speak);
            assert!(lines.contains("\"message\":\"told\",\"field\":1"), "{asked:?}: {lines}");
            assert!(!lines.contains("whispered"), "{asked:?}: {lines}");
        }
        for asked in ["trace", "hyper=debug,shared=trace"] {
            assert!(written(Some(asked), speak).contains("whispered"), "{asked}");
        }
        assert_eq!(written(Some("off"), speak), "");
    }
}
