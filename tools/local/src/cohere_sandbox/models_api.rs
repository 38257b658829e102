//! `GET /v1/models` and `GET /v1/models/{model}`: what the models' table says, as the API shows it.

use serde::Serialize;

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::models::{self, Endpoint, Model};
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;

const PAGE_SIZE: usize = 20;
const CHAT_FEATURES: &[&str] =
    &["json_mode", "json_schema", "strict_tools", "safety_modes", "tools"];
/// The model each endpoint is documented with.
const DEFAULTS: &[&str] = &["command-a-03-2025", "embed-v4.0", "rerank-v3.5"];

#[derive(Serialize)]
struct ListedModel {
    name: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_deprecated: bool,
    endpoints: [&'static str; 1],
    finetuned: bool,
    context_length: usize,
    tokenizer_url: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    features: &'static [&'static str],
    default_endpoints: Vec<&'static str>,
}

#[derive(Serialize)]
struct ModelsPage {
    models: Vec<ListedModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub(super) fn list_models(request: &ReceivedRequest) -> Result<Reply, ApiError> {
    let query = request.query.as_deref().unwrap_or_default();
    let endpoint = find_parameter(query, "endpoint");
    let default_only = find_parameter(query, "default_only").unwrap_or_default();
    let default_only = default_only.eq_ignore_ascii_case("true");
    let size = find_number(query, "page_size")?.unwrap_or(PAGE_SIZE).clamp(1, 1000);
    let start = find_number(query, "page_token")?.unwrap_or(0);

    let mut found: Vec<&Model> = models::served_models().collect();
    if let Some(endpoint) = endpoint {
        found.retain(|model| model.endpoint.name() == endpoint);
    }
    if default_only {
        found.retain(|model| DEFAULTS.contains(&model.id));
    }
    // `page_token` counts the models of the pages before.
    let after_this_page = found.len().saturating_sub(start).saturating_sub(size);
    let models = found.into_iter().skip(start).take(size).map(describe_model).collect();
    let next_page_token = match after_this_page {
        0 => None,
        _ => Some((start + size).to_string()),
    };
    let page = ModelsPage { models, next_page_token };
    Ok(Reply::from_json(serde_json::to_string(&page).expect("strings and numbers serialize")))
}

/// A parameter of the query; an empty one counts as absent.
fn find_parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    for pair in query.split('&') {
        if let Some((key, value)) = pair.split_once('=')
            && key == name
            && !value.is_empty()
        {
            return Some(value);
        }
    }
    None
}

fn find_number(query: &str, name: &str) -> Result<Option<usize>, ApiError> {
    let Some(value) = find_parameter(query, name) else { return Ok(None) };
    match value.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(ApiError::invalid_request(format!("{name} must be a number"))),
    }
}

pub(super) fn show_model(request: &ReceivedRequest) -> Result<Reply, ApiError> {
    let model = models::find_model(request.path.trim_start_matches("/v1/models/"))?;
    let reply = Reply::from_json(
        serde_json::to_string(&describe_model(model)).expect("strings and numbers serialize"),
    );
    Ok(reply.with_warnings(model.deprecation_warning().as_slice()))
}

fn describe_model(model: &Model) -> ListedModel {
    let endpoint = model.endpoint.name();
    ListedModel {
        name: model.id,
        is_deprecated: model.deprecation_warning().is_some(),
        endpoints: [endpoint],
        finetuned: false,
        context_length: model.context_tokens,
        tokenizer_url: format!(
            "https://storage.googleapis.com/cohere-public/tokenizers/{}.json",
            model.id
        ),
        features: if model.endpoint == Endpoint::Chat { CHAT_FEATURES } else { &[] },
        default_endpoints: if DEFAULTS.contains(&model.id) { vec![endpoint] } else { Vec::new() },
    }
}
