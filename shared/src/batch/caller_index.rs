//! Indices in what Cohere says about a sub-request, told as the caller counts.
//!
//! Cohere counts the inputs that it got: after a split, without equal inputs and without cached ones these
//! are other numbers than the caller's. Its words are kept, the numbers are put right.

use super::{Batch, SubRequest};
use std::ops::Range;

/// What Cohere calls one input, or the list of them.
const INPUT_WORDS: [&str; 9] =
    ["texts", "text", "documents", "document", "docs", "inputs", "input", "images", "image"];

/// Words before an index.
const INDEX_WORDS: [&str; 5] = ["index", "indices", "indexes", "position", "positions"];

/// What has indices of its own inside an input.
const INNER_WORDS: [&str; 6] = ["token", "tokens", "character", "char", "byte", "offset"];

/// Puts the caller's indices into a text about a sub-request.
///
/// `None` where it names no index, or one that the sub-request does not have.
pub fn with_caller_indices(
    text: &str,
    batch: &dyn Batch,
    sub_request: &SubRequest,
) -> Option<String> {
    let indices = find_indices(text);
    let mut told = String::with_capacity(text.len() + 8);
    let mut at = 0;
    for span in &indices {
        let index = text[span.clone()].parse().ok()?;
        let element = *sub_request.elements.get::<usize>(index)?;
        told += &text[at..span.start];
        told += &batch.first_input(element).to_string();
        at = span.end;
    }
    told += &text[at..];
    if indices.is_empty() { None } else { Some(told) }
}

/// Finds the numbers of a text that are indices of inputs.
fn find_indices(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(offset) = lower[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + offset;
        let length = lower[start..].bytes().take_while(u8::is_ascii_digit).count();
        at = start + length;
        let goes_on = match found.last() {
            Some(last) => is_enumeration(&lower[last.end..start]),
            None => false,
        };
        if !goes_on_as_number(&lower[at..])
            && (goes_on || follows_index_word(&lower[..start], &lower[at..]))
        {
            found.push(start..at);
        }
    }
    found
}

/// Tells whether digits are only the beginning of a number or of a name.
fn goes_on_as_number(after: &str) -> bool {
    let mut after = after.chars();
    match (after.next(), after.next()) {
        (Some('.' | ','), Some(next)) => next.is_ascii_digit(),
        (Some(next), _) => next.is_alphanumeric() || next == '-' || next == '_',
        (None, _) => false,
    }
}

/// Tells whether a text between two numbers makes the second one more of the same.
fn is_enumeration(between: &str) -> bool {
    let words = between.trim().trim_start_matches(',').trim();
    between.len() > 1 && matches!(words, "" | "and" | "or" | "&") && between != "  "
}

fn follows_index_word(before: &str, after: &str) -> bool {
    // texts[3]
    if let Some(list) = before.strip_suffix('[') {
        return after.starts_with(']') && INPUT_WORDS.contains(&last_word(list));
    }
    // texts.3
    if let Some(list) = before.strip_suffix('.') {
        return INPUT_WORDS.contains(&last_word(list));
    }
    // at index 3, index: 3, index=#3
    let phrase = before.trim_end_matches([' ', ':', '=', '#', '(', '\'', '"', '`', '\\']);
    let word = last_word(phrase);
    if phrase.len() == before.len() || !INDEX_WORDS.contains(&word) {
        return false;
    }
    let subject = phrase[..phrase.len() - word.len()].trim_end();
    let subject = subject.strip_suffix(" at").unwrap_or(subject);
    // "at index 3 token" and "token at index 3" are inside an input.
    !INNER_WORDS.contains(&last_word(subject.trim_end()))
        && !INNER_WORDS.contains(&first_word(after))
}

/// Returns the letters of the word that a text goes on with.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    &text[..end]
}

/// Returns the letters at the end of a text.
fn last_word(text: &str) -> &str {
    let start = text.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::embed::EmbedBatch;
    use crate::wire::embed::KNOWN;
    use crate::wire::object::RequestObject;
    use bytes::Bytes;

    /// Tells a text about a sub-request with `b` and `c` of these inputs.
    fn tell(text: &str) -> Option<String> {
        let body = Bytes::from_static(br#"{"texts":["a","a","b","a","b","c"]}"#);
        let batch = EmbedBatch::new(&RequestObject::parse(body, KNOWN).unwrap(), true);
        let sub_request = SubRequest { elements: vec![1, 2], is_whole: false };
        with_caller_indices(text, &batch, &sub_request)
    }

    #[test]
    fn index_in_any_words_becomes_the_callers() {
        for (said, told) in [
            ("text at index 0 is too long", "text at index 2 is too long"),
            ("texts[1] is too long", "texts[5] is too long"),
            ("Document at Index: 1.", "Document at Index: 5."),
            ("inputs[1].content[0] is empty", "inputs[5].content[0] is empty"),
            ("texts.1: too long", "texts.5: too long"),
            ("empty at indices 0, and 1; max 96", "empty at indices 2, and 5; max 96"),
            ("index '1' of 2 (limit 512)", "index '5' of 2 (limit 512)"),
            ("ü at position 1", "ü at position 5"),
            ("texts at indices 0 1", "texts at indices 2 1"),
            ("texts at indices 0 & 1", "texts at indices 2 & 5"),
            ("texts[1]: at index 1 token", "texts[5]: at index 1 token"),
        ] {
            assert_eq!(tell(said).as_deref(), Some(told));
        }
    }

    #[test]
    fn numbers_that_are_no_index_of_an_input_stay() {
        for said in [
            "too many tokens: 513 of at most 512",
            "model embed-v4.0 has no output_dimension 1",
            "token at index 1 is special",
            "at most 1 texts",
            "index 1.5",
            "index 1,000",
            "text at index 1st",
            "text at index 1-2",
            "text at index 1_000",
            "text at index 2 is not of this sub-request",
            "content[1] is empty",
            "",
        ] {
            assert_eq!(tell(said), None, "{said}");
        }
    }
}
