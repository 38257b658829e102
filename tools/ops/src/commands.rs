//! The command line: one file for each command, and what they have in common.

mod clients;
mod key;

use crate::output::say;
use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

/// Operates a deployed cohere-gateway: who may call it, and the Cohere key it uses.
///
/// Everything happens in two secrets of AWS Secrets Manager. Credentials and region come from where the AWS
/// CLI has them: AWS_ACCESS_KEY_ID and its siblings, or a profile (AWS_PROFILE). For a single sign-on session
/// run first: eval "$(aws configure export-credentials --format env)". AWS_ENDPOINT_URL is honoured.
#[derive(Parser)]
#[command(
    name = "ops",
    version,
    after_help = "\
Secret values are read from standard input and never from an argument, which others could see.
Standard output is data, standard error is words. Exit codes: 0 done, 1 not done, 2 wrong usage.

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
}

/// The secret with the clients.
#[derive(Args)]
struct ClientsSecret {
    /// Name or ARN of the secret with the clients
    #[arg(
        long,
        value_name = "NAME_OR_ARN",
        env = "GATEWAY_CLIENTS_SECRET_ID",
        default_value = "ClientsSecret"
    )]
    secret: String,
}

/// The secret with the Cohere key.
#[derive(Args)]
struct KeySecret {
    /// Name or ARN of the secret with the Cohere key
    #[arg(long, value_name = "NAME_OR_ARN", env = "GATEWAY_SECRET_ID", default_value = "CohereApiKeySecret")]
    secret: String,
}

/// Runs the command line to its end.
pub async fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Clients(command) => clients::run(command).await,
        Command::Key(command) => key::run(command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&format!("error: {problem:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Every command, with the words that lead to it.
    fn all(command: clap::Command) -> Vec<(String, clap::Command)> {
        let name = command.get_name().to_string();
        let below = command.get_subcommands().filter(|below| below.get_name() != "help").cloned();
        let below = below.flat_map(all).map(|(path, below)| (format!("{name} {path}"), below));
        let below: Vec<_> = below.collect();
        [(name, command)].into_iter().chain(below).collect()
    }

    #[test]
    fn every_command_teaches_with_an_example_that_it_takes() {
        Arguments::command().debug_assert();
        let mut examples = 0;
        for (path, mut command) in all(Arguments::command()) {
            if command.has_subcommands() {
                continue;
            }
            let help = command.render_long_help().to_string();
            let lines: Vec<_> = help.lines().filter_map(|line| line.trim().split_once("ops ")).collect();
            assert!(!lines.is_empty(), "{path} has no example");
            for (_, line) in lines
                .iter()
                .filter(|(_, line)| path.contains(&line.split(' ').take(2).collect::<Vec<_>>().join(" ")))
            {
                let words = line.split_whitespace().take_while(|word| !["<", "#", "|"].contains(word));
                let parsed = Arguments::try_parse_from(["ops"].into_iter().chain(words));
                assert!(parsed.is_ok(), "{path}: {line}");
                examples += 1;
            }
        }
        assert!(examples >= 7, "{examples}");
    }
}
