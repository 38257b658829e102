//! Whether a request may be made: its form, its model, and limits that hold before anything is spent.

use crate::cohere::models::{self, Lifetime};
use crate::config::{Config, LimitsConfig, ModelsConfig};
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::wire::UpstreamRequest;
use crate::wire::chat::ChatRequest;
use crate::wire::embed::EmbedRequest;
use crate::wire::rerank::RerankRequest;

/// Length of embeddings that is reckoned with where the model is not in the catalogue.
const UNKNOWN_DIMENSION: u64 = 2_048;

/// Refuses a model that Cohere has removed, and returns what is to be said against a deprecated one.
pub(super) fn check_lifetime(id: &str, config: &ModelsConfig) -> Result<Option<String>> {
    match models::find(id).map(|model| model.lifetime) {
        Some(Lifetime::Retired { since, replacement }) if config.rejects_retired => {
            let message = format!("model '{id}' was removed on {since}. Use '{replacement}' instead.");
            Err(GatewayError::new(Code::ModelRetired, message))
        }
        Some(Lifetime::Deprecated { since, replacement }) => {
            Ok(Some(format!("model '{id}' is deprecated since {since}. Use '{replacement}' instead.")))
        }
        _ => Ok(None),
    }
}

/// Checks a body, chooses the model and writes what Cohere will get.
pub(super) fn validate(endpoint: Endpoint, body: &[u8], config: &Config) -> Result<UpstreamRequest> {
    let models = &config.models;
    match endpoint {
        Endpoint::Chat => {
            let request = ChatRequest::parse(body)?;
            let model = request.model().unwrap_or_else(|| models.chat.clone());
            let default = models::default_max_tokens(models::find(&model));
            let default = models.max_tokens_default.map_or(default, |lower| lower.min(default));
            request.for_upstream(model, default, models.max_tokens_ceiling)
        }
        Endpoint::Embed => {
            let request = EmbedRequest::parse(body)?;
            check_embed(&request, &config.limits)?;
            Ok(request.for_upstream())
        }
        Endpoint::Rerank => {
            let request = RerankRequest::parse(body)?;
            let model = request.model().unwrap_or_else(|| models.rerank.clone());
            Ok(request.for_upstream(model))
        }
    }
}

/// Checks the size of an embed request and of the answer it will have.
///
/// # Errors
/// `too_large` with the limit; `invalid_request` for a length that the model cannot make.
fn check_embed(request: &EmbedRequest, limits: &LimitsConfig) -> Result<()> {
    let (source, count) = request.inputs();
    let most = limits.embed_max_inputs;
    if count > most {
        let message = format!("{source}: at most {most} are taken in one request, got {count}");
        return Err(GatewayError::new(Code::TooLarge, message));
    }
    let lengths = models::find(request.model()).map_or(&[][..], |model| model.dimensions);
    let default = *lengths.last().unwrap_or(&UNKNOWN_DIMENSION) as f64;
    let length = request.dimension().unwrap_or(default);
    if let [only] = lengths
        && *only as f64 != length
    {
        let problem = format!("is not taken by {}, whose embeddings have {only} numbers", request.model());
        return Err(GatewayError::invalid("output_dimension", problem));
    }
    if !lengths.is_empty() && !lengths.iter().any(|known| *known as f64 == length) {
        let known: Vec<_> = lengths.iter().map(u64::to_string).collect();
        let problem = format!("{} makes {}, not {length}", request.model(), known.join(", "));
        return Err(GatewayError::invalid("output_dimension", problem));
    }
    let (expected, most) = (request.expected_bytes(length), limits.embed_max_answer_bytes);
    if expected > most as f64 {
        let message = format!(
            "{source}: {count} embeddings of {length} numbers in the asked types are about {expected:.0} bytes, \
             at most {most} are answered at once; send fewer, or ask for a smaller type or output_dimension"
        );
        return Err(GatewayError::new(Code::TooLarge, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, count: usize, rest: &str) -> Result<UpstreamRequest> {
        let texts = vec!["\"t\""; count].join(",");
        let body = format!(r#"{{"model":"{model}","input_type":"x","texts":[{texts}]{rest}}}"#);
        let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
        validate(Endpoint::Embed, body.as_bytes(), &config)
    }

    fn problem(model: &str, count: usize, rest: &str) -> (Code, String) {
        let error = check(model, count, rest).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn a_minutes_worth_of_texts_passes_and_one_more_is_too_large() {
        assert!(check("embed-v4.0", 1_920, "").is_ok());
        assert_eq!(
            problem("embed-v4.0", 1_921, ""),
            (Code::TooLarge, "texts: at most 1920 are taken in one request, got 1921".into())
        );
    }

    #[test]
    fn an_answer_that_would_be_too_large_is_refused_before_a_call() {
        let (code, message) = problem("embed-v5.0-pro", 1_920, "");
        assert_eq!(code, Code::TooLarge);
        assert!(
            message.contains("1920 embeddings of 2048 numbers") && message.contains("48000000"),
            "{message}"
        );
        assert!(check("embed-v5.0-pro", 1_920, r#","output_dimension":1024"#).is_ok());
        assert!(check("embed-v5.0-pro", 1_920, r#","embedding_types":["int8"]"#).is_ok());
        assert!(check("embed-v4.0", 1_920, r#","embedding_types":["float","float"]"#).is_ok());
        assert!(check("embed-v4.0", 1_920, r#","embedding_types":["float","int8"]"#).is_err());
        assert!(check("of-tomorrow", 1_920, "").is_err());
    }

    #[test]
    fn a_length_the_model_cannot_make_is_refused_with_those_it_can() {
        assert_eq!(
            problem("embed-v4.0", 1, r#","output_dimension":300"#).1,
            "invalid request: output_dimension: embed-v4.0 makes 256, 512, 1024, 1536, not 300"
        );
        assert_eq!(
            problem("embed-english-v3.0", 1, r#","output_dimension":512"#).1,
            "invalid request: output_dimension: is not taken by embed-english-v3.0, whose embeddings have 1024 numbers"
        );
        assert!(check("of-tomorrow", 1, r#","output_dimension":300"#).is_ok());
    }
}
