//! `POST /v1/tokenize` and `POST /v1/detokenize`: tokens that can be read back, though no model has them.
//!
//! A token is one character, or up to three of ASCII that begin no new word; its number says which.

use serde_json::{Value, json};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::fields::{self, Fields};
use crate::cohere_sandbox::models;
use crate::cohere_sandbox::received::ReceivedRequest;
use crate::cohere_sandbox::reply::Reply;
use crate::cohere_sandbox::text::split_pieces;

const MAX_CHARACTERS: usize = 65_536;
/// Numbers from here on stand for up to three ASCII characters, seven bits each.
const FIRST_OF_ASCII: u32 = 0x11_0000;
const CHARACTERS_OF_A_TOKEN: usize = 3;
const META: &str = r#""meta":{"api_version":{"version":"1"}}"#;

pub(super) fn answer_tokenize(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let fields = Fields::new(&object, "tokenize");
    check_model(fields)?;
    let text = fields.read_text("text")?.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| ApiError::invalid_request("text must not be empty"))?;
    let length = text.chars().count();
    if length > MAX_CHARACTERS {
        return Err(ApiError::invalid_request(format!(
            "text must be at most {MAX_CHARACTERS} characters long - received {length}"
        )));
    }
    let strings = split_tokens(text);
    let tokens: Vec<u32> = strings.iter().map(|string| to_number(string)).collect();
    let (tokens, strings) = (json!(tokens), json!(strings));
    Ok(Reply::from_json(format!(r#"{{"tokens":{tokens},"token_strings":{strings},{META}}}"#)))
}

pub(super) fn answer_detokenize(seen: &ReceivedRequest) -> Result<Reply, ApiError> {
    let object = fields::parse_object(&seen.body)?;
    let fields = Fields::new(&object, "detokenize");
    check_model(fields)?;
    let tokens = fields.read_list("tokens")?.unwrap_or_default();
    if tokens.is_empty() {
        return Err(ApiError::invalid_request("tokens must not be empty"));
    }
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let string = token.as_u64().and_then(to_string);
        text += &string.ok_or_else(|| unknown_token(index, token))?;
    }
    Ok(Reply::from_json(format!(r#"{{"text":{},{META}}}"#, json!(text))))
}

/// Both need a model, of whatever endpoint.
fn check_model(fields: Fields) -> Result<(), ApiError> {
    match fields.read_text("model")?.filter(|id| !id.is_empty()) {
        Some(id) => models::find_model(id).map(|_| ()),
        None => Err(ApiError::bad_request("a model parameter is required for this endpoint.")),
    }
}

fn unknown_token(index: usize, token: &Value) -> ApiError {
    ApiError::invalid_request(format!("token {token} at index {index} is not in the vocabulary"))
}

fn split_tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for piece in split_pieces(text) {
        let (mut start, mut length) = (0, 0);
        for (at, c) in piece.char_indices() {
            let is_full = length == CHARACTERS_OF_A_TOKEN || !is_packed(c);
            if length > 0 && is_full {
                tokens.push(&piece[start..at]);
                (start, length) = (at, 0);
            }
            // The next character begins a token of its own.
            length = if is_packed(c) { length + 1 } else { CHARACTERS_OF_A_TOKEN };
        }
        tokens.push(&piece[start..]);
    }
    tokens
}

/// Zero would be lost among the empty places.
fn is_packed(c: char) -> bool {
    c.is_ascii() && c != '\0'
}

fn to_number(token: &str) -> u32 {
    match token.chars().next() {
        Some(c) if !is_packed(c) => c as u32,
        _ => token.bytes().fold(FIRST_OF_ASCII, |number, byte| {
            FIRST_OF_ASCII + (((number - FIRST_OF_ASCII) << 7) | u32::from(byte))
        }),
    }
}

fn to_string(number: u64) -> Option<String> {
    let number = u32::try_from(number).ok()?;
    let Some(packed) = number.checked_sub(FIRST_OF_ASCII) else {
        return char::from_u32(number).map(String::from);
    };
    if packed >> 21 != 0 {
        return None;
    }
    let bytes = [packed >> 14, packed >> 7, packed].map(|bits| (bits & 0x7f) as u8);
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_as_their_text() {
        for text in ["Hello, world!", "é 漢字 🦊", "a\nb\u{7f}", "ab é", "a\0b"] {
            let tokens = split_tokens(text);
            assert_eq!(tokens.concat(), text);
            let read: String =
                tokens.iter().map(|token| to_string(to_number(token).into()).unwrap()).collect();
            assert_eq!(read, text);
        }
        assert_eq!(split_tokens("Hello, é!"), ["Hel", "lo,", " ", "é", "!"]);
    }

    #[test]
    fn unknown_number_has_no_text() {
        assert_eq!(to_string(u64::from(FIRST_OF_ASCII) + (1 << 21)), None);
        assert_eq!(to_string(u64::MAX), None);
    }
}
