//! `ops clients`: tokens are shown once and stored as hashes, and no edit loses another.

use gateway_tests::gateway::{self, Running};
use gateway_tests::ops::{self, Done};
use local::secrets_manager::CLIENTS;
use local::{Upstream, secrets_manager::Behaviour};
use serde_json::{Value, json};
use shared::clock::{parse_iso8601, since_epoch};
use std::time::Duration;

async fn start_gateway() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

async fn run_clients(running: &Running, arguments: &[&str]) -> Done {
    ops::run_ops(running, &[&["clients"], arguments].concat(), "").await
}

/// Returns the list as it is stored.
fn read_stored(running: &Running) -> Value {
    let text = running.gateway.secrets.current(CLIENTS).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn read_names(list: &Value) -> Vec<&str> {
    let clients = list["clients"].as_array().map(Vec::as_slice).unwrap_or_default();
    clients.iter().filter_map(|client| client["name"].as_str()).collect()
}

#[tokio::test]
async fn token_is_shown_once_and_stored_as_hash() {
    let running = start_gateway().await;
    let added = run_clients(
        &running,
        &["add", "search", "--models", "rerank-v3.5,embed-v4.0", "--not-after", "2999-12-31"],
    )
    .await;
    let token = added.data().to_string();
    assert!(
        token.starts_with("cgw_") && token.len() == 47 && added.stdout.lines().count() == 1,
        "{added:?}"
    );
    assert!(!added.stderr.contains(&token));
    let (_, when) = added.stderr.split_once("it works from ").expect("a time");
    let when = parse_iso8601(when.split(' ').next().unwrap()).expect("a time").as_secs();
    let half_a_minute = since_epoch().as_secs() + 31;
    assert!((half_a_minute - 30..=half_a_minute).contains(&when), "{}", added.stderr);
    let list = read_stored(&running);
    assert_eq!(read_names(&list), ["local", "search"]);
    assert_eq!(list["clients"][1]["models"], json!(["rerank-v3.5", "embed-v4.0"]));
    assert_eq!(list["clients"][1]["not_after"], "2999-12-31T23:59:59Z");
    assert!(!list.to_string().contains(&token[4..]));
    let hash = list["clients"][1]["token_sha256"][0].as_str().unwrap().to_string();

    let listed = run_clients(&running, &["list"]).await;
    let row: Vec<_> = listed.data().lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, ["search", &hash[..8], "rerank-v3.5,embed-v4.0", "own", "2999-12-31"]);
}

#[tokio::test]
async fn third_token_replaces_the_oldest() {
    let running = start_gateway().await;
    let hashes = |running: &Running| {
        read_stored(running)["clients"][1]["token_sha256"].as_array().unwrap().clone()
    };
    let old = run_clients(&running, &["add", "search"]).await.data().to_string();
    let first = hashes(&running);
    let new = run_clients(&running, &["rotate", "search"]).await.data().to_string();
    assert_ne!(old, new);
    let both = hashes(&running);
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    let third = run_clients(&running, &["rotate", "search"]).await;
    assert!(third.problem().contains("two tokens already"), "{third:?}");
    run_clients(&running, &["rotate", "search", "--finish"]).await.data();
    assert_eq!(hashes(&running), both[1..]);
    let again = run_clients(&running, &["rotate", "search", "--finish"]).await;
    assert!(again.problem().contains("nothing to finish"), "{again:?}");
}

#[tokio::test]
async fn revoke_takes_one_token_or_all() {
    let running = start_gateway().await;
    run_clients(&running, &["add", "search"]).await.data();
    run_clients(&running, &["rotate", "search"]).await.data();
    let both = read_stored(&running)["clients"][1]["token_sha256"].clone();
    let digits = &both[1].as_str().unwrap()[..10];
    run_clients(&running, &["revoke", "search", "--token", digits]).await.data();
    assert_eq!(read_stored(&running)["clients"][1]["token_sha256"], json!([both[0]]));
    run_clients(&running, &["revoke", "search"]).await.data();
    assert_eq!(read_names(&read_stored(&running)), ["local"]);
    let again = run_clients(&running, &["revoke", "search"]).await;
    assert_eq!(again.problem(), "there is no client of that name; clients: local");
}

#[tokio::test]
async fn last_client_is_revoked_on_demand_and_can_come_back() {
    let running = start_gateway().await;
    let before = read_stored(&running);
    let asked = run_clients(&running, &["revoke", "local"]).await;
    assert_eq!((asked.code, asked.stdout.as_str()), (2, ""), "{asked:?}");
    assert!(asked.stderr.contains("local is the last client"), "{asked:?}");
    assert_eq!(read_stored(&running), before);

    let revoked = run_clients(&running, &["revoke", "local", "--yes"]).await;
    assert!(revoked.data().is_empty() && read_names(&read_stored(&running)).is_empty());
    let (_, undo) = revoked.stderr.split_once("aws secretsmanager ").expect("a command");
    let words: Vec<_> = undo.split_whitespace().collect();
    let value = |name: &str| words[words.iter().position(|word| *word == name).unwrap() + 1];
    let labels = |version: &str| {
        let labels = running.gateway.secrets.labels(CLIENTS, version);
        labels.into_iter().collect::<Vec<_>>()
    };
    assert_eq!((words[0], value("--secret-id")), ("update-secret-version-stage", CLIENTS));
    assert_eq!(value("--version-stage"), "AWSCURRENT");
    assert_eq!(labels(value("--move-to-version-id")), ["AWSPREVIOUS"]);
    assert_eq!(labels(value("--remove-from-version-id")), ["AWSCURRENT"]);
    assert!(undo.trim_end().ends_with("ops clients reattach"), "{undo}");
}

