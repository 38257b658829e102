//! The commands that are printed in the end are taken by `ops deploy`, and bring the stack and its aliases together.

use super::{CHANGED, prepare, read_live, roll_back};
use gateway_tests::deployment::Deployment;

/// Returns the words of the printed `ops deploy`, without `ops`.
fn find_deploy(text: &str) -> Vec<&str> {
    let mut lines = text.lines().map(str::trim);
    let command = lines.find_map(|line| line.strip_prefix("ops deploy")).expect("a command");
    command.split_whitespace().collect()
}

/// Puts back the code of the first release, as the printed `git checkout` does.
fn check_out_first(deployment: &Deployment) {
    for function in ["chat", "embed"] {
        deployment.write_code(function, function);
    }
}

/// Runs a printed deployment as somebody does who answers yes.
async fn deploy_as_printed(deployment: &Deployment, text: &str) {
    let printed = find_deploy(text);
    let more = ["--yes", "--wait-secs", "10"];
    deployment.run_ops_with(&[&["deploy"], &printed[..], &more].concat(), &[]).await.data();
}

#[tokio::test]
async fn printed_deployment_works_after_a_rollback_by_hand() {
    let deployment = prepare("back-next").await;
    let done = roll_back(&deployment, &[]).await;
    let printed = find_deploy(done.data());
    assert_eq!(printed, ["--environment", "dev", "--at-once"]);
    check_out_first(&deployment);
    let gradual = deployment.deploy(&[]).await;
    let told = gradual.problem();
    assert!(told.contains("ChatFunction is at version 1 and not 2"), "{gradual:?}");
    deploy_as_printed(&deployment, done.data()).await;
    assert_eq!(read_live(&deployment, CHANGED), [3, 3]);
    // Now the stack has what is live, and a fix goes out gradually.
    deployment.write_code("chat", "mended");
    deployment.deploy(&[]).await.data();
    assert_eq!(read_live(&deployment, CHANGED), [4, 3]);
}

#[tokio::test]
async fn printed_deployment_works_after_a_stopped_rollout() {
    let deployment = prepare("back-next-rollout").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    let done = roll_back(&deployment, &[]).await;
    assert_eq!(find_deploy(done.data()), ["--environment", "dev"]);
    deploy_as_printed(&deployment, done.data()).await;
}

#[tokio::test]
async fn printed_deployment_has_its_commit_region_and_stack() {
    let deployment = prepare("back-next-commit").await;
    let done = roll_back(&deployment, &["--region", "us-east-1"]).await;
    let commit = "git checkout b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0\n";
    assert!(done.data().contains(commit), "{done:?}");
    let printed = find_deploy(done.data());
    assert_eq!(printed, ["--environment", "dev", "--region", "us-east-1", "--at-once"]);
    check_out_first(&deployment);
    deploy_as_printed(&deployment, done.data()).await;
}
