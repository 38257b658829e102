//! The breaker of Cohere's host, which all models share.

use super::*;
use proptest::prelude::*;

const UNREACHED: CallOutcome = CallOutcome { model: Finding::Unknown, host: Finding::Failure };
const TIMED_OUT: CallOutcome = CallOutcome { model: Finding::Failure, host: Finding::Unknown };
const OTHER: &str = "another-fake-model";

fn ask(
    state: &'static UpstreamState,
    endpoint: Endpoint,
    model: &str,
) -> std::result::Result<CallPermit, RefusedCall> {
    state.admit(endpoint, model, &SharedRounds::default(), 1)
}

/// Opens the host's breaker by calls of two models at two endpoints.
fn open_host(state: &'static UpstreamState, failures: u32) {
    for number in 0..failures {
        let endpoint = if number % 2 == 0 { Endpoint::Chat } else { Endpoint::Embed };
        ask(state, endpoint, OTHER).unwrap().report(UNREACHED);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_to_connect_refuse_every_model() {
    let state = new_state(5);
    open_host(state, 4);
    assert!(!is_refused(state) && !state.needs_probe(Endpoint::Chat, MODEL));
    open_host(state, 1);
    for endpoint in Endpoint::ALL {
        let refused = ask(state, endpoint, MODEL).err().unwrap();
        assert!(refused.is_by_host && refused.until > now(), "{refused:?}");
        assert!(state.needs_probe(endpoint, MODEL), "a split request would send all its parts");
    }
}

#[tokio::test(start_paused = true)]
async fn host_has_one_probe_whatever_its_model() {
    let state = new_state(5);
    open_host(state, 5);
    tokio::time::advance(OPEN_FOR * 2).await;
    let probe = ask(state, Endpoint::Chat, MODEL).unwrap();
    assert!(probe.is_probe() && ask(state, Endpoint::Embed, OTHER).is_err());
    drop(probe);
    let next = ask(state, Endpoint::Embed, OTHER).unwrap();
    assert!(next.is_probe(), "a cancelled probe left no place for the next");
    next.report(UNREACHED);
    assert!(ask(state, Endpoint::Chat, MODEL).is_err_and(|refused| refused.is_by_host));
    tokio::time::advance(OPEN_FOR * 2).await;
    ask(state, Endpoint::Rerank, OTHER).unwrap().report(UNKNOWN);
    assert!(!admit(state, &SharedRounds::default(), 1).is_probe(), "an answer has shown the host");
}

#[tokio::test(start_paused = true)]
async fn cancelled_call_returns_both_permits() {
    let state = new_state(1);
    admit(state, &SharedRounds::default(), 1).report(FAILURE);
    open_host(state, 1);
    tokio::time::advance(OPEN_FOR * 2).await;
    for _ in 0..3 {
        assert!(admit(state, &SharedRounds::default(), 1).is_probe());
    }
    admit(state, &SharedRounds::default(), 1).report(CallOutcome::SUCCESS);
    assert!(!admit(state, &SharedRounds::default(), 1).is_probe(), "it closed both");
}

#[tokio::test(start_paused = true)]
async fn refused_call_moves_neither_breaker() {
    let state = new_state(1);
    open_host(state, 1);
    tokio::time::advance(OPEN_FOR + OPEN_FOR / 2).await;
    let late = ask(state, Endpoint::Embed, MODEL).unwrap();
    late.report(CallOutcome { model: Finding::Failure, host: Finding::Unknown });
    // The model is open, and the host waits for its next probe.
    let refused = ask(state, Endpoint::Embed, MODEL).err().unwrap();
    assert!(!refused.is_by_host);
    let next = ask(state, Endpoint::Chat, MODEL).unwrap();
    assert!(next.is_probe(), "a refused call has taken the host's probe");
}

#[tokio::test(start_paused = true)]
async fn parts_of_one_round_fail_once_for_the_host() {
    let (state, rounds) = (new_state(2), SharedRounds::default());
    let permits: Vec<_> = (0..5).map(|_| admit(state, &rounds, 1)).collect();
    for permit in permits {
        permit.report(UNREACHED);
    }
    assert!(!is_refused(state));
    admit(state, &rounds, 2).report(UNREACHED);
    assert!(is_refused(state));
}

/// What a call may come to.
fn outcomes() -> impl Strategy<Value = Option<CallOutcome>> {
    prop_oneof![
        4 => Just(Some(UNREACHED)),
        2 => Just(Some(FAILURE)),
        2 => Just(Some(TIMED_OUT)),
        1 => Just(Some(UNKNOWN)),
        1 => Just(Some(CallOutcome::SUCCESS)),
        1 => Just(Some(CallOutcome::SLOW)),
        1 => Just(None),
    ]
}

/// Counts failures in a row as a breaker without time does.
#[derive(Default)]
struct Row {
    failures: u32,
}

impl Row {
    fn count(&mut self, verdict: Finding) {
        match verdict {
            Finding::Success if self.failures < 3 => self.failures = 0,
            Finding::Failure => self.failures += 1,
            Finding::Success | Finding::Unknown => {}
        }
    }

    fn is_open(&self) -> bool {
        self.failures >= 3
    }
}

proptest! {
    #[test]
    fn host_and_models_count_apart(
        calls in prop::collection::vec((0..3usize, 0..3usize, outcomes()), 0..60)
    ) {
        let state = new_state(3);
        let mut host = Row::default();
        let mut models: [[Row; 3]; 3] = Default::default();
        for (endpoint, model, outcome) in calls {
            let own = &mut models[endpoint][model];
            let asked = ask(state, Endpoint::ALL[endpoint], &format!("fake-{model}"));
            prop_assert_eq!(asked.is_err(), host.is_open() || own.is_open());
            match asked {
                Err(refused) => prop_assert_eq!(refused.is_by_host, host.is_open()),
                Ok(permit) => {
                    let Some(outcome) = outcome else { continue };
                    permit.report(outcome);
                    host.count(outcome.host);
                    own.count(outcome.model);
                }
            }
        }
    }
}
