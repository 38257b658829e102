//! Strings of a request: names are read here, free text passes as it is written.
//!
//! JSON can write half a character, such as the first `\ud83e` of an emoji that was cut. Parsers disagree
//! about what it means, so a name that holds one is refused, and a free text is not looked into.

use super::MAX_NAME_BYTES;
use crate::error::{GatewayError, Result};
use memchr::memmem;
use serde::de::{Deserialize, Deserializer, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Checks a name: its length as it is written between its quotes, and that it can be decoded.
///
/// # Errors
/// `invalid_request` naming the field.
pub(super) fn check_name(field: &str, value: &[u8]) -> Result<()> {
    let length = value.len().saturating_sub(2);
    if length > MAX_NAME_BYTES {
        let problem = format!("has {length} bytes, at most {MAX_NAME_BYTES} are taken");
        return Err(GatewayError::invalid(field, problem));
    }
    match decode_string(value) {
        Some(_) => Ok(()),
        None => Err(undecodable(field, "")),
    }
}

/// Checks a list of names, which are strings.
///
/// # Errors
/// As `check_name`, with the position of the name.
pub(super) fn check_names(field: &str, value: &[u8], elements: &[Range<usize>]) -> Result<()> {
    for (index, element) in elements.iter().enumerate() {
        check_name(&format!("{field}[{index}]"), &value[element.clone()])?;
    }
    Ok(())
}

/// Creates the refusal of a string that is read here and cannot be decoded.
pub(super) fn undecodable(field: &str, what: &str) -> GatewayError {
    let problem = format!("{what} cannot be decoded: it holds half a character, such as \\ud83e");
    GatewayError::invalid(field, problem.trim_start())
}

/// Returns the meaning of a JSON string; `None` where it holds half a character.
pub(super) fn decode_string(json: &[u8]) -> Option<Cow<'_, str>> {
    match serde_json::from_slice(json) {
        Ok(Text(text)) => Some(text),
        Err(_) => None,
    }
}

/// Tells whether a JSON string means nothing but spaces; half a character is more than that.
pub fn is_blank(json: &[u8]) -> bool {
    match decode_string(json) {
        Some(text) => text.trim().is_empty(),
        None => false,
    }
}

/// Returns JSON with the letters, digits and underscores of its strings written without escapes.
///
/// A word that is searched for is found in it however the caller has written it.
pub fn unescape_words(json: &[u8]) -> Cow<'_, [u8]> {
    if memmem::find(json, b"\\u00").is_none() {
        return Cow::Borrowed(json);
    }
    let mut plain = Vec::with_capacity(json.len());
    let mut at = 0;
    while at < json.len() {
        if let Some(letter) = escaped_letter(&json[at..]) {
            plain.push(letter);
            at += ESCAPE_BYTES;
            continue;
        }
        // What follows a backslash is no escape of its own.
        let length = if json[at] == b'\\' { 2 } else { 1 };
        let end = (at + length).min(json.len());
        plain.extend_from_slice(&json[at..end]);
        at = end;
    }
    Cow::Owned(plain)
}

/// Length of an escape such as `\u0061`.
const ESCAPE_BYTES: usize = 6;

fn escaped_letter(json: &[u8]) -> Option<u8> {
    let digits = json.get(..ESCAPE_BYTES)?.strip_prefix(b"\\u00")?;
    let letter = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    if letter.is_ascii_alphanumeric() || letter == b'_' { Some(letter) } else { None }
}

/// A string borrowed from the body where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_is_decoded_unless_it_holds_half_a_character() {
        assert_eq!(decode_string(br#""mod\u0065l""#).as_deref(), Some("model"));
        assert_eq!(decode_string(br#""\ud83e\udd8a""#).as_deref(), Some("🦊"));
        for half in [r#""\ud83e""#, r#""\udd8a""#, r#""\udd8a\ud83e""#, r#""a\ud83eb""#] {
            assert_eq!(decode_string(half.as_bytes()), None, "{half}");
        }
    }

    #[test]
    fn words_are_found_however_they_are_written() {
        let json = br#"{"im\u0061ge\u005Furl":"\u00e9\n\\u0061\"\u002"}"#;
        let plain = br#"{"image_url":"\u00e9\n\\u0061\"\u002"}"#;
        assert_eq!(unescape_words(json), &plain[..]);
        assert!(matches!(unescape_words(br#"{"\u0100":"a\"}"#), Cow::Borrowed(_)));
        assert_eq!(unescape_words(br"\u00"), &br"\u00"[..]);
    }

    #[test]
    fn blank_text_has_nothing_but_spaces() {
        for blank in [r#""""#, r#"" \n""#, r#""\u0020\u00a0""#, "\"\u{2003}\""] {
            assert!(is_blank(blank.as_bytes()), "{blank}");
        }
        for text in [r#""a""#, r#""\ud83e""#, r#"" . ""#] {
            assert!(!is_blank(text.as_bytes()), "{text}");
        }
    }
}
