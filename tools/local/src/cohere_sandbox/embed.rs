//! `POST /v2/embed`: vectors for texts, images or mixed inputs, in every embedding type.
//!
//! The body is written by hand: a hundred thousand numbers must not pass through a value tree.

mod numbers;
mod request;

use serde_json::{Map, Value, json};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::fields::{self, Fields};
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;

use numbers::EmbeddingType;
pub(super) use numbers::write_float;
use request::{EmbedRequest, Input};

/// About what the API counts for a small image.
const TOKENS_OF_AN_IMAGE: usize = 259;

pub(super) fn answer_embed(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let request = EmbedRequest::from_object(&object)?;
    let embeddings = format!("{{{}}}", embeddings_json(&request.types, &request.vectors()));
    Ok(write_reply(seen, &request, "2", &embeddings, "embeddings_by_type"))
}

/// `POST /v1/embed`: bare floats where no types are asked for, else as v2.
pub(super) fn answer_v1_embed(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let request = EmbedRequest::from_object(&object)?;
    let vectors = request.vectors();
    if Fields::new(&object, "embed").has_value("embedding_types") {
        let embeddings = format!("{{{}}}", embeddings_json(&request.types, &vectors));
        return Ok(write_reply(seen, &request, "1", &embeddings, "embeddings_by_type"));
    }
    let embeddings = vectors_json(EmbeddingType::Float, &vectors);
    Ok(write_reply(seen, &request, "1", &embeddings, "embeddings_floats"))
}

/// `POST /compatibility/v1/embeddings`: OpenAI's request and answer; it knows no input types.
pub(super) fn answer_compatibility(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let fields = Fields::new(&object, "compatibility-api");
    let base64 = fields.read_text("encoding_format")? == Some("base64");
    let kind = if base64 { EmbeddingType::Base64 } else { EmbeddingType::Float };
    let texts = match fields.value("input") {
        Some(Value::String(text)) => json!([text]),
        other => json!(other),
    };
    let mut translated = Map::from_iter([
        ("input_type".to_owned(), json!("search_document")),
        ("texts".to_owned(), texts),
        ("embedding_types".to_owned(), json!([kind.name()])),
    ]);
    for (name, v2_name) in [("model", "model"), ("dimensions", "output_dimension")] {
        if let Some(value) = fields.value(name) {
            translated.insert(v2_name.to_owned(), value.clone());
        }
    }
    let request = EmbedRequest::from_object(&translated)?;
    let mut data = Vec::new();
    for (index, vector) in request.vectors().iter().enumerate() {
        let mut embedding = String::new();
        kind.write_vector(vector, &mut embedding);
        data.push(format!(r#"{{"object":"embedding","index":{index},"embedding":{embedding}}}"#));
    }
    let tokens = EmbedUsage::count(&request).billed_tokens();
    let body = format!(
        r#"{{"object":"list","data":[{}],"model":"{}","usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#,
        data.join(","),
        request.model.id
    );
    Ok(Reply::from_json(body).with_warnings(&request.warnings))
}

fn write_reply(
    seen: &ReceivedRequest,
    request: &EmbedRequest,
    version: &str,
    embeddings: &str,
    response_type: &str,
) -> Reply {
    let usage = EmbedUsage::count(request);
    let body = format!(
        r#"{{"id":"{id}","texts":{texts}{images},"embeddings":{embeddings},"meta":{{"api_version":{{"version":"{version}"}},"billed_units":{billed}}},"response_type":"{response_type}"}}"#,
        id = digest::to_uuid(digest::digest_request(seen)),
        texts = to_json(&request.echoed_texts()),
        images = images_json(&request.inputs),
        billed = usage.billed_units_json(request),
    );
    Reply::from_json(body)
        .with_counts(usage.chars, usage.billed_tokens())
        .with_warnings(&request.warnings)
}

fn embeddings_json(types: &[EmbeddingType], vectors: &[Vec<f32>]) -> String {
    let mut out = String::new();
    for kind in types {
        let separator = if out.is_empty() { "" } else { "," };
        out.push_str(&format!("{separator}\"{}\":{}", kind.name(), vectors_json(*kind, vectors)));
    }
    out
}

fn vectors_json(kind: EmbeddingType, vectors: &[Vec<f32>]) -> String {
    let mut out = "[".to_owned();
    for (index, vector) in vectors.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        kind.write_vector(vector, &mut out);
    }
    out + "]"
}

/// The facts about the images, absent when there is none.
fn images_json(inputs: &[Input]) -> String {
    let facts: Vec<_> = inputs.iter().flat_map(Input::images).map(|image| &image.facts).collect();
    if facts.is_empty() { String::new() } else { format!(",\"images\":{}", to_json(&facts)) }
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers serialize")
}

struct EmbedUsage {
    chars: usize,
    text_tokens: usize,
    images: usize,
}

impl EmbedUsage {
    fn count(request: &EmbedRequest) -> Self {
        let texts: Vec<&str> = request.inputs.iter().flat_map(Input::texts).collect();
        Self {
            chars: texts.iter().map(|text| text.chars().count()).sum(),
            text_tokens: texts.iter().map(|text| request::count_tokens(text)).sum(),
            images: request.inputs.iter().flat_map(Input::images).count(),
        }
    }

    fn billed_tokens(&self) -> usize {
        self.text_tokens + self.images * TOKENS_OF_AN_IMAGE
    }

    /// Version 3 counts tokens or images; later ones tokens of both kinds.
    fn billed_units_json(&self, request: &EmbedRequest) -> String {
        let Self { text_tokens, images, .. } = self;
        match (request.model.is_embed_v3(), images) {
            (true, 0) => format!(r#"{{"input_tokens":{text_tokens}}}"#),
            (true, _) => format!(r#"{{"images":{images}}}"#),
            (false, _) => {
                format!(
                    r#"{{"input_tokens":{text_tokens},"image_tokens":{}}}"#,
                    images * TOKENS_OF_AN_IMAGE
                )
            }
        }
    }
}
