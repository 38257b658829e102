//! `POST /v2/rerank`: what the gateway reads of a request and of an answer.
//!
//! Source of field names and types: Cohere's OpenAPI document of 2026-08-20; of the limit of
//! 10 000 documents: its guide to reranking of the same day.

mod answer;
mod v1;

pub use answer::{RankedResult, RerankAnswer};

use crate::error::{Code, GatewayError, Result};
use crate::wire::dialect::{AnswerForm, Dialect};
use crate::wire::object::{FieldType, KnownFields, List, RequestObject};
use crate::wire::{ExpectedResults, UpstreamRequest, to_json_string};
use bytes::Bytes;

/// Fields whose meaning is known here; a request with another one is not answered from the cache.
pub const KNOWN: KnownFields = &[
    ("model", FieldType::Name),
    ("query", FieldType::Text),
    ("documents", FieldType::Texts),
    ("top_n", FieldType::Integer),
    ("max_tokens_per_doc", FieldType::Integer),
    ("relevant_spans", FieldType::Object),
    ("priority", FieldType::Integer),
    // Of v1; Cohere leaves them unheeded in v2.
    ("return_documents", FieldType::Bool),
    ("max_chunks_per_doc", FieldType::Integer),
];

/// Most documents of one call: the number Cohere recommends.
pub const PER_CALL: usize = 1_000;

/// Most documents of one request.
pub const MAX_DOCUMENTS: usize = 10_000;

/// A valid rerank request.
#[derive(Debug)]
pub struct RerankRequest {
    object: RequestObject,
    form: AnswerForm,
}

