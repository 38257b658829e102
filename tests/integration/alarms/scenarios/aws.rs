//! What fails without a word of a function.

use super::super::happening::OF_FUNCTIONS;
use super::{FAILED, GOOD, Happening, Scenario, name_for};
use shared::endpoint::Endpoint;

/// A line whose metrics cannot be read, and one whose dimension has no value.
const UNREADABLE: &str = r#"{"_aws":"now","Requests":1}"#;
const INVALID: &str = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"CohereGateway","Dimensions":[["Service"]],"Metrics":[{"Name":"Requests","Unit":"Count"}]}]},"Requests":1}"#;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<_> = OF_FUNCTIONS.into_iter().flat_map(of_a_function).collect();
    all.extend(OF_FUNCTIONS.into_iter().flat_map(of_a_route));
    all.extend(of_the_authorizer());
    all.extend(of_lines());
    all
}

fn of_a_function(endpoint: Endpoint) -> Vec<Scenario> {
    let (good, crash) = (Happening::Good(endpoint), Happening::Crash(endpoint));
    let throttled = Happening::Throttled(endpoint);
    vec![
        Scenario::new(name_for("FunctionsFail", endpoint))
            .fires("two of twenty invocations die", move |time| {
                time.pass_with(1, &[(good, 18), (crash, 2)]);
            })
            .stays_quiet("one of twenty dies", move |time| {
                time.pass_with(1, &[(good, 19), (crash, 1)]);
                time.pass(20);
            }),
        Scenario::new(name_for("FunctionsFail", endpoint))
            .fires("five invocations in a quarter of an hour, which all die", move |time| {
                for _ in 0..5 {
                    time.write(crash, 1);
                    time.pass(3);
                }
            })
            .stays_quiet("four of five die", move |time| {
                time.pass_with(1, &[(good, 1), (crash, 4)]);
                time.pass(20);
            }),
        Scenario::new("FunctionsThrottled")
            .fires(throttled_times(endpoint), move |time| {
                time.pass_with(1, &[(throttled, 5)]);
            })
            .stays_quiet(
                "four of them, beside a health check that strangers starve",
                move |time| {
                    time.pass_with(1, &[(throttled, 4), (Happening::HealthThrottled, 50)]);
                    time.pass(10);
                },
            ),
    ]
}

fn throttled_times(endpoint: Endpoint) -> &'static str {
    match endpoint.name() {
        "chat" => "five invocations of chat that Lambda does not take",
        "embed" => "five invocations of embed that Lambda does not take",
        "rerank" => "five invocations of rerank that Lambda does not take",
        _ => "five invocations of pass-through that Lambda does not take",
    }
}

fn of_a_route(endpoint: Endpoint) -> Vec<Scenario> {
    let unplanned = Happening::Unplanned(endpoint);
    let mut scenarios = vec![
        Scenario::new(name_for("ApiGatewayFails", endpoint))
            .fires("five requests that API Gateway fails by itself", move |time| {
                time.pass_with(1, &[(unplanned, 5)]);
            })
            .stays_quiet(
                "four of them, among failures of functions, throttles and authorizer",
                move |time| {
                    let each = [
                        (unplanned, 4),
                        (Happening::Good(endpoint), 60),
                        (Happening::Failed(endpoint), 2),
                        (Happening::Crash(endpoint), 1),
                        (Happening::Throttled(endpoint), 4),
                        (Happening::NotJudged, 2),
                    ];
                    time.pass_with(1, &each);
                    time.pass(10);
                },
            )
            .beside(&["FastBurnShort"]),
        Scenario::new(name_for("MetricsSilent", endpoint))
            .fires("twenty answers of which no event tells", move |time| {
                time.write_without_events(endpoint, 20);
                time.pass(1);
            })
            .stays_quiet(
                "nineteen of them, beside hundreds of strangers who are denied",
                move |time| {
                    time.write_without_events(endpoint, 19);
                    time.pass_with(5, &[(Happening::Denied, 100)]);
                    time.pass(30);
                },
            ),
    ];
    // Chat's function has one route.
    if endpoint != Endpoint::Chat {
        scenarios.push(of_two_routes(endpoint));
    }
    scenarios
}

fn of_two_routes(endpoint: Endpoint) -> Scenario {
    let (one, other) = (Happening::Unplanned(endpoint), Happening::UnplannedV1(endpoint));
    Scenario::new(name_for("ApiGatewayFails", endpoint))
        .fires("three of them on one of its routes and two on another", move |time| {
            time.pass_with(1, &[(one, 3), (other, 2)]);
        })
        .stays_quiet("two and two", move |time| {
            time.pass_with(1, &[(one, 2), (other, 2)]);
            time.pass(10);
        })
}

fn of_the_authorizer() -> Vec<Scenario> {
    vec![
        Scenario::new("FunctionsFailAuthorizer")
            .fires("two of twenty callers meet an authorizer that fails", |time| {
                time.pass_with(1, &[(GOOD, 18), (Happening::NotJudged, 2)]);
            })
            .stays_quiet("one of twenty does", |time| {
                time.pass_with(1, &[(GOOD, 19), (Happening::NotJudged, 1)]);
                time.pass(20);
            }),
        Scenario::new("FunctionsFailAuthorizer")
            .fires("five callers in a quarter of an hour, all of whom meet it", |time| {
                for _ in 0..5 {
                    time.write(Happening::NotJudged, 1);
                    time.pass(3);
                }
            })
            .stays_quiet("hundreds of callers whom it refuses", |time| {
                time.pass_with(5, &[(Happening::Denied, 60)]);
            }),
        Scenario::new("AuthorizerFailures")
            .fires("three callers in five minutes whom it cannot judge", |time| {
                time.pass_with(3, &[(GOOD, 60), (Happening::NotJudged, 1)]);
            })
            .stays_quiet("two of them", |time| {
                time.pass_with(2, &[(GOOD, 60), (Happening::NotJudged, 1)]);
                time.pass(20);
            }),
        Scenario::new("FunctionsThrottled")
            .fires("five callers that find it throttled", |time| {
                time.pass_with(1, &[(Happening::AuthorizerThrottled, 5)]);
            })
            .stays_quiet("four of them", |time| {
                time.pass_with(1, &[(Happening::AuthorizerThrottled, 4)]);
                time.pass(10);
            }),
    ]
}

fn of_lines() -> Vec<Scenario> {
    vec![
        Scenario::new("MetricLinesUnreadable")
            .fires("one line whose metrics cannot be read", |time| {
                time.write_line("chat", UNREADABLE);
                time.pass(1);
            })
            .stays_quiet("every line of requests that went well and ill", |time| {
                time.pass_with(1, &[(GOOD, 40), (FAILED, 1), (Happening::Fallback, 1)]);
                time.pass(20);
            }),
        Scenario::new("MetricLinesInvalid")
            .fires("one line whose dimension has no value", |time| {
                time.write_line("rotate-key", INVALID);
                time.pass(1);
            })
            .stays_quiet("lines without metrics, the platform's too", |time| {
                time.write_line("chat", r#"{"event":"panic","location":"a.rs:1"}"#);
                time.write_line("chat", "REPORT RequestId: 0");
                time.pass(20);
            }),
    ]
}
