//! `POST /v2/rerank`: documents by nearness to the query, the same measure as embeddings.

use serde_json::{Map, Value};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::embed::write_float;
use crate::cohere_sandbox::fields::{self, Fields};
use crate::cohere_sandbox::models::{self, Endpoint, Model};
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;
use crate::cohere_sandbox::similarity::{Part, VectorSpace, cosine_similarity};

const MAX_DOCUMENTS: usize = 10_000;
const DOCUMENTS_OF_A_SEARCH_UNIT: usize = 100;
/// Enough places to keep features apart, few enough for thousands of documents.
const DIMENSION: usize = 512;
const KNOWN: &[&str] =
    &["model", "query", "documents", "top_n", "max_tokens_per_doc", "relevant_spans", "priority"];

struct RerankRequest<'a> {
    model: &'static Model,
    query: &'a str,
    documents: Vec<&'a str>,
    top_n: usize,
    warnings: Vec<String>,
}

pub(super) fn answer_rerank(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    rank(seen, &object, "2", false)
}

/// `POST /v1/rerank`: documents may be objects, and come back on request.
pub(super) fn answer_v1_rerank(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let mut object = fields::parse_object(&seen.body)?;
    let shows_documents = Fields::new(&object, "rerank").read_flag("return_documents")?;
    for name in ["return_documents", "max_chunks_per_doc", "rank_fields"] {
        object.remove(name);
    }
    for document in object.get_mut("documents").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(Value::String(text)) = document.get_mut("text").map(Value::take) {
            *document = Value::String(text);
        }
    }
    rank(seen, &object, "1", shows_documents.unwrap_or(false))
}

fn rank(
    seen: &ReceivedRequest,
    object: &Map<String, Value>,
    version: &str,
    shows_documents: bool,
) -> Result<Reply, ApiError> {
    let request = RerankRequest::from_object(object)?;
    let mut results = Vec::new();
    for (index, score) in request.rank_documents().into_iter().take(request.top_n) {
        let mut result = "{".to_owned();
        if shows_documents {
            let text = Value::from(request.documents[index]);
            result += &format!(r#""document":{{"text":{text}}},"#);
        }
        result += &format!(r#""index":{index},"relevance_score":"#);
        write_float(score, &mut result);
        results.push(result + "}");
    }
    let body = format!(
        r#"{{"id":"{id}","results":[{results}],"meta":{{"api_version":{{"version":"{version}"}},"billed_units":{{"search_units":{units}}}}}}}"#,
        id = digest::to_uuid(digest::digest_request(seen)),
        results = results.join(","),
        units = request.documents.len().div_ceil(DOCUMENTS_OF_A_SEARCH_UNIT),
    );
    Ok(Reply::from_json(body).with_warnings(&request.warnings))
}

impl<'a> RerankRequest<'a> {
    fn from_object(object: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let fields = Fields::new(object, "rerank");
        let model = models::resolve_model(fields.read_text("model")?, Endpoint::Rerank)?;
        let query = fields.read_text("query")?.filter(|query| !query.trim().is_empty());
        let query = query.ok_or_else(|| {
            ApiError::invalid_request("query must not be empty or be only whitespace")
        })?;
        let documents = fields.read_texts("documents")?.unwrap_or_default();
        if documents.is_empty() {
            return Err(ApiError::invalid_request("list of documents must not be empty"));
        }
        if documents.len() > MAX_DOCUMENTS {
            return Err(ApiError::invalid_request(
                "number of total max chunks (number of documents * max chunks per doc) must be \
                 less than 10000",
            ));
        }
        if documents.iter().all(|document| document.trim().is_empty()) {
            return Err(ApiError::invalid_request(
                "list of documents must not contain only empty strings or only whitespace",
            ));
        }
        let top_n = match fields.read_integer("top_n")? {
            None => documents.len(),
            Some(number @ 1..) => usize::try_from(number).unwrap_or(usize::MAX),
            Some(_) => {
                let most = documents.len();
                return Err(ApiError::invalid_request(format!(
                    "return_top_n is invalid, value must be between 1 and {most}"
                )));
            }
        };
        fields.read_integer("max_tokens_per_doc")?;
        let mut warnings: Vec<String> = model.deprecation_warning().into_iter().collect();
        warnings.extend(fields.unknown_field_warnings(KNOWN));
        Ok(Self { model, query, documents, top_n, warnings })
    }

    /// Index and score, the most relevant first, the earlier one first where scores are equal.
    fn rank_documents(&self) -> Vec<(usize, f32)> {
        let space = VectorSpace::without_background(self.model.vector_space(), DIMENSION);
        let query = space.vector_of([Part::Text(self.query)]);
        let mut ranked = Vec::new();
        for (index, document) in self.documents.iter().enumerate() {
            let document = space.vector_of([Part::Text(document)]);
            ranked.push((index, relevance_score(cosine_similarity(&query, &document))));
        }
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        ranked
    }
}

/// Squashes a cosine into 0..1, so that little overlap is near 0 and much is near 1.
fn relevance_score(cosine: f32) -> f32 {
    1.0 / (1.0 + (-14.0 * (cosine - 0.3)).exp())
}
