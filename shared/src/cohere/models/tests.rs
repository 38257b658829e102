use super::*;
use crate::config::Config;
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
        }
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
