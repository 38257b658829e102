//! `POST /v2/embed`: what the gateway reads of a request and of an answer.
//!
//! Source of field names, types and the limit of 96: Cohere's OpenAPI document of 2026-08-20.

mod answer;

pub use answer::{Column, EmbedAnswer};

use crate::error::{Code, GatewayError, Result};
use crate::wire::object::{Kind, Known, RequestObject};
use crate::wire::{UpstreamRequest, scan};
use serde::Deserialize;

/// RequestObject whose meaning is known here; a request with another one is not answered from memory.
pub const KNOWN: Known = &[
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
pub const PER_CALL: usize = 96;

/// Returns the field that holds the inputs, and its JSON text.
pub fn source<'a>(fields: &RequestObject<'a>) -> Option<(&'static str, &'a str)> {
    SOURCES.into_iter().find_map(|name| fields.raw(name).map(|raw| (name, raw)))
}

/// Returns the embedding types a request asks for, each once.
pub fn types(fields: &RequestObject) -> Vec<String> {
    let asked = fields.raw("embedding_types").and_then(|raw| serde_json::from_str(raw).ok());
    let mut types: Vec<String> = asked.unwrap_or_else(|| vec!["float".to_string()]);
    let mut seen = std::collections::HashSet::new();
    types.retain(|name| seen.insert(name.clone()));
    types
}

/// Returns the bytes that one number of an embedding takes in an answer, about.
fn bytes_per_number(embedding_type: &str) -> f64 {
    match embedding_type {
        // "-128," and "255,"
        "int8" | "uint8" => 5.0,
        // Eight numbers are one.
        "binary" | "ubinary" => 5.0 / 8.0,
        // Four bytes in the alphabet of 64.
        "base64" => 16.0 / 3.0,
        // "-0.01234567,"
        _ => 13.0,
    }
}

/// A valid embed request.
#[derive(Debug)]
pub struct EmbedRequest<'a> {
    fields: RequestObject<'a>,
    model: String,
    inputs: (&'static str, usize),
}

impl<'a> EmbedRequest<'a> {
    /// Reads and checks a body. Model and `input_type` are required: a guess of either would spoil a search index.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: &'a [u8]) -> Result<Self> {
        let fields = RequestObject::parse(body, KNOWN)?;
        let Some(model) = fields.text("model") else {
            return Err(GatewayError::invalid("model", "is required: another model is another vector space"));
        };
        if fields.raw("input_type").is_none() {
            let accepted = "is required: search_document, search_query, classification, clustering or image";
            return Err(GatewayError::invalid("input_type", accepted));
        }
        let inputs = check_inputs(&fields)?;
        if fields.count("embedding_types") == Some(0) {
            return Err(GatewayError::invalid("embedding_types", "must name at least 1 type, or be absent"));
        }
        Ok(Self { model: model.into_owned(), inputs, fields })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Returns the field that holds the inputs, and how many there are.
    pub fn inputs(&self) -> (&'static str, usize) {
        self.inputs
    }

    /// Returns the asked length of the embeddings.
    pub fn dimension(&self) -> Option<f64> {
        self.fields.raw("output_dimension")?.parse().ok()
    }

    /// Returns the bytes that the answer will have, about, with embeddings of this length.
    pub fn expected_bytes(&self, dimension: f64) -> f64 {
        let per_number: f64 = types(&self.fields).iter().map(|name| bytes_per_number(name)).sum();
        self.inputs.1 as f64 * dimension * per_number
    }

    /// Writes the request for Cohere with explicit embedding types.
    pub fn for_upstream(&self) -> UpstreamRequest {
        let types = [("embedding_types", r#"["float"]"#)];
        let set = if self.fields.raw("embedding_types").is_some() { &types[..0] } else { &types[..] };
        let body = self.fields.with(set);
        // What an unknown field does to the answer is unknown.
        let expected = self.fields.are_known(KNOWN).then_some(self.inputs.1);
        UpstreamRequest { body, model: self.model.clone(), stream: false, chosen_max_tokens: None, expected }
    }
}

/// Checks that there is one list of inputs with something in each, and counts them.
fn check_inputs(fields: &RequestObject) -> Result<(&'static str, usize)> {
    let given: Vec<_> = SOURCES.into_iter().filter(|name| fields.raw(name).is_some()).collect();
    let [source] = given[..] else {
        let problem = match given[..] {
            [] => "one of texts, images or inputs is required".to_string(),
            _ => format!("{} stand together, only one may be given", given.join(" and ")),
        };
        return Err(GatewayError::invalid(given.first().unwrap_or(&"texts"), problem));
    };
    let mut count = 0;
    for (index, input) in scan::elements(fields.raw(source).unwrap_or_default()).enumerate() {
        if input == r#""""# {
            // Cohere's own words, with the caller's index: a part of a split request has other ones.
            let problem = format!("contains an element that is the empty string at index {index}");
            let message = format!("invalid request: {source} {problem}");
            return Err(GatewayError::new(Code::InvalidRequest, message));
        }
        count = index + 1;
    }
    match count {
        0 => Err(GatewayError::invalid(source, "must hold at least 1 element")),
        count => Ok((source, count)),
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
    fn an_empty_input_is_refused_in_coheres_words_with_the_callers_index() {
        assert_eq!(
            problem(r#","texts":["a","b","","c"]"#),
            "invalid request: texts contains an element that is the empty string at index 2"
        );
    }

    #[test]
    fn the_size_of_an_answer_is_foreseen_from_inputs_length_and_types() {
        let expected = |types: &str| {
            let body =
                format!(r#"{{"model":"m","input_type":"x","texts":["a","b"],"embedding_types":{types}}}"#);
            EmbedRequest::parse(body.as_bytes()).unwrap().expected_bytes(1536.0)
        };
        assert_eq!(expected(r#"["float"]"#), 2.0 * 1536.0 * 13.0);
        assert_eq!(expected(r#"["int8","ubinary","int8"]"#), 2.0 * 1536.0 * (5.0 + 0.625));
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
