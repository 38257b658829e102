//! HTTP/2 as production has it: one connection that many requests share, and what must not follow from that.

use gateway_tests::gateway::{self, Running};
use gateway_tests::scripted_cohere::{
    EMBED, ScriptedCohere, answer_well, build_embed_body, number_texts, read_inputs,
};
use gateway_tests::stub::{
    Protocol, Step, Stub, write_answer, write_chunk, write_json, write_stream,
};
use gateway_tests::ways::{DELTA, DONE, END, START, Way, count_breaker_lines};
use h2::Reason;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Far longer than it takes until a silent connection is given up: 15 s to the ping, 10 s to its answer.
const SILENCE: Duration = Duration::from_secs(30);
/// Longer than it takes until a connection whose pings have no answer is given up.
const PING_AND_ANSWER: Duration = Duration::from_secs(26);

async fn start(settings: &[(&str, &str)]) -> (Stub, Running) {
    gateway::start_single_with_stub_over(Protocol::Http2, settings).await
}

async fn warm_up(stub: &Stub, running: &Running, way: Way) {
    stub.answer_others(move |_| way.good_steps());
    assert_eq!(way.send_request(running, "deny").await.status, 200);
}

#[tokio::test]
async fn request_not_processed_is_resent_free() {
    // One failure would open the breaker, and ten retries empty the budget.
    let settings = [("GATEWAY_BREAKER_FAILURES", "1"), ("GATEWAY_CACHE_BYTES", "0")];
    let (stub, running) = start(&settings).await;
    for way in Way::ALL {
        let calls = AtomicUsize::new(0);
        stub.answer_others(move |seen| {
            match (calls.fetch_add(1, Ordering::SeqCst) % 2, seen.is_first) {
                (0, false) => vec![Step::ResetStream(Reason::REFUSED_STREAM)],
                _ => way.good_steps(),
            }
        });
        assert_eq!(way.send_request(&running, "deny").await.status, 200);
        for _ in 0..20 {
            let answer = way.send_request(&running, "deny").await;
            assert_eq!(answer.status, 200, "{way:?}: {:?}", answer.body);
        }
    }
    assert!(stub.seen().len() > 190, "{} calls: nothing was refused", stub.seen().len());
    assert_eq!(count_breaker_lines(&running, "open"), 0);
    assert_eq!(stub.count_connections(), 3);
}

