//! Recorded exchanges of Cohere's API of the paths that are passed through: each comes out as it went in.

use gateway_tests::exchange::{self, Exchange};
use gateway_tests::gateway::{self, Running, read_answer};
use gateway_tests::recordings;
use gateway_tests::stub::write_answer;
use http::Method;

async fn send(running: &Running, exchange: &Exchange) -> gateway::Answer {
    let is_list = exchange.path.starts_with("/v1/models");
    let method = if is_list { Method::GET } else { Method::POST };
    let token = format!("Bearer {}", running.gateway.token);
    let mut request = running.request_without_token(method, &exchange.path);
    request = request.header("authorization", token).header("content-type", "application/json");
    if let Some(accept) = exchange.request_headers.get("accept") {
        request = request.header("accept", accept);
    }
    // Of an error that stands in a log only the answer is known.
    let is_known = is_list || exchange.request_body.contains(':');
    let body = if is_known { exchange.request_body.as_str() } else { r#"{"message":"hi"}"# };
    read_answer(request.body(body.to_string())).await
}

#[tokio::test]
async fn recorded_exchanges_come_out_as_they_went_in() {
    let Some(folder) = recordings::find_or_skip("cohere/recorded", "recorded v1 exchanges") else {
        return;
    };
    // Recorded with models that are gone.
    let settings = [("GATEWAY_RETIRED_MODELS", "pass")];
    let (stub, running) = gateway::start_with_stub(&settings).await;
    let mut checked = 0;
    for exchange in exchange::read_passed_through(&folder) {
        let headers: Vec<_> =
            exchange.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        stub.plan_answer(write_answer(exchange.status, &headers, &exchange.body));
        let answer = send(&running, &exchange).await;
        assert_eq!(answer.status, exchange.status, "{}: {:?}", exchange.name, answer.body);
        if exchange.status == 200 {
            assert!(answer.body.trim_ascii() == exchange.body.trim_ascii(), "{}", exchange.name);
            assert_eq!(answer.header("content-type"), exchange.headers["content-type"]);
        }
        checked += 1;
    }
    assert!(checked >= 8, "{checked} exchanges");
}
