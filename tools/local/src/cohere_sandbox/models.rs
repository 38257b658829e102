//! The models the sandbox knows, one line each, and the limits that answers depend on.
//!
//! Facts as of November 2026 from Cohere's model, rate-limit and deprecation pages. Output limits
//! are what the API enforces (4096, 8192) where the pages round. `command`, `command-r` and
//! `command-r-plus` are listed as deprecated but were seen removed, so they are removed here.

use crate::cohere_sandbox::api_error::ApiError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Embed,
    Rerank,
}

impl Endpoint {
    pub(super) fn name(self) -> &'static str {
        match self {
            Endpoint::Chat => "chat",
            Endpoint::Embed => "embed",
            Endpoint::Rerank => "rerank",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    /// Answers with a warning that names the day of its removal.
    Deprecated(&'static str),
    /// Refused, naming the day it was removed.
    Removed(&'static str),
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) id: &'static str,
    pub(super) endpoint: Endpoint,
    pub(super) status: Status,
    pub(super) context_tokens: usize,
    /// Chat only.
    pub(super) max_output_tokens: usize,
    /// Chat only: thinks unless the request says otherwise.
    pub(super) has_reasoning: bool,
    /// Chat only: takes images.
    pub(super) has_vision: bool,
    /// Embed only; the last is the default.
    pub(super) dimensions: &'static [usize],
}

#[rustfmt::skip]
static MODELS: &[Model] = &[
    chat_model("command-a-plus-05-2026", 128_000, 64_000).with_reasoning().with_vision(),
    chat_model("command-a-03-2025", 256_000, 8_192),
    chat_model("command-a-reasoning-08-2025", 256_000, 32_000).with_reasoning(),
    chat_model("command-a-translate-08-2025", 8_000, 8_000),
    chat_model("command-a-vision-07-2025", 128_000, 8_192).with_vision(),
    chat_model("command-r7b-12-2024", 128_000, 4_096),
    chat_model("command-r-08-2024", 128_000, 4_096),
    chat_model("command-r-plus-08-2024", 128_000, 4_096),
    chat_model("north-mini-code-1-0", 256_000, 64_000),
    chat_model("tiny-aya-global", 8_000, 8_000),
    chat_model("tiny-aya-earth", 8_000, 8_000),
    chat_model("tiny-aya-fire", 8_000, 8_000),
    chat_model("tiny-aya-water", 8_000, 8_000),
    chat_model("c4ai-aya-expanse-32b", 128_000, 4_096),
    chat_model("c4ai-aya-vision-32b", 16_000, 4_096).with_vision(),
    chat_model("command-r-03-2024", 128_000, 4_096).with_status(Status::Deprecated("September 15 2025")),
    chat_model("command-r-plus-04-2024", 128_000, 4_096).with_status(Status::Deprecated("September 15 2025")),
    chat_model("command-light", 4_096, 4_096).with_status(Status::Deprecated("September 15 2025")),
    chat_model("command-r", 128_000, 4_096).with_status(Status::Removed("September 15, 2025")),
    chat_model("command-r-plus", 128_000, 4_096).with_status(Status::Removed("September 15, 2025")),
    chat_model("command", 4_096, 4_096).with_status(Status::Removed("September 15, 2025")),
    chat_model("c4ai-aya-expanse-8b", 8_000, 4_096).with_status(Status::Removed("April 4, 2026")),
    chat_model("c4ai-aya-vision-8b", 16_000, 4_096).with_status(Status::Removed("April 4, 2026")),
    embed_model("embed-v5.0-pro", 128_000, &[256, 512, 768, 1024, 1536, 2048]),
    embed_model("embed-v5.0-fast", 128_000, &[256, 512, 768, 1024, 1536, 2048]),
    embed_model("embed-v4.0", 128_000, &[256, 512, 1024, 1536]),
    embed_model("embed-english-v3.0", 512, &[1024]),
    embed_model("embed-english-light-v3.0", 512, &[384]),
    embed_model("embed-multilingual-v3.0", 512, &[1024]),
    embed_model("embed-multilingual-light-v3.0", 512, &[384]),
    embed_model("embed-english-v2.0", 512, &[4096]).with_status(Status::Removed("April 4, 2026")),
    embed_model("embed-english-light-v2.0", 512, &[1024]).with_status(Status::Removed("April 4, 2026")),
    embed_model("embed-multilingual-v2.0", 256, &[768]).with_status(Status::Removed("April 4, 2026")),
    rerank_model("rerank-v5.0-pro", 32_768),
    rerank_model("rerank-v5.0-fast", 32_768),
    rerank_model("rerank-v4.0-pro", 32_768),
    rerank_model("rerank-v4.0-fast", 32_768),
    rerank_model("rerank-v3.5", 4_096),
    rerank_model("rerank-english-v3.0", 4_096),
    rerank_model("rerank-multilingual-v3.0", 4_096),
    rerank_model("rerank-english-v2.0", 512).with_status(Status::Removed("April 30, 2025")),
    rerank_model("rerank-multilingual-v2.0", 256).with_status(Status::Removed("April 30, 2025")),
];

/// Those the API still has, newest of each endpoint first.
pub(super) fn served_models() -> impl Iterator<Item = &'static Model> {
    MODELS.iter().filter(|model| !matches!(model.status, Status::Removed(_)))
}

/// The model for a request to `endpoint`, or the API's error.
pub(super) fn resolve_model(
    id: Option<&str>,
    endpoint: Endpoint,
) -> Result<&'static Model, ApiError> {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Err(ApiError::bad_request("a model parameter is required for this endpoint."));
    };
    let model = find_model(id)?;
    if model.endpoint != endpoint {
        return Err(ApiError::invalid_request(format!(
            "model '{id}' is not supported by the {} API",
            endpoint.name()
        )));
    }
    Ok(model)
}

