//! The command line: one file for each command, and what they have in common.

mod checklist;
mod clients;
mod completions;
mod cost;
mod deploy;
mod key;
mod models;
mod preflight;
mod reference;
mod releases;
mod rollback;
mod rollout;

use crate::aws::{Session, variable};
use crate::options::Options;
use crate::output::{Outcome, Report, WIDTH, print_problem, print_report, say, show_progress};
use crate::problem::Usage;
use crate::store::Store;
use anyhow::{Context, ensure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// Operates cohere-gateway: deploys it, says who may call it, and replaces the Cohere key it uses.
///
/// Clients and key stand in two secrets of AWS Secrets Manager. Credentials and region come from where the AWS
/// CLI has them: AWS_ACCESS_KEY_ID and its siblings, or a profile (AWS_PROFILE) with keys, single sign-on, a role
/// or a credential_process. After `aws login` run first: eval "$(aws configure export-credentials --format env)".
/// AWS_ENDPOINT_URL, HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE are honoured.
#[derive(Parser)]
#[command(
    name = "ops",
    version,
    max_term_width = WIDTH,
    after_help = "\
Secret values are read from standard input and never from an argument, which others could see.
Standard output is data, standard error is words; --json writes the data as one JSON object.
Exit codes: 0 done, 1 not done, 2 wrong usage or settings.

With `cargo run` going in another terminal, paste the AWS_… line it prints and try:
  ops clients add search-service
  ops clients list

On AWS the secrets have names of their own, which the stack's outputs tell; --stack finds them there:
  ops clients list --stack cohere-gateway-prod"
)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Checklist(checklist::Checklist),
    /// Says who may call the gateway.
    #[command(subcommand)]
    Clients(clients::Command),
    /// Replaces the Cohere key without a failed request.
    #[command(subcommand)]
    Key(key::Command),
    /// Deploys the gateway: checks, builds, deploys by sam, compares, tries and records.
    Deploy(Box<deploy::Deploy>),
    Preflight(preflight::Preflight),
    Releases(releases::ListReleases),
    Rollback(rollback::Rollback),
    Rollout(rollout::FollowRollout),
    Models(models::Models),
    Cost(cost::Cost),
    Completions(completions::Completions),
    ConfigDocs(reference::ConfigDocs),
    MetricsDocs(reference::MetricsDocs),
}

const CLIENTS_SECRET_ID: &str = "GATEWAY_CLIENTS_SECRET_ID";
const SECRET_ID: &str = "GATEWAY_SECRET_ID";
/// Names of the secrets on a laptop.
const CLIENTS_SECRET: &str = "ClientsSecret";
const KEY_SECRET: &str = "CohereApiKeySecret";

/// The secret with the clients.
#[derive(Args)]
struct ClientsSecret {
    /// Name or ARN of the secret with the clients
    #[arg(
        long,
        value_name = "NAME_OR_ARN",
        env = CLIENTS_SECRET_ID,
        default_value = CLIENTS_SECRET,
        value_parser = |text: &str| secret_name(text, CLIENTS_SECRET_ID)
    )]
    secret: String,
}

/// The secret with the Cohere key.
#[derive(Args)]
struct KeySecret {
    /// Name or ARN of the secret with the Cohere key
    #[arg(
        long,
        value_name = "NAME_OR_ARN",
        env = SECRET_ID,
        default_value = KEY_SECRET,
        value_parser = |text: &str| secret_name(text, SECRET_ID)
    )]
    secret: String,
}

impl ClientsSecret {
    async fn open(&self, session: &Session, options: &Options) -> anyhow::Result<Store> {
        let names = SecretNames {
            variable: CLIENTS_SECRET_ID,
            local: CLIENTS_SECRET,
            output: "ClientsSecretArn",
        };
        open_secret(session, options, &self.secret, &names).await
    }
}

impl KeySecret {
    async fn open(&self, session: &Session, options: &Options) -> anyhow::Result<Store> {
        let names =
            SecretNames { variable: SECRET_ID, local: KEY_SECRET, output: "CohereApiKeySecretArn" };
        open_secret(session, options, &self.secret, &names).await
    }
}

/// What a secret is called: by whom it is set, on a laptop, and by a stack.
struct SecretNames {
    variable: &'static str,
    local: &'static str,
    output: &'static str,
}

/// Opens the secret of `--secret`, else that of `--stack`, else that of the environment.
async fn open_secret(
    session: &Session,
    options: &Options,
    given: &str,
    names: &SecretNames,
) -> anyhow::Result<Store> {
    let is_fallback = given == names.local || variable(names.variable).as_deref() == Some(given);
    if !is_fallback {
        return Ok(Store::with_session(session, given));
    }
    let Some(stack) = options.find_stack(session).await? else {
        return Ok(Store::with_session(session, given));
    };
    let id = stack.outputs.get(names.output);
    let id = id.with_context(|| format!("the stack has no output {}", names.output))?;
    Ok(Store::with_session(session, id))
}

/// Refuses what a command leaves behind that found no name: nothing, or the AWS CLI's word for it.
fn secret_name(text: &str, variable: &str) -> anyhow::Result<String> {
    let is_variable = std::env::var(variable).is_ok_and(|value| value == text);
    let source = if is_variable { variable } else { "--secret" };
    let text = text.trim();
    let cause = "did the command that sets it fail?";
    ensure!(!text.is_empty(), "{source} is empty; {cause}");
    ensure!(
        text != "None",
        "{source} is None, which the AWS CLI prints where it finds nothing; {cause}"
    );
    Ok(text.to_string())
}

