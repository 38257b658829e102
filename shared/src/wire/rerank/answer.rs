//! A rerank answer, taken apart by one scan: its results with index and score, and what stands around them.

use crate::wire::envelope::Envelope;
use crate::wire::scan::{value_end, walk_array, walk_object};
use bytes::Bytes;
use std::ops::Range;
use std::str::FromStr;

/// One document's result.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedResult {
    /// The object with its braces.
    pub span: Range<usize>,
    /// The digits of `index`.
    pub index_span: Range<usize>,
    pub index: usize,
    pub score: f64,
}

/// A complete rerank answer.
#[derive(Clone, Debug)]
pub struct RerankAnswer {
    pub bytes: Bytes,
    pub envelope: Envelope,
    /// The array with its brackets.
    pub results: Range<usize>,
}

impl RerankAnswer {
    /// Takes an answer apart; `None` where the text is no rerank answer.
    pub fn parse(bytes: Bytes) -> Option<Self> {
        let mut results = None;
        let envelope = Envelope::read(&bytes, |key, at| {
            if key != b"results" {
                return None;
            }
            if bytes[at] != b'[' {
                return Some(None);
            }
            let end = value_end(&bytes, at);
            results = end.map(|end| at..end);
            Some(end)
        })?;
        let results = results?;
        Some(Self { envelope, results, bytes })
    }

    /// Tells whether each of so many documents has one result.
    pub fn ranks_all(&self, documents: usize) -> bool {
        let Some(ranked) = self.read_ranked() else { return false };
        let mut seen = vec![false; documents];
        for result in &ranked {
            match seen.get_mut(result.index) {
                Some(seen) if !*seen => *seen = true,
                _ => return false,
            }
        }
        ranked.len() == documents
    }

    /// Reads the results, in Cohere's order; `None` where one lacks its index or its score.
    pub fn read_ranked(&self) -> Option<Vec<RankedResult>> {
        let mut ranked = Vec::new();
        walk_array(&self.bytes, self.results.start, |at| {
            let result = self.read_result(at)?;
            let end = result.span.end;
            ranked.push(result);
            Some(end)
        })?;
        Some(ranked)
    }

    fn read_result(&self, at: usize) -> Option<RankedResult> {
        let json = &self.bytes[..];
        let mut index = None;
        let mut score = None;
        let end = walk_object(json, at, |key, at| {
            let end = value_end(json, at)?;
            match key {
                b"index" => index = Some(at..end),
                b"relevance_score" => score = Some(at..end),
                _ => {}
            }
            Some(end)
        })?;
        let index_span = index?;
        Some(RankedResult {
            span: at..end,
            index: parse_text(&json[index_span.clone()])?,
            index_span,
            score: parse_text(&json[score?])?,
        })
    }
}

fn parse_text<T: FromStr>(number: &[u8]) -> Option<T> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_whatever_else_they_hold() {
        let text = r#"{"id":"x","results":[{"index":3,"relevance_score":0.9990},{"relevant_spans":[{"a":"}"}],"relevance_score":1e-3,"index":0}],"meta":{"billed_units":{"search_units":1}}}"#;
        let answer = RerankAnswer::parse(Bytes::from_static(text.as_bytes())).unwrap();
        let ranked: Vec<_> =
            answer.read_ranked().unwrap().iter().map(|r| (r.index, r.score)).collect();
        assert_eq!(ranked, [(3, 0.999), (0, 0.001)]);
        let units = answer.envelope.units.clone().unwrap();
        assert_eq!(&text[units], r#"{"search_units":1}"#);
    }

    #[test]
    fn result_without_index_or_score_is_none() {
        for results in [
            r#"[{"index":1}]"#,
            r#"[{"relevance_score":1}]"#,
            r#"[{"index":-1,"relevance_score":1}]"#,
        ] {
            let text = format!(r#"{{"results":{results}}}"#);
            assert!(
                RerankAnswer::parse(Bytes::from(text)).unwrap().read_ranked().is_none(),
                "{results}"
            );
        }
        assert!(RerankAnswer::parse(Bytes::from_static(b"{\"results\":{}}")).is_none());
    }

    #[test]
    fn complete_ranking_has_one_result_per_document() {
        let ranks_all = |indices: &[usize]| {
            let result = |index: &usize| format!(r#"{{"index":{index},"relevance_score":0.5}}"#);
            let results: Vec<_> = indices.iter().map(result).collect();
            let text = format!(r#"{{"results":[{}]}}"#, results.join(","));
            RerankAnswer::parse(Bytes::from(text)).unwrap().ranks_all(3)
        };
        assert!(ranks_all(&[2, 0, 1]));
        for wrong in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 2]] {
            assert!(!ranks_all(wrong), "{wrong:?}");
        }
    }
}
