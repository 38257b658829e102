//! Lines of the Cohere key. Nobody here may read it, and nothing here needs to.

use super::check::Verdict;
use super::facts::Facts;
use shared::config::docs::find_setting;
use shared::secrets::secrets_manager::{CURRENT, NEXT, PENDING};

/// A key that is older should be replaced, where the stack's MaxKeyAgeDays says nothing else.
const MAX_AGE_DAYS: u64 = 90;
/// Length of Cohere's keys, which are letters and digits.
const KEY_CHARS: usize = 40;

pub fn is_in_its_secret(facts: &Facts) -> Result<Verdict, String> {
    let key = facts.key.as_ref()?;
    let stage = facts.command("ops key stage") + " < key.txt";
    Ok(match key.labels.get(CURRENT) {
        Some(version) => Verdict::pass(format!("version {version}")),
        None => Verdict::fail("the secret has no value", stage),
    })
}

pub fn is_for_production(facts: &Facts) -> Result<Verdict, String> {
    let offered = facts.offered.as_ref()?;
    let stage = facts.command("ops key stage") + " < production-key.txt, then ops key rotate";
    if offered.is_trial {
        return Ok(Verdict::fail("Cohere answers it as a trial key", stage));
    }
    if !facts.is_local && facts.parameter("AllowTrialKey")? == Some("on") {
        let told = "it is one, and AllowTrialKey=on would let a trial key in";
        return Ok(Verdict::warning(told, facts.deploy_with("AllowTrialKey=off")));
    }
    Ok(Verdict::pass("Cohere answers without the limits of a trial key"))
}

pub fn is_in_no_environment(facts: &Facts) -> Result<Verdict, String> {
    facts.resources.as_ref()?;
    let mut found = Vec::new();
    for (resource, function) in &facts.functions {
        for version in [&function.latest, &function.live] {
            for (name, value) in &version.as_ref()?.variables {
                if holds_key(name, value) {
                    found.push(format!("{name} of {resource}"));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let count = facts.functions.len();
        return Ok(Verdict::pass(format!("looked at {count} functions, live and latest")));
    }
    let told = format!("looks like a key: {}", found.join(", "));
    Ok(Verdict::fail(told, format!("{} # take it out of template.yaml first", facts.deploy)))
}

/// Tells whether a variable may hold a key: by its form, or by a name that is no setting of this release.
fn holds_key(name: &str, value: &str) -> bool {
    let is_word = value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if value.len() == KEY_CHARS && is_word {
        return true;
    }
    let name = name.to_ascii_uppercase();
    let is_named_so = ["KEY", "TOKEN", "PASSWORD"].iter().any(|word| name.contains(word));
    is_named_so && find_setting(&name).is_none()
}

pub fn can_be_rotated(facts: &Facts) -> Result<Verdict, String> {
    let key = facts.key.as_ref()?;
    Ok(match &key.is_rotated_by {
        Some(_) => Verdict::pass("the secret has its function"),
        None => Verdict::fail("the secret has no function that rotates it", facts.deploy.clone()),
    })
}

pub fn is_young(facts: &Facts) -> Result<Verdict, String> {
    let created = facts.key.as_ref()?.created.ok_or("the secret tells no date of its key")?;
    let days = facts.now.saturating_sub(created).as_secs() / 86_400;
    let limit = facts.parameter("MaxKeyAgeDays").ok().flatten();
    let limit = limit.and_then(|days| days.parse().ok()).unwrap_or(MAX_AGE_DAYS);
    let rotate = facts.command("ops key stage") + " < key.txt, then ops key rotate";
    Ok(match days > limit {
        true => Verdict::warning(format!("{days} days; replace it at {limit}"), rotate),
        false => Verdict::pass(format!("{days} days")),
    })
}

pub fn is_not_half_rotated(facts: &Facts) -> Result<Verdict, String> {
    let labels = &facts.key.as_ref()?.labels;
    let rotate = facts.command("ops key rotate");
    let pending = labels.get(PENDING).filter(|version| labels.get(CURRENT) != Some(version));
    if let Some(version) = pending {
        let told = format!("a rotation to version {version} has not ended");
        return Ok(Verdict::fail(told, rotate));
    }
    Ok(match labels.get(NEXT) {
        Some(version) => Verdict::warning(format!("version {version} waits under {NEXT}"), rotate),
        None => Verdict::pass("no other key waits"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_known_by_form_or_name() {
        let form = "fakefakefakefakefakefakefakefakefakefake";
        for (name, value) in [("ANY", form), ("CO_API_KEY", "x"), ("MY_TOKEN", "x")] {
            assert!(holds_key(name, value), "{name}");
        }
        for (name, value) in [
            ("GATEWAY_SECRET_ID", "arn:aws:secretsmanager:…"),
            ("GATEWAY_SHARED_USAGE_PLAN_KEY", "usage-plan-of-it-shared"),
            ("GATEWAY_PRICES", "none"),
        ] {
            assert!(!holds_key(name, value), "{name}");
        }
    }
}
