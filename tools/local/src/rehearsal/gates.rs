//! The gates of one release: the template's own alarms, evaluated on what the functions have written.

use super::recorder::Recorder;
use crate::cloudwatch::{CloudWatch, State, reference_values};
use crate::template;
use anyhow::Context;
use cloudformation::{ReferenceValues, resolve_template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A function of a release, and the versions between which its alias moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Its folder, such as `chat`.
    pub function: String,
    /// In the template, such as `ChatFunction`.
    pub resource: String,
    pub live: u32,
    pub new: u32,
}

/// The alarms of a release. Each release has its own, as their names are its versions'.
pub(super) struct Gates {
    pub(super) cloudwatch: CloudWatch,
    /// Names of the alarms that CodeDeploy looks at, by function.
    groups: BTreeMap<String, Vec<String>>,
    recorder: Recorder,
    fed: usize,
}

/// Parameters that are otherwise than in the template.
///
/// Times of requests are not scaled, and a machine that builds and tests beside the rehearsal takes many
/// milliseconds where Lambda takes one; nobody should wait for a chat that is slow by five seconds.
pub(super) const PARAMETERS: [(&str, &str); 2] =
    [("GateChatLatencyMs", "1000"), ("GateGatewayTimeMs", "400")];

impl Gates {
    /// Reads the gates of a release from the template; what was written before stands in their metrics.
    pub(super) fn of_release(
        pairs: &[Pair],
        recorder: &Recorder,
        now: Duration,
    ) -> anyhow::Result<Gates> {
        let resolved = resolve_template(template::TEXT, reference_values_of(pairs)?)?;
        let mut groups = BTreeMap::new();
        for pair in pairs {
            let preference =
                &resolved["Resources"][&pair.resource]["Properties"]["DeploymentPreference"];
            let alarms: Vec<String> = serde_json::from_value(preference["Alarms"].clone())
                .with_context(|| format!("the alarms of {}", pair.resource))?;
            groups.insert(pair.function.clone(), alarms);
        }
        let cloudwatch = CloudWatch::from_template(&resolved, now)?;
        let mut gates = Gates { cloudwatch, groups, recorder: recorder.clone(), fed: 0 };
        gates.advance_to(now);
        Ok(gates)
    }

    /// Evaluates all alarms up to a time.
    pub(super) fn advance_to(&mut self, now: Duration) {
        let lines = self.recorder.lines_from(self.fed);
        self.fed += lines.len();
        for line in lines {
            self.cloudwatch.record_output(line.at, &line.writer, &line.text);
        }
        self.cloudwatch.advance_to(now);
    }

    /// Finds the gates of a release that stand in alarm.
    pub(super) fn find_alarms(&self) -> Vec<String> {
        let all = self.groups.values().flatten();
        let in_alarm = all.filter(|alarm| self.cloudwatch.state(alarm) == State::Alarm);
        in_alarm.cloned().collect()
    }
}

fn reference_values_of(pairs: &[Pair]) -> anyhow::Result<ReferenceValues> {
    let mut values = reference_values(template::TEXT)?;
    for (name, value) in PARAMETERS {
        values.insert(name.to_owned(), value.to_owned());
    }
    for Pair { resource, live, new, .. } in pairs {
        values.insert(format!("{resource}.Version.Version"), new.to_string());
        let folder = resource.trim_end_matches("Function");
        values.insert(format!("Live{folder}Version"), live.to_string());
    }
    Ok(values)
}

/// How the callers come to a new version: a share of them for some minutes, then all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Canary {
    pub(super) share: f64,
    pub(super) minutes: u32,
}

impl Canary {
    /// Reads the template's usual kind of rollout.
    pub(super) fn from_template() -> anyhow::Result<Canary> {
        let document = cloudformation::read_template(template::TEXT)?;
        let kind = &document["Parameters"]["RolloutType"]["Default"];
        Self::parse(kind).with_context(|| format!("{kind} is no canary"))
    }

    fn parse(kind: &Value) -> Option<Canary> {
        let (percent, rest) = kind.as_str()?.strip_prefix("Canary")?.split_once("Percent")?;
        let minutes = rest.strip_suffix("Minutes")?.parse().ok()?;
        Some(Canary { share: percent.parse::<f64>().ok()? / 100.0, minutes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::read_alarms;
    use serde_json::json;

    #[test]
    fn canary_is_read_from_its_name() {
        let ten = Canary { share: 0.1, minutes: 10 };
        assert_eq!(Canary::parse(&json!("Canary10Percent10Minutes")), Some(ten));
        assert_eq!(Canary::from_template().unwrap().share, 0.1);
        assert_eq!(Canary::parse(&json!("Linear10PercentEvery1Minute")), None);
        assert_eq!(Canary::parse(&json!("AllAtOnce")), None);
    }

    #[test]
    fn gates_name_the_versions_of_their_release() {
        let pair = Pair {
            function: "chat".to_owned(),
            resource: "ChatFunction".to_owned(),
            live: 7,
            new: 9,
        };
        let pairs = [pair];
        let gates = Gates::of_release(&pairs, &Recorder::default(), Duration::ZERO);
        let group = gates.unwrap().groups["chat"].clone();
        assert!(group.iter().any(|alarm| alarm == "ChatGateErrors"), "{group:?}");
        let resolved =
            resolve_template(template::TEXT, reference_values_of(&pairs).unwrap()).unwrap();
        let alarms = read_alarms(&resolved).unwrap();
        let errors = alarms.iter().find(|alarm| alarm.name == "ChatGateErrors").unwrap();
        let text = format!("{:?}", errors.kind);
        let version = |number| format!("\"FunctionVersion\": \"{number}\"");
        assert!(text.contains(&version(7)) && text.contains(&version(9)), "{text}");
        for (name, _) in PARAMETERS {
            assert!(template::TEXT.contains(&format!("\n  {name}:\n")), "{name} is no parameter");
        }
    }
}
