//! The catalogue beside the facts that were gathered with their sources, where those lie beside the repository.

use gateway_tests::recordings::find_or_skip;
use serde_json::{Value, json};
use shared::cohere::models::{Lifetime, Model, all_ids, find_model};
use shared::cost::CATALOGUE;
use std::collections::BTreeSet;

/// The unit of a price of ours, what the sources call it, and how many times as much it is there.
const UNITS: [(&str, &str, f64); 4] = [
    ("input_tokens", "input_usd_per_1m_tokens", 1e6),
    ("output_tokens", "output_usd_per_1m_tokens", 1e6),
    ("image_tokens", "image_input_usd_per_1m_tokens", 1e6),
    ("search_units", "usd_per_1k_searches", 1e9),
];

/// Returns what the sources say of each model, where they are there.
fn read_sources(what: &str) -> Option<Vec<Value>> {
    let path = find_or_skip("cohere/models.json", what)?;
    let facts: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    Some(facts["models"].as_array().unwrap().clone())
}

fn id_of(facts: &Value) -> &str {
    facts["id"].as_str().unwrap()
}

#[test]
fn models_are_those_of_the_sources() {
    let Some(sources) = read_sources("models of the sources") else { return };
    let ids: BTreeSet<_> = sources.iter().map(id_of).collect();
    assert_eq!(all_ids().collect::<BTreeSet<_>>(), ids);
    for facts in &sources {
        let model = find_model(id_of(facts)).unwrap();
        assert_eq!(describe_model(model), describe_facts(facts), "{}", model.id);
    }
}

/// Returns what the catalogue says of a model, in the words of the sources.
fn describe_model(model: &Model) -> Value {
    let status = match model.lifetime {
        Lifetime::Active => "active",
        Lifetime::Deprecated { .. } => "deprecated",
        Lifetime::Retired { .. } => "retired",
    };
    let is_active = model.lifetime == Lifetime::Active;
    json!({
        "endpoint": model.endpoint.name(),
        "status": status,
        "context": model.context_tokens,
        "output": model.max_output_tokens,
        "lengths": if is_active { model.dimensions } else { &[] },
        "images": is_active && model.takes_images,
        "spans": model.takes_relevant_spans,
        "space": model.vector_space,
        "per_minute": model.per_minute,
        "images_per_minute": model.images_per_minute,
    })
}

fn describe_facts(facts: &Value) -> Value {
    let is_active = facts["status"] == "active";
    let [per_minute, images_per_minute] = read_rates(facts);
    let has = |list: &str, word: &str| {
        let words = facts[list].as_array();
        words.is_some_and(|words| words.contains(&json!(word)))
    };
    let lengths = facts["dimensions"].as_array().filter(|_| is_active).cloned();
    json!({
        "endpoint": facts["endpoint"],
        "status": facts["status"],
        "context": facts["context_tokens"].as_u64().unwrap_or(0),
        "output": facts["max_output_tokens"].as_u64().unwrap_or(0),
        "lengths": lengths.unwrap_or_default(),
        "images": is_active && has("modality", "image"),
        "spans": has("features", "relevant_spans"),
        "space": facts["vector_space"].as_str().unwrap_or_default(),
        "per_minute": per_minute,
        "images_per_minute": images_per_minute,
    })
}

/// Returns the rate of a production key, and that of images; where the sources name none, the endpoint's.
fn read_rates(facts: &Value) -> [u64; 2] {
    let limits = &facts["rate_limits"];
    let first_number = |limit: &Value| {
        let number = limit.as_str()?.split(' ').next()?;
        number.parse::<u64>().ok()
    };
    // "contact sales (production keys act like trial keys…)"
    let production = limits["production"].as_str().unwrap_or_default();
    let of_calls = match production.contains("act like trial keys") {
        true => first_number(&limits["trial"]),
        false => first_number(&limits["production"]),
    };
    match facts["endpoint"].as_str().unwrap() {
        "chat" => [of_calls.unwrap_or(500), 0],
        "rerank" => [of_calls.unwrap_or(1_000), 0],
        _ => {
            let of = |kind: &str| first_number(&limits[kind]["production"]);
            [of("text").unwrap_or(2_000), of("images").unwrap_or(400)]
        }
    }
}

#[test]
fn list_prices_are_those_of_every_source() {
    let Some(sources) = read_sources("prices of the sources") else { return };
    let mut compared = 0;
    for facts in sources.iter().filter(|facts| facts["status"] != "retired") {
        let id = id_of(facts);
        let own = CATALOGUE.iter().find(|(priced, _)| *priced == id).map(|(_, prices)| *prices);
        let listed = facts["prices"].as_array().unwrap();
        let is_priced = !listed.is_empty() && facts["priced"] != false;
        assert_eq!(own.is_some(), is_priced, "{id}: what has no list price has none here");
        let Some(own) = own else { continue };
        for (unit, name, times) in UNITS {
            let mine = own.iter().find(|(priced, _)| *priced == unit).map(|(_, price)| *price);
            let told = listed.iter().filter_map(|price| price[name].as_f64());
            let told: BTreeSet<_> = told.map(|usd| (usd * times).round() as u64).collect();
            assert_eq!(mine.into_iter().collect::<BTreeSet<_>>(), told, "{id} {unit}");
            compared += told.len();
        }
    }
    assert!(compared > 30, "only {compared} prices were compared");
}
