//! What the template says of its alarms.
//!
//! Everything that is not known here is an error that names alarm and property: an alarm that is evaluated
//! otherwise than CloudWatch does would prove nothing.

mod composite_alarm;
mod metric_alarm;
mod properties;
#[cfg(test)]
mod tests;

pub use composite_alarm::{CompositeAlarm, Suppressor};
pub use metric_alarm::{MetricAlarm, WarmUp, Window};

use super::State;
use anyhow::Context;
use properties::Properties;
use serde_json::Value;

/// An alarm of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmDefinition {
    /// Its logical id; CloudFormation makes the name.
    pub name: String,
    /// `AlarmName`, where the template sets one: rules may name it so.
    pub given_name: Option<String>,
    pub description: String,
    pub actions: Actions,
    pub kind: AlarmKind,
}

/// Whom an alarm tells of its state; each is a topic's logical id or ARN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actions {
    pub is_enabled: bool,
    pub on_alarm: Vec<String>,
    pub on_ok: Vec<String>,
    pub on_insufficient_data: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AlarmKind {
    Metric(MetricAlarm),
    Composite(CompositeAlarm),
}

impl AlarmDefinition {
    /// Returns the alarms that a composite alarm's rule names.
    pub fn members(&self) -> Vec<&str> {
        match &self.kind {
            AlarmKind::Metric(_) => Vec::new(),
            AlarmKind::Composite(composite) => composite.rule.members(),
        }
    }
}

impl Actions {
    /// Returns whom the alarm tells of a state.
    pub fn on(&self, state: State) -> &[String] {
        match state {
            _ if !self.is_enabled => &[],
            State::Alarm => &self.on_alarm,
            State::Ok => &self.on_ok,
            State::InsufficientData => &self.on_insufficient_data,
        }
    }
}

/// Reads every alarm of a template whose references have their values.
pub fn read_alarms(resolved: &Value) -> anyhow::Result<Vec<AlarmDefinition>> {
    let mut alarms = Vec::new();
    for (name, resource) in resolved["Resources"].as_object().into_iter().flatten() {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if kind == "AWS::CloudWatch::Alarm" || kind == "AWS::CloudWatch::CompositeAlarm" {
            let is_composite = kind == "AWS::CloudWatch::CompositeAlarm";
            let alarm = read_alarm(name, &resource["Properties"], is_composite);
            alarms.push(alarm.with_context(|| format!("in the alarm {name}"))?);
        }
    }
    Ok(alarms)
}

fn read_alarm(
    name: &str,
    properties: &Value,
    is_composite: bool,
) -> anyhow::Result<AlarmDefinition> {
    let mut properties = Properties::new(properties)?;
    properties.ignore("Tags");
    let definition = AlarmDefinition {
        name: name.to_owned(),
        given_name: properties.take_text("AlarmName")?,
        description: properties.take_text("AlarmDescription")?.unwrap_or_default(),
        actions: Actions {
            is_enabled: properties.take_flag("ActionsEnabled")?.unwrap_or(true),
            on_alarm: properties.take_texts("AlarmActions")?,
            on_ok: properties.take_texts("OKActions")?,
            on_insufficient_data: properties.take_texts("InsufficientDataActions")?,
        },
        kind: if is_composite {
            AlarmKind::Composite(CompositeAlarm::read(&mut properties)?)
        } else {
            AlarmKind::Metric(MetricAlarm::read(&mut properties)?)
        },
    };
    properties.check_all_taken()?;
    Ok(definition)
}
