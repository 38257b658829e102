//! Reads a JSON string that must not be lost for what cannot be decoded in it.

use serde::Deserializer;
use serde::de::{Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What stands for bytes that are no text.
const UNREADABLE: &str = "\u{fffd}";

/// Decodes a JSON string; half of a surrogate pair, as of a cut emoji, becomes U+FFFD.
///
/// Returns `None` where the text is no JSON string.
pub fn decode_text(raw: &[u8]) -> Option<String> {
    let mut json = serde_json::Deserializer::from_slice(raw);
    // Asked for bytes, the parser gives half of a pair as the three bytes it would have in UTF-8.
    let text = json.deserialize_bytes(LenientVisitor).ok()?;
    json.end().ok()?;
    Some(text)
}

/// Decodes an object's key, given without its quotation marks; one that cannot be decoded stays as written.
pub fn decode_key(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    match decode_text(&[b"\"", raw, b"\""].concat()) {
        Some(key) => Cow::Owned(key.into_bytes()),
        None => Cow::Borrowed(raw),
    }
}

struct LenientVisitor;

impl Visitor<'_> for LenientVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<String, E> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_string()),
            Err(_) => {
                let text = String::from_utf8_lossy(bytes);
                Ok(text.replace(&UNREADABLE.repeat(3), UNREADABLE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_pair_costs_one_character() {
        for (raw, text) in [
            (r#""plain""#, Some("plain")),
            (r#""a\n\u00e9 \ud83d\ude00""#, Some("a\né 😀")),
            (r#""cut \ud83d""#, Some("cut \u{fffd}")),
            (r#""\ude00 cut""#, Some("\u{fffd} cut")),
            ("7", None),
            ("[1]", None),
            (r#""open"#, None),
            (r#""two" "texts""#, None),
        ] {
            assert_eq!(decode_text(raw.as_bytes()).as_deref(), text, "{raw}");
        }
        assert_eq!(decode_text(b"\"a\xff\"").as_deref(), Some("a\u{fffd}"));
    }
}
