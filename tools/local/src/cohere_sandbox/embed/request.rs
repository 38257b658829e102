//! Reads an embed request, and refuses it in every way the API does.

use serde_json::{Map, Value};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::embed::numbers::EmbeddingType;
use crate::cohere_sandbox::fields::Fields;
use crate::cohere_sandbox::image::Image;
use crate::cohere_sandbox::models::{self, Endpoint, Model};
use crate::cohere_sandbox::similarity::{Part, VectorSpace};

const MAX_INPUTS: usize = 96;
const MAX_IMAGE_BYTES_V3: usize = 5_000_000;
const MAX_IMAGE_BYTES_IN_ALL: usize = 20_000_000;
const INPUT_TYPES: &[&str] =
    &["search_document", "search_query", "classification", "clustering", "image"];
const KNOWN: &[&str] = &[
    "model",
    "input_type",
    "texts",
    "images",
    "inputs",
    "max_tokens",
    "output_dimension",
    "embedding_types",
    "truncate",
    "priority",
];

pub(super) struct EmbedRequest<'a> {
    pub(super) model: &'static Model,
    pub(super) input_type: &'a str,
    pub(super) inputs: Vec<Input<'a>>,
    pub(super) types: Vec<EmbeddingType>,
    pub(super) dimension: usize,
    pub(super) warnings: Vec<String>,
}

/// One thing to embed.
pub(super) enum Input<'a> {
    Text(&'a str),
    Image(Image),
    Mixed(Vec<Input<'a>>),
}

impl Input<'_> {
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        match self {
            Input::Text(text) => vec![Part::Text(text)],
            Input::Image(image) => vec![Part::Image(&image.bytes)],
            Input::Mixed(inputs) => inputs.iter().flat_map(Input::parts).collect(),
        }
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        match self {
            Input::Text(text) => vec![text],
            Input::Image(_) => Vec::new(),
            Input::Mixed(inputs) => inputs.iter().flat_map(Input::texts).collect(),
        }
    }

    pub(super) fn images(&self) -> Vec<&Image> {
        match self {
            Input::Text(_) => Vec::new(),
            Input::Image(image) => vec![image],
            Input::Mixed(inputs) => inputs.iter().flat_map(Input::images).collect(),
        }
    }
}

/// Counts tokens about as the API does for short texts: words and marks.
pub(super) fn count_tokens(text: &str) -> usize {
    let marks = text.chars().filter(|c| !c.is_alphanumeric() && !c.is_whitespace()).count();
    crate::cohere_sandbox::text::split_words(text).count() + marks
}

impl<'a> EmbedRequest<'a> {
    pub(super) fn from_object(object: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let fields = Fields::new(object, "embed");
        let model = models::resolve_model(fields.read_text("model")?, Endpoint::Embed)?;
        let input_type = fields.read_text("input_type")?.filter(|kind| INPUT_TYPES.contains(kind));
        let input_type = input_type.ok_or_else(|| {
            ApiError::invalid_request("valid input_type must be provided with the provided model")
        })?;
        let inputs = read_inputs(fields, model, input_type)?;
        check_length(fields, model, &inputs)?;
        let mut warnings: Vec<String> = model.deprecation_warning().into_iter().collect();
        warnings.extend(fields.unknown_field_warnings(KNOWN));
        Ok(Self {
            model,
            input_type,
            inputs,
            types: read_types(fields)?,
            dimension: read_dimension(fields, model)?,
            warnings,
        })
    }

    /// The vectors of all inputs.
    pub(super) fn vectors(&self) -> Vec<Vec<f32>> {
        let space = VectorSpace::new(self.model.vector_space(), self.dimension, self.input_type);
        self.inputs.iter().map(|input| space.vector_of(input.parts())).collect()
    }

    /// The texts as answers repeat them: the light English model of version 3 normalizes them.
    pub(super) fn echoed_texts(&self) -> Vec<String> {
        let is_normalized = self.model.id == "embed-english-light-v3.0";
        let mut texts = Vec::new();
        for input in &self.inputs {
            let Input::Text(text) = input else { continue };
            texts.push(if is_normalized { normalize_text(text) } else { (*text).to_owned() });
        }
        texts
    }
}

/// Lower case, one space between words and around marks.
fn normalize_text(text: &str) -> String {
    let mut spaced = String::new();
    for c in text.to_lowercase().chars() {
        if c.is_alphanumeric() || c.is_whitespace() {
            spaced.push(c);
        } else if matches!(c, '.' | ',') {
            spaced.extend([c, ' ']);
        } else {
            spaced.extend([' ', c, ' ']);
        }
    }
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_inputs<'a>(
    fields: Fields<'a>,
    model: &Model,
    input_type: &str,
) -> Result<Vec<Input<'a>>, ApiError> {
    let given: Vec<&'static str> =
        ["texts", "images", "inputs"].into_iter().filter(|name| fields.has_value(name)).collect();
    let [name] = given[..] else {
        // The API's wording for these two is not public.
        let problem = if given.is_empty() {
            "one of texts, images or inputs must be provided"
        } else {
            "only one of texts, images or inputs can be provided"
        };
        return Err(ApiError::invalid_request(problem));
    };
    let inputs = match name {
        "texts" => {
            fields.read_texts("texts")?.unwrap_or_default().into_iter().map(Input::Text).collect()
        }
        "images" => read_images(fields.read_texts("images")?.unwrap_or_default())?,
        _ => fields
            .read_list("inputs")?
            .unwrap_or_default()
            .iter()
            .map(read_mixed_input)
            .collect::<Result<Vec<_>, _>>()?,
    };
    if inputs.is_empty() {
        return Err(ApiError::invalid_request(format!("{name} must not be empty")));
    }
    if inputs.len() > MAX_INPUTS {
        let received = inputs.len();
        return Err(ApiError::invalid_request(format!(
            "total number of {name} must be at most {MAX_INPUTS} - received {received}"
        )));
    }
    let empty =
        inputs.iter().position(|input| matches!(input, Input::Text(text) if text.is_empty()));
    if let Some(index) = empty {
        return Err(ApiError::invalid_request(format!(
            "{name} contains an element that is the empty string at index {index}"
        )));
    }
    check_images(model, name, input_type, &inputs)?;
    Ok(inputs)
}

