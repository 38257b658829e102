//! The order in which alarms are evaluated: each after those that its rule and its suppression look at.

use super::{AlarmDefinition, AlarmKind, CompositeAlarm};
use anyhow::{bail, ensure};

/// Puts each alarm after those that it depends on.
pub(super) fn order_alarms(
    mut alarms: Vec<AlarmDefinition>,
) -> anyhow::Result<Vec<AlarmDefinition>> {
    let mut known = Vec::new();
    for alarm in &alarms {
        known.extend([alarm.name.clone()].into_iter().chain(alarm.given_name.clone()));
    }
    for alarm in &alarms {
        for needed in needed_alarms(alarm) {
            ensure!(known.contains(&needed), "{} names {needed}, which is no alarm", alarm.name);
        }
    }
    let mut ordered: Vec<AlarmDefinition> = Vec::new();
    while !alarms.is_empty() {
        let is_there = |needed: &String| {
            ordered
                .iter()
                .any(|alarm| alarm.name == *needed || alarm.given_name.as_ref() == Some(needed))
        };
        let ready = alarms.iter().position(|alarm| needed_alarms(alarm).iter().all(is_there));
        let Some(ready) = ready else { bail!("{} depends on itself", alarms[0].name) };
        ordered.push(alarms.remove(ready));
    }
    Ok(ordered)
}

fn needed_alarms(alarm: &AlarmDefinition) -> Vec<String> {
    let mut needed: Vec<String> = alarm.members().into_iter().map(str::to_owned).collect();
    if let AlarmKind::Composite(CompositeAlarm { suppressor: Some(suppressor), .. }) = &alarm.kind {
        needed.push(suppressor.alarm.clone());
    }
    needed
}
