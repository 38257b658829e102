//! Answers of status 200 that nobody can use, those that only look odd, and what is said around results.

use gateway_tests::scripted_cohere::{
    EMBED, RERANK, ScriptedCohere, answer_well, build_embed_body, build_rerank_body, number_texts,
    read_inputs, write_embed_answer,
};
use gateway_tests::stub::{Seen, Step, join_body, write_answer, write_json};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const VECTORS: &str = r#"{"id":"e","texts":["sea-0","sea-1"],"embeddings":{"float":[[0.10,-2e-3],[3,4]]},"meta":{"billed_units":{"input_tokens":2}}}"#;
const RANKING: &str = r#"{"id":"r","results":[{"index":1,"relevance_score":0.90},{"index":0,"relevance_score":1e-1}],"meta":{"billed_units":{"search_units":1}}}"#;

fn write_text(body: &str) -> Vec<Step> {
    write_answer(200, &[("content-type", "application/json")], body.as_bytes())
}

/// Asks for what is answered so once and well then, twice, and returns what the two requests cost.
async fn send_twice(
    path: &str,
    body: &Value,
    first: &str,
    well: &str,
) -> [(u16, usize, Vec<u8>); 2] {
    let cohere = ScriptedCohere::start(&[]).await;
    let (first, well, calls) = (first.to_string(), well.to_string(), AtomicUsize::new(0));
    cohere.stub.answer_others(move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => write_text(&first),
        _ => write_text(&well),
    });
    let mut seen = Vec::new();
    for _ in 0..2 {
        let sent = cohere.send_counted(path, body, &[]).await;
        seen.push((sent.answer.status, sent.calls.len(), sent.answer.body.to_vec()));
    }
    seen.try_into().unwrap()
}

