//! The catalogue of Cohere's models.
//!
//! Source: Cohere's model overview, deprecation and rate limit pages as of 2026-08-20, and the announcements
//! of September and October 2026 for embed v5 and rerank v5, whose rates are those of their endpoints. A
//! chat model that Cohere sells by contract keeps the limits of trial keys with a production key: 20 calls
//! a minute, and 1 000 a month.

use super::{Lifetime, Model};
use crate::endpoint::Endpoint;

/// Calls a minute of a chat model that keeps the limits of trial keys.
const TRIAL_CHATS_PER_MINUTE: u32 = 20;
/// Of every embedding model; its other inputs have a rate of their own.
pub(super) const IMAGES_PER_MINUTE: u32 = 400;

/// Returns what a production key may use in a minute of a model without a rate of its own.
pub(super) const fn default_per_minute(endpoint: Endpoint) -> u32 {
    match endpoint {
        Endpoint::Chat | Endpoint::V1Chat | Endpoint::Completions => 500,
        Endpoint::Embed | Endpoint::CompatibleEmbeddings => 2_000,
        Endpoint::Tokenize | Endpoint::Detokenize => 2_000,
        Endpoint::Rerank => 1_000,
        // No page names one of these.
        Endpoint::Models
        | Endpoint::CompatibleModels
        | Endpoint::CheckApiKey
        | Endpoint::Unserved => 500,
    }
}

const fn new_chat(id: &'static str, context_tokens: u64, max_output_tokens: u64) -> Model {
    Model {
        id,
        endpoint: Endpoint::Chat,
        lifetime: Lifetime::Active,
        context_tokens,
        max_output_tokens,
        vector_space: "",
        dimensions: &[],
        takes_images: false,
        takes_one_image: false,
        thinks: false,
        takes_tool_choice: false,
        takes_relevant_spans: false,
        per_minute: default_per_minute(Endpoint::Chat),
        images_per_minute: 0,
    }
}

const fn new_embed(id: &'static str, context_tokens: u64, dimensions: &'static [u64]) -> Model {
    Model {
        endpoint: Endpoint::Embed,
        vector_space: id,
        dimensions,
        takes_images: true,
        per_minute: default_per_minute(Endpoint::Embed),
        images_per_minute: IMAGES_PER_MINUTE,
        ..new_chat(id, context_tokens, 0)
    }
}

const fn new_rerank(id: &'static str, context_tokens: u64) -> Model {
    Model {
        endpoint: Endpoint::Rerank,
        per_minute: default_per_minute(Endpoint::Rerank),
        ..new_chat(id, context_tokens, 0)
    }
}

impl Model {
    const fn in_vector_space(self, vector_space: &'static str) -> Self {
        Self { vector_space, ..self }
    }

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

    const fn with_relevant_spans(self) -> Self {
        Self { takes_relevant_spans: true, ..self }
    }

    const fn with_trial_rate(self) -> Self {
        Self { per_minute: TRIAL_CHATS_PER_MINUTE, ..self }
    }

    const fn deprecated_since(self, since: &'static str, replacement: &'static str) -> Self {
        Self { lifetime: Lifetime::Deprecated { since, replacement }, ..self }
    }

    const fn retired_since(self, since: &'static str, replacement: &'static str) -> Self {
        Self { lifetime: Lifetime::Retired { since, replacement }, ..self }
    }
}

pub(super) const CATALOGUE: &[Model] = &[
    new_chat("command-a-plus-05-2026", 128_000, 64_000)
        .with_images()
        .with_thinking()
        .with_tool_choice()
        .with_trial_rate(),
    new_chat("command-a-03-2025", 256_000, 8_000).with_tool_choice(),
    new_chat("command-r7b-12-2024", 128_000, 4_000).with_tool_choice(),
    new_chat("command-a-translate-08-2025", 8_000, 8_000).with_tool_choice().with_trial_rate(),
    new_chat("command-a-reasoning-08-2025", 256_000, 32_000)
        .with_thinking()
        .with_tool_choice()
        .with_trial_rate(),
    new_chat("command-a-vision-07-2025", 128_000, 8_000)
        .with_images()
        .with_tool_choice()
        .with_trial_rate(),
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
    new_embed("embed-v5.0-pro", 128_000, &[256, 512, 768, 1024, 1536, 2048])
        .in_vector_space("embed-v5.0"),
    new_embed("embed-v5.0-fast", 128_000, &[256, 512, 768, 1024, 1536, 2048])
        .in_vector_space("embed-v5.0"),
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
    new_rerank("rerank-v5.0-pro", 32_768).with_relevant_spans(),
    new_rerank("rerank-v5.0-fast", 32_768).with_relevant_spans(),
    new_rerank("rerank-v4.0-pro", 32_768),
    new_rerank("rerank-v4.0-fast", 32_768),
    new_rerank("rerank-v3.5", 4_096),
    new_rerank("rerank-english-v3.0", 4_096),
    new_rerank("rerank-multilingual-v3.0", 4_096),
    new_rerank("rerank-english-v2.0", 0).retired_since("April 30, 2025", "rerank-v3.5"),
    new_rerank("rerank-multilingual-v2.0", 0).retired_since("April 30, 2025", "rerank-v3.5"),
];
