//! Embed, one text to ten thousand: each text's vector is the one that the sandbox gives for it.

use gateway_tests::gateway::Answer;
use gateway_tests::sandbox_pair::SandboxPair;
use gateway_tests::scripted_cohere::{
    EMBED, EmbedAnswer, ScriptedCohere, WITHOUT_RATES, build_embed_body, number_texts, read_inputs,
    write_cell, write_embed_answer,
};
use gateway_tests::stub::write_answer;
use serde_json::{Value, json};

const PER_CALL: usize = 96;

/// What the sandbox says of each text: embedding and billed tokens.
struct Expected {
    texts: Vec<String>,
    cells: Vec<String>,
    tokens: Vec<u64>,
}

impl Expected {
    /// Asks the sandbox itself, a call's worth at a time.
    async fn of(both: &SandboxPair, texts: Vec<String>, more: &Value, kind: &str) -> Self {
        let (mut cells, mut tokens) = (Vec::new(), Vec::new());
        for chunk in texts.chunks(PER_CALL) {
            let answer = both.send_directly("/v2/embed", &build_request(chunk, more)).await;
            let embedded = EmbedAnswer::parse(&answer);
            cells.extend(embedded.cells(kind).into_iter().map(str::to_string));
            tokens.push(embedded.meta["billed_units"]["input_tokens"].as_u64().expect("tokens"));
        }
        Self { texts, cells, tokens }
    }

    /// Checks an answer about the first `count` texts.
    fn check_batch(&self, answer: &Answer, count: usize, kind: &str) -> EmbedAnswer {
        let embedded = EmbedAnswer::parse(answer);
        assert_eq!(embedded.texts, self.texts[..count], "the echo of {count} texts");
        assert_eq!(embedded.types(), [kind]);
        let cells = embedded.cells(kind);
        assert_eq!(cells.len(), count);
        let other = cells.iter().zip(&self.cells).position(|(got, expected)| got != expected);
        assert_eq!(other, None, "the first of {count} texts with another vector");
        embedded
    }
}

