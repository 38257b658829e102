//! `POST /v1/tokenize` and `POST /v1/detokenize`: their fields, all of which are required.

use crate::error::{GatewayError, Result};
use crate::wire::UpstreamRequest;
use crate::wire::object::{FieldType, KnownFields, RequestObject};
use bytes::Bytes;

/// The fields of `POST /v1/tokenize`.
pub const TOKENIZE: KnownFields = &[("model", FieldType::Name), ("text", FieldType::Text)];
/// The fields of `POST /v1/detokenize`.
pub const DETOKENIZE: KnownFields = &[("model", FieldType::Name), ("tokens", FieldType::Array)];

/// Reads and checks a request of tokenize or detokenize, whose fields these are.
///
/// # Errors
/// `invalid_request` that names the field and its problem.
pub fn parse_request(body: Bytes, known: KnownFields) -> Result<UpstreamRequest> {
    let object = RequestObject::parse(body, known)?;
    for (name, _) in known {
        if !object.has(name) {
            return Err(GatewayError::invalid(name, "is required"));
        }
    }
    let model = object.read_name("model").unwrap_or_default().into_owned();
    Ok(UpstreamRequest::of_model(model, object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokenize_needs_its_fields() {
        let problem = |body: &'static str, known| {
            parse_request(Bytes::from(body), known).map(|_| ()).map_err(|error| error.message)
        };
        assert_eq!(problem(r#"{"model":"m","text":""}"#, TOKENIZE), Ok(()));
        let missing = |field| Err(format!("invalid request: {field}: is required"));
        assert_eq!(problem(r#"{"text":"a"}"#, TOKENIZE), missing("model"));
        assert_eq!(problem(r#"{"model":"m"}"#, DETOKENIZE), missing("tokens"));
    }
}
