//! `POST /v2/embed`: what the gateway reads of a request and of an answer.
//!
//! Source of field names, types and the limit of 96: Cohere's OpenAPI document of 2026-08-20.

mod answer;

pub use answer::{AnswerArray, CellForm, EmbedAnswer};

use crate::error::{Code, GatewayError, Result};
use crate::wire::dialect::{AnswerForm, Dialect};
use crate::wire::object::{FieldType, KnownFields, List, RequestObject};
use crate::wire::{ExpectedResults, UpstreamRequest};
use bytes::Bytes;

/// Fields whose meaning is known here; a request with another one is not answered from the cache.
pub const KNOWN: KnownFields = &[
    ("model", FieldType::Name),
    ("input_type", FieldType::Name),
    ("texts", FieldType::Texts),
    ("images", FieldType::Texts),
    ("inputs", FieldType::Array),
    ("embedding_types", FieldType::Names),
    ("output_dimension", FieldType::Integer),
    ("max_tokens", FieldType::Integer),
    ("truncate", FieldType::Name),
    ("priority", FieldType::Integer),
];

/// The three ways to hand over what is to be embedded; a request uses one.
const SOURCES: [&str; 3] = ["texts", "images", "inputs"];

/// Most different embedding types of a request; Cohere has six.
const MAX_TYPES: usize = 16;

/// Types whose embeddings are arrays of numbers.
const VECTOR_TYPES: [&str; 5] = ["float", "int8", "uint8", "binary", "ubinary"];

/// The type whose embeddings are strings.
const STRING_TYPE: &str = "base64";

/// Most texts, images or inputs of one call.
pub const PER_CALL: usize = 96;

/// Returns the embedding types a request asks for, each once; one more than are taken tells of too many.
pub fn read_types(object: &RequestObject) -> Vec<String> {
    let Some(list) = object.read_list("embedding_types") else { return vec!["float".to_string()] };
    let mut types: Vec<String> = Vec::new();
    for element in list.iter() {
        if types.len() > MAX_TYPES {
            break;
        }
        if let Ok(name) = serde_json::from_slice(element)
            && !types.contains(&name)
        {
            types.push(name);
        }
    }
    types
}

/// Returns the known embedding type of this name.
fn find_type(name: &[u8]) -> Option<&'static str> {
    let known = VECTOR_TYPES.into_iter().chain([STRING_TYPE]);
    known.into_iter().find(|known| known.as_bytes() == name)
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
pub struct EmbedRequest {
    object: RequestObject,
    model: String,
    source: &'static str,
    input_count: usize,
}

impl EmbedRequest {
    /// Reads and checks a body.
    ///
    /// Model and `input_type` are required: a guess of either would spoil a search index.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = RequestObject::parse(body, KNOWN)?;
        let Some(model) = object.read_name("model") else {
            let problem = "is required: another model is another vector space";
            return Err(GatewayError::invalid("model", problem));
        };
        let model = model.into_owned();
        if !object.has("input_type") {
            let problem =
                "is required: search_document, search_query, classification, clustering or image";
            return Err(GatewayError::invalid("input_type", problem));
        }
        let (source, inputs) = find_inputs(&object)?;
        let input_count = inputs.len();
        check_inputs(source, inputs)?;
        check_types(&object)?;
        Ok(Self { object, model, source, input_count })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Returns the field that holds the inputs.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Returns how many inputs there are.
    pub fn input_count(&self) -> usize {
        self.input_count
    }

    /// Returns the requested length of the embeddings.
    pub fn output_dimension(&self) -> Option<f64> {
        self.object.read_number("output_dimension")
    }

    /// Returns the bytes that the answer will have, about, with embeddings of this length.
    pub fn expected_bytes(&self, dimension: f64) -> f64 {
        let types = read_types(&self.object);
        let per_number: f64 = types.iter().map(|name| bytes_per_number(name)).sum();
        self.input_count as f64 * dimension * per_number
    }

