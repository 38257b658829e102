//! The command line: one file for each command, and what they have in common.

mod clients;
mod deploy;
mod key;

use crate::output::say;
use crate::problem::Usage;
use anyhow::ensure;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
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
    after_help = "\
Secret values are read from standard input and never from an argument, which others could see.
Standard output is data, standard error is words. Exit codes: 0 done, 1 not done, 2 wrong usage or settings.

With `cargo run` going in another terminal, paste the AWS_… line it prints and try:
  ops clients add search-service
  ops clients list

On AWS the secrets have names of their own, which the stack's outputs tell:
  export GATEWAY_CLIENTS_SECRET_ID=…   # output ClientsSecretArn
  export GATEWAY_SECRET_ID=…           # output CohereApiKeySecretArn"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says who may call the gateway.
    #[command(subcommand)]
    Clients(clients::Command),
    /// Replaces the Cohere key without a failed request.
    #[command(subcommand)]
    Key(key::Command),
    /// Deploys the gateway: checks, builds, deploys by sam, compares, tries and records.
    Deploy(Box<deploy::Deploy>),
}

const CLIENTS_SECRET_ID: &str = "GATEWAY_CLIENTS_SECRET_ID";
const SECRET_ID: &str = "GATEWAY_SECRET_ID";

/// The secret with the clients.
#[derive(Args)]
struct ClientsSecret {
    /// Name or ARN of the secret with the clients
    #[arg(
        long,
        value_name = "NAME_OR_ARN",
        env = CLIENTS_SECRET_ID,
        default_value = "ClientsSecret",
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
        default_value = "CohereApiKeySecret",
        value_parser = |text: &str| secret_name(text, SECRET_ID)
    )]
    secret: String,
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
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => without_values(error).exit(),
    };
    let done = match arguments.command {
        Command::Clients(command) => clients::run(command).await,
        Command::Key(command) => key::run(command).await,
        Command::Deploy(deploy) => deploy.run().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&format!("error: {problem:#}"));
            if problem.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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
    fn every_command_teaches_by_examples_that_it_takes() {
        Arguments::command().debug_assert();
        let mut commands = leaves(Arguments::command());
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
