//! The template's alarms on a faster clock: a minute of theirs takes two seconds here.
//!
//! An alarm looks at five minutes and more, which nobody waits for before a screen. Lines are taken to be
//! written on that clock, so the shares that alarms look at are the same, and counts per minute smaller.

use crate::cloudwatch::{AlarmKind, CloudWatch, State, reference_values};
use crate::template;
use cloudformation::resolve_template;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a minute of the alarms takes.
pub const MINUTE: Duration = Duration::from_secs(2);
/// Where their clock begins; a full hour.
const FIRST: Duration = Duration::from_secs(1_767_225_600);

/// Alarms, and when their clock began.
pub struct AlarmClock {
    cloudwatch: CloudWatch,
    began: Instant,
    advanced: Instant,
    shown: Vec<ShownAlarm>,
}

/// An alarm of the page.
#[derive(Clone)]
pub struct ShownAlarm {
    pub name: String,
    pub description: String,
    pub state: State,
}

impl AlarmClock {
    pub fn start() -> anyhow::Result<Self> {
        let resolved = resolve_template(template::TEXT, reference_values(template::TEXT)?)?;
        let cloudwatch = CloudWatch::from_template(&resolved, FIRST)?;
        let shown = list_shown(&cloudwatch);
        let now = Instant::now();
        Ok(AlarmClock { cloudwatch, began: now, advanced: now, shown })
    }

    pub fn record_line(&mut self, writer: &str, line: &str) {
        self.cloudwatch.record_output(self.now(), writer, line);
    }

    /// Evaluates the minutes that have passed.
    pub fn advance(&mut self) {
        self.advanced = Instant::now();
        self.cloudwatch.advance_to(self.now());
        for alarm in &mut self.shown {
            alarm.state = self.cloudwatch.state(&alarm.name);
        }
    }

    /// How long ago it was advanced.
    pub fn idle_time(&self) -> Duration {
        self.advanced.elapsed()
    }

    pub fn alarms(&self) -> &[ShownAlarm] {
        &self.shown
    }

    fn now(&self) -> Duration {
        let passed = self.began.elapsed().as_secs_f64() / MINUTE.as_secs_f64();
        FIRST + Duration::from_secs(60).mul_f64(passed)
    }
}

/// Lists the alarms that tell somebody something: no parts of others, and none of a rollout.
fn list_shown(cloudwatch: &CloudWatch) -> Vec<ShownAlarm> {
    let mut parts = BTreeSet::new();
    for alarm in cloudwatch.alarms() {
        if let AlarmKind::Composite(_) = alarm.kind {
            parts.extend(alarm.members().into_iter().map(str::to_owned));
        }
    }
    let mut shown = Vec::new();
    for alarm in cloudwatch.alarms() {
        let is_of_rollout = alarm.name.contains("Gate") || alarm.name.contains("Rollout");
        if !is_of_rollout && !parts.contains(&alarm.name) {
            // The runbook after the sentence is for who is woken.
            let sentence = alarm.description.split(" docs/").next().unwrap_or_default();
            shown.push(ShownAlarm {
                name: alarm.name.clone(),
                description: sentence.to_owned(),
                state: State::InsufficientData,
            });
        }
    }
    shown
}
