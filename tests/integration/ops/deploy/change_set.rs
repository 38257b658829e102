//! A change set that nobody executes is no release, whatever is in it.

use super::read_clients;
use gateway_tests::aws_account::Failure;
use gateway_tests::deployment::Deployment;

/// Deploys while the operator declines, and checks that nothing was done.
async fn decline(deployment: &Deployment, options: &[&str]) {
    let releases = deployment.account.state().releases.len();
    let clients = read_clients(deployment);
    deployment.account.state().failure = Some(Failure::Declined);
    let declined = deployment.deploy(options).await;
    assert!(declined.problem().contains("the change set was not executed"), "{declined:?}");
    assert_eq!(deployment.account.state().releases.len(), releases);
    assert_eq!(read_clients(deployment), clients, "the synthetic client was made");
}

/// Changes a text of the template that reaches no function and no parameter.
fn change_template(deployment: &Deployment) {
    let path = deployment.folder.join("template.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = text.replace("the request cannot be served", "the request is not served");
    assert_ne!(text, changed);
    std::fs::write(path, changed).unwrap();
}

#[tokio::test]
async fn declined_change_set_is_no_release_whatever_is_in_it() {
    let deployment = Deployment::prepare("declined").await;
    decline(&deployment, &[]).await;
    deployment.deploy(&[]).await.data();

    deployment.write_code("embed", "changed");
    decline(&deployment, &[]).await;
    deployment.write_code("embed", "embed");
    // A parameter that reaches no version.
    decline(&deployment, &["--parameter", "ClientBurst=7"]).await;
    change_template(&deployment);
    decline(&deployment, &[]).await;

    // An earlier one that nobody executed is no part of this deployment, nor is an empty one.
    for _ in 0..2 {
        deployment.deploy(&[]).await.data();
    }
    assert_eq!(deployment.account.state().releases.len(), 3);
}

#[tokio::test]
async fn deployment_without_a_change_beside_a_waiting_change_set_is_a_release() {
    let deployment = Deployment::prepare("waiting").await;
    deployment.deploy(&[]).await.data();
    deployment.account.state().change_sets.push(("of-somebody".into(), "AVAILABLE"));
    deployment.deploy(&[]).await.data();
    assert_eq!(deployment.account.state().releases.len(), 2);
}
