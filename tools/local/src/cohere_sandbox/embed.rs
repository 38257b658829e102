//! `POST /v2/embed`: vectors for texts, images or mixed inputs, in every embedding type.
//!
//! The body is written by hand: a hundred thousand numbers must not pass through a value tree.

mod numbers;
mod request;

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::fields;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;
use crate::cohere_sandbox::similarity::VectorSpace;

use numbers::EmbeddingType;
pub(super) use numbers::write_float;
use request::{EmbedRequest, Input};

/// About what the API counts for a small image.
const TOKENS_OF_AN_IMAGE: usize = 259;

pub(super) fn answer_embed(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let request = EmbedRequest::from_object(&object)?;
    let space =
        VectorSpace::new(request.model.vector_space(), request.dimension, request.input_type);
    let vectors: Vec<Vec<f32>> =
        request.inputs.iter().map(|input| space.vector_of(input.parts())).collect();

    let usage = EmbedUsage::count(&request);
    let body = format!(
        r#"{{"id":"{id}","texts":{texts}{images},"embeddings":{{{embeddings}}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{billed}}},"response_type":"embeddings_by_type"}}"#,
        id = digest::to_uuid(digest::digest_request(seen)),
        texts = to_json(&request.echoed_texts()),
        images = images_json(&request.inputs),
        embeddings = embeddings_json(&request.types, &vectors),
        billed = usage.billed_units_json(&request),
    );
    Ok(Reply::from_json(body)
        .with_counts(usage.chars, usage.billed_tokens())
        .with_warnings(&request.warnings))
}

fn embeddings_json(types: &[EmbeddingType], vectors: &[Vec<f32>]) -> String {
    let mut out = String::new();
    for kind in types {
        let separator = if out.is_empty() { "" } else { "," };
        out.push_str(&format!("{separator}\"{}\":[", kind.name()));
        for (index, vector) in vectors.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            kind.write_vector(vector, &mut out);
        }
        out.push(']');
    }
    out
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
