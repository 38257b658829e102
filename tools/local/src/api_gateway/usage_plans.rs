//! Usage plans: what API Gateway counts, and it counts each API key by itself.
//!
//! Keys are those of the template, and those that an operator makes while the stack runs.

use super::rejection::Rejection;
use super::throttle::TokenBucket;
use crate::template::{TemplateApiKey, TemplateUsagePlan};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use uuid::Uuid;

/// The plans and keys of one run.
pub struct UsagePlans {
    plans: BTreeMap<String, TemplateUsagePlan>,
    /// By id, which for one of the template is its resource.
    keys: Mutex<BTreeMap<String, ApiKey>>,
}

/// One API key, and what it has used of its plan.
pub struct ApiKey {
    pub name: String,
    pub value: String,
    plan: Option<Membership>,
}

struct Membership {
    plan: String,
    daily_quota: Option<u64>,
    bucket: Option<TokenBucket>,
    /// The last day with a request, and how many it had.
    used: (u64, u64),
}

/// Why a key is in no plan.
#[derive(Debug, PartialEq)]
pub enum PlanError {
    NoSuchKey,
    NoSuchPlan,
}

impl UsagePlans {
    pub fn new(plans: BTreeMap<String, TemplateUsagePlan>, keys: &[TemplateApiKey]) -> Self {
        let made = UsagePlans { plans, keys: Mutex::default() };
        for TemplateApiKey { name, value, plan } in keys {
            let key = ApiKey { name: name.clone(), value: value.clone(), plan: None };
            made.lock_keys().insert(name.clone(), key);
            if let Some(plan) = plan {
                // The template's reader has looked whether there is such a plan.
                let _ = made.add_to_plan(name, plan);
            }
        }
        made
    }

    /// Counts a request by the value of a key; `day` is that of UTC, since 1970.
    pub fn admit(&self, value: &str, now: Instant, day: u64) -> Result<(), Rejection> {
        let mut keys = self.lock_keys();
        let key = keys.values_mut().find(|key| key.value == value);
        let member = key.and_then(|key| key.plan.as_mut()).ok_or(Rejection::InvalidApiKey)?;
        if member.used.0 != day {
            member.used = (day, 0);
        }
        if member.daily_quota.is_some_and(|quota| member.used.1 >= quota) {
            return Err(Rejection::QuotaExceeded);
        }
        if member.bucket.as_ref().is_some_and(|bucket| !bucket.try_take(now)) {
            return Err(Rejection::Throttled);
        }
        member.used.1 += 1;
        Ok(())
    }

    /// Makes a key with a random value, in no plan yet; returns its id and its value.
    pub fn create_key(&self, name: &str) -> (String, String) {
        let id = Uuid::new_v4().simple().to_string()[..10].to_owned();
        let value = Uuid::new_v4().simple().to_string();
        let key = ApiKey { name: name.to_owned(), value: value.clone(), plan: None };
        self.lock_keys().insert(id.clone(), key);
        (id, value)
    }

    pub fn add_to_plan(&self, id: &str, plan: &str) -> Result<(), PlanError> {
        let TemplateUsagePlan { throttle, daily_quota } =
            *self.plans.get(plan).ok_or(PlanError::NoSuchPlan)?;
        let mut keys = self.lock_keys();
        let key = keys.get_mut(id).ok_or(PlanError::NoSuchKey)?;
        let bucket = throttle.map(TokenBucket::new);
        key.plan = Some(Membership { plan: plan.to_owned(), daily_quota, bucket, used: (0, 0) });
        Ok(())
    }

    /// Deletes a key; false where there is none.
    pub fn delete_key(&self, id: &str) -> bool {
        self.lock_keys().remove(id).is_some()
    }

    /// Returns id, name and value of the keys whose names begin so.
    pub fn find_keys(&self, beginning: &str) -> Vec<(String, String, String)> {
        let keys = self.lock_keys();
        let found = keys.iter().filter(|(_, key)| key.name.starts_with(beginning));
        found.map(|(id, key)| (id.clone(), key.name.clone(), key.value.clone())).collect()
    }

