//! Deliveries rehearsed: a bad version is taken back, and what does not end as it must is told.

mod by_hand;

use local::rehearsal::{
    Conditions, Expected, Outcome, Scenario, WayBack, all_scenarios, build_binaries, rehearse,
};
use std::sync::OnceLock;
use std::time::Duration;

/// Short, and long enough for a machine that does much else.
const MINUTE: Duration = Duration::from_millis(700);

fn find_scenario(name: &str) -> Scenario {
    all_scenarios().into_iter().find(|scenario| scenario.name == name).unwrap()
}

async fn run(scenario: &Scenario) -> Outcome {
    run_with_way_back(scenario, None).await
}

async fn run_with_way_back(scenario: &Scenario, way_back: Option<WayBack>) -> Outcome {
    static BUILT: OnceLock<()> = OnceLock::new();
    let build = || build_binaries().unwrap_or_else(|problem| panic!("{problem:#}"));
    // Beside gateways of other tests, which must not wait for Cargo.
    tokio::task::spawn_blocking(move || BUILT.get_or_init(build)).await.unwrap();
    let conditions = Conditions { minute: MINUTE, is_quiet: true, older: None, way_back };
    rehearse(scenario, &conditions).await.unwrap_or_else(|problem| panic!("{problem:#}"))
}

#[tokio::test]
async fn rehearsal_takes_a_crashing_version_back() {
    let outcome = run(&find_scenario("crashing")).await;
    assert_eq!(outcome.problems, [""; 0]);
    let end = outcome.describe_end();
    assert!(end.starts_with("taken back by Chat"), "{end}");
}

#[tokio::test]
async fn rehearsal_tells_of_an_end_that_is_not_as_expected() {
    let expected = Expected::Live;
    let outcome = run(&Scenario { expected, ..find_scenario("crashing") }).await;
    assert_eq!(outcome.problems[0], "Live was expected");
}

#[tokio::test]
async fn rehearsal_lets_no_caller_meet_what_the_hook_refuses() {
    let outcome = run(&find_scenario("hook")).await;
    assert_eq!(outcome.problems, [""; 0]);
    assert!(outcome.describe_share().starts_with("0 of "), "{}", outcome.describe_share());
}
