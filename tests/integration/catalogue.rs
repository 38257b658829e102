//! The catalogue of models: its page is printed from the code, and its facts are those of the sources.

mod sources;

use gateway_tests::source_files::ROOT;
use shared::cohere::models::{Lifetime, Model, all_ids, find_model, share_vector_space};
use shared::config::{Config, FallbackConfig, WITHOUT_FALLBACK};
use shared::endpoint::Endpoint;
use std::path::Path;

const HEAD: &str = "\
# Models

What this release knows of Cohere's models. One that is not here is served all the same, with its endpoint's rate and without a
fallback. Prices are in [cost](cost.md), the way to another model is in [another model](upgrade.md).

*A minute* is what Cohere publishes for production keys (2026-08-20; for embed v5 and rerank v5, which are newer, that of
their endpoints): calls of chat and rerank; of embed inputs, and images apart. The chat models with 20 keep the limits of trial keys,
1 000 calls a month among them. *Context* and *answer* are in tokens; of embed the *answer* is the lengths of a vector, the default
last.

*Fallback* is the model that answers when this one cannot, by the default of `GATEWAY_FALLBACKS` ([configuration](configuration.md)), or why
there is none: *on request* where the caller sends `x-gateway-fallback: allow` ([headers](headers.md)), or the operator has set
`GATEWAY_EMBED_FALLBACK` or `GATEWAY_RERANK_FALLBACK`. It answers only what it can: no images, thoughts, `tool_choice`,
`relevant_spans`, vector length or prompt that it does not take. A fallback that would think where the asked model does not is told not to.
";

#[test]
fn page_is_printed_from_the_catalogue() {
    let path = Path::new(ROOT).join("docs/models.md");
    page_check::check_page(path, &print_page());
}

fn print_page() -> String {
    let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
    let mut page = HEAD.to_string();
    for endpoint in Endpoint::ALL {
        page += &format!("\n## {}\n\n", endpoint.name());
        page += "| model | context | answer | takes | a minute | fallback |\n|---|---|---|---|---|---|\n";
        for model in list_models().filter(|model| model.endpoint == endpoint) {
            if model.lifetime == Lifetime::Active {
                page += &print_row(model, &config.fallback);
            }
        }
    }
    page += "\n## At their end\n\n| model | endpoint | since | instead |\n|---|---|---|---|\n";
    for model in list_models() {
        let (word, since, replacement) = match model.lifetime {
            Lifetime::Active => continue,
            Lifetime::Deprecated { since, replacement } => ("deprecated", since, replacement),
            Lifetime::Retired { since, replacement } => ("removed", since, replacement),
        };
        let endpoint = model.endpoint.name();
        page += &format!("| `{}` | {endpoint} | {word} {since} | `{replacement}` |\n", model.id);
    }
    page
}

fn list_models() -> impl Iterator<Item = &'static Model> {
    all_ids().filter_map(find_model)
}

fn print_row(model: &Model, config: &FallbackConfig) -> String {
    let lengths: Vec<_> = model.dimensions.iter().map(u64::to_string).collect();
    let answer = match model.endpoint {
        Endpoint::Chat => model.max_output_tokens.to_string(),
        Endpoint::Embed => lengths.join(", "),
        _ => "–".to_string(),
    };
    let per_minute = match model.images_per_minute {
        0 => model.per_minute.to_string(),
        images => format!("{}, {images} images", model.per_minute),
    };
    let (id, context, takes) = (model.id, model.context_tokens, list_abilities(model));
    let fallback = describe_fallback(model, config);
    format!("| `{id}` | {context} | {answer} | {takes} | {per_minute} | {fallback} |\n")
}

fn list_abilities(model: &Model) -> String {
    let images = if model.takes_one_image { "one image a call" } else { "images" };
    let abilities = [
        (model.takes_images, images),
        (model.thinks, "thinking"),
        (model.takes_tool_choice, "`tool_choice`"),
        (model.takes_relevant_spans, "`relevant_spans`"),
    ];
    let found = abilities.into_iter().filter(|(has, _)| *has);
    let found: Vec<_> = found.map(|(_, ability)| ability).collect();
    if found.is_empty() { "text".to_string() } else { format!("text, {}", found.join(", ")) }
}

fn describe_fallback(model: &Model, config: &FallbackConfig) -> String {
    let Some(pair) = config.find_pair(model.id) else {
        let (_, reason) = WITHOUT_FALLBACK.iter().find(|(id, _)| *id == model.id).unwrap();
        return format!("none: {reason}");
    };
    let fallback = find_model(&pair.fallback).unwrap();
    let is_unasked = match model.endpoint {
        Endpoint::Chat => !pair.is_on_request,
        Endpoint::Embed => share_vector_space(model, fallback),
        _ => false,
    };
    let when = if is_unasked { "by itself" } else { "on request" };
    format!("`{}` {when}", fallback.id)
}
