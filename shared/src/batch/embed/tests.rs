//! What the random mixes of the pipeline's tests do not reach: lists, warnings, misfits, references.

use super::*;
use serde_json::{Value, json};

fn object(body: Bytes) -> RequestObject {
    RequestObject::parse(body, embed::KNOWN).unwrap()
}

fn batch(body: &Value, once: bool) -> EmbedBatch {
    EmbedBatch::new(&object(body.to_string().into()), once)
}

fn answer(body: &Value) -> EmbedAnswer {
    EmbedAnswer::parse(Bytes::from(body.to_string())).unwrap()
}

fn written(batch: &EmbedBatch, answers: &[(SubRequest, EmbedAnswer)]) -> Value {
    let mut table = Table::new(batch);
    table.add_answers(answers).unwrap();
    serde_json::from_slice(&table.write_answer(b"\"ours\"").unwrap().concat()).unwrap()
}

fn parts(batch: &EmbedBatch, per_call: usize) -> Vec<SubRequest> {
    batch.split_into(&(0..batch.elements().len()).collect::<Vec<_>>(), per_call)
}

#[test]
fn sub_request_keeps_all_other_fields() {
    let batch = batch(&json!({ "model": "m", "new": [1], "texts": ["a", "b", "a", "c"] }), true);
    assert_eq!(batch.source(), "texts");
    let bodies: Vec<Value> = parts(&batch, 2)
        .iter()
        .map(|part| serde_json::from_slice(&batch.write_body(part)).unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            json!({ "model": "m", "new": [1], "texts": ["a", "b"] }),
            json!({ "model": "m", "new": [1], "texts": ["c"] }),
        ]
    );
}

