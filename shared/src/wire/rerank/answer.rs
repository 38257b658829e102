//! A rerank answer, taken apart by one scan: its results with index and score, and what stands around them.

use crate::wire::envelope::Envelope;
use crate::wire::rerank::BilledUnits;
use crate::wire::scan::{array_end, object_end, value_end};
use bytes::Bytes;
use std::ops::Range;

/// One document's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
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
            (key == b"results").then(|| {
                let end = value_end(&bytes, at).filter(|_| bytes[at] == b'[');
                results = end.map(|end| at..end);
                end
            })
        })?;
        let results = results?;
        Some(Self { envelope, results, bytes })
    }

    /// Reads what the answer cost.
    pub fn billed_units(&self) -> BilledUnits {
        let units = self.envelope.units.clone();
        units.and_then(|units| serde_json::from_slice(&self.bytes[units]).ok()).unwrap_or_default()
    }

    /// Tells whether each of so many documents has one result.
    pub fn ranks_all(&self, documents: usize) -> bool {
        let mut seen = vec![false; documents];
        let ranked = self.ranked().filter(|ranked| ranked.len() == documents);
        ranked.is_some_and(|ranked| {
            ranked
                .iter()
                .all(|result| seen.get_mut(result.index).is_some_and(|seen| !std::mem::replace(seen, true)))
        })
    }

    /// Reads the results, in Cohere's order; `None` where one lacks its index or its score.
    pub fn ranked(&self) -> Option<Vec<Ranked>> {
        let json = &self.bytes[..];
        let mut ranked = Vec::new();
        array_end(json, self.results.start, |at| {
            let (mut index, mut score) = (None, None);
            let end = object_end(json, at, |key, at| {
                let end = value_end(json, at)?;
                match key {
                    b"index" => index = Some(at..end),
                    b"relevance_score" => score = Some(at..end),
                    _ => {}
                }
                Some(end)
            })?;
            let text = |span: &Range<usize>| std::str::from_utf8(&json[span.clone()]).ok();
            let index_span = index?;
            ranked.push(Ranked {
                span: at..end,
                index: text(&index_span)?.parse().ok()?,
                index_span,
                score: text(&score?)?.parse().ok()?,
            });
            Some(end)
        })?;
        Some(ranked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_whatever_else_they_hold() {
        let text = r#"{"id":"x","results":[{"index":3,"relevance_score":0.9990},{"relevant_spans":[{"a":"}"}],"relevance_score":1e-3,"index":0}],"meta":{"billed_units":{"search_units":1}}}"#;
        let answer = RerankAnswer::parse(Bytes::from_static(text.as_bytes())).unwrap();
        let ranked: Vec<_> = answer.ranked().unwrap().iter().map(|r| (r.index, r.score)).collect();
        assert_eq!(ranked, [(3, 0.999), (0, 0.001)]);
        assert_eq!(answer.billed_units().search_units, Some(1.0));
    }

    #[test]
    fn a_result_without_its_index_or_score_is_seen() {
        for results in
            [r#"[{"index":1}]"#, r#"[{"relevance_score":1}]"#, r#"[{"index":-1,"relevance_score":1}]"#]
        {
            let text = format!(r#"{{"results":{results}}}"#);
            assert!(RerankAnswer::parse(Bytes::from(text)).unwrap().ranked().is_none(), "{results}");
        }
        assert!(RerankAnswer::parse(Bytes::from_static(b"{\"results\":{}}")).is_none());
    }

    #[test]
    fn each_document_has_one_result_or_the_answer_is_not_whole() {
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
