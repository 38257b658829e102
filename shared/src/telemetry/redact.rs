//! What is taken out of texts from outside before they may stand in a log line.

/// What every token of the gateway begins with; its whole shape is in `secrets/token.rs`.
pub const TOKEN_PREFIX: &str = "cgw_";
/// Longest id that is logged; the longest of a client, a model or a request are shorter.
const MAX_ID_CHARS: usize = 128;
/// Most characters of an error's text that are logged.
const MAX_WORDS_CHARS: usize = 300;

/// Returns an id as it came, if it has the form of one: a caller may send any text as a model's.
///
/// A token of the gateway has that form too and is told by its beginning.
pub fn redact_id(text: &str) -> &str {
    let is_long = text.len() > MAX_ID_CHARS;
    if is_long || !text.bytes().all(is_id_byte) || text.contains(TOKEN_PREFIX) {
        return "(no id)";
    }
    text
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte)
}

/// Returns the words of an error that another crate or service has written, without what they may quote.
///
/// That is everything in quotation marks, and URLs: HTTP/2 lets a server say goodbye with any bytes it
/// likes, and the library repeats them, quoted.
pub fn redact_words(text: &str) -> String {
    let mut unquoted = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        // An apostrophe inside a word quotes nothing.
        let is_quote =
            matches!(c, '"' | '`') || (c == '\'' && !unquoted.ends_with(char::is_alphanumeric));
        if is_quote {
            skip_until(c, &mut rest);
        }
        unquoted.push(if is_quote { '…' } else { c });
    }
    // Control characters go first: what is left around them may be a URL.
    let words = unquoted.split_whitespace().map(|word| word.replace(char::is_control, ""));
    let words = words.map(|word| if word.contains("://") { "…".into() } else { word });
    let words = words.collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_WORDS_CHARS).collect()
}

/// Skips to the end of what is quoted, or of everything.
fn skip_until(quote: char, rest: &mut std::str::Chars) {
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            c if c == quote => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_logged_and_other_texts_are_not() {
        for fine in ["command-a-03-2025", "", "2f1c/model:1.0_x", "9a4c-ft", &"a".repeat(128)] {
            assert_eq!(redact_id(fine), fine);
        }
        for text in
            ["tell me a secret", "a\nb", "{\"a\":1}", "é", "cgw_0123456789", &"a".repeat(129)]
        {
            assert_eq!(redact_id(text), "(no id)");
        }
    }

    #[test]
    fn error_loses_what_it_quotes() {
        for (text, redacted) in [
            (
                r#"connection error received: NO_ERROR (b"pro\"mpt")"#,
                "connection error received: NO_ERROR (b…)",
            ),
            (
                "unknown variant `prompt`, expected one of `a`",
                "unknown variant …, expected one of …",
            ),
            ("Value 'prompt' at 'secretString' is bad", "Value … at … is bad"),
            ("Secrets Manager can't find the secret.", "Secrets Manager can't find the secret."),
            ("for url (https://user:key@host/path?q=prompt)", "for url …"),
            ("never closed: \"prompt", "never closed: …"),
            ("two\r\nlines\u{7}", "two lines"),
            ("for https:\u{1}//user:key@host/path", "for …"),
        ] {
            assert_eq!(redact_words(text), redacted);
        }
        assert_eq!(redact_words(&"é".repeat(9_000)).chars().count(), MAX_WORDS_CHARS);
    }
}
