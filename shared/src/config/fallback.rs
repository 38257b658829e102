//! Settings that say which model answers when another cannot.

use super::reader::Reader;
use super::setting::{Form, of_form, one_of, settings};

/// `a=b,c=d?`, or `none`.
const PAIRS: Form = Form {
    documented: "`model=fallback,…`, `model=fallback?` where a caller must allow it, or `none`",
    required: "model=fallback is required, several with commas, a ? behind those that a caller must \
               allow, or none",
    takes: |value| parse_pairs(value).is_some(),
};

/// Command A+ keeps the limits of trial keys and has no list price: whoever wants it must say so.
const DEFAULT_PAIRS: &str = "command-a-plus-05-2026=command-a-03-2025,\
    command-a-03-2025=command-r-plus-08-2024,\
    command-r7b-12-2024=command-r-08-2024,\
    command-a-reasoning-08-2025=command-a-plus-05-2026?,\
    command-a-vision-07-2025=command-a-plus-05-2026?,\
    embed-v5.0-pro=embed-v5.0-fast,\
    embed-v5.0-fast=embed-v5.0-pro,\
    embed-v4.0=embed-english-v3.0,\
    rerank-v5.0-pro=rerank-v5.0-fast,\
    rerank-v4.0-pro=rerank-v4.0-fast,\
    rerank-v3.5=rerank-english-v3.0";

const LAST_RESORT: &str = "it is what others fall back to, and all older ones are at their end";
const OWN_LANGUAGES: &str = "no other model is made for the same languages";
const OWN_VECTORS: &str = "no other model makes vectors that can be compared with its own";
const FAST_OF_TWO: &str = "the other model of its generation is slower and dearer";
const OLD_SCORES: &str = "whoever can take other scores names a newer model";

/// The active models that no other stands in for by default, and why.
pub const WITHOUT_FALLBACK: [(&str, &str); 18] = [
    ("command-r-08-2024", LAST_RESORT),
    ("command-r-plus-08-2024", LAST_RESORT),
    ("command-a-translate-08-2025", "no other model is made for translation"),
    ("north-mini-code-1-0", "no other model is made for code"),
    ("tiny-aya-global", OWN_LANGUAGES),
    ("tiny-aya-earth", OWN_LANGUAGES),
    ("tiny-aya-fire", OWN_LANGUAGES),
    ("tiny-aya-water", OWN_LANGUAGES),
    ("c4ai-aya-expanse-32b", OWN_LANGUAGES),
    ("c4ai-aya-vision-32b", OWN_LANGUAGES),
    ("embed-english-v3.0", OWN_VECTORS),
    ("embed-english-light-v3.0", OWN_VECTORS),
    ("embed-multilingual-v3.0", OWN_VECTORS),
    ("embed-multilingual-light-v3.0", OWN_VECTORS),
    ("rerank-v5.0-fast", FAST_OF_TWO),
    ("rerank-v4.0-fast", FAST_OF_TWO),
    ("rerank-english-v3.0", OLD_SCORES),
    ("rerank-multilingual-v3.0", OLD_SCORES),
];

settings! {
    /// Which model answers when another cannot.
    GATEWAY_FALLBACKS = of_form(&PAIRS, DEFAULT_PAIRS);
    /// Whether embed falls back unasked to a model of another vector space.
    GATEWAY_EMBED_FALLBACK = one_of(&["off", "on"], "off");
    /// Whether rerank falls back unasked: another model has another scale of scores.
    GATEWAY_RERANK_FALLBACK = one_of(&["off", "on"], "off");
}

/// A model, and the one that answers in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbackPair {
    model: String,
    pub fallback: String,
    /// Only where the caller allows it.
    pub is_on_request: bool,
}

/// Which model answers when another cannot.
#[derive(Clone, Debug)]
pub struct FallbackConfig {
    /// `GATEWAY_FALLBACKS`
    pairs: Vec<FallbackPair>,
    /// `GATEWAY_EMBED_FALLBACK`
    pub embed: bool,
    /// `GATEWAY_RERANK_FALLBACK`
    pub rerank: bool,
}

impl FallbackConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self {
            pairs: parse_pairs(&reader.read_text(&GATEWAY_FALLBACKS)).unwrap_or_default(),
            embed: reader.is_word(&GATEWAY_EMBED_FALLBACK, "on"),
            rerank: reader.is_word(&GATEWAY_RERANK_FALLBACK, "on"),
        }
    }

    /// Returns every model that the setting names.
    pub fn all_ids(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().flat_map(|pair| [pair.model.as_str(), pair.fallback.as_str()])
    }

    /// Finds the pair that says what stands in for `model`.
    pub fn find_pair(&self, model: &str) -> Option<&FallbackPair> {
        self.pairs.iter().find(|pair| pair.model == model)
    }
}

/// Reads `a=b,c=d?`; `none` is no pair.
fn parse_pairs(value: &str) -> Option<Vec<FallbackPair>> {
    if value == "none" {
        return Some(Vec::new());
    }
    value.split(',').map(parse_pair).collect()
}

fn parse_pair(pair: &str) -> Option<FallbackPair> {
    let (model, fallback) = pair.split_once('=')?;
    let (model, fallback) = (model.trim(), fallback.trim());
    let allowed_only = fallback.strip_suffix('?');
    let fallback = allowed_only.unwrap_or(fallback);
    if model.is_empty() || fallback.is_empty() || model == fallback {
        return None;
    }
    Some(FallbackPair {
        model: model.to_string(),
        fallback: fallback.to_string(),
        is_on_request: allowed_only.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_name_two_different_models() {
        let pair = |model: &str, fallback: &str, is_on_request| FallbackPair {
            model: model.to_string(),
            fallback: fallback.to_string(),
            is_on_request,
        };
        assert_eq!(parse_pairs("none"), Some(vec![]));
        let pairs = vec![pair("a", "b", false), pair("c", "d", false), pair("e", "f", true)];
        assert_eq!(parse_pairs("a=b, c = d,e=f?"), Some(pairs));
        for bad in ["", "a", "a=", "=b", "a=a", "a=b,", "a=?", "a=a?"] {
            assert_eq!(parse_pairs(bad), None, "{bad}");
        }
    }
}
