//! Marked calls: counted for gates and for cost alone, and marked by nobody but who invokes a function.

use super::{CHAT, ENDED, check_event};
use gateway_tests::event::{read_events, read_metrics, wait_for_event};
use gateway_tests::gateway::{self, read_answer};
use gateway_tests::raw_event::{build_chat_event, invoke_chat};
use gateway_tests::stub::write_json;
use serde_json::json;

#[tokio::test]
async fn marked_call_writes_gates_and_cost_alone() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    let usage = json!({ "billed_units": { "input_tokens": 1_000_000, "output_tokens": 0 } });
    for (gate, is_marked) in [(json!("true"), true), (json!("false"), false), (json!(true), false)]
    {
        stub.plan_answer(write_json(200, &json!({ "message": {}, "usage": usage })));
        let known = read_events(&running, ENDED).len();
        let authorizer = json!({ "client": "driver", "gate": gate });
        invoke_chat(&running, &build_chat_event(CHAT, false, &authorizer)).await;
        let event = wait_for_event(&running, ENDED, known).await;
        assert_eq!(event["marked"] == true, is_marked, "{event}");
        assert_eq!(event["CostMicroUsd"], 37_500, "{event}");
        let metrics = read_metrics(&event);
        let mut others =
            metrics.keys().filter(|name| !name.starts_with("Gate") && *name != "CostMicroUsd");
        assert_eq!(others.next().is_none(), is_marked, "{event}");
        assert_eq!(metrics["GateRequests"], 1.0);
    }
}

#[tokio::test]
async fn no_caller_can_mark_a_call() {
    let (stub, running) = gateway::start_with_stub(&[]).await;
    stub.answer_others(|_| write_json(200, &json!({ "message": {} })));
    let names = [
        "gate",
        "x-gate",
        "x-gateway-gate",
        "x-gateway-marked",
        "x-amzn-gate",
        "requestcontext",
        "x-amz-request-context",
        "authorizer",
        "x-amzn-requestcontext-authorizer-gate",
    ];
    for name in names {
        for value in ["true", r#"{"authorizer":{"gate":"true"}}"#] {
            let known = read_events(&running, ENDED).len();
            let request = running.post("/v2/chat?gate=true").header(name, value).body(CHAT);
            read_answer(request).await;
            let event = wait_for_event(&running, ENDED, known).await;
            assert!(event.get("marked").is_none(), "{name}: {event}");
            check_event(&event);
        }
    }
    let known = read_events(&running, ENDED).len();
    let body = CHAT.replace(
        "{\"model\"",
        "{\"gate\":\"true\",\"requestContext\":{\"authorizer\":{\"gate\":\"true\"}},\"model\"",
    );
    running.send("/v2/chat", body).await;
    check_event(&wait_for_event(&running, ENDED, known).await);
}
