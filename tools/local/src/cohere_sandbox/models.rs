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
    /// Chat only: thinks unless told not to.
    pub(super) reasons: bool,
    /// Chat only: takes images.
    pub(super) sees: bool,
    /// Embed only; the last is the default.
    pub(super) dimensions: &'static [usize],
}

#[rustfmt::skip]
static MODELS: &[Model] = &[
    chat("command-a-plus-05-2026", 128_000, 64_000).reasoning().seeing(),
    chat("command-a-03-2025", 256_000, 8_192),
    chat("command-a-reasoning-08-2025", 256_000, 32_000).reasoning(),
    chat("command-a-translate-08-2025", 8_000, 8_000),
    chat("command-a-vision-07-2025", 128_000, 8_192).seeing(),
    chat("command-r7b-12-2024", 128_000, 4_096),
    chat("command-r-08-2024", 128_000, 4_096),
    chat("command-r-plus-08-2024", 128_000, 4_096),
    chat("north-mini-code-1-0", 256_000, 64_000),
    chat("tiny-aya-global", 8_000, 8_000),
    chat("tiny-aya-earth", 8_000, 8_000),
    chat("tiny-aya-fire", 8_000, 8_000),
    chat("tiny-aya-water", 8_000, 8_000),
    chat("c4ai-aya-expanse-32b", 128_000, 4_096),
    chat("c4ai-aya-vision-32b", 16_000, 4_096).seeing(),
    chat("command-r-03-2024", 128_000, 4_096).status(Status::Deprecated("September 15 2025")),
    chat("command-r-plus-04-2024", 128_000, 4_096).status(Status::Deprecated("September 15 2025")),
    chat("command-light", 4_096, 4_096).status(Status::Deprecated("September 15 2025")),
    chat("command-r", 128_000, 4_096).status(Status::Removed("September 15, 2025")),
    chat("command-r-plus", 128_000, 4_096).status(Status::Removed("September 15, 2025")),
    chat("command", 4_096, 4_096).status(Status::Removed("September 15, 2025")),
    chat("c4ai-aya-expanse-8b", 8_000, 4_096).status(Status::Removed("April 4, 2026")),
    chat("c4ai-aya-vision-8b", 16_000, 4_096).status(Status::Removed("April 4, 2026")),
    embed("embed-v5.0-pro", 128_000, &[256, 512, 768, 1024, 1536, 2048]),
    embed("embed-v5.0-fast", 128_000, &[256, 512, 768, 1024, 1536, 2048]),
    embed("embed-v4.0", 128_000, &[256, 512, 1024, 1536]),
    embed("embed-english-v3.0", 512, &[1024]),
    embed("embed-english-light-v3.0", 512, &[384]),
    embed("embed-multilingual-v3.0", 512, &[1024]),
    embed("embed-multilingual-light-v3.0", 512, &[384]),
    embed("embed-english-v2.0", 512, &[4096]).status(Status::Removed("April 4, 2026")),
    embed("embed-english-light-v2.0", 512, &[1024]).status(Status::Removed("April 4, 2026")),
    embed("embed-multilingual-v2.0", 256, &[768]).status(Status::Removed("April 4, 2026")),
    rerank("rerank-v5.0-pro", 32_768),
    rerank("rerank-v5.0-fast", 32_768),
    rerank("rerank-v4.0-pro", 32_768),
    rerank("rerank-v4.0-fast", 32_768),
    rerank("rerank-v3.5", 4_096),
    rerank("rerank-english-v3.0", 4_096),
    rerank("rerank-multilingual-v3.0", 4_096),
    rerank("rerank-english-v2.0", 512).status(Status::Removed("April 30, 2025")),
    rerank("rerank-multilingual-v2.0", 256).status(Status::Removed("April 30, 2025")),
];

/// Those the API still has, newest of each endpoint first.
pub(super) fn served() -> impl Iterator<Item = &'static Model> {
    MODELS.iter().filter(|model| !matches!(model.status, Status::Removed(_)))
}

/// The model for a request to `endpoint`, or the API's error.
pub(super) fn resolve(id: Option<&str>, endpoint: Endpoint) -> Result<&'static Model, ApiError> {
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Err(ApiError::bad("a model parameter is required for this endpoint."));
    };
    let model = find(id)?;
    if model.endpoint != endpoint {
        return Err(ApiError::invalid(format!(
            "model '{id}' is not supported by the {} API",
            endpoint.name()
        )));
    }
    Ok(model)
}

/// The model of that name unless it is unknown or removed.
pub(super) fn find(id: &str) -> Result<&'static Model, ApiError> {
    let not_found = || {
        format!(
            "model '{id}' not found, make sure the correct model ID was used and that you have access to the model."
        )
    };
    let model = MODELS
        .iter()
        .find(|model| model.id == id)
        .ok_or_else(|| ApiError::new(404, not_found()))?;
    if let Status::Removed(day) = model.status {
        let page = if model.endpoint == Endpoint::Chat { "command" } else { model.endpoint.name() };
        return Err(ApiError::new(
            404,
            format!(
                "model '{id}' was removed on {day}. See https://docs.cohere.com/docs/models#{page} for a list of models \
                 you can use instead."
            ),
        ));
    }
    Ok(model)
}

impl Model {
    /// The warning header's text, for deprecated models.
    pub(super) fn warning(&self) -> Option<String> {
        let Status::Deprecated(day) = self.status else { return None };
        Some(format!(
            "model '{}' is deprecated and will be removed {day}. Please consider upgrading to a newer model to avoid \
             future service disruptions",
            self.id
        ))
    }

    /// Version 3 and older of the embedding models: one dimension, other limits for images.
    pub(super) fn is_embed_v3(&self) -> bool {
        self.dimensions.len() == 1
    }

    /// Models whose vectors may be compared share a space.
    pub(super) fn space(&self) -> &'static str {
        self.id.strip_suffix("-pro").or(self.id.strip_suffix("-fast")).unwrap_or(self.id)
    }

    const fn reasoning(mut self) -> Self {
        self.reasons = true;
        self
    }

    const fn seeing(mut self) -> Self {
        self.sees = true;
        self
    }

    const fn status(self, status: Status) -> Self {
        // Written out because a constant function cannot drop the old status.
        let Model {
            id,
            endpoint,
            context_tokens,
            max_output_tokens,
            reasons,
            sees,
            dimensions,
            ..
        } = self;
        Model { id, endpoint, status, context_tokens, max_output_tokens, reasons, sees, dimensions }
    }
}

const fn model(id: &'static str, endpoint: Endpoint, context_tokens: usize) -> Model {
    let status = Status::Active;
    Model {
        id,
        endpoint,
        status,
        context_tokens,
        max_output_tokens: 0,
        reasons: false,
        sees: false,
        dimensions: &[],
    }
}

const fn chat(id: &'static str, context_tokens: usize, max_output_tokens: usize) -> Model {
    let mut model = model(id, Endpoint::Chat, context_tokens);
    model.max_output_tokens = max_output_tokens;
    model
}

const fn embed(id: &'static str, context_tokens: usize, dimensions: &'static [usize]) -> Model {
    let mut model = model(id, Endpoint::Embed, context_tokens);
    model.dimensions = dimensions;
    model
}

const fn rerank(id: &'static str, context_tokens: usize) -> Model {
    model(id, Endpoint::Rerank, context_tokens)
}
