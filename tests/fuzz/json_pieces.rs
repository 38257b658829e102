//! Finds the pieces of a text that is JSON, or was before it was mutated; it never fails.

use std::ops::Range;

/// Values and members of a text.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Strings, numbers, words, and whatever stands in balanced brackets.
    pub(crate) values: Vec<Range<usize>>,
    /// Keys with their quotes.
    pub(crate) keys: Vec<Range<usize>>,
    /// Keys with their values.
    pub(crate) members: Vec<Range<usize>>,
}

pub(crate) fn find_pieces(text: &[u8]) -> Pieces {
    let mut pieces = Pieces::default();
    let mut open = Vec::new();
    // The key whose value comes next.
    let mut key: Option<Range<usize>> = None;
    let mut at = 0;
    while at < text.len() {
        let span = match text[at] {
            b'"' => at..find_string_end(text, at),
            b'[' | b'{' => {
                open.push((at, key.take()));
                at += 1;
                continue;
            }
            b']' | b'}' => {
                at += 1;
                let Some((start, own_key)) = open.pop() else { continue };
                key = own_key;
                start..at
            }
            byte if is_word(byte) => {
                let length = text[at..].iter().position(|byte| !is_word(*byte));
                at..length.map_or(text.len(), |length| at + length)
            }
            _ => {
                at += 1;
                continue;
            }
        };
        at = span.end;
        let is_key = text[span.start] == b'"' && text[at..].trim_ascii_start().starts_with(b":");
        if is_key {
            pieces.keys.push(span.clone());
            key = Some(span);
            continue;
        }
        if let Some(key) = key.take() {
            pieces.members.push(key.start..span.end);
        }
        pieces.values.push(span);
    }
    pieces
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}

fn find_string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}