fn read_images<'a>(uris: Vec<&str>) -> Result<Vec<Input<'a>>, ApiError> {
    uris.into_iter().map(|uri| Image::from_data_uri(uri).map(Input::Image)).collect()
}

/// `{"content":[{"type":"text","text":…},{"type":"image_url","image_url":{"url":…}}]}`
fn read_mixed_input(input: &Value) -> Result<Input<'_>, ApiError> {
    let mut parts = Vec::new();
    for part in input["content"].as_array().into_iter().flatten() {
        let kind = part["type"].as_str();
        let (text, uri) = (part["text"].as_str(), part["image_url"]["url"].as_str());
        parts.push(match (kind, text, uri) {
            (Some("text"), Some(text), _) => Input::Text(text),
            (Some("image_url"), _, Some(uri)) => Input::Image(Image::from_data_uri(uri)?),
            _ => return Err(unusable_content()),
        });
    }
    if parts.is_empty() {
        return Err(unusable_content());
    }
    Ok(Input::Mixed(parts))
}

fn unusable_content() -> ApiError {
    ApiError::invalid_request("inputs must have a content list of text and image_url elements")
}

fn check_images(
    model: &Model,
    name: &str,
    input_type: &str,
    inputs: &[Input],
) -> Result<(), ApiError> {
    let images: Vec<&Image> = inputs.iter().flat_map(Input::images).collect();
    let bytes: usize = images.iter().map(|image| image.bytes.len()).sum();
    if !model.is_embed_v3() {
        let problem = format!(
            "total size of images must be at most {MAX_IMAGE_BYTES_IN_ALL} bytes - received {bytes}"
        );
        return if bytes > MAX_IMAGE_BYTES_IN_ALL {
            Err(ApiError::invalid_request(problem))
        } else {
            Ok(())
        };
    }
    if name == "inputs" {
        return Err(ApiError::invalid_request(format!(
            "inputs is not supported for model '{}'",
            model.id
        )));
    }
    if !images.is_empty() && input_type != "image" {
        return Err(ApiError::invalid_request("images must be used with input_type=image"));
    }
    if images.len() > 1 {
        return Err(ApiError::invalid_request(format!(
            "total number of images must be at most 1 - received {}",
            images.len()
        )));
    }
    if bytes > MAX_IMAGE_BYTES_V3 {
        return Err(ApiError::invalid_request(format!(
            "image must be at most {MAX_IMAGE_BYTES_V3} bytes - received {bytes}"
        )));
    }
    Ok(())
}

/// Longer texts are cut unless the caller forbids it.
fn check_length(fields: Fields, model: &Model, inputs: &[Input]) -> Result<(), ApiError> {
    let truncate = fields.read_text("truncate")?.unwrap_or("END");
    if !matches!(truncate, "NONE" | "START" | "END") {
        return Err(ApiError::invalid_request(
            "truncate must be one of 'NONE', 'START', or 'END'.",
        ));
    }
    let own = fields.read_integer("max_tokens")?.and_then(|limit| usize::try_from(limit).ok());
    let limit = own.unwrap_or(usize::MAX).min(model.context_tokens);
    let longest = inputs
        .iter()
        .map(|input| input.texts().into_iter().map(count_tokens).sum::<usize>())
        .max()
        .unwrap_or(0);
    if truncate == "NONE" && longest > limit {
        return Err(ApiError::too_many_tokens(format!(
            "total number of tokens in the prompt cannot exceed {limit} - received {longest}. Try \
             using a shorter prompt, or enabling prompt truncating. See \
             https://docs.cohere.com/reference/embed for more details."
        )));
    }
    Ok(())
}

fn read_types(fields: Fields) -> Result<Vec<EmbeddingType>, ApiError> {
    let Some(names) = fields.read_texts("embedding_types")? else {
        return Ok(vec![EmbeddingType::Float]);
    };
    if names.is_empty() {
        return Err(ApiError::bad_request("embedding_types parameter is required"));
    }
    let mut types = Vec::new();
    for kind in EmbeddingType::ALL {
        // Answered in the order of the specification, whatever the request's order is.
        if names.contains(&kind.name()) {
            types.push(kind);
        }
    }
    let unknown =
        names.iter().find(|name| !EmbeddingType::ALL.iter().any(|kind| kind.name() == **name));
    match unknown {
        Some(name) => {
            Err(ApiError::invalid_request(format!("embedding type '{name}' is not supported")))
        }
        None => Ok(types),
    }
}

fn read_dimension(fields: Fields, model: &Model) -> Result<usize, ApiError> {
    let default = *model.dimensions.last().expect("embedding models have a dimension");
    let Some(wanted) = fields.read_integer("output_dimension")? else { return Ok(default) };
    if model.is_embed_v3() {
        return Err(ApiError::invalid_request("output_dimension is not supported for this model"));
    }
    for dimension in model.dimensions {
        if i64::try_from(*dimension) == Ok(wanted) {
            return Ok(*dimension);
        }
    }
    let list = model.dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    Err(ApiError::new(
        422,
        format!(
            "invalid request: output_dimension {wanted} is not supported, only [{list}] is \
             supported"
        ),
    ))
}
