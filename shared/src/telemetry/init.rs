//! Sets up logging: JSON lines on stdout, and a panic hook that prints the place only.
//!
//! `RUST_LOG` sets the level of the gateway's own crates. All others are capped at WARN here, in
//! code: the runtime crate would print whole events, prompts included, at TRACE.

use crate::config::vars::Vars;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Crates of the gateway.
const OWN: [&str; 7] = ["shared", "chat", "embed", "rerank", "health", "authorizer", "rotate_key"];

/// Starts logging for this process; later calls change nothing.
pub fn init(vars: &impl Vars) {
    let level = vars.all().into_iter().find(|(name, _)| name == "RUST_LOG").map(|(_, value)| value);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_ansi(false);
    let _ = tracing_subscriber::registry().with(lines).with(targets(level.as_deref())).try_init();
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote what was being worked on, so only its place is printed.
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(place, "panic");
    }));
}

fn targets(rust_log: Option<&str>) -> Targets {
    let asked = rust_log.and_then(|text| Targets::from_str(text).ok()).unwrap_or_default();
    let default = asked.default_level().filter(|_| rust_log.is_some_and(|text| !text.is_empty()));
    let is_own = |target: &str| OWN.iter().any(|own| target.split("::").next() == Some(own));
    let own = OWN.map(|target| (target.to_string(), default.unwrap_or(LevelFilter::INFO)));
    let named = asked.into_iter().map(|(target, level)| match is_own(&target) {
        true => (target, level),
        false => (target, level.min(LevelFilter::WARN)),
    });
    let foreign = default.unwrap_or(LevelFilter::WARN).min(LevelFilter::WARN);
    Targets::new().with_targets(own).with_targets(named).with_default(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn foreign_crates_never_pass_warn_whatever_is_asked() {
        for asked in [
            "trace",
            "lambda_runtime=trace",
            "hyper=debug,shared=trace",
            "trace,lambda_runtime::requests=trace",
        ] {
            let targets = targets(Some(asked));
            for foreign in
                ["lambda_runtime", "lambda_runtime::requests", "hyper::client", "aws_smithy_runtime"]
            {
                assert!(!targets.would_enable(foreign, &Level::INFO), "{asked} {foreign}");
            }
        }
        assert!(targets(Some("trace")).would_enable("shared::pipeline", &Level::TRACE));
        assert!(targets(Some("hyper=debug,shared=trace")).would_enable("shared::pipeline", &Level::TRACE));
    }

    #[test]
    fn without_a_wish_requests_are_logged_and_nonsense_changes_nothing() {
        for asked in [None, Some(""), Some("!!!=x=y")] {
            assert!(targets(asked).would_enable("shared::telemetry", &Level::INFO), "{asked:?}");
            assert!(!targets(asked).would_enable("shared::telemetry", &Level::DEBUG), "{asked:?}");
        }
    }
}
