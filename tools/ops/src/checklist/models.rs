//! Lines of the models: those that the gateway names by itself, and what Cohere offers.

use super::check::Verdict;
use super::facts::Facts;
use anyhow::{Context, bail};
use serde_json::Value;
use shared::cohere::models::{Lifetime, find_model};
use shared::config::docs::find_setting;
use std::collections::{BTreeMap, BTreeSet};

/// Settings that name one model, and the one that names pairs.
const SETTINGS: [&str; 5] = [
    "GATEWAY_CHAT_MODEL",
    "GATEWAY_RERANK_MODEL",
    "GATEWAY_HEALTH_MODEL",
    "GATEWAY_HEALTH_FALLBACK_MODEL",
    "GATEWAY_PROBE_EMBED_MODEL",
];
const PAIRS: &str = "GATEWAY_FALLBACKS";

/// What Cohere lists, as the probe function has asked it.
#[derive(Clone, Debug, Default)]
pub struct OfferedModels {
    pub is_trial: bool,
    /// Whether each is deprecated, by id.
    pub models: BTreeMap<String, bool>,
}

impl OfferedModels {
    /// Reads the answer of the probe function.
    pub fn parse(answer: &Value) -> anyhow::Result<Self> {
        if let Some(message) = answer["errorMessage"].as_str() {
            bail!("the probe function has failed: {message}");
        }
        if let Some(problem) = answer["problem"].as_str() {
            bail!("the probe function could not ask Cohere: {problem}");
        }
        let listed = answer["models"].as_array();
        let listed = listed
            .context("this version of the probe function lists no models: deploy this release")?;
        let models = listed.iter().filter_map(|model| {
            let id = model["id"].as_str()?.to_string();
            Some((id, model["is_deprecated"] == true))
        });
        Ok(Self { is_trial: answer["is_trial"] == true, models: models.collect() })
    }
}

/// The models that the gateway names by itself: as its functions are set, or by default.
struct NamedModels {
    chosen: BTreeSet<String>,
    /// Those of the pairs: a caller names one, or it stands in for another.
    in_pairs: BTreeSet<String>,
}

impl NamedModels {
    fn all(&self) -> BTreeSet<&str> {
        self.chosen.union(&self.in_pairs).map(String::as_str).collect()
    }
}

fn find_named(facts: &Facts) -> Result<NamedModels, String> {
    let mut variables = BTreeMap::new();
    for function in facts.functions.values() {
        variables.extend(&function.live.as_ref()?.variables);
    }
    let read = |name: &str| {
        let set = variables.get(&name.to_string()).map(|value| value.to_string());
        let default = find_setting(name).and_then(|setting| setting.accepts.default);
        set.or(default.map(str::to_string)).unwrap_or_default()
    };
    let chosen = SETTINGS.iter().map(|name| read(name)).filter(|id| !id.is_empty());
    let pairs = read(PAIRS);
    let in_pairs = pairs.split([',', '=', '?']).map(|id| id.trim().to_string());
    let in_pairs = in_pairs.filter(|id| !id.is_empty() && id != "none");
    Ok(NamedModels { chosen: chosen.collect(), in_pairs: in_pairs.collect() })
}

pub fn are_served(facts: &Facts) -> Result<Verdict, String> {
    let named = find_named(facts)?;
    let (mut retired, mut deprecated) = (Vec::new(), Vec::new());
    for id in named.all() {
        match find_model(id).map(|model| model.lifetime) {
            Some(Lifetime::Retired { replacement, .. }) => {
                retired.push(format!("{id} (take {replacement})"));
            }
            Some(Lifetime::Deprecated { replacement, .. }) => {
                deprecated.push(format!("{id} (take {replacement})"));
            }
            Some(Lifetime::Active) | None => {}
        }
    }
    let mend = format!("{} # with another model: docs/upgrade.md", facts.deploy);
    if !retired.is_empty() {
        return Ok(Verdict::fail(format!("retired: {}", retired.join(", ")), mend));
    }
    if !deprecated.is_empty() {
        return Ok(Verdict::warning(format!("deprecated: {}", deprecated.join(", ")), mend));
    }
    Ok(Verdict::pass(named.all().into_iter().collect::<Vec<_>>().join(", ")))
}

pub fn are_offered(facts: &Facts) -> Result<Verdict, String> {
    let offered = facts.offered.as_ref()?;
    let named = find_named(facts)?;
    let is_absent = |id: &&str| !offered.models.contains_key(*id);
    let absent: Vec<_> = named.all().into_iter().filter(is_absent).collect();
    let models = facts.command("ops models");
    if !absent.is_empty() {
        let told = format!("Cohere does not list {}", absent.join(", "));
        // Without a fallback, or a model that nobody asks for, callers are served.
        return Ok(match absent.iter().any(|id| named.chosen.contains(*id)) {
            true => Verdict::fail(told, models),
            false => Verdict::warning(told, models),
        });
    }
    let deprecated: Vec<_> = named.all().into_iter().filter(|id| offered.models[*id]).collect();
    if !deprecated.is_empty() {
        let told = format!("Cohere calls deprecated: {}", deprecated.join(", "));
        return Ok(Verdict::warning(told, models));
    }
    Ok(Verdict::pass(format!("all {} of them", named.all().len())))
}