impl RerankRequest {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit; `too_large` over 10 000 documents.
    pub fn parse(body: Bytes, dialect: Dialect) -> Result<Self> {
        let (object, form) = match dialect {
            Dialect::V1 => v1::read_request(body)?,
            Dialect::V2 => (RequestObject::parse(body, KNOWN)?, AnswerForm::V2),
        };
        if !object.has("query") {
            return Err(GatewayError::invalid("query", "is required"));
        }
        if object.is_blank("query") {
            let problem = "must hold at least 1 character that is no space";
            return Err(GatewayError::invalid("query", problem));
        }
        match object.read_list("documents") {
            None => return Err(GatewayError::invalid("documents", "is required")),
            Some(documents) => check_documents(documents)?,
        }
        if let Some(top_n) = object.raw("top_n") {
            check_top_n(top_n)?;
        }
        Ok(Self { object, form })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> Option<String> {
        self.object.read_name("model").map(|model| model.into_owned())
    }

    /// Writes the request for Cohere with an explicit model.
    pub fn into_upstream(self, model: String) -> UpstreamRequest {
        let object = match self.object.has("model") {
            true => self.object,
            false => self.object.with(&[("model", to_json_string(&model).as_bytes())]),
        };
        let expected = expected_results(&object);
        UpstreamRequest {
            model,
            object,
            stream: false,
            max_tokens: None,
            chosen_max_tokens: None,
            expected_results: expected,
            form: self.form,
        }
    }
}

/// Returns what the answer must have; `None` where a field is not known, which may change that.
fn expected_results(object: &RequestObject) -> Option<ExpectedResults> {
    if !object.has_only(KNOWN) {
        return None;
    }
    let inputs = object.list_or_empty("documents").len();
    let results = match object.read_number("top_n") {
        Some(top_n) => inputs.min(top_n as usize),
        None => inputs,
    };
    Some(ExpectedResults { inputs, results, types: Vec::new() })
}

fn check_documents(documents: List<'_>) -> Result<()> {
    let count = documents.len();
    if count == 0 {
        return Err(GatewayError::invalid("documents", "must hold at least 1 document"));
    }
    if count > MAX_DOCUMENTS {
        let message =
            format!("documents: at most {MAX_DOCUMENTS} are taken in one request, got {count}");
        return Err(GatewayError::new(Code::TooLarge, message));
    }
    Ok(())
}

fn check_top_n(raw: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(raw);
    match text.parse::<f64>() {
        Ok(top_n) if top_n >= 1.0 => Ok(()),
        _ => {
            let problem = format!("must be at least 1, got {text}");
            Err(GatewayError::invalid("top_n", problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> (Code, String) {
        let error = RerankRequest::parse(Bytes::from(body.to_string()), Dialect::V2).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn blank_documents_are_coheres_to_judge() {
        for documents in [r#"["a",""]"#, r#"[" \n"]"#, r#"["",""]"#] {
            let body = format!(r#"{{"query":"q","documents":{documents}}}"#);
            assert!(RerankRequest::parse(Bytes::from(body), Dialect::V2).is_ok(), "{documents}");
        }
    }

    #[test]
    fn query_and_documents_are_required_and_not_empty() {
        assert_eq!(refused(r#"{"documents":["a"]}"#).1, "invalid request: query: is required");
        assert_eq!(
            refused(r#"{"query":" ","documents":["a"]}"#).1,
            "invalid request: query: must hold at least 1 character that is no space"
        );
        assert_eq!(refused(r#"{"query":"q"}"#).1, "invalid request: documents: is required");
        assert_eq!(
            refused(r#"{"query":"q","documents":[]}"#).1,
            "invalid request: documents: must hold at least 1 document"
        );
    }

    #[test]
    fn ten_thousand_documents_pass_and_one_more_is_too_large() {
        let body =
            |count| format!(r#"{{"query":"q","documents":[{}]}}"#, vec!["\"d\""; count].join(","));
        assert!(RerankRequest::parse(Bytes::from(body(10_000)), Dialect::V2).is_ok());
        assert_eq!(
            refused(&body(10_001)),
            (Code::TooLarge, "documents: at most 10000 are taken in one request, got 10001".into())
        );
    }

    #[test]
    fn zero_top_n_is_refused() {
        assert_eq!(
            refused(r#"{"query":"q","documents":["a"],"top_n":0}"#).1,
            "invalid request: top_n: must be at least 1, got 0"
        );
    }

    #[test]
    fn expected_results_are_those_asked_for_unless_a_field_is_unknown() {
        let expected = |rest: &str| {
            let body = format!(r#"{{"query":"q","documents":["a","b","c"]{rest}}}"#);
            let request = RerankRequest::parse(Bytes::from(body), Dialect::V2).unwrap();
            let expected = request.into_upstream("r".into()).expected_results?;
            Some((expected.inputs, expected.results))
        };
        assert_eq!(expected(""), Some((3, 3)));
        assert_eq!(expected(r#","top_n":1"#), Some((3, 1)));
        assert_eq!(expected(r#","top_n":2.0"#), Some((3, 2)));
        assert_eq!(expected(r#","top_n":9"#), Some((3, 3)));
        assert_eq!(expected(r#","new":1"#), None);
    }

    #[test]
    fn model_is_read_where_it_is_named() {
        let model = |rest: &str| {
            let body = format!(r#"{{"query":"q","documents":["a"]{rest}}}"#);
            RerankRequest::parse(Bytes::from(body), Dialect::V2).unwrap().model()
        };
        assert_eq!((model(r#","model":"m""#), model("")), (Some("m".into()), None));
    }

    #[test]
    fn missing_model_is_added_at_the_end() {
        let sent = |body: &str| {
            let request = RerankRequest::parse(Bytes::from(body.to_string()), Dialect::V2).unwrap();
            request.into_upstream("r".into()).object.body().clone()
        };
        assert_eq!(
            sent(r#"{"query":"q","documents":["d"]}"#),
            r#"{"query":"q","documents":["d"],"model":"r"}"#
        );
        let own = r#"{"model":"r","query":"q","documents":["d"]}"#;
        assert_eq!(sent(own), own);
    }
}