/// The model of that name unless it is unknown or removed.
pub(super) fn find_model(id: &str) -> Result<&'static Model, ApiError> {
    let Some(model) = MODELS.iter().find(|model| model.id == id) else {
        return Err(ApiError::new(
            404,
            format!(
                "model '{id}' not found, make sure the correct model ID was used and that you have \
                 access to the model."
            ),
        ));
    };
    if let Status::Removed(day) = model.status {
        let page = if model.endpoint == Endpoint::Chat { "command" } else { model.endpoint.name() };
        return Err(ApiError::new(
            404,
            format!(
                "model '{id}' was removed on {day}. See https://docs.cohere.com/docs/models#{page} \
                 for a list of models you can use instead."
            ),
        ));
    }
    Ok(model)
}

impl Model {
    /// The warning header's text, for deprecated models.
    pub(super) fn deprecation_warning(&self) -> Option<String> {
        let Status::Deprecated(day) = self.status else { return None };
        Some(format!(
            "model '{}' is deprecated and will be removed {day}. Please consider upgrading to a \
             newer model to avoid future service disruptions",
            self.id
        ))
    }

    /// Version 3 and older of the embedding models: one dimension, other limits for images.
    pub(super) fn is_embed_v3(&self) -> bool {
        self.dimensions.len() == 1
    }

    /// Models whose vectors may be compared share a space.
    pub(super) fn vector_space(&self) -> &'static str {
        self.id.strip_suffix("-pro").or(self.id.strip_suffix("-fast")).unwrap_or(self.id)
    }

    const fn with_reasoning(mut self) -> Self {
        self.has_reasoning = true;
        self
    }

    const fn with_vision(mut self) -> Self {
        self.has_vision = true;
        self
    }

    const fn with_status(self, status: Status) -> Self {
        // Written out because a `const fn` cannot drop the old status.
        let Model {
            id,
            endpoint,
            context_tokens,
            max_output_tokens,
            has_reasoning,
            has_vision,
            dimensions,
            ..
        } = self;
        Model {
            id,
            endpoint,
            status,
            context_tokens,
            max_output_tokens,
            has_reasoning,
            has_vision,
            dimensions,
        }
    }
}

const fn new_model(id: &'static str, endpoint: Endpoint, context_tokens: usize) -> Model {
    let status = Status::Active;
    Model {
        id,
        endpoint,
        status,
        context_tokens,
        max_output_tokens: 0,
        has_reasoning: false,
        has_vision: false,
        dimensions: &[],
    }
}

const fn chat_model(id: &'static str, context_tokens: usize, max_output_tokens: usize) -> Model {
    let mut model = new_model(id, Endpoint::Chat, context_tokens);
    model.max_output_tokens = max_output_tokens;
    model
}

const fn embed_model(
    id: &'static str,
    context_tokens: usize,
    dimensions: &'static [usize],
) -> Model {
    let mut model = new_model(id, Endpoint::Embed, context_tokens);
    model.dimensions = dimensions;
    model
}

const fn rerank_model(id: &'static str, context_tokens: usize) -> Model {
    new_model(id, Endpoint::Rerank, context_tokens)
}
