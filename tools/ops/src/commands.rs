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

    /// Every command without one below it, by name.
    fn leaves(command: clap::Command) -> Vec<clap::Command> {
        let below: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
        if below.is_empty() { vec![command] } else { below.into_iter().flat_map(leaves).collect() }
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
                let words = example.split_whitespace().take_while(|word| !["<", ">", "#"].contains(word));
                let parsed = Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{example}");
            }
        }
    }
}
