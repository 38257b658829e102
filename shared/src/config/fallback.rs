//! Settings that say which model answers when another cannot.

use super::reader::Reader;
use super::setting::{Form, of_form, one_of, settings};

/// `a=b,c=d`, or `none`.
const PAIRS: Form = Form {
    documented: "`model=fallback,…`, or `none`",
    required: "model=fallback is required, several with commas, or none",
    takes: |value| parse_pairs(value).is_some(),
};

const DEFAULT_PAIRS: &str = "command-a-03-2025=command-r-plus-08-2024,\
    command-r7b-12-2024=command-r-08-2024,\
    embed-v4.0=embed-english-v3.0,\
    rerank-v3.5=rerank-english-v3.0";

settings! {
    /// Which model answers when another cannot.
    GATEWAY_FALLBACKS = of_form(&PAIRS, DEFAULT_PAIRS);
    /// Whether embed falls back unasked: another model is another vector space.
    GATEWAY_EMBED_FALLBACK = one_of(&["off", "on"], "off");
    /// Whether rerank falls back unasked: another model has another scale of scores.
    GATEWAY_RERANK_FALLBACK = one_of(&["off", "on"], "off");
}

/// Which model answers when another cannot.
#[derive(Clone, Debug)]
pub struct FallbackConfig {
    /// `GATEWAY_FALLBACKS`
    pairs: Vec<(String, String)>,
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
        self.pairs.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()])
    }

    /// Returns the model that stands in for `model`.
    pub fn fallback_of(&self, model: &str) -> Option<&str> {
        let (_, fallback) = self.pairs.iter().find(|(from, _)| from == model)?;
        Some(fallback)
    }
}

/// Reads `a=b,c=d`; `none` is no pair.
fn parse_pairs(value: &str) -> Option<Vec<(String, String)>> {
    if value == "none" {
        return Some(Vec::new());
    }
    value.split(',').map(parse_pair).collect()
}

fn parse_pair(pair: &str) -> Option<(String, String)> {
    let (from, to) = pair.split_once('=')?;
    let (from, to) = (from.trim(), to.trim());
    if from.is_empty() || to.is_empty() || from == to {
        return None;
    }
    Some((from.to_string(), to.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_name_two_different_models() {
        let pair = |from: &str, to: &str| (from.to_string(), to.to_string());
        assert_eq!(parse_pairs("none"), Some(vec![]));
        assert_eq!(parse_pairs("a=b, c = d"), Some(vec![pair("a", "b"), pair("c", "d")]));
        for bad in ["", "a", "a=", "=b", "a=a", "a=b,"] {
            assert_eq!(parse_pairs(bad), None, "{bad}");
        }
    }
}
