//! Strings that cannot be decoded: they pass as written in free text, and are refused where they are read.
//!
//! A text that was cut inside an emoji ends in half a character, which JSON can write and no text can hold.

use gateway_tests::gateway::{self, Running};
use gateway_tests::stub::{Seen, Step, Stub, write_answer};
use gateway_tests::ways::Way;
use local::Upstream;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HALVES: [&str; 4] = [r"cut here \ud83e", r"\udd8a", r"\udd8a\ud83e swapped", r"\ud83e\u0041"];

fn last_body(stub: &Stub) -> String {
    let seen: Vec<Seen> = stub.seen();
    String::from_utf8(seen.last().unwrap().body.to_vec()).unwrap()
}

#[tokio::test]
async fn free_text_passes_as_it_is_written() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    for half in HALVES {
        let text = format!(r#""{half}""#);
        let user = r#"{"role":"user","content":"hi"}"#;
        let chat = |rest: String| (Way::Chat, format!(r#"{{"model":"m","max_tokens":1,{rest}}}"#));
        let with_embed = r#"{"model":"m","input_type":"x","embedding_types":["float"]"#;
        let cases = [
            chat(format!(r#""messages":[{{"role":"user","content":{text}}}]"#)),
            chat(format!(r#""messages":[{user}],"documents":[{text},{{"data":{{{text}:1}}}}]"#)),
            chat(format!(
                r#""messages":[{user}],"tools":[{{"function":{{"description":{text}}}}}]"#
            )),
            chat(format!(r#""messages":[{user}],"stop_sequences":[{text}]"#)),
            chat(format!(r#""messages":[{user}],"new_field":{text}"#)),
            (Way::Embed, format!(r#"{with_embed},"texts":[{text}]}}"#)),
            (Way::Embed, format!(r#"{with_embed},"inputs":[{{"content":[{text}]}}]}}"#)),
            (Way::Rerank, format!(r#"{{"model":"m","query":{text},"documents":["d"]}}"#)),
            (Way::Rerank, format!(r#"{{"model":"m","query":"q","documents":[{text}]}}"#)),
        ];
        for (way, body) in cases {
            stub.plan_answer(way.good_steps());
            let answer = running.send(&way.path(), body.clone()).await;
            assert_eq!(answer.status, 200, "{body}: {answer:?}");
            assert_eq!(last_body(&stub), body);
        }
    }
}

#[tokio::test]
async fn value_that_is_read_is_refused_and_named() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let chat = r#""messages":[{"role":"user","content":"hi"}]"#;
    let embed = r#""texts":["a"]"#;
    for half in HALVES {
        let cases = [
            (Way::Chat, "model", format!(r#"{chat},"model":"{half}""#)),
            (Way::Chat, "model", format!(r#"{chat},"mod\u0065l":"command-a-03-2025{half}""#)),
            (Way::Chat, "safety_mode", format!(r#"{chat},"safety_mode":"{half}""#)),
            (Way::Chat, "tool_choice", format!(r#"{chat},"tool_choice":"{half}""#)),
            (Way::Chat, "body", format!(r#"{chat},"{half}":1"#)),
            (Way::Embed, "model", format!(r#"{embed},"input_type":"x","model":"{half}""#)),
            (Way::Embed, "input_type", format!(r#"{embed},"model":"m","input_type":"{half}""#)),
            (
                Way::Embed,
                "truncate",
                format!(r#"{embed},"model":"m","input_type":"x","truncate":"{half}""#),
            ),
            (
                Way::Embed,
                "embedding_types[1]",
                format!(
                    r#"{embed},"model":"m","input_type":"x","embedding_types":["int8","{half}"]"#
                ),
            ),
            (Way::Rerank, "model", format!(r#""query":"q","documents":["d"],"model":"{half}""#)),
        ];
        for (way, field, fields) in cases {
            let answer = running.send(&way.path(), format!("{{{fields}}}")).await;
            let said = answer.json()["message"].as_str().unwrap().to_string();
            assert_eq!(answer.status, 400, "{fields}: {said}");
            assert!(said.starts_with(&format!("invalid request: {field}: ")), "{fields}: {said}");
            assert!(
                said.ends_with(r"cannot be decoded: it holds half a character, such as \ud83e")
            );
        }
    }
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn key_written_with_escapes_is_judged_as_what_it_means() {
    let settings = [("GATEWAY_CHAT_MAX_TOKENS_CEILING", "100")];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    stub.plan_answer(Way::Chat.good_steps());
    let body = r#"{"mod\u0065l":"m\u006f\u0064el","messages":[{}],"m\u0061x_tokens":5}"#;
    let answer = running.send("/v2/chat", body).await;
    assert_eq!((answer.status, answer.header("x-gateway-model")), (200, "model"));
    assert_eq!((last_body(&stub).as_str(), answer.header("x-gateway-max-tokens")), (body, ""));
    let refused = [
        (r#"{"messages":[{}],"m\u0061x_tokens":101}"#, "max_tokens: must be at most 100"),
        (r#"{"messages":[{}],"model":"a","mod\u0065l":"b"}"#, "model: stands twice"),
        (r#"{"messages":[{}],"\u004dodel":"a"}"#, "Model: must be written \"model\""),
    ];
    for (body, problem) in refused {
        let answer = running.send("/v2/chat", body).await;
        let said = answer.json()["message"].as_str().unwrap().to_string();
        assert!(answer.status == 400 && said.contains(problem), "{body}: {said}");
    }
    assert_eq!(stub.seen().len(), 1);
}

/// Texts of which some cannot be decoded, some equal others but for their writing, some stand twice.
fn list_texts(count: usize) -> Vec<String> {
    let odd = [r"\ud83e", r"\udd8a", r"caf\u00e9", "café", r"\ud83e"];
    (0..count)
        .map(|number| match odd.get(number % 50) {
            Some(odd) => format!("\"{odd}\""),
            None => format!("\"t{number}\""),
        })
        .collect()
}

/// Returns the elements of a list in a body, as they are written.
fn written_elements(body: &[u8], field: &str) -> Vec<String> {
    let body: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).unwrap();
    let list: Vec<&RawValue> = serde_json::from_str(body[field].get()).unwrap();
    list.into_iter().map(|element| element.get().to_string()).collect()
}

/// Returns the elements that reached Cohere in all calls, as they were written.
fn sent_elements(stub: &Stub, field: &str) -> Vec<String> {
    stub.seen().iter().flat_map(|seen| written_elements(&seen.body, field)).collect()
}

fn number_of(text: &str) -> u64 {
    text.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % 9_973)
}

/// Answers each text with a vector that its writing alone decides.
fn answer_embed(seen: &Seen) -> Vec<Step> {
    let texts = written_elements(&seen.body, "texts");
    let vectors: Vec<_> = texts.iter().map(|text| format!("[{}]", number_of(text))).collect();
    let (texts, vectors) = (texts.join(","), vectors.join(","));
    let units = r#""billed_units":{"input_tokens":1}"#;
    let answer = format!(
        r#"{{"id":"e","texts":[{texts}],"embeddings":{{"float":[{vectors}]}},"meta":{{{units}}}}}"#
    );
    write_answer(200, &[], answer.as_bytes())
}

fn answer_rerank(seen: &Seen) -> Vec<Step> {
    let count = written_elements(&seen.body, "documents").len();
    let results: Vec<_> =
        (0..count).map(|index| format!(r#"{{"index":{index},"relevance_score":0.5}}"#)).collect();
    let answer = format!(r#"{{"id":"r","results":[{}],"meta":{{}}}}"#, results.join(","));
    write_answer(200, &[], answer.as_bytes())
}

#[tokio::test]
async fn split_and_cached_requests_keep_every_writing() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(answer_embed);
    let mut texts = list_texts(250);
    let body =
        format!(r#"{{"model":"embed-v4.0","input_type":"x","texts":[{}]}}"#, texts.join(","));
    for cache in ["miss", "hit"] {
        let answer = running.send("/v2/embed", body.clone()).await;
        assert_eq!((answer.status, answer.header("x-gateway-cache")), (200, cache));
        assert_eq!(written_elements(&answer.body, "texts"), texts);
        let vectors: Vec<_> = texts.iter().map(|text| json!([number_of(text)])).collect();
        let written = String::from_utf8(answer.body.to_vec()).unwrap();
        let float = format!(r#""float":{}"#, Value::from(vectors));
        assert!(written.contains(&float), "{cache}: {written}");
    }
    let mut sent = sent_elements(&stub, "texts");
    texts.sort();
    texts.dedup();
    sent.sort();
    assert_eq!(sent, texts);
}

#[tokio::test]
async fn split_rerank_keeps_every_writing() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(answer_rerank);
    let documents = list_texts(1_100);
    let body = format!(
        r#"{{"model":"rerank-v3.5","query":"\ud83e","documents":[{}]}}"#,
        documents.join(",")
    );
    for cache in ["miss", "hit"] {
        let answer = running.send("/v2/rerank", body.clone()).await;
        assert_eq!((answer.status, answer.header("x-gateway-cache")), (200, cache));
        assert_eq!(answer.json()["results"].as_array().unwrap().len(), documents.len());
    }
    assert_eq!(sent_elements(&stub, "documents"), documents);
}

#[tokio::test]
async fn sandbox_reads_half_a_character_as_cohere_does() {
    let running: Running = gateway::start(Upstream::Sandbox, &[]).await;
    let body = r#"{"messages":[{"role":"user","content":"cut here \ud83e"}]}"#;
    let answer = running.send("/v2/chat", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = r#"{"model":"embed-v4.0","input_type":"search_query","texts":["\ud83e"]}"#;
    let answer = running.send("/v2/embed", body).await;
    assert_eq!((answer.status, &answer.json()["texts"][0]), (200, &"\u{fffd}".into()));
}