#[tokio::test]
async fn concurrent_operators_lose_no_edit() {
    let running = start_gateway().await;
    let all: Vec<_> = (0..16).map(|number| format!("client-{number}")).collect();
    let commands: Vec<_> = all
        .iter()
        .map(|name| {
            let command = ops::prepare_command(&running, ops::build_binary())
                .args(["clients", "add", name, "--shared-key"])
                .spawn();
            command.expect("ops starts")
        })
        .collect();
    for command in commands {
        let output = command.wait_with_output().await.expect("ops ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let list = read_stored(&running);
    let mut found = read_names(&list);
    found.sort_unstable();
    let mut expected: Vec<_> = all.iter().map(String::as_str).chain(["local"]).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let versions = ops::run_ops(&running, &["key", "status", "--secret", CLIENTS], "").await;
    let mut labels: Vec<_> =
        versions.data().lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["AWSCURRENT", "AWSPREVIOUS"], "a label of an edit stayed behind");
}

#[tokio::test]
async fn overtaken_edit_is_repeated_on_new_list() {
    let running = start_gateway().await;
    // Each call takes a while, so that the other edit falls between reading and writing.
    running.gateway.secrets.behave(Behaviour::Slow(Duration::from_millis(500)));
    let reads = running.gateway.secrets.reads();
    let overtaking = async {
        while running.gateway.secrets.reads() == reads {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(650)).await;
        let mut list = read_stored(&running);
        let other = json!({"name": "other", "token_sha256": ["ab".repeat(32)]});
        list["clients"].as_array_mut().unwrap().push(other);
        running.gateway.secrets.put(CLIENTS, &list.to_string());
    };
    let (added, ()) =
        tokio::join!(run_clients(&running, &["add", "search", "--shared-key"]), overtaking);
    added.data();
    assert_eq!(read_names(&read_stored(&running)), ["local", "other", "search"]);
    assert!(running.gateway.secrets.reads() >= reads + 2, "it was not overtaken");
}

#[tokio::test]
async fn empty_secret_gets_its_first_list() {
    let running = start_gateway().await;
    running.gateway.secrets.remove(CLIENTS);
    running.gateway.secrets.create(CLIENTS);
    assert_eq!(run_clients(&running, &["list"]).await.data().lines().count(), 1);
    run_clients(&running, &["add", "first"]).await.data();
    assert_eq!(read_names(&read_stored(&running)), ["first"]);
    run_clients(&running, &["add", "second"]).await.data();
    assert_eq!(read_names(&read_stored(&running)), ["first", "second"]);
}

#[tokio::test]
async fn impossible_edit_changes_nothing_and_advises() {
    let running = start_gateway().await;
    let before = read_stored(&running);
    for (arguments, words) in [
        (&["add", "local"][..], "ops clients rotate local"),
        (&["rotate", "nobody"], "there is no client of that name; clients: local"),
        (&["revoke", "local", "--token", "00000000"], "is not one token of local"),
        (&["add", "x", "--secret", "nowhere"], "check name, account and region"),
    ] {
        let done = run_clients(&running, arguments).await;
        assert!(done.problem().contains(words), "{done:?}");
    }
    for wrong in
        [&["add"][..], &["add", "x", "--not-after", "soon"], &["revoke", "local", "--token", "xyz"]]
    {
        let done = run_clients(&running, wrong).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
    }
    let reads = running.gateway.secrets.reads();
    let many = vec!["a".repeat(128); 17].join(",");
    for (arguments, words) in [
        (&["two words"][..], ["<NAME>", "1 to 128 letters"]),
        (&["x", "--usage-plan-key", "short"], ["--usage-plan-key", "20 to 128 letters"]),
        (&["x", "--models", ""], ["--models", "1 to 128 letters"]),
        (&["x", "--models", "a,b c"], ["--models", "1 to 128 letters"]),
        (&["x", "--models", &many], ["models", "at most 2047 characters"]),
        (
            &["x", "--not-after", "2001-01-01"],
            ["--not-after is 2001-01-01T23:59:59Z", "and now is "],
        ),
    ] {
        let done = run_clients(&running, &[&["add"], arguments].concat()).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
        assert!(words.iter().all(|words| done.stderr.contains(words)), "{done:?}");
    }
    assert_eq!(running.gateway.secrets.reads(), reads, "the secret was read before its arguments");
    running.gateway.secrets.behave(Behaviour::Denying);
    let denied = run_clients(&running, &["add", "x"]).await;
    assert!(denied.problem().contains("AccessDeniedException"), "{denied:?}");
    running.gateway.secrets.behave(Behaviour::Normal);
    assert_eq!(read_stored(&running), before);
}

#[tokio::test]
async fn expired_client_gets_no_token() {
    let running = start_gateway().await;
    let mut list = read_stored(&running);
    let over = json!({"name": "over", "token_sha256": ["ab".repeat(32)], "not_after": "2001-01-01T00:00:00Z"});
    list["clients"].as_array_mut().unwrap().push(over);
    running.gateway.secrets.put(CLIENTS, &list.to_string());
    let refused = run_clients(&running, &["rotate", "over"]).await;
    assert!(refused.problem().contains("its tokens ended on 2001-01-01T00:00:00Z"), "{refused:?}");
    assert_eq!(read_stored(&running), list);
}
