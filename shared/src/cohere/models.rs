//! What is known of Cohere's chat models: how many tokens one answer may have.
//!
//! Source: Cohere's model overview as of 2026-08-20 (`max_output_tokens`).

/// Most tokens of an answer the gateway asks for by itself, unless the model thinks.
const DEFAULT_CAP: u64 = 8_192;
/// For a model that is not in the table.
const UNKNOWN_MODEL: u64 = 4_096;

/// Models that think before they answer: their thoughts count, so a cap would cut the answer off.
const THINKING: [(&str, u64); 3] = [
    ("command-a-plus-05-2026", 64_000),
    ("command-a-reasoning-08-2025", 32_000),
    ("north-mini-code-1-0", 64_000),
];

const CHAT: [(&str, u64); 16] = [
    ("command-a-03-2025", 8_000),
    ("command-a-translate-08-2025", 8_000),
    ("command-a-vision-07-2025", 8_000),
    ("command-r7b-12-2024", 4_000),
    ("command-r-08-2024", 4_000),
    ("command-r-plus-08-2024", 4_000),
    ("command-r-03-2024", 4_000),
    ("command-r", 4_000),
    ("command-r-plus-04-2024", 4_000),
    ("command-r-plus", 4_000),
    ("tiny-aya-global", 8_000),
    ("tiny-aya-earth", 8_000),
    ("tiny-aya-fire", 8_000),
    ("tiny-aya-water", 8_000),
    ("c4ai-aya-expanse-32b", 4_000),
    ("c4ai-aya-vision-32b", 4_000),
];

/// Returns the `max_tokens` of a request that names none.
pub fn default_max_tokens(model: &str) -> u64 {
    let of = |table: &[(&str, u64)]| table.iter().find(|(id, _)| *id == model).map(|(_, tokens)| *tokens);
    of(&THINKING).or_else(|| of(&CHAT).map(|tokens| tokens.min(DEFAULT_CAP))).unwrap_or(UNKNOWN_MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_models_get_their_maximum_and_unknown_ones_a_modest_bound() {
        assert_eq!(default_max_tokens("command-a-reasoning-08-2025"), 32_000);
        assert_eq!(default_max_tokens("command-a-03-2025"), 8_000);
        assert_eq!(default_max_tokens("my-fine-tuned-model"), 4_096);
    }
}
