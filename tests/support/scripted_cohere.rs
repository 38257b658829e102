//! A scripted Cohere for split requests: its answers show which model answered which input, and calls
//! that hold a chosen text can be made to fail.
//!
//! Numbers are written in notations that no parser would give back, so that one which was read and
//! written again is seen. Every text of a call bills one token, every started hundred documents one unit.

use crate::gateway::{self, Answer, Running, read_answer};
use crate::stub::{self, Protocol, Seen, Step, Stub, write_answer};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub const EMBED: &str = "embed-v4.0";
pub const EMBED_FALLBACK: &str = "embed-english-v3.0";
pub const RERANK: &str = "rerank-v3.5";
pub const RERANK_FALLBACK: &str = "rerank-english-v3.0";
/// Far longer than it takes a request's calls to arrive.
const LATE: Duration = Duration::from_millis(200);
/// For ever, as far as a test is concerned.
pub const ALWAYS: usize = usize::MAX;

/// Lets the gateway reckon with no limits of Cohere.
pub const WITHOUT_RATES: (&str, &str) = ("GATEWAY_RATES", "chat=0,embed=0,rerank=0");

/// A gateway with one environment per function in front of a stub that answers as Cohere would.
pub struct ScriptedCohere {
    pub stub: Stub,
    pub running: Running,
}

/// An answer, and what it cost.
pub struct CountedAnswer {
    pub answer: Answer,
    /// Calls that reached the upstream.
    pub calls: Vec<Seen>,
}

/// An embed answer; cells as they are written.
#[derive(Deserialize)]
pub struct EmbedAnswer {
    pub id: String,
    #[serde(default)]
    pub texts: Vec<String>,
    #[serde(default)]
    pub images: Vec<Value>,
    embeddings: BTreeMap<String, Vec<Box<RawValue>>>,
    pub meta: Value,
}

impl EmbedAnswer {
    pub fn parse(answer: &Answer) -> Self {
        let shown =
            String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        assert_eq!(answer.status, 200, "{shown}");
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {shown}"))
    }

    pub fn cells(&self, kind: &str) -> Vec<&str> {
        self.embeddings[kind].iter().map(|cell| cell.get()).collect()
    }

    pub fn types(&self) -> Vec<&str> {
        self.embeddings.keys().map(String::as_str).collect()
    }
}

impl ScriptedCohere {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_over(Protocol::Plain, settings).await
    }

    pub async fn start_over(protocol: Protocol, settings: &[(&str, &str)]) -> Self {
        // This one has no quota, and its tests ask for more than a minute's.
        let settings = [&[WITHOUT_RATES], settings].concat();
        let (stub, running) = gateway::start_single_with_stub_over(protocol, &settings).await;
        stub.answer_others(answer_well);
        Self { stub, running }
    }

    /// Lets the next so many calls that hold this text, in quotes, end so; all others are answered.
    pub fn fail_calls(&self, text: &str, times: usize, steps: Vec<Step>) {
        let (needle, left) = (format!("\"{text}\""), AtomicUsize::new(times));
        self.stub.answer_others(move |seen| {
            let struck = contains_text(&seen.body, &needle)
                && left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok();
            if struck { steps.clone() } else { answer_well(seen) }
        });
    }

    pub fn answer_all(&self) {
        self.stub.answer_others(answer_well);
    }

    /// Sends a request with more headers and counts what it cost, which must be what the answer says.
    pub async fn send_counted(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> CountedAnswer {
        self.send_text(path, body.to_string(), headers).await
    }

    /// Sends a body as it is written.
    pub async fn send_text(
        &self,
        path: &str,
        body: String,
        headers: &[(&str, &str)],
    ) -> CountedAnswer {
        let mut request = self.running.post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let before = self.stub.seen().len();
        let answer = read_answer(request.body(body)).await;
        let calls = self.stub.seen().split_off(before);
        assert_eq!(
            answer.header("x-gateway-attempts"),
            calls.len().to_string(),
            "x-gateway-attempts"
        );
        CountedAnswer { answer, calls }
    }

    /// Asks for the embeddings of texts.
    pub async fn embed_texts(&self, texts: &[String]) -> CountedAnswer {
        self.send_counted("/v2/embed", &build_embed_body(texts), &[]).await
    }

    /// Waits until the upstream has got so many calls in all, at most 10 seconds.
    pub async fn wait_for_calls(&self, count: usize) {
        for _ in 0..2_000 {
            if self.stub.seen().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} calls instead of {count}", self.stub.seen().len());
    }
}

impl CountedAnswer {
    /// Returns what `x-gateway-cache` says, and the number of calls.
    pub fn cache_and_calls(&self) -> (&str, usize) {
        (self.answer.header("x-gateway-cache"), self.calls.len())
    }

    /// Checks that the answer holds this model's embedding of each text, in order.
    pub fn assert_embeds(&self, model: &str, texts: &[String]) {
        let embedded = EmbedAnswer::parse(&self.answer);
        assert_eq!(embedded.texts, texts);
        let expected: Vec<_> = texts.iter().map(|text| write_cell(model, "float", text)).collect();
        assert!(embedded.cells("float") == expected, "an embedding is not {model}'s of its text");
        assert_eq!(self.answer.header("x-gateway-model"), model);
    }

