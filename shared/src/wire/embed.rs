//! `POST /v2/embed`: what the gateway reads of a request and of an answer.
//!
//! Source of field names, types and the limit of 96: Cohere's OpenAPI document of 2026-08-20.

use crate::error::{GatewayError, Result};
use crate::wire::fields::{Fields, Kind, Known};
use crate::wire::{UpstreamRequest, scan};
use serde::Deserialize;

const KNOWN: Known = &[
    ("model", Kind::Text),
    ("input_type", Kind::Text),
    ("texts", Kind::Texts),
    ("images", Kind::Texts),
    ("inputs", Kind::Array),
    ("embedding_types", Kind::Texts),
    ("output_dimension", Kind::Integer),
    ("max_tokens", Kind::Integer),
    ("truncate", Kind::Text),
    ("priority", Kind::Integer),
];

/// The three ways to hand over what is to be embedded; a request uses one.
const SOURCES: [&str; 3] = ["texts", "images", "inputs"];

/// Most texts, images or inputs of one call.
pub const MAX_INPUTS: usize = 96;

/// A valid embed request.
#[derive(Debug)]
pub struct EmbedRequest<'a> {
    fields: Fields<'a>,
    model: String,
}

impl<'a> EmbedRequest<'a> {
    /// Reads and checks a body. Model and `input_type` are required: a guess of either would spoil a search index.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: &'a [u8]) -> Result<Self> {
        let fields = Fields::parse(body, KNOWN)?;
        let Some(model) = fields.text("model") else {
            return Err(GatewayError::invalid("model", "is required: another model is another vector space"));
        };
        if fields.raw("input_type").is_none() {
            let accepted = "is required: search_document, search_query, classification, clustering or image";
            return Err(GatewayError::invalid("input_type", accepted));
        }
        check_sources(&fields)?;
        if fields.count("embedding_types") == Some(0) {
            return Err(GatewayError::invalid("embedding_types", "must name at least 1 type, or be absent"));
        }
        Ok(Self { model: model.into_owned(), fields })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Writes the request for Cohere with explicit embedding types.
    pub fn for_upstream(&self) -> UpstreamRequest {
        let types = [("embedding_types", r#"["float"]"#)];
        let set = if self.fields.raw("embedding_types").is_some() { &types[..0] } else { &types[..] };
        let body = self.fields.with(set);
        UpstreamRequest { body, model: self.model.clone(), stream: false, chosen_max_tokens: None }
    }
}

fn check_sources(fields: &Fields) -> Result<()> {
    let given: Vec<_> = SOURCES.into_iter().filter(|name| fields.raw(name).is_some()).collect();
    let [source] = given[..] else {
        let problem = match given[..] {
            [] => "one of texts, images or inputs is required".to_string(),
            _ => format!("{} stand together, only one may be given", given.join(" and ")),
        };
        return Err(GatewayError::invalid(given.first().unwrap_or(&"texts"), problem));
    };
    match fields.count(source).unwrap_or_default() {
        0 => Err(GatewayError::invalid(source, "must hold at least 1 element")),
        // Cohere's own words: clients look for them.
        count if count > MAX_INPUTS => Err(GatewayError::new(
            crate::error::Code::InvalidRequest,
            format!(
                "invalid request: total number of {source} must be at most {MAX_INPUTS} - received {count}"
            ),
        )),
        _ => Ok(()),
    }
}

/// What an embed answer says it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BilledUnits {
    pub input_tokens: Option<f64>,
    pub image_tokens: Option<f64>,
    pub images: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    billed_units: BilledUnits,
}

/// Reads what an answer cost; `None` where the text is no embed answer.
pub fn billed_units(answer: &[u8]) -> Option<BilledUnits> {
    let [embeddings, meta] = scan::top_level(answer, ["embeddings", "meta"])?;
    embeddings.filter(|embeddings| embeddings.starts_with(b"{"))?;
    let meta: Meta = meta.and_then(|meta| serde_json::from_slice(meta).ok()).unwrap_or_default();
    Some(meta.billed_units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(rest: &str) -> String {
        EmbedRequest::parse(format!(r#"{{"model":"m","input_type":"x"{rest}}}"#).as_bytes())
            .unwrap_err()
            .message
    }

    #[test]
    fn exactly_one_source_with_at_least_one_element_is_required() {
        assert_eq!(problem(""), "invalid request: texts: one of texts, images or inputs is required");
        assert_eq!(
            problem(r#","texts":["a"],"images":["b"]"#),
            "invalid request: texts: texts and images stand together, only one may be given"
        );
        assert_eq!(problem(r#","texts":[]"#), "invalid request: texts: must hold at least 1 element");
        assert_eq!(problem(r#","inputs":"x""#), "invalid request: inputs: must be an array, got a string");
    }

    #[test]
    fn model_and_input_type_are_never_guessed() {
        let problem = |body: &str| EmbedRequest::parse(body.as_bytes()).unwrap_err().message;
        assert!(problem(r#"{"texts":["a"]}"#).contains("model: is required"));
        assert!(problem(r#"{"model":"m","texts":["a"]}"#).contains("input_type: is required"));
    }

    #[test]
    fn more_than_96_texts_are_refused_in_coheres_words() {
        let texts = vec!["\"t\""; 97].join(",");
        assert_eq!(
            problem(&format!(r#","texts":[{texts}]"#)),
            "invalid request: total number of texts must be at most 96 - received 97"
        );
    }

    #[test]
    fn embedding_types_are_always_sent() {
        let sent = |rest: &str| {
            let body = format!(r#"{{"model":"m","input_type":"x","texts":["a"]{rest}}}"#);
            EmbedRequest::parse(body.as_bytes()).unwrap().for_upstream().body
        };
        let start = r#"{"model":"m","input_type":"x","texts":["a"]"#;
        assert_eq!(sent(""), format!(r#"{start},"embedding_types":["float"]}}"#));
        assert_eq!(sent(r#","embedding_types":null"#), format!(r#"{start},"embedding_types":["float"]}}"#));
        assert_eq!(sent(r#","embedding_types":["new"]"#), format!(r#"{start},"embedding_types":["new"]}}"#));
        assert_eq!(
            problem(r#","texts":["a"],"embedding_types":["float",1]"#),
            "invalid request: embedding_types[1]: must be a string, got a number"
        );
    }
}
