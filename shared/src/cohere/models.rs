//! What is known of Cohere's models: status, limits and what each can do.
//!
//! A model that is not in the catalogue passes: it must never stand between a caller and a model that is
//! newer than this release.

mod catalogue;

use crate::endpoint::Endpoint;
use crate::wire::chat::Thinking;
use catalogue::{CATALOGUE, IMAGES_PER_MINUTE, default_per_minute};

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
    /// What the vectors of models with the same word can be compared in; empty but for embed.
    pub vector_space: &'static str,
    /// Embedding lengths it can make, the default one last; empty but for embed.
    pub dimensions: &'static [u64],
    pub takes_images: bool,
    /// Takes one image a call, not as many as texts.
    pub takes_one_image: bool,
    /// Thinks before it answers; its thoughts count as output.
    pub thinks: bool,
    pub takes_tool_choice: bool,
    /// Says which passages of a document are relevant, where a request has `relevant_spans`.
    pub takes_relevant_spans: bool,
    /// What a production key may use in a minute: calls, of embed inputs that are no images.
    pub per_minute: u32,
    /// Images in a minute; 0 but for embed.
    pub images_per_minute: u32,
}

/// Returns the id of every model in the catalogue.
pub fn all_ids() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|model| model.id)
}

/// Finds a model by its id.
pub fn find_model(id: &str) -> Option<&'static Model> {
    CATALOGUE.iter().find(|model| model.id == id)
}

/// Tells whether the embeddings of two models can be compared.
pub fn share_vector_space(one: &Model, other: &Model) -> bool {
    !one.vector_space.is_empty() && one.vector_space == other.vector_space
}

/// Returns what Cohere lets a production key use of a model in a minute: calls, of embed inputs that are no
/// images. A model that is not in the catalogue has the rate of most models of its endpoint.
pub fn published_rate(endpoint: Endpoint, id: &str) -> u32 {
    match find_model(id) {
        Some(model) if endpoint.model_kind() == Some(model.endpoint) => model.per_minute,
        _ => default_per_minute(endpoint),
    }
}

/// Returns how many images Cohere lets a production key embed with a model in a minute.
pub fn published_image_rate(id: &str) -> u32 {
    match find_model(id) {
        Some(model) if model.endpoint == Endpoint::Embed => model.images_per_minute,
        _ => IMAGES_PER_MINUTE,
    }
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
mod tests;
