//! Splits a text into words, sentences, and pieces that stand for tokens.

/// Words that say little about what a text is about.
const COMMON: &[&str] = &[
    "a", "about", "an", "and", "are", "as", "at", "be", "by", "can", "did", "do", "does", "for",
    "from", "get", "has", "have", "how", "i", "in", "is", "it", "its", "me", "my", "of", "on",
    "or", "please", "s", "tell", "that", "the", "their", "there", "they", "this", "to", "use",
    "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "you",
    "your",
];

/// The runs of letters and digits; lower the text's case first to compare them.
pub(super) fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

pub(super) fn is_common(word: &str) -> bool {
    COMMON.binary_search(&word).is_ok()
}

/// How many different words of `topic`, common ones aside, occur in `text`.
pub(super) fn count_shared_words(topic: &str, text: &str) -> usize {
    let (topic, text) = (topic.to_lowercase(), text.to_lowercase());
    let mut topic_words: Vec<&str> = split_words(&topic).filter(|word| !is_common(word)).collect();
    topic_words.sort_unstable();
    topic_words.dedup();
    let present: Vec<&str> = split_words(&text).collect();
    topic_words.iter().filter(|word| present.contains(word)).count()
}

/// Sentences without the space around them.
pub(super) fn split_sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut ended = false;
    for (index, c) in text.char_indices() {
        if c == '\n' || (ended && c.is_whitespace()) {
            found.push(text[start..index].trim());
            start = index;
        }
        ended = matches!(c, '.' | '!' | '?' | '。');
    }
    found.push(text[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// The text as a model would write it: each word with the space before it. Nothing is lost.
pub(super) fn split_pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    for (index, c) in text.char_indices() {
        if in_word && c.is_whitespace() {
            found.push(&text[start..index]);
            start = index;
        }
        in_word = !c.is_whitespace();
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

/// Counts words, which stand for tokens here.
pub(super) fn count_tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_sorted_for_the_search() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn pieces_join_to_their_text() {
        for text in ["", " ", "one", " two  words ", "é 漢\n\nlast"] {
            assert_eq!(split_pieces(text).concat(), text);
        }
        assert_eq!(split_pieces("a b  c"), ["a", " b", "  c"]);
    }

    #[test]
    fn sentences_keep_decimal_points() {
        assert_eq!(
            split_sentences("It is 7.5. Really? Yes\nEnd"),
            ["It is 7.5.", "Really?", "Yes", "End"]
        );
    }
}
