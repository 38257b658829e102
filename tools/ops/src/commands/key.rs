//! `ops key`: the Cohere key, staged, rotated and looked at, never shown.

mod rotate;
mod stage;
mod status;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    Stage(stage::Stage),
    Rotate(rotate::Rotate),
    Status(status::Status),
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Stage(stage) => stage.run().await,
        Command::Rotate(rotate) => rotate.run().await,
        Command::Status(status) => status.run().await,
    }
}