    /// Checks that the answer ranks all documents by this model's scores, ties by index.
    pub fn assert_ranks(&self, model: &str, documents: &[String], top_n: usize) {
        #[derive(Deserialize)]
        struct Ranking {
            results: Vec<Box<RawValue>>,
        }
        assert_eq!(self.answer.status, 200, "{:?}", self.answer.body);
        let ranking: Ranking = serde_json::from_slice(&self.answer.body).expect("a ranking");
        let results: Vec<_> = ranking.results.iter().map(|result| result.get()).collect();
        assert_eq!(results, rank_documents(model, documents, top_n), "{model}");
        assert_eq!(self.answer.header("x-gateway-model"), model);
    }

    /// Returns the billed units by name.
    pub fn billed_units(&self) -> Value {
        self.answer.json()["meta"]["billed_units"].clone()
    }

    /// Returns status, code and message of a failure.
    pub fn read_failure(&self) -> (u16, String, String) {
        let said = self.answer.json();
        let text = |field: &str| said[field].as_str().unwrap_or_default().to_string();
        (self.answer.status, text("code"), text("message"))
    }
}

/// Returns texts with numbers, `sea-96` for 96.
pub fn number_texts(mark: &str, numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{mark}-{number}")).collect()
}

pub fn build_embed_body(texts: &[String]) -> Value {
    json!({ "model": EMBED, "input_type": "search_document", "texts": texts })
}

pub fn build_rerank_body(documents: &[String]) -> Value {
    json!({ "model": RERANK, "query": "q", "documents": documents })
}

/// Returns the texts or documents that a call holds.
pub fn read_inputs(seen: &Seen) -> Vec<String> {
    let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
    let list = ["texts", "documents", "images"].iter().find_map(|name| body[name].as_array());
    let list = list.expect("inputs");
    list.iter().map(|input| input.as_str().expect("a text").to_string()).collect()
}

pub fn contains_text(body: &[u8], needle: &str) -> bool {
    body.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Refuses a call, late enough that the calls of the other sub-requests have arrived and can be counted.
pub fn refuse_late(status: u16, message: &str) -> Vec<Step> {
    let refusal =
        stub::write_json(status, &json!({ "id": "of-the-sub-request", "message": message }));
    [vec![Step::Wait(LATE)], refusal].concat()
}

fn hash_value(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Returns a model's embedding of a text; a type that is not known yet has embeddings of its own kind.
pub fn write_cell(model: &str, kind: &str, text: &str) -> String {
    let seed = hash_value((model, kind, text));
    match kind {
        "float" => format!("[0.{:05}0,-{}e-{},1.0]", seed % 100_000, seed % 7 + 1, seed % 30),
        "int8" => format!("[{},-0,{}]", seed % 128, -((seed >> 8) as i64 % 128)),
        "base64" => format!("\"{seed:016x}],[\\\"\""),
        _ => format!(r#"{{"codes":[[{}],"]}}"],"scale":1.50}}"#, seed % 1_000),
    }
}

fn score_document(model: &str, document: &str) -> &'static str {
    // Few different ones, in several notations, so that many are equal.
    ["0.5", "0.50", "5e-1", "0.25", "9e-1", "1e-9", "0.9990"]
        [hash_value((model, document)) as usize % 7]
}

fn rank_documents(model: &str, documents: &[String], top_n: usize) -> Vec<String> {
    let mut scores: Vec<_> =
        documents.iter().map(|document| score_document(model, document)).enumerate().collect();
    let number = |score: &str| score.parse::<f64>().expect("a number");
    scores.sort_by(|(_, one), (_, other)| number(other).total_cmp(&number(one)));
    let result =
        |(index, score): (usize, &str)| format!(r#"{{"index":{index},"relevance_score":{score}}}"#);
    scores.into_iter().take(top_n).map(result).collect()
}

/// Answers a call as Cohere would.
pub fn answer_well(seen: &Seen) -> Vec<Step> {
    let request: Value = serde_json::from_slice(&seen.body).expect("JSON");
    let model = request["model"].as_str().expect("a model");
    let body = match seen.path.as_str() {
        "/v2/embed" => write_embed_answer(&request, model, &read_inputs(seen)),
        "/v2/rerank" => write_rerank_answer(&request, model, &read_inputs(seen)),
        _ => json!({ "message": { "role": "assistant", "content": [] } }).to_string(),
    };
    write_answer(200, &[("content-type", "application/json")], body.as_bytes())
}

/// Writes an embed answer with embeddings of these texts, whatever the request asks for.
pub fn write_embed_answer(request: &Value, model: &str, texts: &[String]) -> String {
    let types = request["embedding_types"].as_array().expect("embedding_types are always sent");
    let columns = types.iter().map(|kind| {
        let kind = kind.as_str().expect("a type");
        let cells: Vec<_> = texts.iter().map(|text| write_cell(model, kind, text)).collect();
        format!("\"{kind}\":[{}]", cells.join(","))
    });
    format!(
        r#"{{"id":"{:x}","texts":{},"embeddings":{{{}}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"input_tokens":{}}}}},"response_type":"embeddings_by_type"}}"#,
        hash_value(request.to_string()),
        json!(texts),
        columns.collect::<Vec<_>>().join(","),
        texts.len()
    )
}

fn write_rerank_answer(request: &Value, model: &str, documents: &[String]) -> String {
    let top_n = request["top_n"].as_u64().map_or(documents.len(), |top_n| top_n as usize);
    format!(
        r#"{{"id":"{:x}","results":[{}],"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"search_units":{}}}}}}}"#,
        hash_value(request.to_string()),
        rank_documents(model, documents, top_n).join(","),
        documents.len().div_ceil(100)
    )
}
