//! `AWS::CloudWatch::CompositeAlarm`.

use super::properties::Properties;
use crate::cloudwatch::actions::SuppressionPeriods;
use crate::cloudwatch::rule::AlarmRule;

#[derive(Clone, Debug, PartialEq)]
pub struct CompositeAlarm {
    pub rule: AlarmRule,
    pub suppressor: Option<Suppressor>,
}

/// An alarm that keeps this one from acting while it is in ALARM.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppressor {
    pub alarm: String,
    pub periods: SuppressionPeriods,
}

impl CompositeAlarm {
    pub(super) fn read(properties: &mut Properties) -> anyhow::Result<Self> {
        let suppressor = match properties.take_text("ActionsSuppressor")? {
            None => None,
            Some(alarm) => Some(Suppressor {
                alarm,
                periods: SuppressionPeriods {
                    wait: properties.require_number("ActionsSuppressorWaitPeriod")?,
                    extension: properties.require_number("ActionsSuppressorExtensionPeriod")?,
                },
            }),
        };
        Ok(CompositeAlarm {
            rule: AlarmRule::parse(&properties.require_text("AlarmRule")?)?,
            suppressor,
        })
    }
}
