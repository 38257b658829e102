//! The scenarios by their names.

use super::scenario::{ByHand, Expected, Scenario, Weather};
use faulty::Fault;
use shared::panic_on_request::PanicPoint;

/// Enough for a version to be judged within a few minutes.
const USUAL_CALLERS: u32 = 60;

/// All scenarios, in the order in which they are gone through.
pub fn all_scenarios() -> Vec<Scenario> {
    [good_versions(), bad_versions(), by_hand()].concat()
}

fn healthy() -> Scenario {
    Scenario {
        name: "healthy",
        story: "a good version",
        functions: &["chat", "embed", "authorizer"],
        fault: None,
        weather: None,
        callers_per_minute: USUAL_CALLERS,
        has_hooks: true,
        by_hand: ByHand::Nothing,
        expected: Expected::Live,
    }
}

fn good_versions() -> Vec<Scenario> {
    let in_weather = |name, story, fault, share| Scenario {
        name,
        story,
        weather: Some(Weather { fault, share }),
        functions: &["chat", "embed"],
        ..healthy()
    };
    vec![
        healthy(),
        in_weather("cohere-slow", "a good version while Cohere is slow", "delay_ms=400", 1.0),
        in_weather(
            "cohere-throttling",
            "a good version while Cohere throttles",
            "status=429 header=retry-after:1",
            0.3,
        ),
        in_weather("cohere-down", "a good version while Cohere is down", "status=503", 1.0),
        in_weather("cohere-failing", "a good version while 2 % of calls fail", "status=500", 0.02),
    ]
}

fn bad_versions() -> Vec<Scenario> {
    let bad = |name, story, fault| Scenario {
        name,
        story,
        functions: &["chat", "embed"],
        fault: Some(fault),
        has_hooks: false,
        expected: Expected::TakenBack,
        ..healthy()
    };
    let panic = Some(PanicPoint::Handler.mark().to_string());
    vec![
        Scenario {
            // A tenth of few requests is chance.
            callers_per_minute: 2 * USUAL_CALLERS,
            ..bad(
                "failing",
                "a version that fails a tenth of its requests",
                Fault { share: 0.1, request_body: panic, ..Fault::default() },
            )
        },
        bad("slow", "a version that is slow", ask_sandbox("delay_ms=1500")),
        bad(
            "crashing",
            "a version that crashes at its start",
            Fault { crash_at_start: true, ..Fault::default() },
        ),
        bad(
            "failing-streams",
            "a version whose streams end with an error",
            ask_sandbox("cut_after_events=3"),
        ),
        Scenario {
            functions: &["authorizer", "chat"],
            ..bad(
                "denying",
                "an authorizer that denies everybody",
                Fault { token: Some(format!("cgw_{}", "x".repeat(43))), ..Fault::default() },
            )
        },
        bad(
            "broken-streams",
            "a version whose answers break off, and its lines do not tell",
            Fault { kept_body_bytes: Some(200), ..Fault::default() },
        ),
        bad(
            "lost-header",
            "a version without a header that clients need",
            Fault { lost_headers: vec!["x-request-id".to_owned()], ..Fault::default() },
        ),
        Scenario {
            callers_per_minute: 3,
            ..bad(
                "quiet",
                "a version that fails half of all, at three callers a minute",
                Fault { share: 0.5, ..ask_sandbox("status=500") },
            )
        },
        Scenario {
            has_hooks: true,
            expected: Expected::NeverMet,
            ..bad(
                "hook",
                "a version that crashes at its start, before the hook",
                Fault { crash_at_start: true, ..Fault::default() },
            )
        },
    ]
}

fn by_hand() -> Vec<Scenario> {
    let failing = ask_sandbox("status=503");
    vec![
        Scenario {
            name: "back-in-the-middle",
            story: "a person goes back in the middle of a rollout",
            by_hand: ByHand::GoesBackInTheMiddle,
            expected: Expected::BackByHand,
            ..healthy()
        },
        Scenario {
            name: "back-afterwards",
            story: "a person goes back after a rollout",
            by_hand: ByHand::GoesBackAtTheEnd,
            expected: Expected::BackByHand,
            ..healthy()
        },
        Scenario {
            name: "fix-at-once",
            story: "a fix follows while the bad version's gates stand in alarm",
            functions: &["chat", "embed"],
            fault: Some(failing),
            has_hooks: false,
            by_hand: ByHand::ShipsAFix,
            expected: Expected::TakenBack,
            ..healthy()
        },
        Scenario {
            name: "clients-emptied",
            story: "the list of clients is emptied in the middle of a rollout",
            functions: &["authorizer", "chat"],
            by_hand: ByHand::EmptiesTheClients,
            ..healthy()
        },
        Scenario {
            name: "mixed",
            story: "versions side by side in all functions, and renewed secrets",
            functions: &["authorizer", "chat", "embed", "rerank", "pass-through", "health"],
            by_hand: ByHand::RenewsTheSecrets,
            ..healthy()
        },
    ]
}

/// A version whose calls meet a fault of the sandbox, which it then reports by itself.
fn ask_sandbox(fault: &str) -> Fault {
    let headers = [("x-client-name".to_owned(), format!("fault {fault}"))].into();
    Fault { request_headers: headers, ..Fault::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_has_a_name_of_its_own() {
        let names: Vec<_> = all_scenarios().iter().map(|scenario| scenario.name).collect();
        for (place, name) in names.iter().enumerate() {
            assert!(!names[..place].contains(name), "{name} stands twice");
        }
        for scenario in all_scenarios() {
            let must_stop = !matches!(scenario.expected, Expected::Live | Expected::BackByHand);
            assert_eq!(scenario.is_bad(), must_stop, "{}", scenario.name);
            let line = format!("{:<18} {}", scenario.name, scenario.story);
            assert!(line.len() < 80, "wider than a terminal: {line}");
        }
    }
}
