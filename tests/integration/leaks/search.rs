//! Finds a text in bytes, also where somebody has encoded it on the way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A text in all the forms it may take.
pub struct Search {
    /// Forms whose case may change; in lower case.
    folded: Vec<Vec<u8>>,
    exact: Vec<Vec<u8>>,
}

impl Search {
    pub fn of(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let each = |form: fn(u8) -> String, between: &str| {
            lower.bytes().map(form).collect::<Vec<_>>().join(between).into_bytes()
        };
        let folded = vec![
            lower.clone().into_bytes(),
            each(|byte| format!("{byte:02x}"), ""),
            each(|byte| format!("%{byte:02x}"), ""),
            each(|byte| format!("\\u{byte:04x}"), ""),
            each(|byte| format!("\\x{byte:02x}"), ""),
            each(|byte| format!("{byte}"), ", "),
            each(|byte| format!("{byte}"), ","),
        ];
        let base64 = (0..3).map(|before| base64_inside(text, before));
        let exact = base64.flat_map(|form| [form.replace('+', "-").replace('/', "_"), form]);
        Self { folded, exact: exact.map(String::into_bytes).collect() }
    }

    /// Returns what surrounds the text, if it is there.
    pub fn found_in(&self, bytes: &[u8]) -> Option<String> {
        let lower = bytes.to_ascii_lowercase();
        let place = |haystack: &[u8], form: &Vec<u8>| {
            haystack.windows(form.len()).position(|part| part == form)
        };
        let folded = self.folded.iter().find_map(|form| place(&lower, form));
        let at = folded.or_else(|| self.exact.iter().find_map(|form| place(bytes, form)))?;
        let around = &bytes[at.saturating_sub(150)..bytes.len().min(at + 150)];
        Some(String::from_utf8_lossy(around).into_owned())
    }
}

/// Returns the characters that stand for `text` alone after so many other bytes.
fn base64_inside(text: &str, before: usize) -> String {
    let encoded = STANDARD_NO_PAD.encode([&vec![0; before], text.as_bytes()].concat());
    let (first, end) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
    encoded[first..end].to_string()
}

#[test]
fn marked_text_is_found_in_every_form() {
    let (search, text) = (Search::of("zqxsample"), "zqxsample");
    let coded = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>();
    let forms = [
        text.to_string(),
        text.to_uppercase(),
        coded(|byte| format!("{byte:02X}")),
        coded(|byte| format!("%{byte:02x}")),
        coded(|byte| format!("\\u{byte:04X}")),
        format!("{:?}", text.as_bytes()),
        STANDARD_NO_PAD.encode(format!("{text}, the prompt")),
        STANDARD_NO_PAD.encode(format!("a {text} in a prompt")),
        STANDARD_NO_PAD.encode(format!("1{text}")),
    ];
    for form in forms {
        let line = format!("{{\"level\":\"INFO\",\"message\":\"request\",\"detail\":\"{form}\"}}");
        assert!(search.found_in(line.as_bytes()).is_some(), "{form}");
    }
    assert_eq!(search.found_in(b"{\"level\":\"INFO\",\"message\":\"zqx-sample\"}"), None);
}
