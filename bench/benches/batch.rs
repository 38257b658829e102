//! What splitting, joining and caching cost: `cargo bench -p bench`.
//!
//! `raw` rows do the same over the gateway's own HTTP client and nothing else, so
//! that ratios can be read within one run; times of different runs say little.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot be set up has nothing to say")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bench::{PER_CALL, answer, upstream};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::BodyExt;
use serde_json::json;
use shared::app::App;
use shared::batch::embed::{EmbedBatch, Table};
use shared::cache::Cache;
use shared::cohere::client::Cohere;
use shared::cohere::models::published_rate;
use shared::config::Config;
use shared::cost::Prices;
use shared::edge::request::Incoming;
use shared::health::HealthCheck;
use shared::pipeline;
use shared::resilience::state::UpstreamState;
use shared::secrets::cached::CachedSecret;
use shared::secrets::key::ApiKey;
use shared::secrets::source::{Fetching, Secret, SecretSource, StoredSecret};
use shared::transport::Transport;
use shared::wire::embed::{EmbedAnswer, KNOWN};
use shared::wire::object::RequestObject;
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;

struct FixedKey;

impl SecretSource for FixedKey {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async {
            Ok(StoredSecret { text: Secret::new("fake-key-of-a-benchmark"), version: "1".into() })
        })
    }
}

fn app(url: &str, cache_bytes: &str) -> &'static App {
    let config = Config::from_vars(&[
        ("GATEWAY_SECRET_ID", "fake"),
        ("GATEWAY_UPSTREAM_URL", url),
        ("GATEWAY_CACHE_BYTES", cache_bytes),
        ("GATEWAY_RATES", "embed=0"),
    ])
    .unwrap();
    let transport = Transport::new(&config.http).unwrap();
    let key = CachedSecret::new(Box::new(FixedKey), config.key.clone(), ApiKey::parse);
    Box::leak(Box::new(App {
        cohere: Cohere::new(transport, &config.http.upstream_url, key).unwrap(),
        health: HealthCheck::new(config.health.clone(), config.prices.clone()),
        upstream_state: UpstreamState::new(config.resilience, config.rates.clone(), published_rate),
        cache: Cache::new(config.cache),
        model_lists: Cache::new(config.cache),
        prices: Prices::new(config.prices.clone()),
        config,
    }))
}

/// The body of a request for texts that no other `salt` asks for.
fn body(texts: usize, salt: usize) -> String {
    let words = "the quick brown fox jumps over a lazy dog near the river bank while rain falls on old roofs";
    let texts: Vec<_> = (0..texts).map(|text| format!("{words} {salt} {text}")).collect();
    json!({
        "model": "embed-v4.0", "input_type": "search_document", "embedding_types": ["float"], "texts": texts,
    })
    .to_string()
}

fn request(body: &str) -> Incoming {
    let event = json!({
        "resource": "/v2/embed", "path": "/v2/embed", "httpMethod": "POST", "isBase64Encoded": true,
        "headers": { "content-type": "application/json" },
        "multiValueHeaders": { "content-type": ["application/json"] },
        "requestContext": { "requestId": "fake", "stage": "live", "httpMethod": "POST", "path": "/live/v2/embed",
            "authorizer": { "client": "bench" }, "identity": {} },
        "body": STANDARD.encode(body),
    });
    Incoming::new(&event.to_string(), "fake", u64::MAX)
}

/// Sends a request through the whole pipeline and reads its answer, piece by piece.
async fn send_request(app: &'static App, request: Incoming, outcome: &str) -> usize {
    let response = pipeline::embed::handle(app, request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-gateway-cache"], outcome);
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame;
        bytes += black_box(frame.into_data().unwrap_or_default()).len();
    }
    bytes
}

/// Sends `calls` calls of 96 texts at once, as a program of the caller's own would.
async fn raw(transport: &Transport, url: &str, calls: usize) -> usize {
    let calls = (0..calls).map(|salt| {
        let request = http::Request::post(format!("{url}/v2/embed"))
            .header("content-type", "application/json")
            .body(Bytes::from(body(PER_CALL, salt)))
            .unwrap();
        async { transport.send(request).await.unwrap().collect().await.unwrap().len() }
    });
    futures_util::future::join_all(calls).await.into_iter().sum()
}

