//! Each single thing broken in turn.

mod breakages;

use super::{Checklist, Lines, deploy_well, run_checklist};
use breakages::BREAKAGES;
use gateway_tests::aws_account::State;
use gateway_tests::deployment::Deployment;
use local::cohere_sandbox::Key;
use local::secrets_manager::{API_KEY, SYNTHETIC_CLIENT, secret_arn};
use std::time::{Duration, Instant};

/// What a test puts back after each breakage.
struct Before {
    functions: std::collections::BTreeMap<String, gateway_tests::aws_account::Function>,
    parameters: std::collections::BTreeMap<String, String>,
    releases: Vec<String>,
    status: Option<String>,
    quota: u64,
}

impl Before {
    fn of(state: &State) -> Self {
        Self {
            functions: state.functions.clone(),
            parameters: state.parameters.clone(),
            releases: state.releases.clone(),
            status: state.status.clone(),
            quota: state.quota,
        }
    }

    fn put_back(&self, state: &mut State) {
        state.functions = self.functions.clone();
        state.parameters = self.parameters.clone();
        state.releases = self.releases.clone();
        (state.status, state.quota) = (self.status.clone(), self.quota);
        (state.operations, state.reserves) = Default::default();
    }
}

/// Returns the lines that have changed.
fn find_changed(before: &Lines, after: &Lines) -> Vec<String> {
    let is_changed = |id: &&String| before[*id].outcome != after[*id].outcome;
    before.keys().filter(is_changed).cloned().collect()
}

#[tokio::test]
async fn checklist_finds_each_single_breakage_and_its_command() {
    let deployment = deploy_well("checklist-broken").await;
    let well = run_checklist(&deployment).await;
    let bad: Vec<_> = well
        .lines
        .iter()
        .filter(|(_, line)| !["pass", "built_in"].contains(&line.outcome.as_str()))
        .collect();
    assert!(bad.is_empty() && well.is_ready && well.code == 0, "{bad:#?}");
    let before = Before::of(&deployment.account.state());
    for breakage in BREAKAGES {
        let what = breakage.what;
        (breakage.make)(&mut deployment.account.state());
        let found = run_checklist(&deployment).await;
        let line = &found.lines[breakage.id];
        assert_eq!(find_changed(&well.lines, &found.lines), [breakage.id], "{what}: {line:?}");
        assert_eq!(line.outcome, breakage.outcome, "{what}: {line:?}");
        assert!(line.reason.contains(breakage.reason), "{what}: {line:?}");
        assert!(line.command.contains(breakage.command), "{what}: {line:?}");
        let is_failure = breakage.outcome == "fail";
        assert!(!is_failure || (found.code == 1 && !found.is_ready), "{what}");
        before.put_back(&mut deployment.account.state());
    }
    let again = run_checklist(&deployment).await;
    assert_eq!(find_changed(&well.lines, &again.lines), [""; 0]);
}

/// Waits for what the health check remembers.
async fn run_until(deployment: &Deployment, id: &str, outcome: &str) -> Checklist {
    let since = Instant::now();
    loop {
        let found = run_checklist(deployment).await;
        if found.lines[id].outcome == outcome {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", found.lines[id]);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn checklist_finds_what_is_wrong_with_key_and_clients() {
    let deployment = deploy_well("checklist-secrets").await;
    let gateway = &deployment.running.gateway;
    let well = run_checklist(&deployment).await;
    for id in ["key.present", "key.rotated", "key.age", "gateway.health", "gateway.front_door"] {
        assert_eq!(well.lines[id].outcome, "pass", "{id}: {:?}", well.lines[id]);
    }
    assert_eq!(well.lines["gateway.closed_door"].reason, "401 unauthorized");

    // Another secret, which no function rotates.
    let key = deployment.account.state().outputs["CohereApiKeySecretArn"].clone();
    let other = secret_arn(SYNTHETIC_CLIENT);
    let name = "CohereApiKeySecretArn".to_string();
    deployment.account.state().outputs.insert(name.clone(), other);
    let found = run_checklist(&deployment).await;
    assert_eq!(find_changed(&well.lines, &found.lines), ["key.rotation"]);
    let line = &found.lines["key.rotation"];
    assert!(line.reason.contains("no function that rotates it"), "{line:?}");
    assert_eq!(
        (line.outcome.as_str(), line.command.as_str()),
        ("fail", "ops deploy --environment dev")
    );
    deployment.account.state().outputs.insert(name, key);

    gateway.secrets.put_under(API_KEY, "fake-next", "NEXT");
    let found = run_checklist(&deployment).await;
    assert_eq!(find_changed(&well.lines, &found.lines), ["key.rotated"]);
    assert_eq!(found.lines["key.rotated"].outcome, "warning");
    gateway.secrets.put_under(API_KEY, "fake-pending", "AWSPENDING");
    let found = run_checklist(&deployment).await;
    let line = &found.lines["key.rotated"];
    assert_eq!(line.outcome, "fail", "a rotation that is half done: {line:?}");
    assert_eq!(line.command, format!("ops key rotate --stack {}", super::STACK));

    let sandbox = gateway.sandbox.as_ref().unwrap();
    let used = sandbox.requests().last().unwrap().header("authorization").unwrap().to_owned();
    let key = used.trim_start_matches("Bearer ").to_owned();
    sandbox.revoke_key(&key);
    let found = run_until(&deployment, "gateway.health", "fail").await;
    let line = &found.lines["gateway.health"];
    assert!(line.reason.contains("503, Cohere is down"), "{line:?}");
    assert!(line.command.contains("ops key status --stack"), "{line:?}");
    sandbox.accept_key(Key { value: key, trial: false });
    run_until(&deployment, "gateway.health", "pass").await;

    // Labels that were left are of the same age.
    gateway.secrets.age(API_KEY, Duration::from_secs(100 * 86_400));
    let found = run_checklist(&deployment).await;
    let line = &found.lines["key.age"];
    assert_eq!(
        (line.outcome.as_str(), line.reason.as_str()),
        ("warning", "100 days; replace it at 90")
    );
    assert!(line.command.starts_with("ops key stage --stack"), "{line:?}");

    gateway.secrets.put(SYNTHETIC_CLIENT, "cgw_0000000000000000000000000000000000000000000");
    let found = run_until(&deployment, "gateway.front_door", "fail").await;
    let line = &found.lines["gateway.front_door"];
    assert!(line.reason.contains("401 unauthorized"), "{line:?}");
    assert_eq!(line.command, "ops deploy --environment dev");

    gateway.secrets.remove(API_KEY);
    gateway.secrets.create(API_KEY);
    let found = run_checklist(&deployment).await;
    let line = &found.lines["key.present"];
    assert_eq!((line.outcome.as_str(), line.reason.as_str()), ("fail", "the secret has no value"));
    assert!(line.command.starts_with("ops key stage --stack"), "{line:?}");
}
