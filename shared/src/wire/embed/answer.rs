//! An embed answer, taken apart by one scan: columns with a cell per input, and what stands around them.

use crate::wire::embed::BilledUnits;
use crate::wire::envelope::{Envelope, cells};
use crate::wire::scan::{object_end, value_end};
use bytes::Bytes;
use std::ops::Range;

/// An array of an answer: `texts`, `images`, or the embeddings of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
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
    pub columns: Vec<Column>,
}

impl EmbedAnswer {
    /// Takes an answer apart; `None` where the text is no embed answer.
    pub fn parse(bytes: Bytes) -> Option<Self> {
        let json = &bytes[..];
        let mut embeddings = None;
        let mut columns = Vec::new();
        let envelope = Envelope::read(json, |key, at| match key {
            b"texts" | b"images" => Some(column(&bytes, key, at, false, &mut columns)),
            b"embeddings" => {
                let end = object_end(json, at, |key, at| column(&bytes, key, at, true, &mut columns));
                embeddings = end.map(|end| at..end);
                Some(end)
            }
            _ => None,
        })?;
        let embeddings = embeddings?;
        Some(Self { envelope, embeddings, columns, bytes })
    }

    /// Reads what the answer cost.
    pub fn billed_units(&self) -> BilledUnits {
        let units = self.envelope.units.clone();
        units.and_then(|units| serde_json::from_slice(&self.bytes[units]).ok()).unwrap_or_default()
    }

    /// Tells whether there are so many embeddings of each type.
    pub fn has_embeddings(&self, expected: usize) -> bool {
        self.columns.iter().all(|column| !column.is_type || column.cells.len() == expected)
    }

    /// Tells whether the answer would be the same, byte for byte, if it were built again from its cells.
    pub fn is_compact(&self) -> bool {
        let columns = self.columns.iter().all(|column| {
            let mut at = column.span.start + 1;
            column.cells.iter().all(|cell| std::mem::replace(&mut at, cell.end + 1) == cell.start)
                && (column.cells.is_empty() || at == column.span.end)
        });
        // {"name":[…],"name":[…]}
        let types = self.columns.iter().filter(|column| column.is_type);
        let written: usize = types.map(|column| column.name.len() + 4 + column.span.len()).sum();
        columns && self.embeddings.len() == (written + 1).max(2)
    }
}

fn column(bytes: &Bytes, key: &[u8], at: usize, is_type: bool, columns: &mut Vec<Column>) -> Option<usize> {
    if bytes.get(at) != Some(&b'[') {
        return value_end(bytes, at);
    }
    let mut found = Vec::new();
    let end = cells(bytes, at, &mut found)?;
    columns.push(Column { name: bytes.slice_ref(key), is_type, span: at..end, cells: found });
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
            .columns
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
        assert_eq!(answer.billed_units().input_tokens, Some(2.0));
        assert!(answer.envelope.is_known && answer.is_compact());
        assert_eq!(&ANSWER[answer.envelope.id.unwrap()], r#""x""#);
    }

    #[test]
    fn an_answer_with_space_or_other_fields_cannot_be_built_again() {
        for (from, to) in [("[3]", " [3]"), ("},\"meta\"", " },\"meta\""), (",\"base64\"", ", \"base64\"")] {
            let spaced = ANSWER.replacen(from, to, 1);
            assert!(!parse(&spaced).unwrap().is_compact(), "{spaced}");
        }
        assert!(!parse(&ANSWER.replace("\"id\"", "\"new\":1,\"id\"")).unwrap().envelope.is_known);
        assert!(!parse(&ANSWER.replace("\"billed", "\"tokens\":{},\"billed")).unwrap().envelope.is_known);
    }

    #[test]
    fn what_is_cut_short_or_no_embed_answer_is_none() {
        for cut in 0..ANSWER.len() {
            assert!(parse(&ANSWER[..cut]).is_none(), "cut at {cut}");
        }
        for other in ["{}", "[]", r#"{"embeddings":[[1]]}"#, r#"{"message":"x"}"#] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
