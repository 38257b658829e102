//! `POST /v2/rerank`: what the gateway reads of a request and of an answer.
//!
//! Source of field names and types: Cohere's OpenAPI document of 2026-08-20; of the limit of
//! 10 000 documents: its guide to reranking of the same day.

mod answer;

pub use answer::{Ranked, RerankAnswer};

use crate::error::{Code, GatewayError, Result};
use crate::wire::object::{Kind, Known, RequestObject};
use crate::wire::{UpstreamRequest, scan};
use serde::Deserialize;

/// RequestObject whose meaning is known here; a request with another one is not answered from memory.
pub const KNOWN: Known = &[
    ("model", Kind::Text),
    ("query", Kind::Text),
    ("documents", Kind::Texts),
    ("top_n", Kind::Integer),
    ("max_tokens_per_doc", Kind::Integer),
    ("relevant_spans", Kind::Object),
    ("priority", Kind::Integer),
];

/// Most documents of one call: the number Cohere recommends.
pub const PER_CALL: usize = 1_000;

/// Most documents of one request.
pub const MAX_DOCUMENTS: usize = 10_000;

/// A valid rerank request.
#[derive(Debug)]
pub struct RerankRequest<'a> {
    fields: RequestObject<'a>,
}

impl<'a> RerankRequest<'a> {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// `invalid_request` that names the field, its problem and its limit; `too_large` over 10 000 documents.
    pub fn parse(body: &'a [u8]) -> Result<Self> {
        let fields = RequestObject::parse(body, KNOWN)?;
        match fields.text("query") {
            None => return Err(GatewayError::invalid("query", "is required")),
            Some(query) if query.trim().is_empty() => {
                return Err(GatewayError::invalid(
                    "query",
                    "must hold at least 1 character that is no space",
                ));
            }
            Some(_) => {}
        }
        match fields.count("documents") {
            None => return Err(GatewayError::invalid("documents", "is required")),
            Some(0) => return Err(GatewayError::invalid("documents", "must hold at least 1 document")),
            Some(count) if count > MAX_DOCUMENTS => {
                let message =
                    format!("documents: at most {MAX_DOCUMENTS} are taken in one request, got {count}");
                return Err(GatewayError::new(Code::TooLarge, message));
            }
            Some(_) => {}
        }
        let documents = scan::elements(fields.raw("documents").unwrap_or_default());
        if let Some(index) = documents.into_iter().position(|document| document == r#""""#) {
            // Cohere's own words, with the caller's index: a part of a split request has other ones.
            let message = format!("invalid request: document at index {index} cannot be empty");
            return Err(GatewayError::new(Code::InvalidRequest, message));
        }
        if let Some(top_n) = fields.raw("top_n").filter(|raw| !raw.parse::<f64>().is_ok_and(|n| n >= 1.0)) {
            let problem = format_args!("must be at least 1, got {top_n}").to_string();
            return Err(GatewayError::invalid("top_n", problem));
        }
        Ok(Self { fields })
    }

    /// Returns the model the caller asked for.
    pub fn model(&self) -> Option<String> {
        self.fields.text("model").map(|model| model.into_owned())
    }

    /// Writes the request for Cohere with an explicit model.
    pub fn for_upstream(&self, model: String) -> UpstreamRequest {
        let model_json = serde_json::Value::from(model.as_str()).to_string();
        let set = [("model", model_json.as_str())];
        let set = if self.fields.raw("model").is_some() { &set[..0] } else { &set[..] };
        let body = self.fields.with(set);
        UpstreamRequest { body, model, stream: false, chosen_max_tokens: None, expected: None }
    }
}

/// What a rerank answer says it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BilledUnits {
    pub search_units: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> (Code, String) {
        let error = RerankRequest::parse(body.as_bytes()).unwrap_err();
        (error.code, error.message)
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
        let body = |count| format!(r#"{{"query":"q","documents":[{}]}}"#, vec!["\"d\""; count].join(","));
        assert!(RerankRequest::parse(body(10_000).as_bytes()).is_ok());
        assert_eq!(
            refused(&body(10_001)),
            (Code::TooLarge, "documents: at most 10000 are taken in one request, got 10001".into())
        );
    }

    #[test]
    fn an_empty_document_or_no_place_in_the_answer_is_refused() {
        assert_eq!(
            refused(r#"{"query":"q","documents":["a",""]}"#).1,
            "invalid request: document at index 1 cannot be empty"
        );
        assert_eq!(
            refused(r#"{"query":"q","documents":["a"],"top_n":0}"#).1,
            "invalid request: top_n: must be at least 1, got 0"
        );
    }

    #[test]
    fn a_missing_model_is_added_and_a_given_one_stays_where_it_was() {
        let sent = |body: &str| RerankRequest::parse(body.as_bytes()).unwrap().for_upstream("r".into()).body;
        assert_eq!(
            sent(r#"{"query":"q","documents":["d"]}"#),
            r#"{"query":"q","documents":["d"],"model":"r"}"#
        );
        let own = r#"{"model":"r","query":"q","documents":["d"]}"#;
        assert_eq!(sent(own), own);
    }
}
