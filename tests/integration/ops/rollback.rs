//! `ops releases` and `ops rollback` on a stand-in of the account: each way back, and each failure on it.

mod failures;
mod next_deployment;
mod under_way;

use gateway_tests::deployment::Deployment;
use gateway_tests::ops::Done;
use serde_json::Value;

const STACK: &str = "cohere-gateway-dev";

/// A stack with two releases, which differ in chat and embed.
async fn prepare(name: &str) -> Deployment {
    let deployment = Deployment::prepare(name).await;
    deployment.deploy(&[]).await.data();
    for function in ["chat", "embed"] {
        deployment.write_code(function, "changed");
    }
    deployment.deploy(&[]).await.data();
    deployment
}

/// Goes back without a question and without a pause.
async fn roll_back(deployment: &Deployment, options: &[&str]) -> Done {
    let always = ["rollback", "--stack", STACK, "--yes", "--every-secs", "0"];
    let waits = options.contains(&"--wait-secs");
    let wait: &[&str] = if waits { &[] } else { &["--wait-secs", "10"] };
    deployment.run_ops_with(&[&always, wait, options].concat(), &[]).await
}

async fn list_releases(deployment: &Deployment) -> Done {
    deployment.run_ops_with(&["releases", "--stack", STACK], &[]).await
}

/// Where the aliases of these functions lead.
fn read_live(deployment: &Deployment, resources: [&str; 2]) -> [usize; 2] {
    let state = deployment.account.state();
    resources.map(|resource| {
        assert!(state.functions[resource].weights.is_empty(), "{resource}");
        state.functions[resource].live
    })
}

const CHANGED: [&str; 2] = ["ChatFunction", "EmbedFunction"];

#[tokio::test]
async fn rollback_moves_what_differs_and_is_recorded() {
    let deployment = prepare("rollback").await;
    let first: Value = serde_json::from_str(&deployment.account.state().releases[0]).unwrap();
    let done = roll_back(&deployment, &[]).await;
    let text = done.data();
    assert!(text.starts_with("Release 1 is live again, smoke test ok."), "{done:?}");
    let told = [
        "back to release 1 of",
        "chat: 2 -> 1",
        "embed: 2 -> 1",
        "not taken back, for no version holds it: the API",
        "recorded as release 3, which is 1 again",
    ];
    for words in told {
        assert!(done.stderr.contains(words), "{words}: {done:?}");
    }
    assert!(!done.stderr.contains("rerank:"), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [1, 1]);
    assert_eq!(deployment.account.state().moved.len(), 2, "nothing else was moved");
    let record = deployment.account.last_release();
    assert_eq!((&record["back_to"], &record["functions"]), (&1.into(), &first["functions"]));

    // Again goes no further back.
    let again = roll_back(&deployment, &[]).await;
    assert_eq!(again.data(), "Nothing to do: release 3 is live, which is 1 again.");
    let named = roll_back(&deployment, &["--to", "1"]).await;
    assert_eq!(named.data(), "Nothing to do: release 1 is live already.");
    assert_eq!(deployment.account.state().releases.len(), 3);

    let on = roll_back(&deployment, &["--to", "2"]).await;
    assert!(on.data().starts_with("Release 2 is live again"), "{on:?}");
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
    assert!(!on.data().contains("--at-once"), "the stack has these versions: {on:?}");
}

#[tokio::test]
async fn releases_show_which_one_is_live() {
    let deployment = Deployment::prepare("releases").await;
    let absent = list_releases(&deployment).await;
    assert!(absent.problem().contains("there is no stack cohere-gateway-dev"), "{absent:?}");
    deployment.deploy(&[]).await.data();
    deployment.account.state().releases.clear();
    let none = list_releases(&deployment).await;
    assert_eq!(none.data(), "");
    assert!(none.stderr.contains("no release is recorded"), "{none:?}");
    deployment.write_code("chat", "changed");
    deployment.deploy(&[]).await.data();
    deployment.account.state().releases.push("{}".into());
    deployment.write_code("chat", "changed once more");
    deployment.deploy(&[]).await.data();
    let listed = list_releases(&deployment).await;
    let stars: Vec<_> = listed.data().lines().filter(|line| line.starts_with('*')).collect();
    assert_eq!(stars.len(), 1, "{listed:?}");
    assert!(stars[0].contains(" 3 ") && listed.stderr.contains("cannot read: 2"), "{listed:?}");
    assert!(listed.data().lines().all(|line| line.chars().count() <= 80), "{listed:?}");
    // A rollout is on, and nobody can say which release is live.
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    let shared = list_releases(&deployment).await;
    assert!(!shared.data().contains('*') && shared.stderr.contains("none of them"), "{shared:?}");
}

#[tokio::test]
async fn rollback_asks_where_it_can_and_refuses_where_not() {
    let deployment = prepare("rollback-asks").await;
    for arguments in
        [&["rollback", "--stack", STACK][..], &["rollback", "--stack", STACK, "--to", "1"]]
    {
        let refused = deployment.run_ops_with(arguments, &[]).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert!(refused.stderr.contains("chat: 2 -> 1"), "it says what it would do: {refused:?}");
        assert!(refused.stderr.contains("nobody can be asked here"), "{refused:?}");
    }
    assert_eq!(deployment.account.state().moved, []);
    let unnamed = deployment.run_ops_with(&["rollback", "--yes"], &[]).await;
    assert!(unnamed.code == 2 && unnamed.stderr.contains("which stack?"), "{unnamed:?}");
    let absent = roll_back(&deployment, &["--to", "9"]).await;
    assert!(absent.code == 2 && absent.stderr.contains("there is no release 9"), "{absent:?}");
}

#[tokio::test]
async fn function_that_only_one_release_has_is_told() {
    let deployment = prepare("rollback-functions").await;
    {
        let mut state = deployment.account.state();
        let mut release: Value = serde_json::from_str(&state.releases[0]).unwrap();
        let functions = release["functions"].as_object_mut().unwrap();
        let driver = functions.remove("driver").unwrap();
        functions.insert("of-old".into(), driver);
        state.releases[0] = release.to_string();
    }
    let done = roll_back(&deployment, &[]).await;
    done.data();
    assert!(done.stderr.contains("driver stays at 1: that release did not have it"), "{done:?}");
    assert!(done.stderr.contains("of-old is not in the stack any more"), "{done:?}");
    let record = deployment.account.last_release();
    assert!(record["functions"]["driver"].is_object() && record["functions"]["of-old"].is_null());
    let again = roll_back(&deployment, &["--to", "1"]).await;
    assert!(again.data().contains("Nothing to do"), "{again:?}");
}
