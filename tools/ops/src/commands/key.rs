//! `ops key`: the Cohere key, staged, rotated and looked at, never shown.

mod cause;
mod rotate;
mod stage;
mod status;

use crate::options::Options;
use crate::output::Report;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    Stage(stage::Stage),
    Rotate(rotate::Rotate),
    Status(status::Status),
}

pub async fn run(command: Command, options: &Options) -> anyhow::Result<Report> {
    match command {
        Command::Stage(stage) => stage.run(options).await,
        Command::Rotate(rotate) => rotate.run(options).await,
        Command::Status(status) => status.run(options).await,
    }
}
