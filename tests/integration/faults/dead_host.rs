//! A host that cannot be connected to: found out once for all models, and left alone until it is back.

use gateway_tests::gateway::{self, Answer, Running};
use gateway_tests::ways::{Way, count_breaker_lines, status_and_code};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// A host whose port hangs up on everybody before TLS, so that nothing is ever sent; it counts who came.
struct DeadHost {
    url: String,
    visits: Arc<AtomicUsize>,
}

impl DeadHost {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = visits.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Self { url, visits }
    }

    async fn start_gateway(&self, settings: &[(&str, &str)]) -> Running {
        gateway::start_within(gateway::upstream_at(&self.url), settings, 1).await
    }

    /// Sends a request and returns what came, and the connections it cost.
    async fn count(&self, sending: impl Future<Output = Answer>) -> (String, usize) {
        let before = self.visits.load(Ordering::SeqCst);
        let answer = sending.await;
        let visits = self.visits.load(Ordering::SeqCst) - before;
        assert_eq!(answer.header("x-gateway-attempts"), visits.to_string());
        assert_eq!(answer.header("x-gateway-fallback-from"), "");
        (status_and_code(&answer), visits)
    }
}

#[tokio::test]
async fn dead_host_costs_five_calls_whatever_the_model() {
    let host = DeadHost::start().await;
    let settings = [("GATEWAY_CACHE_BYTES", "0")];
    for way in [Way::Chat, Way::Stream, Way::Embed, Way::Rerank] {
        let running = host.start_gateway(&settings).await;
        let asked = [way.model(), way.fallback(), way.model(), way.fallback()];
        let mut came = Vec::new();
        for model in asked {
            let body = way.body().replace(way.model(), model);
            let request = running.post(&way.path()).header("x-gateway-fallback", "allow");
            came.push(host.count(gateway::read_answer(request.body(body))).await);
        }
        let said: Vec<_> = came.iter().map(|(said, calls)| (said.as_str(), *calls)).collect();
        let unreachable = "503 upstream_unreachable";
        let refused = ("503 circuit_open", 0);
        assert_eq!(said, [(unreachable, 3), (unreachable, 2), refused, refused], "{way:?}");
        assert_eq!(count_breaker_lines(&running, "open"), 1, "{way:?}");
    }
}

#[tokio::test]
async fn dead_host_is_told_as_such_in_words_line_and_metric() {
    let host = DeadHost::start().await;
    let running = host.start_gateway(&[("GATEWAY_BREAKER_FAILURES", "1")]).await;
    Way::Chat.send_request(&running, "allow").await;
    let refused = Way::Chat.send_request(&running, "allow").await;
    let message = &refused.json()["message"];
    assert_eq!(message, "Cohere cannot be reached, and is not called for a while");
    running.wait_for_request(refused.header("x-request-id")).await;
    let lines = running.stop_and_read_lines().await;
    let line = lines.iter().find(|line| line.contains("breaker_changed")).expect("a line");
    assert!(line.contains(r#""model":"all""#) && line.contains(r#""to":"open""#), "{line}");
    let metric = lines.iter().find(|line| line.contains(r#""BreakerOpened":1"#)).expect("a metric");
    assert!(metric.contains(r#""Model":"all""#) && metric.contains("\"chat\""), "{metric}");
}

#[tokio::test]
async fn split_request_to_a_dead_host_counts_as_one() {
    let host = DeadHost::start().await;
    let running = host.start_gateway(&[("GATEWAY_CACHE_BYTES", "0")]).await;
    let texts: Vec<_> = (0..960).map(|number| format!("text {number}")).collect();
    let body =
        json!({ "model": Way::Embed.model(), "input_type": "search_document", "texts": texts });
    let first = running.send("/v2/embed", body.to_string()).await;
    assert_eq!(status_and_code(&first), "503 upstream_unreachable");
    assert_eq!(count_breaker_lines(&running, "open"), 0, "its parts have failed once a round");
    running.send("/v2/embed", body.to_string()).await;
    let refused = host.count(running.send("/v2/embed", body.to_string())).await;
    assert_eq!(refused, ("503 circuit_open".to_string(), 0));
    assert_eq!(count_breaker_lines(&running, "open"), 1);
}
