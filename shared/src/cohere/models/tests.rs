use super::*;
use crate::config::{Config, WITHOUT_FALLBACK};
use crate::cost::CATALOGUE as CATALOGUE_OF_PRICES;

#[test]
fn catalogue_of_prices_names_known_models_each_once() {
    for (number, (id, _)) in CATALOGUE_OF_PRICES.iter().enumerate() {
        assert!(find_model(id).is_some(), "{id} is no model");
        let earlier = &CATALOGUE_OF_PRICES[..number];
        assert!(earlier.iter().all(|(earlier, _)| earlier != id), "{id} stands twice");
    }
}

#[test]
fn active_models_without_a_price_are_these() {
    let is_priced = |id: &str| CATALOGUE_OF_PRICES.iter().any(|(priced, _)| *priced == id);
    let active = CATALOGUE.iter().filter(|model| model.lifetime == Lifetime::Active);
    let unpriced: Vec<_> = active.map(|model| model.id).filter(|id| !is_priced(id)).collect();
    let expected = [
        "command-a-plus-05-2026",
        "command-a-translate-08-2025",
        "command-a-reasoning-08-2025",
        "command-a-vision-07-2025",
        "north-mini-code-1-0",
        "tiny-aya-global",
        "tiny-aya-earth",
        "tiny-aya-fire",
        "tiny-aya-water",
        "c4ai-aya-vision-32b",
    ];
    assert_eq!(unpriced, expected);
}

#[test]
fn thinking_models_get_their_maximum_and_unknown_ones_a_modest_bound() {
    let default = |model| choose_max_tokens(find_model(model), None, None);
    assert_eq!(default("command-a-reasoning-08-2025"), 32_000);
    assert_eq!(default("command-a-03-2025"), 8_000);
    assert_eq!(default("my-fine-tuned-model"), 4_096);
}

#[test]
fn thinking_leaves_room_for_text() {
    let (known, unknown) = ("command-a-reasoning-08-2025", "command-next-reasoning");
    let cases = [
        (known, Some(31_000), None, 32_000),
        (known, Some(40_000), None, 32_000),
        (known, Some(8_000), Some(2_000), 10_000),
        (known, None, Some(2_000), 2_000),
        (unknown, None, None, 32_000),
        (unknown, Some(0), None, 4_096),
        (unknown, Some(8_000), None, 12_096),
        (unknown, Some(31_000), None, 35_096),
        (unknown, Some(31_000), Some(1_000), 32_000),
        (unknown, Some(u64::MAX), None, u64::MAX),
        ("command-a-03-2025", Some(9_000), None, 8_000),
    ];
    for (model, budget, lower, expected) in cases {
        let thinking = Some(Thinking { budget });
        let chosen = choose_max_tokens(find_model(model), thinking, lower);
        assert_eq!(chosen, expected, "{model} {budget:?} {lower:?}");
    }
}

#[test]
fn ids_are_unique_and_replacements_exist_and_are_active() {
    for (index, model) in CATALOGUE.iter().enumerate() {
        assert!(CATALOGUE[..index].iter().all(|earlier| earlier.id != model.id), "{}", model.id);
        if let Lifetime::Deprecated { replacement, .. } | Lifetime::Retired { replacement, .. } =
            model.lifetime
        {
            let replacement =
                find_model(replacement).unwrap_or_else(|| panic!("{}: {replacement}", model.id));
            assert_eq!(
                (replacement.lifetime, replacement.endpoint),
                (Lifetime::Active, model.endpoint)
            );
        }
    }
}

#[test]
fn active_models_name_their_limits() {
    for model in CATALOGUE.iter().filter(|model| model.lifetime == Lifetime::Active) {
        match model.endpoint {
            Endpoint::Chat => assert!(model.max_output_tokens > 0, "{}", model.id),
            Endpoint::Embed => assert!(!model.dimensions.is_empty(), "{}", model.id),
            Endpoint::Rerank => assert!(model.context_tokens > 0, "{}", model.id),
            other => panic!("{}: no model is {other:?}'s own", model.id),
        }
    }
}