#[tokio::test]
async fn retry_after_timeout_leaves_the_connection() {
    let settings = [
        ("GATEWAY_CACHE_BYTES", "0"),
        ("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "1000"),
        ("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", "1000"),
        ("GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS", "1000"),
        ("GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS", "1000"),
    ];
    let (stub, running) = start(&settings).await;
    for way in [Way::Chat, Way::Stream, Way::Embed, Way::Rerank] {
        warm_up(&stub, &running, way).await;
        stub.answer_others(move |seen| match seen.is_first {
            true => way.good_steps(),
            false => vec![Step::Hang],
        });
        let before = stub.count_connections();
        let answer = way.send_request(&running, "deny").await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"), "{way:?}");
        assert_eq!(stub.count_connections() - before, 1, "{way:?}");
    }
}

#[tokio::test]
async fn split_request_opens_one_connection() {
    let settings = [("GATEWAY_POOL_IDLE_SECS", "1"), ("GATEWAY_CACHE_BYTES", "0")];
    let cohere = ScriptedCohere::start_over(Protocol::Http2, &settings).await;
    let texts = number_texts("sea", 0..1_536);
    for connections in 1..=3 {
        let answered = cohere.embed_texts(&texts).await;
        answered.assert_embeds(EMBED, &texts);
        assert_eq!(answered.calls.len(), 16);
        assert_eq!(cohere.stub.count_connections(), connections);
        // The connection is too old for the next one.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
}

#[tokio::test]
async fn connection_closed_while_idle_is_replaced_by_one() {
    let cohere = ScriptedCohere::start_over(Protocol::Http2, &[("GATEWAY_CACHE_BYTES", "0")]).await;
    let texts = number_texts("sea", 0..1_536);
    for connections in 1..=3 {
        cohere.embed_texts(&texts).await.assert_embeds(EMBED, &texts);
        assert_eq!(cohere.stub.count_connections(), connections);
        cohere.stub.close_idle();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn split_request_on_a_dead_connection_opens_one() {
    let settings = [("GATEWAY_CACHE_BYTES", "0"), ("GATEWAY_BREAKER_FAILURES", "1")];
    let cohere = ScriptedCohere::start_over(Protocol::Http2, &settings).await;
    let texts = number_texts("sea", 0..1_536);
    cohere.embed_texts(&texts).await.assert_embeds(EMBED, &texts);
    // Longer than the idle time after which a broken connection is no wonder.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let stub = cohere.stub.clone();
    cohere.stub.answer_others(move |seen| match stub.count_connections() {
        1 => vec![Step::Reset],
        _ => answer_well(seen),
    });
    let answer = cohere.running.send("/v2/embed", build_embed_body(&texts).to_string()).await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "32"));
    assert_eq!(cohere.stub.count_connections(), 2);
}

#[tokio::test]
async fn answers_over_every_window_do_not_stall() {
    let (stub, running) = start(&[("GATEWAY_CACHE_BYTES", "0")]).await;
    let text = "x".repeat(20_000_000);
    let whole = json!({ "id": "x", "message": { "content": [{ "type": "text", "text": text }] } });
    stub.plan_answer(write_json(200, &whole));
    let answer = Way::Chat.send_request(&running, "deny").await;
    assert!(answer.status == 200 && answer.body == whole.to_string(), "{}", answer.body.len());

    let delta = DELTA.replace("\"a\"", &format!("\"{}\"", "x".repeat(100_000)));
    let events = [vec![START], vec![delta.as_str(); 100], vec![END, DONE]].concat();
    let pieces: Vec<_> = events.iter().map(|event| event.as_bytes()).collect();
    stub.plan_answer(write_stream(&[], &pieces));
    let answer = Way::Stream.send_request(&running, "deny").await;
    assert!(answer.status == 200 && answer.body == events.concat(), "{}", answer.body.len());

    // Ten at a time, each more than the connection's window.
    let cell = format!("[{}1]", "0,".repeat(15_000));
    stub.answer_others(move |seen| {
        let cells = vec![cell.as_str(); read_inputs(seen).len()].join(",");
        let body = format!(r#"{{"id":"x","embeddings":{{"float":[{cells}]}},"texts":[]}}"#);
        write_answer(200, &[("content-type", "application/json")], body.as_bytes())
    });
    let texts = number_texts("sea", 0..960);
    let body = json!({ "model": EMBED, "input_type": "search_document", "texts": texts });
    let answer = running.send("/v2/embed", body.to_string()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 28_000_000, "{}", answer.body.len());
}

#[tokio::test]
async fn slow_handshake_is_waited_for() {
    let (stub, running) = start(&[("GATEWAY_CONNECT_TIMEOUT_MS", "3000")]).await;
    stub.delay_handshakes(Duration::from_millis(500));
    warm_up(&stub, &running, Way::Chat).await;
}

#[tokio::test]
async fn silent_connection_is_found_by_pings_that_idle_ones_do_not_get() {
    let (stub, running) = start(&[("GATEWAY_FALLBACKS", "none")]).await;
    let (idle_stub, idle) = start(&[]).await;
    warm_up(&idle_stub, &idle, Way::Chat).await;
    warm_up(&stub, &running, Way::Chat).await;
    assert_eq!(stub.count_pings(), 0);
    stub.plan_answer(vec![Step::Mute]);
    let started = Instant::now();
    let answer = Way::Chat.send_request(&running, "deny").await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"));
    assert!(started.elapsed() < SILENCE, "{:?}", started.elapsed());
    assert!(stub.count_pings() > 0);
    assert_eq!(idle_stub.count_pings(), 0);
}

#[tokio::test]
async fn open_stream_is_kept_by_pings() {
    let settings = [("GATEWAY_STREAM_IDLE_TIMEOUT_MS", "60000")];
    let (stub, running) = start(&settings).await;
    let mut steps = write_stream(&[], &[[START, DELTA].concat().as_bytes(), END.as_bytes()]);
    steps.insert(2, Step::Wait(PING_AND_ANSWER));
    steps.insert(4, write_chunk(DONE.as_bytes()));
    stub.plan_answer(steps);
    let answer = Way::Opened.send_request(&running, "deny").await;
    let text = String::from_utf8_lossy(&answer.body).replace(": ka\n", "");
    assert_eq!(text, [START, DELTA, END, DONE].concat());
    assert!(stub.count_pings() > 0);
}
