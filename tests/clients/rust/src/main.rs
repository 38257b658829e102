//! A test is one feature of one client; the program prints one line a test, from which
//! tests/clients/table.py makes the table of docs/clients.md.

mod cohere_rust;
mod genai;
mod rig;

use anyhow::ensure;
use std::env;
use std::process::ExitCode;

const CHAT: &str = "command-a-03-2025";
const EMBED: &str = "embed-v4.0";
const QUESTION: &str = "Tell me about the red fox.";
const TEXTS: [&str; 2] =
    ["Bread rises because yeast makes gas.", "The moon pulls the sea and makes the tides."];
const QUERY: &str = "the tides of the sea";

/// Where a client is pointed at, and with which token.
struct Target {
    url: String,
    token: String,
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    fn report(&mut self, client: &str, feature: &str, outcome: anyhow::Result<()>) {
        let version = find_version(client);
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok   {client} {version}: {feature}");
            }
            Err(problem) => {
                self.failed += 1;
                println!("FAIL {client} {version}: {feature}\n{problem:#}");
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let token = env::var("GATEWAY_TOKEN")?;
    let gateway = Target { url: env::var("GATEWAY_URL")?, token: token.clone() };
    let sandbox = Target { url: env::var("SANDBOX_URL")?, token };
    let mut counts = Counts::default();
    rig::run(&gateway, &mut counts).await;
    genai::run(&gateway, &mut counts).await;
    cohere_rust::run(&gateway, &sandbox, &mut counts).await;
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn expect_fox(text: &str) -> anyhow::Result<()> {
    ensure!(text.contains("red fox"), "no fox in {text:?}");
    Ok(())
}

/// Returns a crate's version from the lock file.
fn find_version(name: &str) -> &'static str {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let lock = include_str!("../Cargo.lock");
    let begin = lock.find(&entry).expect("the crate is locked") + entry.len();
    lock[begin..].split('"').next().expect("a version ends")
}