#[test]
fn models_of_one_vector_space_are_alike() {
    let embed = CATALOGUE.iter().filter(|model| model.endpoint == Endpoint::Embed);
    let embed: Vec<_> = embed.collect();
    let mut pairs = Vec::new();
    for (number, one) in embed.iter().enumerate() {
        for other in &embed[number + 1..] {
            if share_vector_space(one, other) {
                let facts = |model: &Model| (model.dimensions, model.context_tokens);
                assert_eq!(facts(one), facts(other), "{} {}", one.id, other.id);
                assert_eq!(one.takes_one_image, other.takes_one_image, "{}", one.id);
                pairs.push((one.id, other.id));
            }
        }
    }
    assert_eq!(pairs, [("embed-v5.0-pro", "embed-v5.0-fast")]);
    let [chat, rerank] = ["command-a-03-2025", "rerank-v3.5"].map(|id| find_model(id).unwrap());
    assert!(!share_vector_space(chat, rerank) && !share_vector_space(chat, chat));
}

#[test]
fn active_model_has_a_fallback_or_a_reason() {
    let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
    for model in CATALOGUE {
        let reasons = WITHOUT_FALLBACK.iter().filter(|(id, _)| *id == model.id).count();
        let Some(pair) = config.fallback.find_pair(model.id) else {
            let is_active = model.lifetime == Lifetime::Active;
            assert_eq!(reasons, usize::from(is_active), "{}", model.id);
            continue;
        };
        assert_eq!(reasons, 0, "{} has a fallback", model.id);
        let fallback = find_model(&pair.fallback).unwrap();
        let is_active = [model, fallback].map(|model| model.lifetime == Lifetime::Active);
        assert!(is_active == [true, true] && fallback.endpoint == model.endpoint, "{}", model.id);
    }
    for id in config.fallback.all_ids().chain(WITHOUT_FALLBACK.iter().map(|(id, _)| *id)) {
        assert!(find_model(id).is_some(), "{id}");
    }
}

#[test]
fn published_rate_is_the_models_or_its_endpoints() {
    use Endpoint::{Chat, Embed, Rerank};
    for (endpoint, id, per_minute) in [
        (Chat, "command-a-plus-05-2026", 20),
        (Chat, "command-a-translate-08-2025", 20),
        (Chat, "command-a-reasoning-08-2025", 20),
        (Chat, "command-a-vision-07-2025", 20),
        (Chat, "command-a-03-2025", 500),
        (Chat, "north-mini-code-1-0", 500),
        (Chat, "command-next", 500),
        (Embed, "embed-v5.0-fast", 2_000),
        (Embed, "embed-english-light-v3.0", 2_000),
        (Embed, "embed-next", 2_000),
        (Rerank, "rerank-v5.0-pro", 1_000),
        (Rerank, "rerank-next", 1_000),
        // A model of another endpoint has no rate there.
        (Embed, "command-a-plus-05-2026", 2_000),
    ] {
        assert_eq!(published_rate(endpoint, id), per_minute, "{id}");
    }
    for id in ["embed-v4.0", "embed-next", "command-a-plus-05-2026"] {
        assert_eq!(published_image_rate(id), 400, "{id}");
    }
}

#[test]
fn every_model_has_a_rate_and_embed_one_of_images() {
    for model in CATALOGUE {
        assert!(model.per_minute > 0, "{}", model.id);
        let has_image_rate = model.images_per_minute > 0;
        assert_eq!(has_image_rate, model.endpoint == Endpoint::Embed, "{}", model.id);
    }
}

#[test]
fn health_check_has_rates_of_its_own() {
    let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
    for id in [&config.health.model, &config.health.fallback_model] {
        assert!(find_model(id).is_some() && *id != config.models.chat, "{id}");
        assert_eq!(published_rate(Endpoint::Chat, id), 500, "{id}");
    }
}