    /// Returns id, name and value of the keys in a plan whose names begin so; `None` where there is no such plan.
    pub fn find_members(
        &self,
        plan: &str,
        beginning: &str,
    ) -> Option<Vec<(String, String, String)>> {
        self.plans.get(plan)?;
        let keys = self.lock_keys();
        let is_member = |id: &String| {
            let key = keys.get(id).and_then(|key| key.plan.as_ref());
            key.is_some_and(|member| member.plan == plan)
        };
        let ids: Vec<_> = keys.keys().filter(|id| is_member(id)).cloned().collect();
        drop(keys);
        let mut found = self.find_keys(beginning);
        found.retain(|(id, ..)| ids.contains(id));
        Some(found)
    }

    fn lock_keys(&self) -> MutexGuard<'_, BTreeMap<String, ApiKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Throttle;
    use std::time::Duration;

    fn usage_plans() -> UsagePlans {
        let throttle = Some(Throttle { rate: 1.0, burst: 3.0 });
        let plans = [
            ("limited", TemplateUsagePlan { throttle, daily_quota: Some(5) }),
            ("free", TemplateUsagePlan::default()),
        ];
        let plans = plans.map(|(name, plan)| (name.to_owned(), plan)).into();
        let key = |name: &str, plan: Option<&str>| TemplateApiKey {
            name: name.to_owned(),
            value: format!("value of {name}"),
            plan: plan.map(str::to_owned),
        };
        UsagePlans::new(plans, &[key("shared", Some("free")), key("idle", None)])
    }

    fn new_member(usage_plans: &UsagePlans) -> (String, String) {
        let (id, value) = usage_plans.create_key("a");
        usage_plans.add_to_plan(&id, "limited").unwrap();
        (id, value)
    }

    #[test]
    fn each_key_has_its_own_rate_and_quota() {
        let usage_plans = usage_plans();
        let ((_, one), (_, other)) = (new_member(&usage_plans), new_member(&usage_plans));
        let start = Instant::now();
        for value in [&one, &other] {
            for _ in 0..3 {
                assert_eq!(usage_plans.admit(value, start, 1), Ok(()));
            }
            assert_eq!(usage_plans.admit(value, start, 1), Err(Rejection::Throttled));
        }
        let later = start + Duration::from_secs(60);
        for expected in [Ok(()), Ok(()), Err(Rejection::QuotaExceeded)] {
            assert_eq!(usage_plans.admit(&one, later, 1), expected);
        }
        assert_eq!(usage_plans.admit(&one, later, 2), Ok(()), "the next day");
        assert_eq!(usage_plans.admit(&other, later, 1), Ok(()));
    }

    #[test]
    fn plan_without_limits_refuses_nobody() {
        let usage_plans = usage_plans();
        let now = Instant::now();
        assert!((0..10_000).all(|_| usage_plans.admit("value of shared", now, 1).is_ok()));
    }

    #[test]
    fn key_counts_only_while_it_is_in_a_plan() {
        let usage_plans = usage_plans();
        let now = Instant::now();
        for unknown in ["value of idle", "value of nobody", ""] {
            assert_eq!(usage_plans.admit(unknown, now, 1), Err(Rejection::InvalidApiKey));
        }
        let (id, value) = new_member(&usage_plans);
        assert_eq!(usage_plans.admit(&value, now, 1), Ok(()));
        assert!(usage_plans.delete_key(&id) && !usage_plans.delete_key(&id));
        assert_eq!(usage_plans.admit(&value, now, 1), Err(Rejection::InvalidApiKey));
        assert_eq!(usage_plans.add_to_plan(&id, "limited"), Err(PlanError::NoSuchKey));
        let (id, value) = new_member(&usage_plans);
        assert_eq!(usage_plans.find_members("limited", "a"), Some(vec![(id, "a".into(), value)]));
        assert_eq!(usage_plans.find_members("other", ""), None);
        let (id, _) = usage_plans.create_key("b");
        assert_eq!(usage_plans.add_to_plan(&id, "other"), Err(PlanError::NoSuchPlan));
    }
}
