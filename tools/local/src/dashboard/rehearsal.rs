//! A stretch of traffic to draw: real requests through the real functions, and their lines replayed over hours.
//!
//! Requests go in batches of a few seconds: healthy ones, a slow Cohere, one that fails, one that limits, and a
//! rollout. What they make the functions and this front write is kept by batch, and a virtual minute is then some of
//! the batches of its phase. No value is made up: only the times are, and how often a batch comes.

mod batches;
mod requests;

use super::Recording;
use crate::build::Build;
use crate::cloudwatch::{CloudWatch, reference_values};
use crate::logs_insights::LogGroups;
use crate::stack::{Options, Upstream, start_stack};
use crate::template;
use batches::{RehearsalPhase, RequestBatch, record_phases};
use cloudformation::resolve_template;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where the picture begins: a morning, so that a day's sums stand for something.
const START: Duration = Duration::from_secs(1_795_651_200 + 6 * 3_600);
const MINUTE: Duration = Duration::from_secs(60);
/// Minutes between two looks of the probe, as in the template.
const PROBE_MINUTES: u32 = 5;

/// How much is rehearsed.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Batches of each phase.
    pub batches: usize,
    /// Minutes that are shown.
    pub minutes: u32,
    /// What Cohere's times are divided by.
    pub haste: u64,
}

impl Scale {
    /// What the picture in `docs/` shows: six hours, recorded in about a minute.
    pub const WHOLE: Scale = Scale { batches: 8, minutes: 360, haste: 1 };
    /// The same course in a few seconds, for tests.
    pub const SMALL: Scale = Scale { batches: 1, minutes: 60, haste: 20 };
}

/// Phases with the share of the whole time at which each ends.
const COURSE: [(RehearsalPhase, f64); 8] = [
    (RehearsalPhase::Healthy, 0.27),
    (RehearsalPhase::Slow, 0.34),
    (RehearsalPhase::Healthy, 0.50),
    (RehearsalPhase::Failing, 0.57),
    (RehearsalPhase::Recovered, 0.575),
    (RehearsalPhase::Healthy, 0.71),
    (RehearsalPhase::Canary, 0.74),
    (RehearsalPhase::Released, 0.96),
];

/// Records a run of its own and replays it; the functions are built already.
pub async fn rehearse(build: Build, scale: Scale) -> anyhow::Result<Recording> {
    let lines = batches::WrittenLines::default();
    // One request that fails in all its attempts opens a breaker, whichever environment it meets.
    let settings = [("GATEWAY_BREAKER_OPEN_MS", "1500"), ("GATEWAY_BREAKER_FAILURES", "3")];
    let stack = start_stack(Options {
        port: Some(0),
        upstream: Upstream::Sandbox,
        build,
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        max_environments: 6,
        authorizer_cache_ttl: Some(Duration::from_secs(1)),
        output: lines.output(),
        ..Options::default()
    })
    .await?;
    let recorded = record_phases(&stack, &lines, scale).await;
    stack.stop().await;
    replay(&recorded?, scale)
}

fn replay(
    phases: &BTreeMap<RehearsalPhase, Vec<RequestBatch>>,
    scale: Scale,
) -> anyhow::Result<Recording> {
    let resolved = resolve_template(template::TEXT, reference_values(template::TEXT)?)?;
    let mut cloudwatch = CloudWatch::from_template(&resolved, START)?;
    let mut logs = LogGroups::default();
    let mut random = Random(7);
    for minute in 0..scale.minutes {
        let start = START + MINUTE * minute;
        let share = f64::from(minute) / f64::from(scale.minutes);
        let batches = &phases[&find_phase(share)];
        // A morning's rise, and some unrest.
        let load = 3.5 + 2.5 * (share * 4.0).sin() + random.below(100) as f64 / 60.0;
        for _ in 0..load.max(1.0) as u64 {
            let batch = &batches[random.below(batches.len() as u64) as usize];
            let at = start + Duration::from_secs(random.below(60));
            batch.record(at, &mut cloudwatch, &mut logs);
        }
        if minute % PROBE_MINUTES == 0 {
            let is_down = find_phase(share) == RehearsalPhase::Failing;
            let look =
                if is_down { RehearsalPhase::ProbeUnreachable } else { RehearsalPhase::ProbeOk };
            phases[&look][0].record(start, &mut cloudwatch, &mut logs);
        }
        cloudwatch.advance_to(start + MINUTE);
    }
    Ok(Recording { cloudwatch, logs, from: START, to: START + MINUTE * scale.minutes })
}

fn find_phase(share: f64) -> RehearsalPhase {
    let phase = COURSE.iter().find(|(_, end)| share < *end);
    phase.map_or(RehearsalPhase::Limited, |(phase, _)| *phase)
}

/// Numbers that are the same in every run (a linear congruential generator, by Knuth).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Fields of a line, to be kept once for all its repetitions.
fn read_fields(line: &str) -> Option<crate::logs_insights::Fields> {
    serde_json::from_str(line).ok().map(Arc::new)
}
