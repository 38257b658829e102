//! `GET /v1/models` and `GET /v1/models/{model}`: what the models' table says, as the API shows it.

use serde::Serialize;

use crate::cohere_sandbox::ReceivedRequest;
use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::models::{self, Endpoint, Model};
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
    let asked = |name: &str| {
        let pairs = request
            .query
            .as_deref()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, value)| *key == name && !value.is_empty())
            .map(|(_, value)| value)
            .next()
    };
    let number = |name: &str| {
        let problem = || ApiError::invalid_request(format!("{name} must be a number"));
        asked(name).map(|value| value.parse::<usize>().map_err(|_| problem())).transpose()
    };
    let endpoint = asked("endpoint");
    let default_only =
        asked("default_only").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (size, start) = (
        number("page_size")?.unwrap_or(PAGE_SIZE).clamp(1, 1000),
        number("page_token")?.unwrap_or(0),
    );

    let matching = models::served_models()
        .filter(|model| endpoint.is_none_or(|endpoint| model.endpoint.name() == endpoint))
        .filter(|model| !default_only || DEFAULTS.contains(&model.id));
    let mut found: Vec<&Model> = matching.skip(start).take(size + 1).collect();
    let next_page_token = (found.len() > size).then(|| (start + size).to_string());
    found.truncate(size);
    let page =
        ModelsPage { models: found.into_iter().map(describe_model).collect(), next_page_token };
    Ok(Reply::from_json(serde_json::to_string(&page).expect("strings and numbers serialize")))
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
