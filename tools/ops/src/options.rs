//! What every command takes: which stack, where it is, as whom, and how the result is written.

use crate::aws::Session;
use crate::deploy::stack::{Stack, ask_stack};
use crate::problem::Usage;
use clap::Args;
use std::time::Duration;

/// The options of all commands.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Write one JSON object to standard output (docs/ops.md)
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub json: bool,
    /// Name of the stack, whose outputs tell the secrets and the usage plan
    #[arg(long, global = true, value_name = "NAME", help_heading = "Options of every command", value_parser = stack_name)]
    pub stack: Option<String>,
    /// AWS region, over AWS_REGION and the profile's
    #[arg(long, global = true, value_name = "REGION", help_heading = "Options of every command")]
    pub region: Option<String>,
    /// Profile of the AWS configuration, over AWS_PROFILE and over credentials in the environment
    #[arg(long, global = true, value_name = "NAME", help_heading = "Options of every command")]
    pub profile: Option<String>,
    /// Longest time for one question to AWS or to the gateway
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 15,
        help_heading = "Options of every command",
        value_parser = clap::value_parser!(u64).range(1..=600)
    )]
    pub timeout_secs: u64,
}

impl Options {
    /// Opens the way to AWS that these options and the environment name.
    pub async fn open_session(&self) -> anyhow::Result<Session> {
        let limit = Duration::from_secs(self.timeout_secs);
        Session::open(self.region.as_deref(), self.profile.as_deref(), limit).await
    }

    /// Reads the stack that was named; `None` where none was.
    pub async fn find_stack(&self, session: &Session) -> anyhow::Result<Option<Stack>> {
        let Some(name) = &self.stack else { return Ok(None) };
        Ok(Some(require_stack(session, name).await?))
    }
}

/// Reads a stack that must be there.
pub async fn require_stack(session: &Session, name: &str) -> anyhow::Result<Stack> {
    let stack = ask_stack(session, name).await?;
    let region = &session.region;
    let told = format!(
        "there is no stack {name} in {region} of this account: check --stack, --region and --profile"
    );
    stack.ok_or_else(|| anyhow::anyhow!(told))
}

/// Takes the name of a stack, or says what is wrong with it.
fn stack_name(text: &str) -> Result<String, Usage> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts_well && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(text.to_string());
    }
    Err(Usage("the stack's name has letters, digits and '-', a letter first".to_string()))
}
