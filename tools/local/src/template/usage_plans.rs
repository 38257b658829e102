//! The template's usage plans, and the API keys that it puts into them.

use super::read_number;
use super::resources::{TemplateApiKey, TemplateUsagePlan, Throttle};
use anyhow::ensure;
use cloudformation::plain_text;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Properties of a usage plan; numbers that come from a parameter are texts here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsagePlanProperties {
    throttle: Option<Value>,
    quota: Option<Value>,
}

impl UsagePlanProperties {
    pub fn into_plan(self) -> anyhow::Result<TemplateUsagePlan> {
        let throttle = match &self.throttle {
            None => None,
            Some(throttle) => Some(Throttle {
                rate: read_number(&throttle["RateLimit"])?,
                burst: read_number(&throttle["BurstLimit"])?,
            }),
        };
        let daily_quota = match &self.quota {
            None => None,
            Some(quota) => {
                ensure!(quota["Period"] == "DAY", "a quota of a usage plan is for a DAY here");
                Some(read_number(&quota["Limit"])?)
            }
        };
        Ok(TemplateUsagePlan { throttle, daily_quota })
    }
}

/// Which key is in which plan, by their resources.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsagePlanKeyProperties {
    key_id: String,
    usage_plan_id: String,
}

/// Puts the template's keys into their plans.
pub fn join_keys(
    keys: Vec<(String, Value)>,
    members: &[(String, UsagePlanKeyProperties)],
    plans: &BTreeMap<String, TemplateUsagePlan>,
) -> anyhow::Result<Vec<TemplateApiKey>> {
    let mut joined = Vec::new();
    for (resource, key) in keys {
        let member = members.iter().find(|(_, member)| member.key_id == resource);
        let plan = member.map(|(_, member)| member.usage_plan_id.clone());
        if let Some(plan) = &plan {
            ensure!(plans.contains_key(plan), "{resource} is in a usage plan that is none: {plan}");
        }
        joined.push(TemplateApiKey { name: resource, value: plain_text(&key["Value"]), plan });
    }
    Ok(joined)
}
