//! A rerank answer, taken apart by one scan: its results with index and score, and what stands around them.

use crate::wire::ExpectedResults;
use crate::wire::envelope::{Envelope, unescape_key};
use crate::wire::scan::{strict, walk_array, walk_object};
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
    /// A finite number; minus zero is zero.
    pub score: f64,
}

/// A complete rerank answer.
#[derive(Clone, Debug)]
pub struct RerankAnswer {
    pub bytes: Bytes,
    pub envelope: Envelope,
    /// The array with its brackets.
    pub results: Range<usize>,
    /// The results, in Cohere's order; `None` where one lacks its index or its score.
    pub ranked: Option<Vec<RankedResult>>,
}

impl RerankAnswer {
    /// Takes an answer apart; `None` where the text is no valid JSON, or no rerank answer.
    pub fn parse(bytes: Bytes) -> Option<Self> {
        let json = &bytes[..];
        let mut results = None;
        let mut ranked = Some(Vec::new());
        let envelope = Envelope::read(json, |meaning, _, at| {
            if meaning != b"results" {
                return None;
            }
            if results.is_some() {
                return Some(None);
            }
            let end = walk_array(json, at, |at| {
                let end = strict::value_end(json, at)?;
                match (read_result(json, at), &mut ranked) {
                    (Some(result), Some(ranked)) => ranked.push(result),
                    _ => ranked = None,
                }
                Some(end)
            });
            results = end.map(|end| at..end);
            Some(end)
        })?;
        let results = results?;
        Some(Self { envelope, results, ranked, bytes })
    }

    /// Checks that a caller can use the answer: as many documents as expected are ranked, each once.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub fn check(&self, expected: &ExpectedResults) -> Result<(), String> {
        let Some(ranked) = &self.ranked else {
            return Err("a result has no index or no score".into());
        };
        let mut is_ranked = vec![false; expected.inputs];
        for result in ranked {
            match is_ranked.get_mut(result.index) {
                Some(is_ranked) if !*is_ranked => *is_ranked = true,
                _ => {
                    return Err(
                        "a result is about no document, or about one that has a result".into()
                    );
                }
            }
        }
        if ranked.len() == expected.results {
            return Ok(());
        }
        Err(format!("it ranks {} documents, not {}", ranked.len(), expected.results))
    }
}

/// Reads the result that is the valid value at `at`.
fn read_result(json: &[u8], at: usize) -> Option<RankedResult> {
    let (mut index, mut score) = (None, None);
    let end = walk_object(json, at, |key, at| {
        let end = strict::value_end(json, at)?;
        let place = match &*unescape_key(key) {
            b"index" => &mut index,
            b"relevance_score" => &mut score,
            _ => return Some(end),
        };
        // Of two, no two parsers take the same.
        if place.replace(at..end).is_some() { None } else { Some(end) }
    })?;
    // What is no number of its kind cannot be read as one.
    let (index_span, score) = (index?, parse_text::<f64>(&json[score?])?);
    let index = parse_text(&json[index_span.clone()])?;
    // Minus zero is equal to zero, but not in the total order of doubles.
    let score = score + 0.0;
    let result = RankedResult { span: at..end, index, index_span, score };
    if score.is_finite() { Some(result) } else { None }
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
            answer.ranked.as_ref().unwrap().iter().map(|r| (r.index, r.score)).collect();
        assert_eq!(ranked, [(3, 0.999), (0, 0.001)]);
        let meta = answer.envelope.meta.clone().unwrap();
        assert_eq!(&text[meta], r#"{"billed_units":{"search_units":1}}"#);
    }

    #[test]
    fn result_without_index_or_score_is_none() {
        for results in [
            r#"[{"index":1}]"#,
            r#"[{"relevance_score":1}]"#,
            r#"[{"index":-1,"relevance_score":1}]"#,
            r#"[{"index":"1","relevance_score":1}]"#,
            r#"[{"index":1.0,"relevance_score":1}]"#,
            r#"[{"index":1,"relevance_score":"1"}]"#,
            r#"[{"index":1,"relevance_score":null}]"#,
            r#"[{"index":1,"relevance_score":true}]"#,
            r#"[{"index":1,"relevance_score":1e999}]"#,
            r#"[{"index":-0,"relevance_score":1}]"#,
            r#"[{"index":1e0,"relevance_score":1}]"#,
            r#"[{"index":1,"relevance_score":0.5,"index":0}]"#,
            r#"[7]"#,
        ] {
            let text = format!(r#"{{"results":{results}}}"#);
            assert!(RerankAnswer::parse(Bytes::from(text)).unwrap().ranked.is_none(), "{results}");
        }
        assert!(RerankAnswer::parse(Bytes::from_static(b"{\"results\":{}}")).is_none());
    }

    #[test]
    fn broken_json_is_no_answer() {
        for result in [
            r#"{"index":+1,"relevance_score":0.5}"#,
            r#"{"index":01,"relevance_score":0.5}"#,
            r#"{"index":1,"relevance_score":NaN}"#,
            "oops",
            r#"{"index":1,"relevance_score":0.5},"#,
        ] {
            let text = format!(r#"{{"results":[{result}]}}"#);
            assert!(RerankAnswer::parse(Bytes::from(text)).is_none(), "{result}");
        }
        assert!(
            RerankAnswer::parse(Bytes::from_static(br#"{"results":[],"results":[]}"#)).is_none()
        );
    }

    #[test]
    fn ranking_has_as_many_documents_as_asked_each_once() {
        let ranks = |indices: &[usize], results: usize| {
            let result = |index: &usize| format!(r#"{{"index":{index},"relevance_score":0.5}}"#);
            let given: Vec<_> = indices.iter().map(result).collect();
            let text = format!(r#"{{"results":[{}]}}"#, given.join(","));
            let expected = ExpectedResults { inputs: 3, results, types: Vec::new() };
            RerankAnswer::parse(Bytes::from(text)).unwrap().check(&expected).is_ok()
        };
        assert!(ranks(&[2, 0, 1], 3) && ranks(&[2], 1));
        for wrong in [&[0, 1][..], &[], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 2]] {
            assert!(!ranks(wrong, 3), "{wrong:?}");
        }
        assert!(!ranks(&[0, 1], 1));
    }

    #[test]
    fn minus_zero_is_zero() {
        let text = br#"{"results":[{"index":0,"relevance_score":-0.0}]}"#;
        let ranked = RerankAnswer::parse(Bytes::from_static(text)).unwrap().ranked.unwrap();
        assert!(ranked[0].score.is_sign_positive());
    }
}
