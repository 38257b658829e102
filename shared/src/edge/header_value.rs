//! A value that any header can carry: one line of printable ASCII.
//!
//! Model ids and field names of a caller come back in headers, from us and from Cohere. A byte over 0x7e
//! in one of them would cost the whole answer: the streaming integration takes no such value. Every byte
//! that is not printable ASCII is percent-encoded, all others stay as they are.

use http::HeaderValue;
use http::header::GetAll;
use std::borrow::Cow;

/// Longest value of an answer; API Gateway takes 10 KB for all together.
pub const MAX_VALUE_BYTES: usize = 1_024;

/// Ends a value that was cut.
const CUT_MARK: &str = "...";

/// Returns a value for an answer: printable, and cut at 1 KB.
pub fn to_answer_value(value: &[u8]) -> HeaderValue {
    to_value(cut_text(percent_encode(value)))
}

/// Returns all values of one header as one, in their order; `None` where there is no value.
pub fn join_values(values: &GetAll<'_, HeaderValue>) -> Option<HeaderValue> {
    let values: Vec<&[u8]> = values.iter().map(HeaderValue::as_bytes).collect();
    if values.is_empty() {
        return None;
    }
    Some(to_answer_value(&values.join(&b", "[..])))
}

/// Returns a caller's value for Cohere: printable, of any length.
pub fn to_request_value(value: &HeaderValue) -> HeaderValue {
    if is_printable(value.as_bytes()) {
        return value.clone();
    }
    to_value(percent_encode(value.as_bytes()))
}

fn is_printable(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn percent_encode(value: &[u8]) -> Cow<'_, str> {
    if is_printable(value) {
        return String::from_utf8_lossy(value);
    }
    let mut encoded = String::with_capacity(value.len() + 16);
    for byte in value {
        match byte {
            b' '..=b'~' => encoded.push(char::from(*byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Cow::Owned(encoded)
}

/// Cuts a text that is too long, but not within an encoded byte.
fn cut_text(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_VALUE_BYTES {
        return text;
    }
    let mut kept = &text[..MAX_VALUE_BYTES - CUT_MARK.len()];
    if let Some(start) = kept.rfind('%')
        && start + 3 > kept.len()
    {
        kept = &kept[..start];
    }
    Cow::Owned(format!("{kept}{CUT_MARK}"))
}

fn to_value(text: Cow<'_, str>) -> HeaderValue {
    // Printable ASCII is always a value.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use proptest::prelude::*;

    #[test]
    fn printable_value_stays_as_it_is() {
        assert_eq!(to_answer_value(b"100 % of \"x\""), "100 % of \"x\"");
        let value = HeaderValue::from_static("me/1.0 (%41)");
        assert_eq!(to_request_value(&value), value);
    }

    #[test]
    fn other_bytes_are_percent_encoded() {
        assert_eq!(to_answer_value("parameter größe".as_bytes()), "parameter gr%C3%B6%C3%9Fe");
        assert_eq!(to_answer_value(b"a\xff\tb\n"), "a%FF%09b%0A");
        let value = HeaderValue::from_bytes("café".as_bytes()).unwrap();
        assert_eq!(to_request_value(&value), "caf%C3%A9");
    }

    #[test]
    fn long_value_is_cut_between_encoded_bytes() {
        for text in ["x".repeat(5_000), "ü".repeat(5_000), format!("a{}", "ü".repeat(5_000))] {
            let value = to_answer_value(text.as_bytes());
            let kept = value.to_str().unwrap().strip_suffix("...").unwrap();
            assert!(value.len() <= MAX_VALUE_BYTES && value.len() > MAX_VALUE_BYTES - 4);
            assert!(kept.ends_with('x') || kept[kept.len() - 3..].starts_with('%'), "{kept}");
        }
        assert_eq!(to_answer_value("x".repeat(1_024).as_bytes()).len(), 1_024);
    }

    #[test]
    fn values_of_one_header_are_joined_in_order() {
        let mut headers = HeaderMap::new();
        assert_eq!(join_values(&headers.get_all("x-a")), None);
        headers.append("x-a", HeaderValue::from_static("one"));
        headers.append("x-a", HeaderValue::from_bytes("zwölf".as_bytes()).unwrap());
        assert_eq!(join_values(&headers.get_all("x-a")).unwrap(), "one, zw%C3%B6lf");
    }

    proptest! {
        #[test]
        fn any_bytes_become_one_printable_line(value: Vec<u8>) {
            let value = to_answer_value(&value);
            prop_assert!(value.len() <= MAX_VALUE_BYTES && is_printable(value.as_bytes()));
        }
    }
}
