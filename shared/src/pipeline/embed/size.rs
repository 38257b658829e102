//! How large an embed request may be, and its answer, and how many inputs a call takes.

use crate::cohere::models::{self, published_image_rate, published_rate};
use crate::config::LimitsConfig;
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::wire::embed::{EmbedRequest, PER_CALL};

/// Length of embeddings that is reckoned with where the model is not in the catalogue.
const UNKNOWN_DIMENSION: u64 = 2_048;

/// Most calls of one request to a model that takes one image a call.
const MAX_IMAGE_CALLS: usize = 96;

/// Checks the size of an embed request and of the answer it will have.
///
/// # Errors
/// `too_large` with the limit; `invalid_request` for a length that the model cannot make.
pub(super) fn check_size(request: &EmbedRequest, limits: &LimitsConfig) -> Result<()> {
    let (source, count, most) = (request.source(), request.input_count(), limits.embed_max_inputs);
    if count > most {
        let message = format!("{source}: at most {most} are taken in one request, got {count}");
        return Err(GatewayError::new(Code::TooLarge, message));
    }
    check_image_calls(request)?;
    let length = check_dimension(request)?;
    let (expected, most) = (request.expected_bytes(length), limits.embed_max_answer_bytes);
    if expected > most as f64 {
        let message = format!(
            "{source}: {count} embeddings of {length} numbers in the asked types are about \
             {expected:.0} bytes, at most {most} are answered at once; send fewer, or ask for a \
             smaller type or output_dimension"
        );
        return Err(GatewayError::new(Code::TooLarge, message));
    }
    Ok(())
}

/// Checks how many calls a request becomes where a model takes one image a call.
fn check_image_calls(request: &EmbedRequest) -> Result<()> {
    let (model, source, count) = (request.model(), request.source(), request.input_count());
    if inputs_per_call(model, source) == 1 && count > MAX_IMAGE_CALLS {
        let message = format!(
            "{source}: {model} takes one a call, at most {MAX_IMAGE_CALLS} calls are made for one \
             request, got {count}"
        );
        return Err(GatewayError::new(Code::TooLarge, message));
    }
    Ok(())
}

/// Returns what an input takes of the model's rate: an image as many texts as its own limit is lower.
pub(super) fn units_per_input(model: &str, source: &str) -> u32 {
    if source != "images" {
        return 1;
    }
    let (texts, images) = (published_rate(Endpoint::Embed, model), published_image_rate(model));
    texts.div_ceil(images.max(1)).max(1)
}

/// Returns the length that the embeddings will have.
///
/// # Errors
/// `invalid_request` where the model cannot make the length that is asked for.
fn check_dimension(request: &EmbedRequest) -> Result<f64> {
    let model = models::find_model(request.model());
    let known = model.map(|model| model.dimensions).unwrap_or_default();
    let Some(length) = request.output_dimension() else {
        return Ok(*known.last().unwrap_or(&UNKNOWN_DIMENSION) as f64);
    };
    if length < 1.0 {
        let problem = format!("must be at least 1, got {length}");
        return Err(GatewayError::invalid("output_dimension", problem));
    }
    if known.is_empty() || known.iter().any(|known| *known as f64 == length) {
        return Ok(length);
    }
    let name = request.model();
    let problem = match known {
        [only] => format!("is not taken by {name}, whose embeddings have {only} numbers"),
        _ => {
            let known: Vec<_> = known.iter().map(u64::to_string).collect();
            format!("{name} makes {}, not {length}", known.join(", "))
        }
    };
    Err(GatewayError::invalid("output_dimension", problem))
}

/// Returns how many inputs one call of a model takes.
pub(super) fn inputs_per_call(model: &str, source: &str) -> usize {
    match models::find_model(model) {
        Some(model) if source == "images" && model.takes_one_image => 1,
        _ => PER_CALL,
    }
}
