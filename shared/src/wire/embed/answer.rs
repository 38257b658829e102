//! An embed answer, taken apart by one scan: columns with a cell per input, and what stands around them.

use crate::wire::envelope::{Envelope, find_cells};
use crate::wire::scan::{value_end, walk_object};
use bytes::Bytes;
use std::ops::Range;

/// An array of an answer: `texts`, `images`, or the embeddings of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerArray {
    /// The key as it is written, without its quotes.
    pub name: Bytes,
    /// Whether it stands inside `embeddings`.
    pub is_type: bool,
    /// The array with its brackets.
    pub span: Range<usize>,
    pub cells: Vec<Range<usize>>,
}

/// A complete embed answer.
#[derive(Clone, Debug)]
pub struct EmbedAnswer {
    pub bytes: Bytes,
    pub envelope: Envelope,
    /// The object of types, with its braces.
    pub embeddings: Range<usize>,
    /// In the order of the answer.
    pub arrays: Vec<AnswerArray>,
}

impl EmbedAnswer {
    /// Takes an answer apart; `None` where the text is no embed answer.
    pub fn parse(bytes: Bytes) -> Option<Self> {
        let json = &bytes[..];
        let mut embeddings = None;
        let mut arrays = Vec::new();
        let envelope = Envelope::read(json, |key, at| match key {
            b"texts" | b"images" => Some(read_array(&bytes, key, at, false, &mut arrays)),
            b"embeddings" => {
                let end =
                    walk_object(json, at, |key, at| read_array(&bytes, key, at, true, &mut arrays));
                embeddings = end.map(|end| at..end);
                Some(end)
            }
            _ => None,
        })?;
        let embeddings = embeddings?;
        Some(Self { envelope, embeddings, arrays, bytes })
    }

    /// Tells whether there are so many embeddings of each type.
    pub fn has_embeddings(&self, expected: usize) -> bool {
        self.arrays.iter().all(|array| !array.is_type || array.cells.len() == expected)
    }

    /// Tells whether the answer would be the same, byte for byte, if it were built again from its cells.
    pub fn is_compact(&self) -> bool {
        // {"name":[…],"name":[…]}
        let types = self.arrays.iter().filter(|array| array.is_type);
        let written: usize = types.map(|array| array.name.len() + 4 + array.span.len()).sum();
        self.arrays.iter().all(AnswerArray::is_compact)
            && self.embeddings.len() == (written + 1).max(2)
    }
}

impl AnswerArray {
    /// Tells whether nothing but commas stands between the cells.
    fn is_compact(&self) -> bool {
        let mut at = self.span.start + 1;
        for cell in &self.cells {
            if cell.start != at {
                return false;
            }
            at = cell.end + 1;
        }
        self.cells.is_empty() || at == self.span.end
    }
}

/// Reads an array and returns the position after it; a value of another form is passed over.
fn read_array(
    bytes: &Bytes,
    key: &[u8],
    at: usize,
    is_type: bool,
    arrays: &mut Vec<AnswerArray>,
) -> Option<usize> {
    if bytes.get(at) != Some(&b'[') {
        return value_end(bytes, at);
    }
    let mut cells = Vec::new();
    let end = find_cells(bytes, at, &mut cells)?;
    arrays.push(AnswerArray { name: bytes.slice_ref(key), is_type, span: at..end, cells });
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"id":"x","texts":["a","b]"],"embeddings":{"float":[[0.10,-2e-3],[3]],"base64":["q","r"]},"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":2,"image_tokens":0}},"response_type":"embeddings_by_type"}"#;

    fn parse(text: &str) -> Option<EmbedAnswer> {
        EmbedAnswer::parse(Bytes::from(text.to_string()))
    }

    #[test]
    fn every_column_is_found_with_its_cells_and_what_was_billed() {
        let answer = parse(ANSWER).unwrap();
        let columns: Vec<_> = answer
            .arrays
            .iter()
            .map(|column| {
                let cells: Vec<_> = column.cells.iter().map(|cell| &ANSWER[cell.clone()]).collect();
                (std::str::from_utf8(&column.name).unwrap(), column.is_type, cells)
            })
            .collect();
        assert_eq!(
            columns,
            [
                ("texts", false, vec![r#""a""#, r#""b]""#]),
                ("float", true, vec!["[0.10,-2e-3]", "[3]"]),
                ("base64", true, vec![r#""q""#, r#""r""#]),
            ]
        );
        let units = answer.envelope.units.clone().unwrap();
        assert_eq!(&ANSWER[units], r#"{"input_tokens":2,"image_tokens":0}"#);
        assert!(answer.envelope.is_known && answer.is_compact());
        assert_eq!(&ANSWER[answer.envelope.id.unwrap()], r#""x""#);
    }

    #[test]
    fn answer_with_spaces_or_unknown_fields_is_not_compact() {
        for (from, to) in
            [("[3]", " [3]"), ("},\"meta\"", " },\"meta\""), (",\"base64\"", ", \"base64\"")]
        {
            let spaced = ANSWER.replacen(from, to, 1);
            assert!(!parse(&spaced).unwrap().is_compact(), "{spaced}");
        }
        assert!(!parse(&ANSWER.replace("\"id\"", "\"new\":1,\"id\"")).unwrap().envelope.is_known);
        assert!(
            !parse(&ANSWER.replace("\"billed", "\"tokens\":{},\"billed"))
                .unwrap()
                .envelope
                .is_known
        );
    }

    #[test]
    fn incomplete_embed_answer_is_none() {
        for cut in 0..ANSWER.len() {
            assert!(parse(&ANSWER[..cut]).is_none(), "cut at {cut}");
        }
        for other in ["{}", "[]", r#"{"embeddings":[[1]]}"#, r#"{"message":"x"}"#] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
