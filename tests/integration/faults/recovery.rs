//! A model that comes back after an outage, and one that has become slow, through the real binaries.

use gateway_tests::gateway;
use gateway_tests::stub::{Step, write_json};
use gateway_tests::ways::{Way, status_and_code};
use serde_json::json;
use std::time::Duration;

const OPEN: Duration = Duration::from_millis(2_000);
const FAILURES: (&str, &str) = ("GATEWAY_BREAKER_FAILURES", "2");

/// Returns the milliseconds that the request has waited in the gateway.
fn waiting_ms(server_timing: &str) -> f64 {
    let Some((_, waited)) = server_timing.split_once("wait;dur=") else { return 0.0 };
    let digits = waited.split([',', ';']).next().unwrap_or_default();
    digits.parse().expect("a number")
}

#[tokio::test]
async fn busy_model_is_spared_after_its_probe_and_nobody_is_refused() {
    let open = OPEN.as_millis().to_string();
    let settings = [FAILURES, ("GATEWAY_BREAKER_OPEN_MS", open.as_str())];
    let (stub, running) = gateway::start_single_with_stub(&settings).await;
    stub.answer_others(|_| write_json(500, &json!({ "message": "oh" })));
    Way::Chat.send_request(&running, "deny").await;
    for _ in 0..12 {
        let refused = Way::Chat.send_request(&running, "deny").await;
        assert_eq!(status_and_code(&refused), "503 circuit_open");
    }
    tokio::time::sleep(OPEN * 11 / 10).await;
    stub.answer_others(|_| Way::Chat.good_steps());
    assert_eq!(Way::Chat.send_request(&running, "deny").await.status, 200);

    let mut spared = 0;
    for _ in 0..20 {
        let answer = Way::Chat.send_request(&running, "allow").await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "1"));
        spared += usize::from(!answer.header("x-gateway-fallback-from").is_empty());
    }
    // Nine of ten on the average, and half of them where the machine is so slow that five seconds have passed.
    assert!(spared >= 3, "{spared} of 20");
    assert_eq!(stub.count_calls(Way::Chat.fallback()), spared);

    let mut longest: f64 = 0.0;
    for _ in 0..10 {
        let answer = Way::Chat.send_request(&running, "deny").await;
        assert_eq!(answer.status, 200);
        longest = longest.max(waiting_ms(answer.header("server-timing")));
        if longest > 0.0 {
            break;
        }
    }
    assert!(longest > 0.0 && longest < 2_200.0, "held back for {longest} ms");
}

#[tokio::test]
async fn slow_answers_open_the_breaker_if_that_is_set() {
    for way in [Way::Chat, Way::Stream] {
        let settings = [FAILURES, ("GATEWAY_SLOW_CALL_TIMES", "5")];
        let (stub, running) = gateway::start_single_with_stub(&settings).await;
        stub.answer_others(move |_| way.good_steps());
        for _ in 0..10 {
            assert_eq!(way.send_request(&running, "deny").await.status, 200);
        }
        stub.answer_others(move |_| {
            [vec![Step::Wait(Duration::from_secs(2))], way.good_steps()].concat()
        });
        for _ in 0..2 {
            let slow = way.send_request(&running, "deny").await;
            assert_eq!((slow.status, slow.header("x-gateway-attempts")), (200, "1"), "{way:?}");
        }
        let refused = way.send_request(&running, "deny").await;
        assert_eq!(status_and_code(&refused), "503 circuit_open", "{way:?}");
    }
}