#[test]
fn request_of_one_call_passes_unchanged() {
    let body = Bytes::from_static(br#"{ "texts" : [ "a" , "b" ] }"#);
    let batch = EmbedBatch::new(&object(body.clone()), true);
    let parts = parts(&batch, 96);
    assert_eq!(batch.write_body(&parts[0]), body);
    let text = Bytes::from_static(br#" {"new": 1, "embeddings": {"float": [[ 1 ],[2]]}}"#);
    let mut table = Table::new(&batch);
    table.add_answers(&[(parts[0].clone(), EmbedAnswer::parse(text.clone()).unwrap())]).unwrap();
    assert_eq!(table.write_answer(b"").unwrap(), [text]);
}

#[test]
fn mixed_inputs_keep_duplicates_and_their_lists_of_images_follow_each_other() {
    let input = json!({ "content": [] });
    let batch = batch(&json!({ "inputs": [input, input, input] }), false);
    let parts = parts(&batch, 2);
    assert_eq!(parts.len(), 2);
    let first =
        answer(&json!({ "embeddings": { "float": [[1], [2]] }, "images": [1, 2], "texts": [] }));
    let second =
        answer(&json!({ "embeddings": { "float": [[3]] }, "images": [3, 4, 5], "texts": [] }));
    let answers: Vec<_> = parts.into_iter().zip([first, second]).collect();
    let written = written(&batch, &answers);
    assert_eq!(
        written,
        json!({ "embeddings": { "float": [[1], [2], [3]] }, "images": [1, 2, 3, 4, 5], "texts": [] })
    );
}

#[test]
fn units_are_added_and_each_warning_is_said_once() {
    let batch = batch(&json!({ "texts": ["a", "b", "c"] }), true);
    let part = |text: &str, warnings: Value| {
        let mut body = json!({ "embeddings": { "float": [[1]] }, "texts": [text] });
        body["meta"] = json!({ "billed_units": { "input_tokens": 2 } });
        if warnings.is_array() {
            body["meta"]["warnings"] = warnings;
        }
        answer(&body)
    };
    let answers =
        [part("a", Value::Null), part("b", json!(["cut", "old"])), part("c", json!(["cut"]))];
    let answers: Vec<_> = parts(&batch, 1).into_iter().zip(answers).collect();
    let meta = written(&batch, &answers)["meta"].clone();
    assert_eq!(meta, json!({ "billed_units": { "input_tokens": 6 }, "warnings": ["cut", "old"] }));
}

#[test]
fn parts_that_lack_an_embedding_or_differ_in_their_types_do_not_fit() {
    let batch = batch(&json!({ "texts": ["a", "b", "c"] }), true);
    let fits = |second: Value| {
        let first = answer(&json!({ "embeddings": { "float": [[1], [2]] } }));
        let answers: Vec<_> = parts(&batch, 2).into_iter().zip([first, answer(&second)]).collect();
        Table::new(&batch).add_answers(&answers)
    };
    assert_eq!(fits(json!({ "embeddings": { "float": [[3]] } })), Ok(()));
    assert_eq!(fits(json!({ "embeddings": { "float": [] } })), Err(Misfit::OtherColumns));
    assert_eq!(fits(json!({ "embeddings": { "float": [[3], [4]] } })), Err(Misfit::OtherColumns));
    assert_eq!(fits(json!({ "embeddings": { "int8": [[3]] } })), Err(Misfit::OtherColumns));
    assert_eq!(fits(json!({ "embeddings": {} })), Err(Misfit::OtherColumns));
}

#[test]
fn large_run_of_embeddings_is_not_copied() {
    let texts: Vec<_> = (0..4).map(|number| number.to_string()).collect();
    let batch = batch(&json!({ "texts": texts }), true);
    let row = vec![0.123; 10_000];
    let answers: Vec<_> = parts(&batch, 2)
        .into_iter()
        .map(|part| (part, answer(&json!({ "embeddings": { "float": [row, row] } }))))
        .collect();
    let mut table = Table::new(&batch);
    table.add_answers(&answers).unwrap();
    let pieces = table.write_answer(b"").unwrap();
    for (_, answer) in &answers {
        let within = answer.bytes.as_ptr_range();
        assert_eq!(pieces.iter().filter(|piece| within.contains(&piece.as_ptr())).count(), 1);
    }
}

#[test]
fn failed_sub_request_names_the_callers_inputs() {
    let batch = batch(&json!({ "texts": ["a", "b", "a", "c"] }), true);
    let described: Vec<_> = parts(&batch, 1).iter().map(|part| batch.describe(part)).collect();
    let text = |positions| Some(format!("texts {positions} of 4, counted from 0"));
    assert_eq!(described, [text("0, 2"), text("1"), text("3")]);
}

#[test]
fn unknown_parts_are_joined_where_all_inputs_are_asked_in_order() {
    let fits = |texts: Value, per_call: usize, asked: &[usize]| {
        let batch = batch(&json!({ "texts": texts }), true);
        let mut answers = Vec::new();
        for part in batch.split_into(asked, per_call) {
            let vectors: Vec<_> = part.elements.iter().map(|element| json!([element])).collect();
            let body = json!({ "embeddings": { "float": vectors }, "new": 1, "images": null });
            answers.push((part, answer(&body)));
        }
        let mut table = Table::new(&batch);
        table.add_answers(&answers)?;
        Ok(serde_json::from_slice::<Value>(&table.write_answer(b"").unwrap().concat()).unwrap())
    };
    let joined = fits(json!(["a", "b", "c"]), 2, &[0, 1, 2]);
    let floats = json!([[0], [1], [2]]);
    assert_eq!(joined, Ok(json!({ "embeddings": { "float": floats }, "new": 1, "images": null })));
    assert_eq!(fits(json!(["a", "b", "c"]), 2, &[1, 0, 2]), Err(Misfit::UnknownParts));
    assert_eq!(fits(json!(["a", "b", "c"]), 1, &[0, 1]), Err(Misfit::UnknownParts));
    assert_eq!(fits(json!(["a", "b", "a"]), 1, &[0, 1]), Err(Misfit::UnknownParts));
}

/// Returns the form of an answer to one text, where it may be cached.
fn shape_of(text: &str, types: &[&str]) -> Option<Shape> {
    let batch = batch(&json!({ "texts": ["a"] }), true);
    let answer = EmbedAnswer::parse(Bytes::from(text.to_string())).unwrap();
    let types: Vec<_> = types.iter().map(|name| name.to_string()).collect();
    Shape::to_cache(&answer, &batch.read_columns(&answer, 1), &types)
}

#[test]
fn answer_is_cached_where_its_cells_and_counts_say_all() {
    for (text, is_cacheable) in [
        (r#"{"id":"x","texts":["a"],"embeddings":{"float":[[1]]},"meta":{}}"#, true),
        (r#"{"embeddings":{"float":[[1]]},"images":[]}"#, true),
        (r#"{"embeddings":{"float":[[1]]},"images":[1]}"#, false),
        (r#"{"embeddings":{"float":[[1]]},"images":null}"#, false),
        (r#"{"embeddings":{"float":[[1]]},"new":1}"#, false),
        (r#"{"embeddings":{"float":[[1]]},"meta":{"warnings":[]}}"#, false),
        (r#"{"embeddings":{"float":[[1]]},"meta":{ "tokens":{}}}"#, false),
        (r#"{"embeddings":{"float":[null]}}"#, false),
        (r#"{"texts":[null],"embeddings":{"float":[[1]]}}"#, false),
        (r#"{"texts":[7],"embeddings":{"float":[[1]]}}"#, false),
        (r#"{"embeddings":{"float":[[1] ]}}"#, false),
    ] {
        assert_eq!(shape_of(text, &["float"]).is_some(), is_cacheable, "{text}");
    }
}

#[test]
fn eight_latest_forms_are_kept_that_no_other_covers() {
    let names: Vec<_> = (0..10).map(|number| format!("t{number}")).collect();
    let form = |names: &[&str]| {
        let types: Vec<_> = names.iter().map(|name| format!("\"{name}\":[[1]]")).collect();
        let text = format!(r#"{{"embeddings":{{{}}}}}"#, types.join(","));
        shape_of(&text, names).unwrap()
    };
    let names_of = |shapes: &[Shape]| -> Vec<Vec<String>> {
        let columns = shapes.iter().map(|shape| shape.columns().iter());
        columns
            .map(|columns| columns.map(|c| String::from_utf8_lossy(&c.name).into()).collect())
            .collect()
    };
    let mut shapes = Vec::new();
    for name in &names {
        shapes = form(&[name]).merge_with(&shapes);
    }
    let latest: Vec<_> = names[2..].iter().map(|name| vec![name.clone()]).collect();
    assert_eq!(names_of(&shapes), latest);
    let both = form(&["t8", "t9"]).merge_with(&shapes[6..]);
    assert_eq!(names_of(&both), [vec!["t8", "t9"]]);
    assert_eq!(names_of(&form(&["t9"]).merge_with(&both)), [vec!["t9"]]);
}

#[test]
fn form_holds_its_text_and_its_columns() {
    let size = |names: &[&str]| {
        let types: Vec<_> = names.iter().map(|name| format!("\"{name}\":[[1]]")).collect();
        let text = format!(r#"{{"embeddings":{{{}}}}}"#, types.join(","));
        shape_of(&text, names).unwrap().memory_size()
    };
    let (one, three) = (size(&["a"]), size(&["a", "b", "c"]));
    let column = size_of::<Column>() + size_of::<String>();
    // The results are not part of the text.
    assert_eq!(three - one, 2 * column);
    assert!(one > column && one < column + 300, "{one}");
}
