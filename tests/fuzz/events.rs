//! Events of API Gateway: whatever a caller sends has a reading, and no refusal quotes a secret.

use crate::run::{Verdict, run};
use shared::edge::identity::Identity;
use shared::edge::request::Incoming;
use std::time::Duration;

/// Stands in every value of the corpus that a caller could mean as a secret.
const MARK: &str = "fake-marked-secret";

#[test]
fn event_never_panics_and_is_never_quoted() {
    run("event", check_event);
}

fn check_event(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let incoming = Incoming::new(&text, "fake-invocation", u64::MAX);
    let options = incoming.read_options(Duration::from_secs(60));
    let identity = Identity::from_context(incoming.authorizer.as_ref());
    for error in [options.as_ref().err(), identity.as_ref().err()].into_iter().flatten() {
        let words = format!("{error:?} {error}");
        assert!(!words.contains(MARK), "{words}");
    }
    for name in incoming.headers_for_cohere().keys() {
        let is_ours = ["authorization", "cookie", "host"].contains(&name.as_str());
        assert!(!is_ours, "{name} goes to Cohere");
    }
    identity.is_ok().into()
}
