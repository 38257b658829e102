//! What a rolled-back deployment has published can be deployed again, and is then left alone.

use gateway_tests::aws_account::Failure;
use gateway_tests::deployment::Deployment;
use gateway_tests::ops::Done;
use serde_json::Value;

/// Returns what a deployment that went well has recorded of a function.
fn read_function(deployment: &Deployment, done: &Done, folder: &str) -> Value {
    done.data();
    deployment.account.last_release()["functions"][folder].clone()
}

#[tokio::test]
async fn rolled_back_revision_is_deployed_again_with_a_salt() {
    let deployment = Deployment::prepare("rolled-back").await;
    let first = deployment.deploy(&[]).await;
    assert_eq!(read_function(&deployment, &first, "chat")["salt"], Value::Null);
    deployment.write_code("chat", "changed");
    let failure = Failure::Resource("the alarm is ringing", "UPDATE_ROLLBACK_COMPLETE");
    deployment.account.state().failure = Some(failure);
    let failed = deployment.deploy(&[]).await;
    assert!(failed.problem().contains("the alarm is ringing"), "{failed:?}");

    let again = deployment.deploy(&[]).await;
    let chat = read_function(&deployment, &again, "chat");
    assert_eq!((&chat["version"], chat["salt"].is_string()), (&"3".into(), true), "{again:?}");
    assert!(again.stderr.contains("another revision for chat\n"), "{again:?}");
    assert!(again.stderr.contains("new versions of: chat\n"), "{again:?}");
    assert_eq!(
        read_function(&deployment, &again, "embed"),
        read_function(&deployment, &first, "embed")
    );

    let same = deployment.deploy(&[]).await;
    assert_eq!(read_function(&deployment, &same, "chat"), chat);
    assert!(same.stderr.contains("no function gets a new version"), "{same:?}");
    deployment.write_code("chat", "changed once more");
    let other = deployment.deploy(&[]).await;
    assert_eq!(read_function(&deployment, &other, "chat")["version"], "4");
    assert!(!other.stderr.contains("rolled back"), "{other:?}");
}

#[tokio::test]
async fn rolled_back_revision_is_told_apart_after_others_too() {
    let deployment = Deployment::prepare("later-again").await;
    deployment.deploy(&[]).await.data();
    deployment.write_code("chat", "changed");
    deployment.account.state().failure = Some(Failure::Resource("no", "UPDATE_ROLLBACK_COMPLETE"));
    deployment.deploy(&[]).await.problem();
    deployment.write_code("chat", "chat");
    for code in ["changed", "changed once more"] {
        deployment.write_code("embed", code);
        let other = deployment.deploy(&[]).await;
        assert_eq!(read_function(&deployment, &other, "chat")["version"], "1");
    }
    deployment.write_code("chat", "changed");
    let again = deployment.deploy(&[]).await;
    assert_eq!(read_function(&deployment, &again, "chat")["version"], "3", "{again:?}");
}

#[tokio::test]
async fn new_stack_gets_every_version_whatever_its_name_had() {
    let deployment = Deployment::prepare("same-name").await;
    deployment.deploy(&[]).await.data();
    deployment.account.end_stack();
    let anew = deployment.deploy(&[]).await;
    anew.data();
    assert!(
        anew.stderr.contains("new versions of: authorizer, chat, driver, embed, health,"),
        "{anew:?}"
    );
}

#[tokio::test]
async fn revision_that_is_rolled_back_twice_gets_another_salt() {
    let deployment = Deployment::prepare("twice").await;
    deployment.deploy(&[]).await.data();
    deployment.write_code("chat", "changed");
    for _ in 0..3 {
        let failure = Failure::Resource("no", "UPDATE_ROLLBACK_COMPLETE");
        deployment.account.state().failure = Some(failure);
        let failed = deployment.deploy(&[]).await;
        assert!(failed.problem().contains("): no;"), "{failed:?}");
    }
    let done = deployment.deploy(&[]).await;
    assert_eq!(read_function(&deployment, &done, "chat")["version"], "5");
}
