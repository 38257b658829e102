//! `POST /v1/rerank`, read as the request of v2 that means the same.
//!
//! Source: Cohere's reference of v1 and its SDKs. A document of v1 may be an object, which is ranked by its
//! `text`, or by the fields that `rank_fields` names; for those v2 has nothing.

use crate::error::{GatewayError, Result};
use crate::wire::dialect::AnswerForm;
use crate::wire::object::{FieldType, KnownFields, List, RequestObject};
use crate::wire::scan::find_top_level;
use bytes::Bytes;
use std::sync::Arc;

/// Fields whose meaning is known in v1: those of v2 with documents of any type, which v2 takes as texts only, and one more.
const KNOWN: KnownFields = &[
    ("model", FieldType::Name),
    ("query", FieldType::Text),
    ("documents", FieldType::Array),
    ("top_n", FieldType::Integer),
    ("max_tokens_per_doc", FieldType::Integer),
    ("relevant_spans", FieldType::Object),
    ("priority", FieldType::Integer),
    ("return_documents", FieldType::Bool),
    ("max_chunks_per_doc", FieldType::Integer),
    ("rank_fields", FieldType::Array),
];

/// Reads a body of v1: the request of v2, and the form of its answer.
///
/// # Errors
/// `invalid_request` for `rank_fields`, and for a document that is neither a text nor has one.
pub(super) fn read_request(body: Bytes) -> Result<(RequestObject, AnswerForm)> {
    let written = RequestObject::parse(body, KNOWN)?;
    if written.has("rank_fields") {
        let problem =
            "is not served: a document is ranked by its text, so put these fields into it";
        return Err(GatewayError::invalid("rank_fields", problem));
    }
    let documents = written.list_or_empty("documents");
    let texts = read_texts(documents)?;
    let returns_documents = written.raw("return_documents") == Some(b"true");
    let mut replaced = vec![("rank_fields", None), ("return_documents", None)];
    let list;
    if documents.iter().any(|document| document.starts_with(b"{")) {
        list = [b"[", &texts.join(&b","[..])[..], b"]"].concat();
        replaced.push(("documents", Some(&list[..])));
    }
    let object = written.replace(&replaced);
    let form = match returns_documents {
        true => AnswerForm::V1Documents(Arc::new(written)),
        false => AnswerForm::V1,
    };
    Ok((object, form))
}

/// Returns the text of each document, as it is written.
fn read_texts(documents: List<'_>) -> Result<Vec<&[u8]>> {
    let mut texts = Vec::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        let text = match document.first() {
            Some(b'"') => Some(document),
            Some(b'{') => find_top_level(document, ["text"]).and_then(|[text]| text),
            _ => {
                let problem = "must be a string, or an object with a text";
                return Err(GatewayError::invalid(&format!("documents[{index}]"), problem));
            }
        };
        match text {
            Some(text) if text.starts_with(b"\"") => texts.push(text),
            _ => {
                let problem = "is required, as a string: a document is ranked by it";
                return Err(GatewayError::invalid(&format!("documents[{index}].text"), problem));
            }
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> Result<(String, AnswerForm)> {
        let body = Bytes::from(format!(r#"{{"query":"q",{rest}}}"#));
        let (object, form) = read_request(body)?;
        Ok((String::from_utf8(object.body().to_vec()).unwrap(), form))
    }

    fn problem(rest: &str) -> String {
        read(rest).unwrap_err().message
    }

    #[test]
    fn objects_become_their_texts_where_they_stand() {
        let (sent, form) =
            read(r#""documents":[{"id":1,"text":"a \"b\""}, "c"],"top_n":1"#).unwrap();
        assert_eq!(sent, r#"{"query":"q","documents":["a \"b\"","c"],"top_n":1}"#);
        assert!(matches!(form, AnswerForm::V1));
    }

    #[test]
    fn request_that_v2_takes_stays_as_it_is() {
        for rest in [r#""documents":[ "a" ]"#, r#""documents":["a"], "max_chunks_per_doc":3"#] {
            assert_eq!(read(rest).unwrap().0, format!(r#"{{"query":"q",{rest}}}"#));
        }
    }

    #[test]
    fn fields_of_v1_alone_are_not_sent() {
        let rest = r#""documents":["a"],"return_documents":true,"rank_fields":null"#;
        let (sent, form) = read(rest).unwrap();
        assert_eq!(sent, r#"{"query":"q","documents":["a"]}"#);
        assert!(matches!(form, AnswerForm::V1Documents(_)));
        for none in ["false", "null"] {
            let rest = format!(r#""documents":["a"],"return_documents":{none}"#);
            assert!(matches!(read(&rest).unwrap().1, AnswerForm::V1));
        }
    }

    #[test]
    fn what_v2_cannot_rank_is_refused_by_name() {
        for fields in [r#"["title"]"#, "[]"] {
            let rest = format!(r#""documents":[{{"title":"t"}}],"rank_fields":{fields}"#);
            assert!(problem(&rest).starts_with("invalid request: rank_fields: is not served"));
        }
        for (documents, expected) in [
            (r#"["a",{"title":"t"}]"#, "documents[1].text: is required, as a string"),
            (r#"[{"text":7}]"#, "documents[0].text: is required, as a string"),
            (r#"[{"text":null}]"#, "documents[0].text: is required, as a string"),
            (r#"["a","b",7]"#, "documents[2]: must be a string, or an object with a text"),
            (r#"[["a"]]"#, "documents[0]: must be a string, or an object with a text"),
        ] {
            let problem = problem(&format!(r#""documents":{documents}"#));
            assert!(problem.starts_with(&format!("invalid request: {expected}")), "{problem}");
        }
    }
}
