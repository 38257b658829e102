//! The catalogue of Cohere's models: status, limits and what each can do.
//!
//! Source: Cohere's model overview and deprecation pages as of 2026-08-20, and the announcements of
//! September and October 2026 for embed v5 and rerank v5. A model that is not here passes: the
//! catalogue must never stand between a caller and a model that is newer than this release.

use crate::endpoint::Endpoint;
use crate::wire::chat::Thinking;

/// Most tokens of an answer the gateway asks for by itself, unless the model thinks.
const DEFAULT_MAX_TOKENS: u64 = 8_192;
/// For a model that is not in the catalogue.
const UNKNOWN_MAX_TOKENS: u64 = 4_096;
/// For such a model that is asked to think without a budget: the least that a thinking model makes.
const UNKNOWN_THINKING_MAX_TOKENS: u64 = 32_000;

/// How long a model will be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    Active,
    /// Still answering, or not, since that day: the live API decides.
    Deprecated {
        since: &'static str,
        replacement: &'static str,
    },
    Retired {
        since: &'static str,
        replacement: &'static str,
    },
}

/// What is known of one model.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub id: &'static str,
    pub endpoint: Endpoint,
    pub lifetime: Lifetime,
    /// Most tokens of a prompt, a text or a document; 0 where unknown.
    pub context_tokens: u64,
    /// Most tokens of an answer; 0 where there are none.
    pub max_output_tokens: u64,
    /// Embedding lengths it can make, the default one last; empty but for embed.
    pub dimensions: &'static [u64],
    pub takes_images: bool,
    /// Takes one image a call, not as many as texts.
    pub takes_one_image: bool,
    /// Thinks before it answers; its thoughts count as output.
    pub thinks: bool,
    pub takes_tool_choice: bool,
}

const fn new_chat(id: &'static str, context_tokens: u64, max_output_tokens: u64) -> Model {
    Model {
        id,
        endpoint: Endpoint::Chat,
        lifetime: Lifetime::Active,
        context_tokens,
        max_output_tokens,
        dimensions: &[],
        takes_images: false,
        takes_one_image: false,
        thinks: false,
        takes_tool_choice: false,
    }
}

const fn new_embed(id: &'static str, context_tokens: u64, dimensions: &'static [u64]) -> Model {
    Model {
        endpoint: Endpoint::Embed,
        dimensions,
        takes_images: true,
        ..new_chat(id, context_tokens, 0)
    }
}

const fn new_rerank(id: &'static str, context_tokens: u64) -> Model {
    Model { endpoint: Endpoint::Rerank, ..new_chat(id, context_tokens, 0) }
}

impl Model {
    const fn with_images(self) -> Self {
        Self { takes_images: true, ..self }
    }

    const fn with_one_image(self) -> Self {
        Self { takes_one_image: true, ..self }
    }

    const fn with_thinking(self) -> Self {
        Self { thinks: true, ..self }
    }

    const fn with_tool_choice(self) -> Self {
        Self { takes_tool_choice: true, ..self }
    }

    const fn deprecated_since(self, since: &'static str, replacement: &'static str) -> Self {
        Self { lifetime: Lifetime::Deprecated { since, replacement }, ..self }
    }

    const fn retired_since(self, since: &'static str, replacement: &'static str) -> Self {
        Self { lifetime: Lifetime::Retired { since, replacement }, ..self }
    }
}

