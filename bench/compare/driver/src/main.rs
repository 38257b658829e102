//! Times a function as Lambda calls it, or a server, and prints what it has measured as one JSON object.
//!
//! Reads a plan from its input: what to call, how often, and for a function whether each call has a direct one beside it.

mod client;
mod process;
mod runtime_api;
mod samples;

use client::Client;
use runtime_api::RuntimeApi;
use samples::Samples;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

#[derive(Deserialize)]
struct Plan {
    function: Option<Function>,
    direct: Option<Call>,
    requests: usize,
    warm_up: usize,
}

#[derive(Deserialize)]
pub(crate) struct Function {
    pub(crate) command: Vec<String>,
    pub(crate) environment: HashMap<String, String>,
    /// Files with events, handed out one after the other and from the first again.
    events: Vec<String>,
}

/// Calls that are made at once; the sample is the time until all have been answered.
#[derive(Deserialize)]
pub(crate) struct Call {
    url: String,
    bodies: Vec<String>,
    headers: HashMap<String, String>,
    /// File of an authority to trust.
    authority: Option<String>,
}

#[derive(Default, Serialize)]
struct Report {
    /// From the start of the process to its first question for an event.
    init_ms: Option<f64>,
    /// From the start of the process to the end of the first answer.
    cold_ms: Option<f64>,
    function: Samples,
    direct: Samples,
    cpu_us: Option<f64>,
    peak_kb: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let plan: Plan = serde_json::from_reader(std::io::stdin())?;
    let client = plan.direct.as_ref().map(Client::open).transpose()?;
    let report = match &plan.function {
        Some(function) => time_function(&plan, function, client.as_ref()).await?,
        None => {
            time_server(&plan, client.as_ref().ok_or("neither a function nor a server")?).await?
        }
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

async fn time_server(plan: &Plan, client: &Client) -> Result<Report, AnyError> {
    let mut report = Report::default();
    for number in 0..plan.warm_up + plan.requests {
        let answer = client.call().await?;
        if number >= plan.warm_up {
            report.direct.push(answer);
        }
    }
    Ok(report)
}

async fn time_function(
    plan: &Plan,
    function: &Function,
    client: Option<&Client>,
) -> Result<Report, AnyError> {
    let events = function.events.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let mut api = RuntimeApi::open().await?;
    let started = Instant::now();
    let mut child = process::start(function, api.address())?;
    let pid = child.id().ok_or("the function has ended at once")?;
    let (mut report, mut cpu_before) = (Report::default(), None);
    for number in 0..plan.warm_up + plan.requests {
        let question = tokio::select! {
            question = api.next_question() => question?,
            status = child.wait() => return Err(format!("the function has ended: {status:?}").into()),
        };
        if number == 0 {
            report.init_ms = Some(started.elapsed().as_secs_f64() * 1e3);
        }
        if number == plan.warm_up {
            cpu_before = process::read_cpu_us(pid);
        }
        let is_counted = number >= plan.warm_up;
        if let Some(client) = client {
            let answer = client.call().await?;
            if is_counted {
                report.direct.push(answer);
            }
        }
        let answer = tokio::select! {
            answer = api.invoke(question, &events[number % events.len()]) => answer?,
            status = child.wait() => return Err(format!("the function has ended: {status:?}").into()),
        };
        if number == 0 {
            report.cold_ms = Some(started.elapsed().as_secs_f64() * 1e3);
        }
        if is_counted {
            report.function.push(answer);
        }
    }
    let cpu_after = process::read_cpu_us(pid);
    report.cpu_us =
        cpu_before.zip(cpu_after).map(|(before, after)| (after - before) / plan.requests as f64);
    report.peak_kb = process::read_peak_kb(pid);
    child.kill().await?;
    Ok(report)
}