/// Asks whether what was told shall be done; without a terminal only `--yes` stands for the answer.
fn confirm(is_confirmed: bool, question: &str) -> anyhow::Result<()> {
    if is_confirmed {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let told = "nothing was changed: nobody can be asked here, and --yes does it without";
        return Err(Usage(told.to_string()).into());
    }
    say(&format!("{question} Type yes:"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("no answer")?;
    ensure!(answer.trim() == "yes", "nothing was changed: the answer was not yes");
    Ok(())
}

/// Takes out of a refusal what was typed: it may be a key in the wrong place.
fn without_values(mut error: clap::Error) -> clap::Error {
    let typed = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => ContextKind::InvalidValue,
    };
    if error.get(typed).is_some() {
        error.insert(typed, ContextValue::String("…".to_string()));
    }
    error.remove(ContextKind::Suggested);
    error
}

/// Runs the command line to its end.
pub async fn run() -> ExitCode {
    let (arguments, name) = match parse() {
        Ok(parsed) => parsed,
        Err(error) => return refuse(without_values(error)),
    };
    let options = arguments.options;
    let done = run_command(arguments.command, &options);
    let done = show_progress(&format!("ops {name}"), done).await;
    let done = done.and_then(|report| {
        print_report(&name, &report, options.json)?;
        Ok(if report.is_failed { Outcome::Failed } else { Outcome::Done })
    });
    let outcome = match done {
        Ok(outcome) => outcome,
        Err(problem) => {
            let outcome = if problem.is::<Usage>() { Outcome::Usage } else { Outcome::Failed };
            print_problem(&name, outcome, &format!("{problem:#}"), options.json);
            outcome
        }
    };
    ExitCode::from(outcome.exit_code())
}

async fn run_command(command: Command, options: &Options) -> anyhow::Result<Report> {
    match command {
        Command::Checklist(checklist) => checklist.run(options).await,
        Command::Clients(command) => clients::run(command, options).await,
        Command::Key(command) => key::run(command, options).await,
        Command::Deploy(deploy) => deploy.run(options).await,
        Command::Preflight(preflight) => preflight.run(options).await,
        Command::Releases(releases) => releases.run(options).await,
        Command::Rollback(rollback) => rollback.run(options).await,
        Command::Rollout(rollout) => rollout.run(options).await,
        Command::Models(models) => models.run(options).await,
        Command::Cost(cost) => cost.run(options).await,
        Command::Completions(completions) => completions.run(Arguments::command()),
        Command::ConfigDocs(docs) => docs.run(),
        Command::MetricsDocs(docs) => docs.run(),
    }
}

/// Reads the command line; returns the name of the command too, such as `clients list`.
fn parse() -> Result<(Arguments, String), clap::Error> {
    let matches = Arguments::command().try_get_matches()?;
    let name = name_command(&matches);
    Ok((Arguments::from_arg_matches(&matches)?, name))
}

fn name_command(matches: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut current = matches;
    while let Some((name, below)) = current.subcommand() {
        names.push(name);
        current = below;
    }
    names.join(" ")
}

/// Ends with what clap says: help, or what is wrong with the command line.
fn refuse(error: clap::Error) -> ExitCode {
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !is_json {
        error.exit();
    }
    let words = error.render().to_string();
    print_problem("", Outcome::Usage, words.trim_start_matches("error: ").trim_end(), true);
    ExitCode::from(Outcome::Usage.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command without one below it, by name.
    fn leaves(command: clap::Command) -> Vec<clap::Command> {
        let below: Vec<_> =
            command.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
        if below.is_empty() { vec![command] } else { below.into_iter().flat_map(leaves).collect() }
    }

    #[test]
    fn secret_without_a_name_is_refused() {
        assert_eq!(secret_name(" name ", "X").unwrap(), "name");
        for bad in ["", " ", "None"] {
            let problem = secret_name(bad, "X").unwrap_err().to_string();
            assert!(problem.contains("did the command that sets it fail?"), "{problem}");
        }
    }

    #[test]
    fn help_of_every_command_fits_eighty_columns() {
        let mut root = Arguments::command();
        root.build();
        let mut commands = leaves(root);
        commands.push(Arguments::command());
        for mut command in commands {
            for help in [command.render_help(), command.render_long_help()] {
                let help = help.to_string();
                // The line of usage has a form of its own.
                let lines = help.lines().filter(|line| !line.starts_with("Usage: "));
                let long: Vec<_> = lines.filter(|line| line.chars().count() > WIDTH).collect();
                assert!(long.is_empty(), "{}: {long:#?}", command.get_name());
            }
        }
    }

    #[test]
    fn every_command_teaches_by_examples_that_it_takes() {
        Arguments::command().debug_assert();
        let mut root = Arguments::command();
        // Hands on the options of every command, which some of one command exclude.
        root.build();
        let mut commands = leaves(root);
        assert!(commands.len() >= 7, "{}", commands.len());
        commands.push(Arguments::command());
        for mut command in commands {
            let help = command.render_long_help().to_string();
            let lines = help.lines().filter_map(|line| line.trim().rsplit("| ").next());
            let examples: Vec<_> = lines.filter(|line| line.starts_with("ops ")).collect();
            assert!(!examples.is_empty(), "{} has no example", command.get_name());
            for example in examples {
                let words =
                    example.split_whitespace().take_while(|word| !["<", ">", "#"].contains(word));
                let parsed = Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{example}");
            }
        }
    }
}