const CATALOGUE: &[Model] = &[
    new_chat("command-a-plus-05-2026", 128_000, 64_000)
        .with_images()
        .with_thinking()
        .with_tool_choice(),
    new_chat("command-a-03-2025", 256_000, 8_000).with_tool_choice(),
    new_chat("command-r7b-12-2024", 128_000, 4_000).with_tool_choice(),
    new_chat("command-a-translate-08-2025", 8_000, 8_000).with_tool_choice(),
    new_chat("command-a-reasoning-08-2025", 256_000, 32_000).with_thinking().with_tool_choice(),
    new_chat("command-a-vision-07-2025", 128_000, 8_000).with_images().with_tool_choice(),
    new_chat("command-r-08-2024", 128_000, 4_000),
    new_chat("command-r-plus-08-2024", 128_000, 4_000),
    new_chat("north-mini-code-1-0", 256_000, 64_000).with_thinking().with_tool_choice(),
    new_chat("tiny-aya-global", 8_000, 8_000),
    new_chat("tiny-aya-earth", 8_000, 8_000),
    new_chat("tiny-aya-fire", 8_000, 8_000),
    new_chat("tiny-aya-water", 8_000, 8_000),
    new_chat("c4ai-aya-expanse-32b", 128_000, 4_000),
    new_chat("c4ai-aya-vision-32b", 16_000, 4_000).with_images(),
    new_chat("command-r-03-2024", 128_000, 4_000)
        .deprecated_since("September 15, 2025", "command-r-08-2024"),
    new_chat("command-r", 128_000, 4_000)
        .deprecated_since("September 15, 2025", "command-r-08-2024"),
    new_chat("command-r-plus-04-2024", 128_000, 4_000)
        .deprecated_since("September 15, 2025", "command-r-plus-08-2024"),
    new_chat("command-r-plus", 128_000, 4_000)
        .deprecated_since("September 15, 2025", "command-r-plus-08-2024"),
    new_chat("command-light", 4_000, 4_000)
        .deprecated_since("September 15, 2025", "command-r-08-2024"),
    new_chat("command", 4_000, 4_000).deprecated_since("September 15, 2025", "command-a-03-2025"),
    new_chat("c4ai-aya-expanse-8b", 8_000, 4_000)
        .retired_since("April 4, 2026", "command-r7b-12-2024"),
    new_chat("c4ai-aya-vision-8b", 16_000, 4_000)
        .with_images()
        .retired_since("April 4, 2026", "command-r7b-12-2024"),
    new_embed("embed-v5.0-pro", 128_000, &[256, 512, 768, 1024, 1536, 2048]),
    new_embed("embed-v5.0-fast", 128_000, &[256, 512, 768, 1024, 1536, 2048]),
    new_embed("embed-v4.0", 128_000, &[256, 512, 1024, 1536]),
    new_embed("embed-english-v3.0", 512, &[1024]).with_one_image(),
    new_embed("embed-english-light-v3.0", 512, &[384]).with_one_image(),
    new_embed("embed-multilingual-v3.0", 512, &[1024]).with_one_image(),
    new_embed("embed-multilingual-light-v3.0", 512, &[384]).with_one_image(),
    new_embed("embed-english-v2.0", 512, &[]).retired_since("April 4, 2026", "embed-english-v3.0"),
    new_embed("embed-english-light-v2.0", 512, &[])
        .retired_since("April 4, 2026", "embed-english-v3.0"),
    new_embed("embed-multilingual-v2.0", 256, &[])
        .retired_since("April 4, 2026", "embed-english-v3.0"),
    new_rerank("rerank-v5.0-pro", 32_768),
    new_rerank("rerank-v5.0-fast", 32_768),
    new_rerank("rerank-v4.0-pro", 32_768),
    new_rerank("rerank-v4.0-fast", 32_768),
    new_rerank("rerank-v3.5", 4_096),
    new_rerank("rerank-english-v3.0", 4_096),
    new_rerank("rerank-multilingual-v3.0", 4_096),
    new_rerank("rerank-english-v2.0", 0).retired_since("April 30, 2025", "rerank-v3.5"),
    new_rerank("rerank-multilingual-v2.0", 0).retired_since("April 30, 2025", "rerank-v3.5"),
];

/// Returns the id of every model in the catalogue.
pub fn all_ids() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|model| model.id)
}

/// Finds a model by its id.
pub fn find_model(id: &str) -> Option<&'static Model> {
    CATALOGUE.iter().find(|model| model.id == id)
}

/// Returns the `max_tokens` of a chat request that names none.
///
/// `lower` is the operator's default. Thoughts count as output, so that a budget for them comes on top of
/// what is left for the text.
pub fn choose_max_tokens(
    model: Option<&Model>,
    thinking: Option<Thinking>,
    lower: Option<u64>,
) -> u64 {
    let own = match model {
        None if matches!(thinking, Some(Thinking { budget: None })) => UNKNOWN_THINKING_MAX_TOKENS,
        None => UNKNOWN_MAX_TOKENS,
        Some(model) if model.thinks => model.max_output_tokens,
        Some(model) => model.max_output_tokens.min(DEFAULT_MAX_TOKENS),
    };
    let chosen = own.min(lower.unwrap_or(u64::MAX));
    let Some(Thinking { budget: Some(budget) }) = thinking else { return chosen };
    let most = model.map_or(u64::MAX, |model| model.max_output_tokens);
    let with_text = budget.saturating_add(chosen.min(UNKNOWN_MAX_TOKENS));
    chosen.max(with_text.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert!(
                CATALOGUE[..index].iter().all(|earlier| earlier.id != model.id),
                "{}",
                model.id
            );
            if let Lifetime::Deprecated { replacement, .. }
            | Lifetime::Retired { replacement, .. } = model.lifetime
            {
                let replacement = find_model(replacement)
                    .unwrap_or_else(|| panic!("{}: {replacement}", model.id));
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
}
