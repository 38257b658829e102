//! The command line: flags in, and one clear message where something is wrong, with the next step.

mod draw_dashboard;
mod hints;
mod rehearse;
mod settings;
mod shell_file;
mod upstream_check;

use crate::build::{self, Build};
use crate::outage::show_outage;
use crate::rehearsal::print_line;
use crate::{LOCAL_TOKEN, Options, Output, Upstream, start_stack};
use anyhow::{Context, bail, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use hints::Notes;
use http::Uri;
use shared::secrets::token::TOKEN_PREFIX;
use shell_file::ShellFile;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use uuid::Uuid;

/// Before the sandbox a breaker tries again sooner than by default: who looks on should see it close.
const SHORT_OPEN_TIME: (&str, &str) = ("GATEWAY_BREAKER_OPEN_MS", "20000");

/// Runs the Cohere gateway on this machine: no AWS account, no Cohere key.
#[derive(Parser)]
#[command(
    name = "cohere-gateway",
    version,
    bin_name = "cargo run --",
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Port to listen on [default: 8080, or the next free one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Cohere API to use instead of the sandbox, with the key in CO_API_KEY
    #[arg(long, value_name = "URL", value_parser = parse_upstream_url)]
    upstream: Option<String>,
    /// Token the one local client sends [default: a fixed one, or a random one with --upstream]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// A setting of the functions; may be repeated
    #[arg(long = "set", value_name = "GATEWAY_NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// How the functions' lines are printed: one a request for a person, or all of them as they are, metrics too
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    log: LogForm,
    /// Build and run optimized functions
    #[arg(long)]
    release: bool,
}

/// What to do in place of running.
#[derive(Subcommand)]
enum Command {
    /// Draws the template's CloudWatch dashboard from a rehearsal of about a minute and a half
    Dashboard {
        /// The picture, an SVG
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Shows an outage of one model, from its first failure to its recovery, in ten seconds
    Outage,
    Rehearse(rehearse::Rehearse),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogForm {
    Text,
    Json,
}

/// Runs the program from its arguments to its exit code.
pub async fn run_command_line() -> ExitCode {
    let mut arguments = Arguments::parse();
    let done = match arguments.command.take() {
        Some(Command::Dashboard { out }) => {
            end_at_interrupt(draw_dashboard::write_picture(&out)).await
        }
        Some(Command::Outage) => end_at_interrupt(print_outage()).await,
        Some(Command::Rehearse(asked)) => end_at_interrupt(rehearse::run_rehearsal(asked)).await,
        None => serve_until_interrupted(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does work whose child processes must end with it, interrupted or not.
async fn end_at_interrupt(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        done = work => done,
        signal = wait_for_interrupt() => {
            signal?;
            bail!("interrupted")
        }
    }
}

/// Builds the functions, and prints an outage as it happens.
async fn print_outage() -> anyhow::Result<()> {
    build::build_functions(Build::Debug)?;
    show_outage(Build::Debug, print_line).await
}

async fn serve_until_interrupted(arguments: Arguments) -> anyhow::Result<()> {
    let key = read_key(std::env::var("CO_API_KEY").ok())?;
    let unused_key = arguments.upstream.is_none() && key.is_some();
    let log = arguments.log;
    let port_is_open = arguments.port.is_none();
    let options = arguments.into_options(key)?;
    let http = settings::check_settings(&options)?;
    if let Upstream::Url { key, .. } = &options.upstream {
        upstream_check::start_check(http, key.clone());
    }
    build::build_for_serving(options.build)?;
    let stack = tokio::select! {
        stack = start_stack(options) => stack?,
        signal = wait_for_interrupt() => return signal,
    };
    let file = ShellFile::write(&stack)?;
    let notes = Notes { port_is_open, unused_key };
    let hints = hints::startup_text(&stack, &file, &notes);
    let _ = match log {
        LogForm::Text => std::io::stdout().write_all(hints.as_bytes()),
        // Standard output is for a program then.
        LogForm::Json => std::io::stderr().write_all(hints.as_bytes()),
    };
    let signal = wait_for_interrupt().await;
    stack.stop().await;
    signal
}

impl Arguments {
    fn into_options(self, key: Option<String>) -> anyhow::Result<Options> {
        let token = match (self.token, &self.upstream) {
            (Some(token), _) => token,
            (None, None) => LOCAL_TOKEN.to_owned(),
            // The fixed one stands in the README, and here it would spend somebody's key.
            (None, Some(_)) => new_random_token(),
        };
        let upstream = match (self.upstream, key) {
            (None, _) => Upstream::Sandbox,
            (Some(url), Some(key)) => Upstream::Url { url, key },
            (Some(_), None) => {
                bail!("--upstream needs a Cohere API key in the variable CO_API_KEY")
            }
        };
        let mut settings = Vec::new();
        if matches!(upstream, Upstream::Sandbox) {
            let (name, value) = SHORT_OPEN_TIME;
            settings.push((name.to_owned(), value.to_owned()));
        }
        // The last one of a name is taken.
        settings.extend(self.settings);
        Ok(Options {
            port: self.port,
            upstream,
            token,
            settings,
            build: if self.release { Build::Release } else { Build::Debug },
            output: match self.log {
                LogForm::Text => Output::Terminal,
                LogForm::Json => Output::Json,
            },
            ..Options::default()
        })
    }
}

/// Reads a key as it was exported, often with a line's end; an empty one is none.
fn read_key(exported: Option<String>) -> anyhow::Result<Option<String>> {
    let key = exported.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    let is_one_word = |key: &String| key.chars().all(|c| c.is_ascii_graphic());
    ensure!(
        key.as_ref().is_none_or(is_one_word),
        "CO_API_KEY has spaces, line breaks or letters that no key has"
    );
    Ok(key)
}

/// A token of this run alone, of 244 random bits.
fn new_random_token() -> String {
    format!("{TOKEN_PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// `https://` anywhere; `http://` only to this machine, because a key would travel in the clear.
fn parse_upstream_url(text: &str) -> anyhow::Result<String> {
    let uri: Uri = text.parse().context("not a URL")?;
    let host = uri.host().unwrap_or_default();
    ensure!(!host.is_empty(), "a URL such as https://api.cohere.com is expected");
    ensure!(uri.query().is_none(), "a URL without a query is expected, paths are added to it");
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_this_machine(host) => {}
        Some("http") => {
            bail!("http:// is allowed on this machine only: the key would travel unencrypted")
        }
        _ => bail!("a URL that begins with https:// is expected"),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// IPv6 addresses stand in brackets in a URL.
fn is_this_machine(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

fn parse_setting(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').context("GATEWAY_NAME=VALUE is expected")?;
    ensure!(name.starts_with("GATEWAY_"), "names of settings begin with GATEWAY_");
    Ok((name.to_owned(), value.to_owned()))
}

/// Returns at Ctrl-C, when the terminal is closed, and at the signal a supervisor sends.
async fn wait_for_interrupt() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated =
            signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut closed = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for Ctrl-C"),
            _ = terminated.recv() => Ok(()),
            _ = closed.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("cannot listen for Ctrl-C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::secrets::token::is_token;

    #[test]
    fn key_is_one_word() {
        let read = |key: &str| read_key(Some(key.to_owned()));
        assert_eq!(read(" abc\r\n").unwrap().as_deref(), Some("abc"));
        assert_eq!(read(" \n").unwrap(), None);
        for bad in ["abc def", "abc\ndef", "schl\u{fc}ssel"] {
            assert!(read(bad).unwrap_err().to_string().starts_with("CO_API_KEY"), "{bad:?}");
        }
    }

    fn parse_arguments(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["cohere-gateway"], arguments].concat())
    }

    #[test]
    fn default_is_sandbox_and_fixed_token() {
        let options = parse_arguments(&[]).unwrap().into_options(Some("a-key".to_owned())).unwrap();
        assert!(matches!(options.upstream, Upstream::Sandbox), "an exported key must not be used");
        assert_eq!(
            (options.port, options.token.as_str(), options.build),
            (None, LOCAL_TOKEN, Build::Debug)
        );
    }

    #[test]
    fn upstream_needs_a_key() {
        let upstream = ["--upstream", "https://api.cohere.com/"];
        let with_key = parse_arguments(&upstream).unwrap().into_options(Some("a-key".to_owned()));
        let Upstream::Url { url, key } = with_key.unwrap().upstream else {
            panic!("the sandbox was taken");
        };
        assert_eq!((url.as_str(), key.as_str()), ("https://api.cohere.com", "a-key"));
        let without_key = parse_arguments(&upstream).unwrap().into_options(None);
        assert!(without_key.err().unwrap().to_string().contains("CO_API_KEY"));
    }

    #[test]
    fn token_before_a_real_upstream_is_random() {
        let token_of = |arguments: &[&str]| {
            let options =
                parse_arguments(arguments).unwrap().into_options(Some("a-key".to_owned()));
            options.unwrap().token
        };
        let upstream = ["--upstream", "https://api.cohere.com"];
        let (one, other) = (token_of(&upstream), token_of(&upstream));
        assert!(is_token(&one) && one != other && one != LOCAL_TOKEN, "{one}");
        assert_eq!(token_of(&[&upstream[..], &["--token", LOCAL_TOKEN]].concat()), LOCAL_TOKEN);
    }

    #[test]
    fn plain_http_reaches_this_machine_only() {
        for good in [
            "http://127.0.0.1:9",
            "http://localhost:9/base",
            "http://[::1]:9",
            "https://example.com",
        ] {
            assert!(parse_upstream_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "api.cohere.com",
            "/v2",
            "",
            "http://",
        ] {
            assert!(parse_upstream_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_are_for_a_person_unless_asked() {
        let output_of = |arguments: &[&str]| {
            parse_arguments(arguments).unwrap().into_options(None).unwrap().output
        };
        assert!(matches!(output_of(&[]), Output::Terminal));
        assert!(matches!(output_of(&["--log", "json"]), Output::Json));
        assert!(parse_arguments(&["--log", "xml"]).is_err());
    }

    #[test]
    fn settings_are_names_and_values() {
        let arguments =
            parse_arguments(&["--set", "GATEWAY_A=1", "--set", "GATEWAY_B=x=y"]).unwrap();
        let expected = [("GATEWAY_A", "1"), ("GATEWAY_B", "x=y")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(arguments.settings, expected);
        assert!(
            parse_arguments(&["--set", "PATH=/"]).is_err()
                && parse_arguments(&["--set", "GATEWAY_A"]).is_err()
        );
        assert!(
            parse_arguments(&["--port", "0"]).is_err()
                && parse_arguments(&["--port", "70000"]).is_err()
        );
    }
}