fn transport() -> Transport {
    Transport::new(&Config::from_vars(&[("GATEWAY_SECRET_ID", "fake")]).unwrap().http).unwrap()
}

fn joining(criterion: &mut Criterion) {
    let texts: Vec<_> = (0..10 * PER_CALL).map(|text| text.to_string()).collect();
    let body = Bytes::from(json!({ "texts": texts }).to_string());
    let object = RequestObject::parse(body, KNOWN).unwrap();
    let batch = EmbedBatch::new(&object, true);
    let all: Vec<_> = (0..texts.len()).collect();
    let answers: Vec<_> = batch
        .split_into(&all, PER_CALL)
        .into_iter()
        .map(|part| (part, EmbedAnswer::parse(answer(PER_CALL)).unwrap()))
        .collect();
    let bytes: usize = answers.iter().map(|(_, answer)| answer.bytes.len()).sum();
    let mut group = criterion.benchmark_group("ten answers of 96 x 1536 numbers");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("copied", |bencher| {
        bencher.iter(|| {
            let mut copy = Vec::with_capacity(bytes);
            answers.iter().for_each(|(_, answer)| copy.extend_from_slice(&answer.bytes));
            copy
        });
    });
    group.bench_function("joined", |bencher| {
        bencher.iter(|| {
            let mut table = Table::new(&batch);
            table.add_answers(&answers).unwrap();
            table.write_answer(b"").unwrap()
        });
    });
    group.bench_function("taken apart", |bencher| {
        bencher.iter(|| {
            let parse =
                |(_, answer): &(_, EmbedAnswer)| EmbedAnswer::parse(answer.bytes.clone()).unwrap();
            answers.iter().map(parse).map(|answer| answer.arrays.len()).sum::<usize>()
        });
    });
    group.finish();
}

fn one_call(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let url = upstream(Duration::ZERO);
    let (off, on, transport) = (app(&url, "0"), app(&url, "64000000"), transport());
    let mut group = criterion.benchmark_group("96 texts");
    group.bench_function("raw", |bencher| {
        bencher.iter(|| runtime.block_on(raw(&transport, &url, 1)));
    });
    group.bench_function("cache off", |bencher| {
        bencher.iter(|| runtime.block_on(send_request(off, request(&body(PER_CALL, 0)), "off")));
    });
    let mut salt = 0;
    group.bench_function("cache on, all new", |bencher| {
        bencher.iter(|| {
            salt += 1;
            runtime.block_on(send_request(on, request(&body(PER_CALL, salt)), "miss"))
        });
    });
    runtime.block_on(send_request(on, request(&body(PER_CALL, 0)), "miss"));
    group.bench_function("cache on, all known", |bencher| {
        bencher.iter(|| runtime.block_on(send_request(on, request(&body(PER_CALL, 0)), "hit")));
    });
    group.finish();
}

fn ten_calls(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let url = upstream(Duration::from_millis(20));
    let (off, on, transport) = (app(&url, "0"), app(&url, "64000000"), transport());
    let mut group = criterion.benchmark_group("960 texts, upstream 20 ms");
    group.sample_size(30);
    group.bench_function("raw, ten calls at once", |bencher| {
        bencher.iter(|| runtime.block_on(raw(&transport, &url, 10)));
    });
    group.bench_function("cache off", |bencher| {
        bencher
            .iter(|| runtime.block_on(send_request(off, request(&body(10 * PER_CALL, 0)), "off")));
    });
    let mut salt = 0;
    group.bench_function("cache on, all new", |bencher| {
        bencher.iter(|| {
            salt += 1;
            runtime.block_on(send_request(on, request(&body(10 * PER_CALL, salt)), "miss"))
        });
    });
    group.finish();
}

criterion_group!(benches, joining, one_call, ten_calls);
criterion_main!(benches);
