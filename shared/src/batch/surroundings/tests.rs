use super::*;
use crate::batch::rerank::RerankBatch;
use crate::batch::template::AnswerTemplate;
use crate::wire::dialect::AnswerForm;
use crate::wire::object::RequestObject;
use crate::wire::rerank::{KNOWN, RerankAnswer};

/// Joins what is around the answers of two calls with two documents each.
fn join(first: &str, second: &str) -> String {
    join_of(r#"["a","b","c","d"]"#, first, second)
}

/// Joins what is around the answers of two calls with at most two of these documents each.
fn join_of(documents: &str, first: &str, second: &str) -> String {
    let body = Bytes::from(format!(r#"{{"query":"q","documents":{documents}}}"#));
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
    template.write_answer(&mut writer, (b"\"ours\"", &AnswerForm::V2), &joined, |_, _| {});
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

#[test]
fn version_of_the_first_stands_for_all() {
    let first = r#","meta":{"api_version":{"version":2,"list":[1],"none":null}}"#;
    let second = r#","meta":{"api_version":{"version":3,"list":[2],"none":1}}"#;
    assert_eq!(join(first, second), first);
}

#[test]
fn same_list_of_calls_of_different_size_is_no_list_of_the_inputs() {
    let list = r#","list":["a","b"]"#;
    assert_eq!(join_of(r#"["a","b","c"]"#, list, list), list);
}

#[test]
fn list_of_the_inputs_has_their_order() {
    // Blank documents go with others, so that these calls have the first and third, second and fourth.
    let mixed = r#"["a","b","",""]"#;
    let joined = join_of(mixed, r#","per":["0","2"]"#, r#","per":["1","3"]"#);
    assert_eq!(joined, r#","per":["0","1","2","3"]"#);
    let first = r#","meta":{"warnings":["0","all"]}"#;
    let joined = join_of(mixed, first, r#","meta":{"warnings":["1","all"]}"#);
    assert_eq!(joined, r#","meta":{"warnings":["0","all","1"]}"#);
}
