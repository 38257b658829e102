//! Records once, from running binaries, what each happening makes functions and AWS's stand-ins write.

mod aws;
mod cohere;
mod money;
mod probe;
mod slow;

use super::happening::Happening;
use super::scenarios::capitalize;
use gateway_tests::gateway::{self, Running};
use gateway_tests::stub::{Seen, Step, Stub, write_json};
use local::{Options, Upstream};
use serde_json::json;
use shared::endpoint::Endpoint;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

/// Who has written a line, and the line.
pub type Written = (String, String);

/// What was written in each happening.
pub static RECORDINGS: LazyLock<HashMap<Happening, Vec<Written>>> = LazyLock::new(|| {
    // Beside the runtime of whichever test comes first.
    let recording = std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(record_all())
    });
    recording.join().expect("every happening is recorded")
});

/// What has no fallback model of its own, and costs little.
const MODELS: [&str; 3] = ["command-r-plus-08-2024", "embed-english-v3.0", "rerank-english-v3.0"];
/// How long what belongs to a happening may take to be written.
const BOUND: Duration = Duration::from_secs(20);

async fn record_all() -> HashMap<Happening, Vec<Written>> {
    let recorder = Recorder::default();
    let (recorder_of_calls, recorder_of_aws) = (&recorder, &recorder);
    let calls = async {
        let (stub, running) = start(&[]).await;
        let stage = Stage { stub, running, recorder: recorder_of_calls };
        cohere::record(&stage).await;
        money::record(&stage).await;
        probe::record(&stage).await;
        aws::record_failures(&stage).await;
    };
    tokio::join!(calls, slow::record(&recorder), aws::record_throttles(recorder_of_aws));
    recorder.recorded.into_inner().expect("no panic")
}

/// Starts a gateway that remembers neither failures nor verdicts, with these parameters of the stack.
async fn start(parameters: &[(&str, &str)]) -> (Stub, Running) {
    let settings = [
        ("GATEWAY_BREAKER_FAILURES", "1000000"),
        ("GATEWAY_BAD_KEY_MS", "0"),
        ("GATEWAY_KEY_REFRESH_MS", "0"),
        ("GATEWAY_HEALTH_TIMEOUT_MS", "1000"),
        ("GATEWAY_HEALTH_CACHE_SECS", "0"),
        ("GATEWAY_PROBE_TIMEOUT_MS", "5000"),
    ];
    let stub = Stub::start().await;
    stub.answer_others(answer_well);
    let parameters = parameters.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let options = Options {
        upstream: Upstream::Url { url: stub.url.clone(), key: gateway::FAKE_KEY.into() },
        parameters: parameters.collect(),
        authorizer_cache_ttl: Some(Duration::ZERO),
        ..Options::default()
    };
    let running = gateway::start_with(&settings, options).await;
    (stub, running)
}

fn answer_well(seen: &Seen) -> Vec<Step> {
    let units = json!({ "billed_units": { "input_tokens": 1, "output_tokens": 1 } });
    let answer = match seen.path.as_str() {
        "/v2/embed" => {
            json!({ "id": "i", "embeddings": { "float": [[0.5]] }, "texts": ["t"],
                "meta": { "billed_units": { "input_tokens": 1 } } })
        }
        "/v2/rerank" => {
            json!({ "results": [{ "index": 0, "relevance_score": 0.5 }],
                "meta": { "billed_units": { "search_units": 1 } } })
        }
        "/compatibility/v1/chat/completions" => {
            json!({ "id": "i", "object": "chat.completion", "created": 1, "model": MODELS[0],
                "choices": [{ "index": 0, "finish_reason": "stop",
                    "message": { "role": "assistant", "content": "hi" } }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } })
        }
        _ => json!({ "message": {}, "usage": units }),
    };
    write_json(200, &answer)
}

/// Writes a refusal of Cohere's.
fn refuse(status: u16, message: &str) -> Vec<Step> {
    write_json(status, &json!({ "id": "i", "message": message }))
}

fn write_body(endpoint: Endpoint) -> String {
    let model = MODELS.get(endpoint.index()).unwrap_or(&MODELS[0]);
    let rest = match endpoint {
        Endpoint::Chat | Endpoint::Completions => {
            r#""messages":[{"role":"user","content":"hi"}],"max_tokens":5"#
        }
        Endpoint::Embed => r#""input_type":"search_query","texts":["t"]"#,
        Endpoint::Rerank => r#""query":"q","documents":["a"]"#,
        other => panic!("{other:?} has no recording"),
    };
    format!(r#"{{"model":"{model}",{rest}}}"#)
}

/// A name as AWS's metrics have it: `rotate-key` is `RotateKeyFunction`.
fn name_function(folder: &str) -> String {
    format!("\"FunctionName\":\"cohere-gateway-local-{}Function\"", capitalize(folder))
}

/// What AWS writes of an answered request, and of the function that it has run.
fn of_aws(function: &str) -> Vec<String> {
    vec!["\"AWS/ApiGateway\"".to_string(), name_function(function)]
}

/// What is written of a request that has reached its function.
fn of_request(endpoint: Endpoint) -> Vec<String> {
    let mut expected = of_aws(endpoint.name());
    expected.push("\"request_ended\"".to_string());
    expected
}

#[derive(Default)]
struct Recorder {
    recorded: Mutex<HashMap<Happening, Vec<Written>>>,
}

impl Recorder {
    fn keep(&self, happening: Happening, lines: &[String]) {
        let written = lines.iter().filter_map(|line| line.split_once(": "));
        let written = written.map(|(writer, line)| (writer.to_string(), line.to_string()));
        let kept =
            self.recorded.lock().expect("no panic").insert(happening, written.collect::<Vec<_>>());
        assert!(kept.is_none(), "{happening:?} is recorded twice");
    }
}

/// A gateway at which one thing happens after the other.
struct Stage<'a> {
    stub: Stub,
    running: Running,
    recorder: &'a Recorder,
}

impl Stage<'_> {
    /// Records what is written while something happens, until all that is expected of it was written.
    async fn record(
        &self,
        happening: Happening,
        expected: &[String],
        happens: impl Future<Output = ()>,
    ) {
        let before = self.running.read_lines().len();
        happens.await;
        let since = tokio::time::Instant::now();
        let mut lines = self.running.read_lines().split_off(before);
        while let Some(missing) = find_missing(&lines, expected) {
            assert!(since.elapsed() < BOUND, "{happening:?} has no {missing}: {lines:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
            lines = self.running.read_lines().split_off(before);
        }
        self.recorder.keep(happening, &lines);
    }

    /// Records a request of an endpoint that Cohere answers so, in an environment that remembers nothing.
    async fn record_request(&self, happening: Happening, endpoint: Endpoint, answer: Vec<Step>) {
        self.running.gateway.kill(endpoint.name()).await;
        self.stub.answer_others(move |_| answer.clone());
        self.record(happening, &of_request(endpoint), async {
            self.running.send_past_cache(endpoint.path(), write_body(endpoint)).await;
        })
        .await;
    }

    /// Sends a request of chat whose answer, if it has one, says nothing here.
    async fn send_chat(&self) {
        let body = write_body(Endpoint::Chat);
        let _ = self.running.post(Endpoint::Chat.path()).body(body).send().await;
    }
}

fn find_missing<'a>(lines: &[String], expected: &'a [String]) -> Option<&'a String> {
    expected.iter().find(|text| !lines.iter().any(|line| line.contains(text.as_str())))
}
