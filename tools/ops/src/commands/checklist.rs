//! `ops checklist`: may this gateway go live?

use crate::checklist::{Check, count, gather_deployed, gather_local, judge_all, print_page};
use crate::deploy::settings::find_environment;
use crate::options::{Options, require_stack};
use crate::output::Report;
use crate::problem::Usage;
use clap::Args;
use serde_json::json;

/// Goes through the go-live checklist, line by line, and names the command that mends each.
///
/// AWS and the running gateway are asked side by side; nothing is changed, and the Cohere key is read by nobody. One
/// model listing and two health checks are made, which cost a token or nothing. A line passes, fails, warns, or cannot
/// be told, with the reason. What is a constant of the build is named with the test that proves it.
///
/// Ends with 1 where a line fails, or where a P1 line cannot be told.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ops checklist --stack cohere-gateway-prod
  ops checklist --stack cohere-gateway-prod --json
  ops checklist --local                           # what `cargo run` can answer")]
pub struct Checklist {
    /// Ask the gateway of `cargo run`, by the AWS_… variables that it prints
    #[arg(long, conflicts_with = "stack")]
    local: bool,
    /// Address of the gateway on this machine
    #[arg(long, value_name = "URL", requires = "local", default_value = "http://localhost:8080")]
    url: String,
}

impl Checklist {
    pub async fn run(self, options: &Options) -> anyhow::Result<Report> {
        if self.local {
            let session = options.open_session().await?;
            let facts = gather_local(&session, self.url.trim_end_matches('/')).await;
            let head = "Go-live checklist of the gateway on this machine";
            return Ok(write_report(head, None, judge_all(&facts)));
        }
        let Some(name) = &options.stack else {
            let told = "which stack? --stack NAME, or --local for the gateway of `cargo run`";
            return Err(Usage(told.to_string()).into());
        };
        let session = options.open_session().await?;
        let stack = require_stack(&session, name).await?;
        let deploy = match find_environment(name, &session.region) {
            Some(environment) => format!("ops deploy --environment {environment}"),
            None => format!("ops deploy --stack {name}"),
        };
        let facts = gather_deployed(&session, name, stack, deploy).await;
        let account = facts.account.clone().unwrap_or_else(|_| "unknown".to_string());
        let head = format!("Go-live checklist of {name} in {}, account {account}", session.region);
        Ok(write_report(&head, Some(name), judge_all(&facts)))
    }
}

fn write_report(head: &str, stack: Option<&String>, checks: Vec<Check>) -> Report {
    let is_failed = checks.iter().any(Check::is_failed);
    let described: Vec<_> = checks.iter().map(Check::describe).collect();
    let data = json!({
        "stack": stack,
        "is_ready": !is_failed,
        "counts": count(&checks),
        "checks": described,
    });
    Report { is_failed, ..Report::new(print_page(head, &checks), data) }
}
