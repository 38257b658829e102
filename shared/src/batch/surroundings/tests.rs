use super::*;
use crate::batch::rerank::RerankBatch;
use crate::batch::template::AnswerTemplate;
use crate::wire::object::RequestObject;
use crate::wire::rerank::{KNOWN, RerankAnswer};

/// Joins what is around the answers of two calls with two documents each.
fn join(first: &str, second: &str) -> String {
    let body = Bytes::from_static(br#"{"query":"q","documents":["a","b","c","d"]}"#);
    let batch = RerankBatch::new(&RequestObject::parse(body, KNOWN).unwrap(), 2);
    let answers = [first, second].map(|fields| {
        let text = format!(r#"{{"id":"x","results":[]{fields}}}"#);
        RerankAnswer::parse(Bytes::from(text)).unwrap()
    });
    let template = AnswerTemplate::new(&answers[0].bytes, &answers[0].envelope, &[]);
    let mut joined = template.emptied_surroundings().clone();
    for (answer, sub_request) in answers.iter().zip(batch.sub_requests()) {
        joined.add((&answer.bytes, &answer.envelope), (&batch, sub_request));
    }
    let mut writer = ChunkWriter::default();
    template.write_answer(&mut writer, b"\"ours\"", &joined, |_, _| {});
    let written = String::from_utf8(writer.into_chunks().concat()).unwrap();
    let fields = written.strip_prefix(r#"{"id":"ours","results":[]"#).unwrap();
    fields.strip_suffix('}').unwrap().to_string()
}

#[test]
fn every_count_of_meta_is_a_sum() {
    let first = r#","meta":{"api_version":{"version":2},"billed_units":{"search_units":1,"new":0.5},"tokens":{"input_tokens":10},"cached_tokens":null,"later":{"deep":{"x":7.0}}}"#;
    let second = r#","meta":{"api_version":{"version":2},"billed_units":{"search_units":2,"new":1},"tokens":{"input_tokens":5,"output_tokens":1},"cached_tokens":4,"later":{"deep":{}}}"#;
    assert_eq!(
        join(first, second),
        r#","meta":{"api_version":{"version":2},"billed_units":{"search_units":3,"new":1.5},"tokens":{"input_tokens":15,"output_tokens":1},"cached_tokens":4,"later":{"deep":{"x":7.0}}}"#
    );
    assert_eq!(join("", r#","meta":{"cached_tokens":4}"#), r#","meta":{"cached_tokens":4}"#);
}

#[test]
fn warnings_are_said_once_with_the_callers_indices() {
    let first = r#","meta":{"warnings":["old","document at index 1 was cut"]}"#;
    let second = r#","meta":{"warnings":["old","document at index 1 was cut"]}"#;
    assert_eq!(
        join(first, second),
        r#","meta":{"warnings":["old","document at index 1 was cut","document at index 3 was cut"]}"#
    );
}

#[test]
fn unknown_fields_are_joined_by_their_form() {
    let first = r#","per_document":["a","a"],"same":["x"],"n":96,"in":{"list":[1]},"who":"c""#;
    let second =
        r#","per_document":["a","a"],"same":["x"],"n":96,"in":{"list":[2]},"who":"d","late":[5]"#;
    assert_eq!(
        join(first, second),
        r#","per_document":["a","a","a","a"],"same":["x"],"n":96,"in":{"list":[1,2]},"who":"c","late":[5]"#
    );
}