#[tokio::test]
async fn broken_vectors_are_tried_again_and_never_kept() {
    let body = build_embed_body(&number_texts("sea", 0..2));
    for (from, to) in [
        ("0.10", "NaN"),
        ("[3,4]", "null"),
        ("[3,4]", "[3]"),
        (r#""float""#, r#""int8""#),
        (r#""float""#, r#""float":[[9],[9]],"float""#),
        (r#"2}}}"#, "2}}}x"),
        (r#"{"id""#, "\u{feff}{\"id\""),
    ] {
        let broken = VECTORS.replacen(from, to, 1);
        let [first, second] = send_twice("/v2/embed", &body, &broken, VECTORS).await;
        assert_eq!((first.0, first.1, &first.2[..]), (200, 2, VECTORS.as_bytes()), "{broken}");
        let kept: Value = serde_json::from_slice(&second.2).unwrap();
        assert_eq!((second.1, &kept["embeddings"]["float"][1]), (0, &json!([3, 4])), "{broken}");
    }
}

#[tokio::test]
async fn broken_ranking_is_tried_again_and_never_kept() {
    let body = build_rerank_body(&number_texts("page", 0..2));
    for (from, to) in [
        (r#""index":0"#, r#""index":1"#),
        (r#""index":0"#, r#""index":2"#),
        (r#""index":0"#, r#""index":"0""#),
        ("1e-1", "1e999"),
        ("1e-1", r#""0.1""#),
        (r#",{"index":0,"relevance_score":1e-1}"#, ""),
        ("0.90", "inf"),
    ] {
        let broken = RANKING.replacen(from, to, 1);
        let [first, second] = send_twice("/v2/rerank", &body, &broken, RANKING).await;
        assert_eq!((first.0, first.1, &first.2[..]), (200, 2, RANKING.as_bytes()), "{broken}");
        assert_eq!((second.0, second.1), (200, 0), "{broken}");
    }
}

#[tokio::test]
async fn answer_that_stays_broken_is_malformed() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.stub.answer_others(|seen| match seen.path.as_str() {
        "/v2/embed" => write_text(&VECTORS.replace("[3,4]", "[]")),
        _ => write_text(&RANKING.replace(r#""index":0"#, r#""index":1"#)),
    });
    for (path, body) in [
        ("/v2/embed", build_embed_body(&number_texts("sea", 0..2))),
        ("/v2/rerank", build_rerank_body(&number_texts("page", 0..2))),
    ] {
        let answered = cohere.send_counted(path, &body, &[]).await;
        let (status, code, message) = answered.read_failure();
        assert_eq!((status, code.as_str(), answered.calls.len()), (502, "upstream_malformed", 3));
        assert_eq!(message, "Cohere's answer cannot be read");
    }
}

#[tokio::test]
async fn odd_but_usable_answer_passes_byte_for_byte() {
    let cohere = ScriptedCohere::start(&[]).await;
    let mut unknown_field = build_embed_body(&number_texts("sea", 0..2));
    unknown_field["of_tomorrow"] = json!(true);
    let plain = build_embed_body(&number_texts("sea", 0..2));
    for (body, answer) in [
        (&plain, VECTORS.replace(r#""embeddings""#, r#""new":{"a":[1,"\ud800"]},"embeddings""#)),
        (&plain, VECTORS.replace(r#""float""#, r#""newer":[null],"float""#)),
        (&plain, VECTORS.replace(r#""id":"e""#, r#""id":7,"id":"e""#)),
        (&plain, format!("\n {} \r\n", VECTORS.replace(":", " : "))),
        (&unknown_field, VECTORS.replace("[3,4]", "null")),
        (&unknown_field, r#"{"embeddings":[[1],[2]]}"#.to_string()),
    ] {
        let expected = answer.clone();
        cohere.stub.answer_others(move |_| write_text(&answer));
        for _ in 0..2 {
            let answered = cohere.send_counted("/v2/embed", body, &[]).await;
            assert_eq!(answered.calls.len(), 1, "{expected}");
            assert_eq!(answered.answer.body, expected.as_bytes());
        }
    }
}

/// Answers well, and says something of each text that is not known here.
fn answer_with_languages(seen: &Seen) -> Vec<Step> {
    let request: Value = serde_json::from_slice(&seen.body).unwrap();
    let texts = read_inputs(seen);
    let languages: Vec<_> = texts.iter().map(|text| format!("of {text}")).collect();
    let answer = write_embed_answer(&request, EMBED, &texts);
    let news = format!(r#","languages":{},"meta""#, json!(languages));
    let count = texts.len().to_string();
    let headers = [("content-type", "application/json"), ("num_tokens", count.as_str())];
    write_answer(200, &headers, answer.replacen(r#","meta""#, &news, 1).as_bytes())
}

#[tokio::test]
async fn unknown_list_has_an_element_for_each_input() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.embed_texts(&number_texts("sea", 0..3)).await;
    let equal: Vec<_> = [0, 7, 0, 8].iter().map(|number| format!("sea-{number}")).collect();
    let many: Vec<_> = (0..200).map(|number| format!("sea-{}", number % 150)).collect();
    let apart = number_texts("moon", 0..200);
    // The answer without the cached and the equal text cannot be joined; then it is known before.
    cohere.stub.answer_others(answer_with_languages);
    for (texts, calls) in [(&equal, 2), (&equal, 1), (&many, 3), (&apart, 3)] {
        let answered = cohere.embed_texts(texts).await;
        answered.assert_embeds(EMBED, texts);
        let languages: Vec<_> = texts.iter().map(|text| format!("of {text}")).collect();
        assert_eq!(answered.answer.json()["languages"], json!(languages));
        assert_eq!(answered.answer.header("num_tokens"), texts.len().to_string());
        assert_eq!(answered.calls.len(), calls);
    }
}

#[tokio::test]
async fn unknown_list_of_a_split_request_is_asked_for_as_it_stands() {
    // Two calls about different texts, then three about all; without a cache nothing remembers it.
    for (cache_bytes, calls) in [("64000000", [5, 3]), ("0", [5, 5])] {
        let cohere = ScriptedCohere::start(&[("GATEWAY_CACHE_BYTES", cache_bytes)]).await;
        cohere.stub.answer_others(answer_with_languages);
        let texts: Vec<_> = (0..200).map(|number| format!("sea-{}", number % 150)).collect();
        let languages: Vec<_> = texts.iter().map(|text| format!("of {text}")).collect();
        for calls in calls {
            let answered = cohere.embed_texts(&texts).await;
            answered.assert_embeds(EMBED, &texts);
            assert_eq!(answered.answer.json()["languages"], json!(languages));
            assert_eq!(answered.answer.header("num_tokens"), "200");
            assert_eq!(answered.billed_units(), json!({ "input_tokens": 200 }));
            assert_eq!(answered.calls.len(), calls, "{cache_bytes} bytes");
        }
    }
}

#[tokio::test]
async fn every_count_of_a_split_request_is_a_sum() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.stub.answer_others(|seen| {
        let count = read_inputs(seen).len();
        let meta = format!(
            r#""meta":{{"tokens":{{"input_tokens":{}}},"cached_tokens":{count},"#,
            10 * count
        );
        let body = String::from_utf8(join_body(&answer_well(seen))).unwrap();
        write_text(&body.replacen(r#""meta":{"#, &meta, 1))
    });
    for (path, body, count) in [
        ("/v2/embed", build_embed_body(&number_texts("sea", 0..200)), 200),
        ("/v2/rerank", build_rerank_body(&number_texts("page", 0..2_500)), 2_500),
    ] {
        for factor in [1, 0] {
            let answered = cohere.send_counted(path, &body, &[]).await;
            let meta = answered.answer.json()["meta"].clone();
            assert_eq!(meta["tokens"], json!({ "input_tokens": 10 * count * factor }), "{path}");
            assert_eq!(meta["cached_tokens"], json!(count * factor), "{path}");
            assert_eq!(meta["api_version"], json!({ "version": "2" }), "{path}");
        }
    }
}

#[tokio::test]
async fn index_in_a_refusal_is_the_callers() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.embed_texts(&number_texts("sea", 0..3)).await;
    let refuse = |words: fn(usize) -> String| {
        move |seen: &Seen| match read_inputs(seen).iter().position(|text| text == "long") {
            Some(index) => write_json(400, &json!({ "id": "i", "message": words(index) })),
            None => answer_well(seen),
        }
    };
    let with_long = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.push("long".into());
        texts.extend(number_texts("after", 0..2));
        texts
    };
    let equal: Vec<_> = ["a", "b", "a"].map(String::from).to_vec();
    let sea = number_texts("sea", 0..100);
    for texts in [&equal[..], &equal[..2], &sea[..3], &sea[..]] {
        cohere.stub.answer_others(refuse(|index| format!("text at index {index} is too long")));
        let answered = cohere.embed_texts(&with_long(texts)).await;
        let message = format!("text at index {} is too long", texts.len());
        assert_eq!(answered.read_failure(), (400, "invalid_request".into(), message));
    }
    cohere.stub.answer_others(refuse(|index| format!("documents[{index}] is too long")));
    let body = build_rerank_body(&with_long(&number_texts("page", 0..1_500)));
    let answered = cohere.send_counted("/v2/rerank", &body, &[]).await;
    assert_eq!(answered.read_failure().2, "documents[1500] is too long");
    assert_eq!(body["model"], RERANK);
}