    /// Returns what the answer must have; under which name it has an unknown type is not known.
    fn expected_results(&self) -> ExpectedResults {
        let types = read_types(&self.object);
        let types = types.iter().filter_map(|name| find_type(name.as_bytes())).collect();
        ExpectedResults { inputs: self.input_count, results: self.input_count, types }
    }

    /// Writes the request for Cohere with explicit embedding types.
    pub fn into_upstream(self, dialect: Dialect) -> UpstreamRequest {
        // What an unknown field does to the answer is unknown.
        let expected =
            if self.object.has_only(KNOWN) { Some(self.expected_results()) } else { None };
        let form = match (dialect, self.object.has("embedding_types")) {
            (Dialect::V2, _) => AnswerForm::V2,
            (Dialect::V1, true) => AnswerForm::V1,
            (Dialect::V1, false) => AnswerForm::V1Floats,
        };
        let object = match self.object.has("embedding_types") {
            true => self.object,
            false => self.object.with(&[("embedding_types", br#"["float"]"#)]),
        };
        UpstreamRequest {
            model: self.model,
            object,
            stream: false,
            max_tokens: None,
            chosen_max_tokens: None,
            expected_results: expected,
            form,
        }
    }
}

/// Checks that the embedding types are some, and not too many.
fn check_types(object: &RequestObject) -> Result<()> {
    let Some(list) = object.read_list("embedding_types") else { return Ok(()) };
    let problem = match read_types(object).len() {
        0 => "must name at least 1 type, or be absent".to_string(),
        1..=MAX_TYPES => return Ok(()),
        _ => format!("at most {MAX_TYPES} different types are taken, got {} in all", list.len()),
    };
    Err(GatewayError::invalid("embedding_types", problem))
}

/// Returns the field that holds the inputs of a request that has been checked, and the inputs.
pub fn list_inputs(object: &RequestObject) -> (&'static str, List<'_>) {
    let source = SOURCES.into_iter().find(|source| object.has(source)).unwrap_or(SOURCES[0]);
    (source, object.list_or_empty(source))
}

/// Finds the field that holds the inputs.
///
/// # Errors
/// `invalid_request` where there is none, or more than one.
fn find_inputs(object: &RequestObject) -> Result<(&'static str, List<'_>)> {
    let mut found = None;
    for source in SOURCES {
        let Some(inputs) = object.read_list(source) else { continue };
        if let Some((first, _)) = found {
            let problem = format!("{first} and {source} stand together, only one may be given");
            return Err(GatewayError::invalid(first, problem));
        }
        found = Some((source, inputs));
    }
    let problem = "one of texts, images or inputs is required";
    found.ok_or_else(|| GatewayError::invalid(SOURCES[0], problem))
}

/// Checks that there is something in each input.
fn check_inputs(source: &str, inputs: List<'_>) -> Result<()> {
    if inputs.is_empty() {
        return Err(GatewayError::invalid(source, "must hold at least 1 element"));
    }
    let empty = br#""""#;
    if let Some(index) = inputs.iter().position(|input| input == empty) {
        // Cohere's own words, with the caller's index: a sub-request has other ones.
        let problem = format!("contains an element that is the empty string at index {index}");
        let message = format!("invalid request: {source} {problem}");
        return Err(GatewayError::new(Code::InvalidRequest, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(rest: &str) -> String {
        let body = format!(r#"{{"model":"m","input_type":"x"{rest}}}"#);
        EmbedRequest::parse(Bytes::from(body)).unwrap_err().message
    }

    #[test]
    fn exactly_one_source_with_at_least_one_element_is_required() {
        assert_eq!(
            problem(""),
            "invalid request: texts: one of texts, images or inputs is required"
        );
        assert_eq!(
            problem(r#","texts":["a"],"images":["b"]"#),
            "invalid request: texts: texts and images stand together, only one may be given"
        );
        assert_eq!(
            problem(r#","texts":[]"#),
            "invalid request: texts: must hold at least 1 element"
        );
        assert_eq!(
            problem(r#","inputs":"x""#),
            "invalid request: inputs: must be an array, got a string"
        );
    }

    #[test]
    fn model_and_input_type_are_never_guessed() {
        let problem =
            |body: &str| EmbedRequest::parse(Bytes::from(body.to_string())).unwrap_err().message;
        assert!(problem(r#"{"texts":["a"]}"#).contains("model: is required"));
        assert!(problem(r#"{"model":"m","texts":["a"]}"#).contains("input_type: is required"));
    }

    #[test]
    fn empty_input_is_refused_with_the_callers_index() {
        assert_eq!(
            problem(r#","texts":["a","b","","c"]"#),
            "invalid request: texts contains an element that is the empty string at index 2"
        );
    }

    #[test]
    fn request_tells_what_is_asked_for() {
        let parse = |rest: &str| {
            let body = format!(r#"{{"model":"m","input_type":"x","images":["a","b"]{rest}}}"#);
            EmbedRequest::parse(Bytes::from(body)).unwrap()
        };
        let request = parse(r#","output_dimension":256"#);
        assert_eq!((request.model(), request.source(), request.input_count()), ("m", "images", 2));
        assert_eq!(request.output_dimension(), Some(256.0));
        assert_eq!(parse("").output_dimension(), None);
    }

    #[test]
    fn expected_bytes_follow_inputs_length_and_types() {
        let expected = |types: &str| {
            let body = format!(
                r#"{{"model":"m","input_type":"x","texts":["a","b"],"embedding_types":{types}}}"#
            );
            EmbedRequest::parse(Bytes::from(body)).unwrap().expected_bytes(1536.0)
        };
        assert_eq!(expected(r#"["float"]"#), 2.0 * 1536.0 * 13.0);
        assert_eq!(expected(r#"["base64"]"#), 2.0 * 1536.0 * 16.0 / 3.0);
        assert_eq!(expected(r#"["int8","ubinary","int8"]"#), 2.0 * 1536.0 * (5.0 + 0.625));
    }

    #[test]
    fn embedding_types_are_some_and_not_too_many() {
        let types = |count: usize, different: usize| {
            let types: Vec<_> = (0..count).map(|at| format!("\"t{}\"", at % different)).collect();
            problem(&format!(r#","texts":["a"],"embedding_types":[{}],"k":[]"#, types.join(",")))
        };
        assert!(
            types(400_000, 17).ends_with("at most 16 different types are taken, got 400000 in all")
        );
        let body = format!(
            r#"{{"model":"m","input_type":"x","texts":["a"],"embedding_types":[{}]}}"#,
            vec!["\"float\""; 400_000].join(",")
        );
        assert!(EmbedRequest::parse(Bytes::from(body)).is_ok());
        assert_eq!(
            problem(r#","texts":["a"],"embedding_types":[]"#),
            "invalid request: embedding_types: must name at least 1 type, or be absent"
        );
    }

    #[test]
    fn embedding_types_are_always_sent() {
        let sent = |rest: &str| {
            let body = format!(r#"{{"model":"m","input_type":"x","texts":["a"]{rest}}}"#);
            EmbedRequest::parse(Bytes::from(body))
                .unwrap()
                .into_upstream(Dialect::V2)
                .object
                .body()
                .clone()
        };
        let start = r#"{"model":"m","input_type":"x","texts":["a"]"#;
        assert_eq!(sent(""), format!(r#"{start},"embedding_types":["float"]}}"#));
        assert_eq!(
            sent(r#","embedding_types":null"#),
            format!(r#"{start},"embedding_types":["float"]}}"#)
        );
        assert_eq!(
            sent(r#","embedding_types":["new"]"#),
            format!(r#"{start},"embedding_types":["new"]}}"#)
        );
        assert_eq!(
            problem(r#","texts":["a"],"embedding_types":["float",1]"#),
            "invalid request: embedding_types[1]: must be a string, got a number"
        );
    }
}