fn build_request(texts: &[String], more: &Value) -> Value {
    let mut body = build_embed_body(texts);
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// Texts of several lengths, with what JSON writes in more than one way.
fn make_texts(count: usize) -> Vec<String> {
    let words = ["sea", "\"quoted\", [bracketed]", "grüße 🦀", "back\\slash\n", "{tide}", "moon"];
    (0..count).map(|number| format!("{} number {number}", words[..=number % 6].join(" "))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn split_embeddings_equal_single_ones() {
    let both = SandboxPair::start(&[]).await;
    let none = json!({});
    let expected = Expected::of(&both, make_texts(1_920), &none, "float").await;
    let sizes = [1, 95, 96, 97, 200, 960, 1_920];
    for count in sizes {
        let body = build_request(&expected.texts[..count], &none);
        let calls = count.div_ceil(PER_CALL);
        let answer = both.send_past_cache("/v2/embed", &body, calls).await;
        let embedded = expected.check_batch(&answer, count, "float");
        if count.is_multiple_of(PER_CALL) {
            let tokens: u64 = expected.tokens[..calls].iter().sum();
            assert_eq!(embedded.meta["billed_units"]["input_tokens"], tokens, "{count}");
            assert_eq!(answer.header("num_tokens"), tokens.to_string(), "{count}");
        }
    }
    // The cache holds the texts of the request before, in the same order.
    for (known, count) in [0].into_iter().chain(sizes).zip(sizes) {
        let body = build_request(&expected.texts[..count], &none);
        let cache = if known == 0 { "miss" } else { "partial" };
        let answer =
            both.send_through("/v2/embed", &body, (count - known).div_ceil(PER_CALL), cache).await;
        expected.check_batch(&answer, count, "float");
    }
    let answer =
        both.send_through("/v2/embed", &build_request(&expected.texts, &none), 0, "hit").await;
    let embedded = expected.check_batch(&answer, 1_920, "float");
    assert_eq!(embedded.meta["billed_units"]["input_tokens"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raised_limit_admits_ten_thousand_texts() {
    let both = SandboxPair::start(&[("GATEWAY_EMBED_MAX_TEXTS", "10000"), WITHOUT_RATES]).await;
    let more = json!({ "output_dimension": 256, "embedding_types": ["int8"] });
    let expected = Expected::of(&both, make_texts(10_000), &more, "int8").await;
    let body = build_request(&expected.texts, &more);
    let answer = both.send_through("/v2/embed", &body, 105, "miss").await;
    let embedded = expected.check_batch(&answer, 10_000, "int8");
    assert_eq!(embedded.meta["billed_units"]["input_tokens"], expected.tokens.iter().sum::<u64>());
    let answer = both.send_through("/v2/embed", &body, 0, "hit").await;
    expected.check_batch(&answer, 10_000, "int8");
}

#[tokio::test]
async fn request_log_tells_how_it_was_split() {
    let cohere = ScriptedCohere::start(&[]).await;
    cohere.embed_texts(&number_texts("sea", 0..40)).await;
    let mut texts = number_texts("sea", 0..200);
    texts.extend(number_texts("sea", 100..160));
    let answered = cohere.embed_texts(&texts).await;
    assert_eq!(answered.cache_and_calls(), ("partial", 2));
    let line = cohere.running.wait_for_request(answered.answer.header("x-request-id")).await;
    for field in [
        r#""inputs":260"#,
        r#""parts":2"#,
        r#""cache":"partial""#,
        r#""cache_hits":40"#,
        r#""cache_misses":160"#,
        r#""inputs_saved":100"#,
        r#""attempts":2"#,
        r#""input_tokens":160"#,
    ] {
        assert!(line.contains(field), "{field} in {line}");
    }
    assert!(!line.contains("sea-"), "{line}");
}

#[tokio::test]
async fn unknown_embedding_type_is_split_and_cached() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    let types = ["base64", "float", "int8", "of-tomorrow"];
    let body = build_request(&texts, &json!({ "embedding_types": types }));
    for (cache, calls) in [("miss", 3), ("hit", 0)] {
        let answered = cohere.send_counted("/v2/embed", &body, &[]).await;
        assert_eq!(answered.cache_and_calls(), (cache, calls));
        let embedded = EmbedAnswer::parse(&answered.answer);
        assert_eq!((embedded.types(), &embedded.texts), (types.to_vec(), &texts));
        for kind in types {
            let expected: Vec<_> = texts.iter().map(|text| write_cell(EMBED, kind, text)).collect();
            assert_eq!(embedded.cells(kind), expected, "{kind}, {cache}");
        }
    }
    let one = build_request(&texts[150..], &json!({ "embedding_types": ["of-tomorrow"] }));
    let answered = cohere.send_counted("/v2/embed", &one, &[]).await;
    assert_eq!(answered.cache_and_calls(), ("hit", 0));
    assert_eq!(EmbedAnswer::parse(&answered.answer).types(), ["of-tomorrow"]);
}

#[tokio::test]
async fn spaced_json_is_split_but_not_cached() {
    let cohere = ScriptedCohere::start(&[]).await;
    let texts = number_texts("sea", 0..200);
    let spaced =
        cohere.send_text("/v2/embed", format!("{:#}", build_embed_body(&texts)), &[]).await;
    assert_eq!(spaced.cache_and_calls(), ("miss", 3));
    spaced.assert_embeds(EMBED, &texts);
    assert_eq!(
        cohere.embed_texts(&texts).await.cache_and_calls(),
        ("hit", 0),
        "the same request without space"
    );

    let texts = number_texts("moon", 0..200);
    cohere.stub.answer_others(|seen| {
        let request: Value = serde_json::from_slice(&seen.body).unwrap();
        let body = write_embed_answer(&request, EMBED, &read_inputs(seen))
            .replace("],[", "] ,\n[")
            .replace(":{", " : {");
        write_answer(200, &[("content-type", "application/json")], body.as_bytes())
    });
    for _ in 0..2 {
        let answered = cohere.embed_texts(&texts).await;
        assert_eq!(answered.cache_and_calls(), ("miss", 3));
        answered.assert_embeds(EMBED, &texts);
    }
}
