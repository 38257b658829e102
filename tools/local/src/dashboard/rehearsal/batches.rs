//! Batches of requests, and what was written while they were served.

use super::requests::{RehearsedRequest, choose_calls, send};
use super::{Scale, read_fields};
use crate::cloudwatch::{CloudWatch, Datum, log_group_name, read_line};
use crate::cohere_sandbox::Fault;
use crate::lambda::{NewVersion, Routing};
use crate::logs_insights::{Fields, LogGroups};
use crate::output::Output;
use crate::secrets_manager::{CLIENTS, SYNTHETIC_CLIENT};
use crate::stack::Stack;
use anyhow::Context;
use futures_util::future::join_all;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The clients of the rehearsal; their tokens work in it alone.
pub(super) const CLIENT_NAMES: [&str; 3] = ["search", "support", "reports"];
const VERSIONED: [&str; 3] = ["chat", "embed", "rerank"];
const LOOK: &str = r#"{"detail-type":"Scheduled Event"}"#;

/// What goes on; of the first nothing is kept, and the last two are looks of the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RehearsalPhase {
    WarmUp,
    Healthy,
    Slow,
    Failing,
    Recovered,
    Canary,
    Released,
    Limited,
    ProbeOk,
    ProbeUnreachable,
}

/// WrittenLines with the name of their writer.
#[derive(Clone, Default)]
pub(super) struct WrittenLines(Arc<Mutex<Vec<(String, String)>>>);

/// What was written while some requests were served.
pub(super) struct RequestBatch {
    lines: Vec<WrittenLine>,
}

struct WrittenLine {
    writer: String,
    data: Vec<Datum>,
    fields: Option<Fields>,
}

impl RequestBatch {
    pub(super) fn record(&self, at: Duration, cloudwatch: &mut CloudWatch, logs: &mut LogGroups) {
        for line in &self.lines {
            cloudwatch.record(at, &line.data);
            if let Some(fields) = &line.fields {
                logs.record_line(at, &log_group_name(&line.writer), fields);
            }
        }
    }
}

impl WrittenLines {
    /// Where a stack writes its lines to.
    pub(super) fn output(&self) -> Output {
        let lines = self.clone();
        Output::To(Arc::new(move |writer, line| {
            lines.lock().push((writer.to_owned(), line.to_owned()));
        }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was written so far, once nothing more comes: an invocation's end is told after its answer.
    async fn take_batch(&self) -> anyhow::Result<RequestBatch> {
        let mut known = self.lock().len();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let count = self.lock().len();
            if count == known {
                break;
            }
            known = count;
        }
        let mut lines = Vec::new();
        for (writer, text) in self.lock().drain(..) {
            let data = read_line(&text);
            let data = data.map_err(|defect| anyhow::anyhow!("{writer}: {defect}: {text}"))?;
            lines.push(WrittenLine { writer, data, fields: read_fields(&text) });
        }
        Ok(RequestBatch { lines })
    }
}

/// Goes through all phases, in an order in which none disturbs the next.
pub(super) async fn record_phases(
    stack: &Stack,
    lines: &WrittenLines,
    scale: Scale,
) -> anyhow::Result<BTreeMap<RehearsalPhase, Vec<RequestBatch>>> {
    add_clients(stack);
    let mut phases = BTreeMap::new();
    // The first requests of a process read secrets and open connections, and their answers are cached.
    record_phase(stack, lines, scale, RehearsalPhase::WarmUp).await?;
    for phase in [RehearsalPhase::Healthy, RehearsalPhase::Slow] {
        phases.insert(phase, record_phase(stack, lines, scale, phase).await?);
    }
    phases.insert(RehearsalPhase::ProbeOk, vec![record_look(stack, lines, 0).await?]);
    phases.insert(
        RehearsalPhase::Failing,
        record_phase(stack, lines, scale, RehearsalPhase::Failing).await?,
    );
    phases.insert(RehearsalPhase::ProbeUnreachable, vec![record_look(stack, lines, 20).await?]);
    let once = Scale { batches: 1, ..scale };
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    phases.insert(
        RehearsalPhase::Recovered,
        record_phase(stack, lines, once, RehearsalPhase::Recovered).await?,
    );
    for function in VERSIONED {
        let version = stack.publish_version(function, NewVersion::default())?;
        stack.route_alias(function, Routing::to(1).with_share(version, 0.1))?;
    }
    phases.insert(
        RehearsalPhase::Canary,
        record_phase(stack, lines, scale, RehearsalPhase::Canary).await?,
    );
    for function in VERSIONED {
        stack.route_alias(function, Routing::to(2))?;
    }
    for phase in [RehearsalPhase::Released, RehearsalPhase::Limited] {
        phases.insert(phase, record_phase(stack, lines, scale, phase).await?);
    }
    Ok(phases)
}

async fn record_phase(
    stack: &Stack,
    lines: &WrittenLines,
    scale: Scale,
    phase: RehearsalPhase,
) -> anyhow::Result<Vec<RequestBatch>> {
    let mut batches = Vec::new();
    for number in 0..scale.batches {
        if phase == RehearsalPhase::Failing && number % 2 == 0 {
            fail_over(stack).await?;
        }
        let calls = choose_calls(phase, number, scale.haste);
        let sent = join_all(calls.iter().map(|call| send(&stack.url, call))).await;
        sent.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        batches.push(lines.take_batch().await?);
    }
    Ok(batches)
}

/// One request that only a fallback answers: as many calls fail as the requested model is given.
async fn fail_over(stack: &Stack) -> anyhow::Result<()> {
    let sandbox = stack.sandbox.as_ref().context("there is no sandbox")?;
    sandbox.plan_faults(parse_faults("status=503", 3)?);
    send(&stack.url, &RehearsedRequest::plain_chat(0)).await
}

async fn record_look(
    stack: &Stack,
    lines: &WrittenLines,
    faults: usize,
) -> anyhow::Result<RequestBatch> {
    let sandbox = stack.sandbox.as_ref().context("there is no sandbox")?;
    sandbox.plan_faults(parse_faults("status=503", faults)?);
    stack.invoke("probe", LOOK).await?;
    sandbox.plan_faults(Vec::new());
    lines.take_batch().await
}

fn parse_faults(text: &str, count: usize) -> anyhow::Result<Vec<Fault>> {
    let fault: Fault = text.parse().map_err(|problem: String| anyhow::anyhow!(problem))?;
    Ok(vec![fault; count])
}

/// Replaces the one local client by those of the rehearsal, of which one is the synthetic client too.
fn add_clients(stack: &Stack) {
    let hash = |token: &str| -> String {
        Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let named = CLIENT_NAMES.map(
        |name| json!({ "name": name, "token_sha256": [hash(&RehearsedRequest::token_of(name))] }),
    );
    stack.secrets.put(CLIENTS, &json!({ "clients": named }).to_string());
    let token = RehearsedRequest::token_of(CLIENT_NAMES[0]);
    stack.secrets.put(SYNTHETIC_CLIENT, &token);
}
